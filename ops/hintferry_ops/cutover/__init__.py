"""Whether a table can be cut over, and the cutover itself."""
