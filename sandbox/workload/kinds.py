"""The kinds of statement that a run must contain to count."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """Kind of a statement: what it does to the source."""

    INSERT = "insert"
    UPDATE = "update"
    COLUMN_DELETE = "column delete"
    COLLECTION_APPEND = "collection append"
    COLLECTION_REMOVE = "collection remove"
    ELEMENT_DELETE = "element delete"
    STATIC_WRITE = "static write"
    ROW_DELETE = "row delete"
    RANGE_DELETE = "range delete"
    PARTITION_DELETE = "partition delete"
    UNLOGGED_BATCH = "unlogged batch"
    LOGGED_BATCH = "logged batch"
    LWT = "lightweight transaction"
