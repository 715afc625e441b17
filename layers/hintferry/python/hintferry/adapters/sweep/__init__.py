"""Scans by token, and the steps of the state machine."""
