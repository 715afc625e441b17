"""`hintferry cutover`: a table is handed over to its target."""
