"""Verify and backfill: a whole table, by token range."""
