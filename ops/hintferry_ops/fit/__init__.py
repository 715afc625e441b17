"""Check whether source, target and nodes are fit for a migration."""
