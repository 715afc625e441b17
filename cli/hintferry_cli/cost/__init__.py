"""`hintferry cost`."""
