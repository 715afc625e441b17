"""Metrics and alarms as plain data: the stacks make them, the command counts them."""
