"""The stacks on AWS, made from `migration.toml`."""
