"""The command `hintferry`: what an operator does by hand."""

__version__ = "0.1.0"
