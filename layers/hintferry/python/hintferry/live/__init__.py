"""Bring one batch of hints to the target. Start in `pipeline`."""
