"""The command `hintferry`: what an operator does by hand."""
