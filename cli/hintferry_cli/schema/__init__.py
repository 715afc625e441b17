"""`hintferry schema`."""
