"""A TLS CQL proxy that makes an Apache Cassandra behave as Amazon Keyspaces does."""

__version__ = "0.1.0"
