"""Benchmarks: what is measured, by one command, and the figures of the last run of each."""
