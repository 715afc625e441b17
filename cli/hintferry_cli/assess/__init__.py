"""`hintferry assess`."""
