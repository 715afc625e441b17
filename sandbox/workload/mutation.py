"""One thing to do to the source. A value; the same seed makes the same ones."""

from __future__ import annotations

from dataclasses import dataclass

from cassandra.query import BatchType

from sandbox.workload.kinds import Kind


@dataclass(frozen=True, slots=True)
class Statement:
    """CQL with `?` markers, and the values for them."""

    cql: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One statement, or several in a batch."""

    kind: Kind
    statements: tuple[Statement, ...]
    batch: BatchType | None = None
