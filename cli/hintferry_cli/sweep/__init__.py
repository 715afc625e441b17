"""`hintferry verify` and `hintferry backfill`: a table walked by processes of this machine."""
