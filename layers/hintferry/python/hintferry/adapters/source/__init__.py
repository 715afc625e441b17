"""Apache Cassandra, which is read."""
