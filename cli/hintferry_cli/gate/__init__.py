"""The gate of cut-over, as the verbs `status` and `cutover` look at it."""
