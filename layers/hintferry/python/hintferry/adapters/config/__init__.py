"""`migration.toml` and the environment."""
