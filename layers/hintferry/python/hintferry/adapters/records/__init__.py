"""Describe what comes in a topic, and the names of topics."""
