"""Check the gate of cutover, for the verbs `status` and `cutover`."""
