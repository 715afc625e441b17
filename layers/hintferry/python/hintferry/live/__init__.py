"""How one batch of hints reaches the target. Start in `pipeline`."""
