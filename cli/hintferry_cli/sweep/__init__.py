"""`hintferry verify` and `hintferry backfill`: processes of this machine walk a table."""
