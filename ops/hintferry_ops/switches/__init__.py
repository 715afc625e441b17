"""Setting the run-time switches, and the journal of what operators did."""
