"""Judge whether a table can be cut over, and cut it over."""
