"""Amazon Keyspaces, which is written."""
