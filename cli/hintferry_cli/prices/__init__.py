"""`hintferry prices`: AWS's price lists, read into `prices.toml`."""
