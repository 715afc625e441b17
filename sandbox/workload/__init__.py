"""A small shop that changes all the time: schema, statements of every kind, open-loop load."""

from sandbox.workload.kinds import Kind
from sandbox.workload.load import Load
from sandbox.workload.schema import KEYSPACE, TABLES, source_ddl, target_ddl

__all__ = ["KEYSPACE", "TABLES", "Kind", "Load", "source_ddl", "target_ddl"]
