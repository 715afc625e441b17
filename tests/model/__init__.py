"""The model: random programs that drive the real core and pipeline through the shipped fakes."""
