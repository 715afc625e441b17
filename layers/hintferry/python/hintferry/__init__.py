"""Hintferry: keep Amazon Keyspaces equal to a live Apache Cassandra cluster."""
