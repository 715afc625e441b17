"""`hintferry env`."""
