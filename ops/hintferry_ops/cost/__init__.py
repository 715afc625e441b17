"""Describe what a migration costs."""
