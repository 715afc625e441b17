"""`hintferry init`."""
