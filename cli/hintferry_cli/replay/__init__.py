"""`hintferry replay`: parked records, and those that the event source gave up, are tried again."""
