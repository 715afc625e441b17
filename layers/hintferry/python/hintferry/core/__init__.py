"""The rules: pure values and functions. No clock, no I/O, no AWS, no driver."""
