"""Ask Amazon Keyspaces what nobody has published, and compare it with what we assume."""
