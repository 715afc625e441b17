"""`hintferry preflight`."""
