"""List what a run must contain to count: kinds of statement on the source, kinds of fault."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a statement does to the source."""

    INSERT = "insert"
    INSERT_NULLS = "insert with nulls"
    INSERT_JSON = "insert json"
    UPDATE = "update"
    COLUMN_DELETE = "column delete"
    COLLECTION_REPLACE = "collection replace"
    COLLECTION_APPEND = "collection append"
    LIST_PREPEND = "list prepend"
    COLLECTION_REMOVE = "collection remove"
    ELEMENT_WRITE = "element write"
    ELEMENT_DELETE = "element delete"
    FIELD_WRITE = "user type field write"
    STATIC_WRITE = "static write"
    STATIC_DELETE = "static delete"
    ROW_DELETE = "row delete"
    RANGE_DELETE = "range delete"
    PREFIX_DELETE = "prefix delete"
    PARTITION_DELETE = "partition delete"
    UNLOGGED_BATCH = "unlogged batch"
    LOGGED_BATCH = "logged batch"
    DELETE_AND_REWRITE = "delete and rewrite in one batch"
    LWT = "lightweight transaction"
    OWN_TIMESTAMP = "write with a timestamp of its own"
    TTL_INSERT = "insert with ttl"
    TTL_UPDATE = "update with ttl"
    TTL_STATIC = "static write with ttl"
    KEY_INSERT = "insert of only a key"
    KEY_DELETE = "delete of only a key"
    COUNTER_ADD = "counter addition"
    COUNTER_DELETE = "counter delete"
    BIG_BATCH = "unlogged batch of a dozen statements"
    UNCAPTURED_WRITE = "write to a table without cdc"
    MIXED_BATCH = "batch over tables with and without cdc"
    MOVING_WRITE = "write of a column that comes and goes"


SLICES = frozenset({Kind.RANGE_DELETE, Kind.PREFIX_DELETE, Kind.PARTITION_DELETE})
"""Kinds whose hints name no row, so that a slice is compared, and once more 45 s later."""


class Consistency(Enum):
    """Number of replicas that must answer before a client's write succeeds."""

    ONE = "ONE"
    QUORUM = "QUORUM"
    LOCAL_QUORUM = "LOCAL_QUORUM"


class Fault(Enum):
    """Fault that the run injects."""

    NODE_PAUSED = "source node paused"
    NODES_PAUSED = "two source nodes paused"
    NODE_KILLED = "source node killed"
    NODE_MISSES_DDL = "source node paused beyond a change of the schema"
    CAPTURE_PAUSED = "connector paused"
    CAPTURE_KILLED = "connector killed"
    BROKER_PAUSED = "broker paused"
    BROKER_KILLED = "broker killed"
    TARGET_PAUSED = "target paused"
    TARGET_KILLED = "target's proxy killed"
    TARGET_THROTTLES = "half of the target's writes throttled"
    TARGET_CUTS = "connections cut behind a tenth of the target's writes"
    WORKER_FROZEN = "worker frozen in the middle of an invocation"
    WORKER_FROZEN_IDLE = "worker frozen between invocations"
    CLOCKS_WRONG = "clocks of half of the workers wrong"
    WORKER_KILLED = "worker killed in the middle of an invocation"
    REPLAYER_KILLED = "replay worker killed"
    ZOMBIE = "old payload frozen half-way and thawed"
    STALE_ZOMBIE = "old payload frozen beyond the staleness limit and thawed"
    PAYLOAD_REPLAYED = "old payload replayed"
    RECORDS_DUPLICATED = "records duplicated"
    RECORDS_REORDERED = "records reordered"
    HINTS_REPLAYED = "hints sent through the replay queue"
    POISONED = "records that can never succeed"
    COLUMN_ADDED = "column added"
    COLUMN_DROPPED = "column dropped at the source"
    COLUMN_BACK = "column dropped and added at once"
    VIEW_MADE = "view of a captured table made"
    UNCAPTURED_REMADE = "table without cdc dropped and made"


KILLS = frozenset(
    {
        Fault.NODE_KILLED,
        Fault.CAPTURE_KILLED,
        Fault.BROKER_KILLED,
        Fault.TARGET_KILLED,
        Fault.WORKER_KILLED,
        Fault.REPLAYER_KILLED,
    }
)
