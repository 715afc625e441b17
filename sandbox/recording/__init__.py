"""Records and pictures made from the running chain."""
