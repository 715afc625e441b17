"""The whole chain on one machine, every part real: see `sandbox.stack.Stack`."""
