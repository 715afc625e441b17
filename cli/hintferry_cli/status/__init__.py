"""`hintferry status`: whether tables can be cut over, why not, and what to type."""
