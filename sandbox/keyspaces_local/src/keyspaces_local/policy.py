"""Decides what Keyspaces would refuse of a statement. Pure: no wire, no I/O; the clock is given.

`admit` applies what the text alone decides and makes a `Plan`. The `check_*` functions apply what
depends on the request or on the table's switches of the moment.
"""

from dataclasses import dataclass, replace

from keyspaces_local import rules
from keyspaces_local.catalog import SYSTEM_KEYSPACES, Catalog
from keyspaces_local.limits import check_columns
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import Consistency
from keyspaces_local.rules import Refusal
from keyspaces_local.schema import TableSchema
from keyspaces_local.shape import WriteShape, partition_terms
from keyspaces_local.statement import WRITES, BatchType, Kind, Statement, Term, Using
from keyspaces_local.views import check_readable

WRITE_LEVELS = frozenset({Consistency.LOCAL_QUORUM})
READ_LEVELS = frozenset({Consistency.ONE, Consistency.LOCAL_ONE, Consistency.LOCAL_QUORUM})
PAST_US, FUTURE_US = 2 * 24 * 3600 * 1_000_000, 5 * 60 * 1_000_000

_AGGREGATES = {
    "count": "countRows",
    "min": "Aggregate function min",
    "max": "Aggregate function max",
    "avg": "Aggregate function avg",
    "sum": "Aggregate function sum",
}
_NAMES = {
    Kind.ALTER_TYPE: "ALTER TYPE",
    Kind.RESTORE_TABLE: "RESTORE TABLE",
    Kind.TRUNCATE: "TRUNCATE",
    Kind.INDEX: "INDEX",
    Kind.VIEW: "MATERIALIZED VIEW",
    Kind.FUNCTION: "FUNCTION",
    Kind.AGGREGATE: "AGGREGATE",
    Kind.TRIGGER: "TRIGGER",
    Kind.ROLE: "Managing roles, users and permissions by CQL",
}
_BATCH_LIMITS = {
    BatchType.LOGGED: (100, rules.LOGGED_LIMIT),
    BatchType.UNLOGGED: (30, rules.UNLOGGED_LIMIT),
    BatchType.COUNTER: (30, rules.UNLOGGED_LIMIT),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """An admitted statement, and what to check each time it runs.

    `settings` is None for system tables and for a batch, whose parts have their own.
    """

    statement: Statement
    keyspace: str | None
    levels: frozenset[Consistency]
    is_write: bool
    settings: TableSettings | None = None
    guarded: bool = False
    """Whether the statement uses something that a table's switch allows."""
    parts: tuple["Plan", ...] = ()
    shape: WriteShape | None = None
    """The shape of what is written; None for reads and where the columns are not known."""
    partition: tuple[Term, ...] | None = None
    """The terms that give the whole partition key; None where some are missing."""
    range_delete: bool = False
    """Whether the statement deletes an unknown number of rows."""
    many_rows: bool = False
    """Whether the statement is a read that may find more than one row."""

    @property
    def table(self) -> tuple[str | None, str | None]:
        return self.keyspace, self.statement.name


def admit(statement: Statement, keyspace: str | None, catalog: Catalog) -> Plan:
    """The plan of a SELECT, a modification or a batch; raises `Refusal`."""
    if statement.kind is Kind.BATCH:
        return _batch(statement, keyspace, catalog)
    if statement.kind is Kind.SELECT:
        return _select(statement, statement.keyspace or keyspace, catalog)
    return _modification(statement, statement.keyspace or keyspace, catalog)


def check_kind(statement: Statement) -> None:
    """Refuses the statements that the service does not have, and what nobody knows."""
    if statement.kind is Kind.UNKNOWN:
        start = statement.text.split(maxsplit=1)[0][:40]
        raise Refusal(rules.SYNTAX, problem=f"no viable alternative at input '{start}'")
    if name := _NAMES.get(statement.kind):
        raise Refusal(rules.STATEMENT_KIND, statement=name)


def check_consistency(plan: Plan, level: int) -> None:
    if level not in plan.levels:
        known = level in Consistency.__members__.values()
        raise Refusal(
            rules.CONSISTENCY,
            level=Consistency(level).name if known else level,
            levels=", ".join(item.name for item in sorted(plan.levels)),
        )


def check_switches(plan: Plan, now_us: int) -> None:
    """Refuses what the table's switches do not allow now, and literal times out of the window."""
    for part in plan.parts:
        if part.guarded:
            check_switches(part, now_us)
    settings, statement = plan.settings, plan.statement
    if statement.timestamp and statement.timestamp.literal is not None:
        check_window(statement.timestamp.literal, now_us)
    if settings is None:
        return
    if statement.ttl and not settings.ttl:
        raise Refusal(rules.TTL_SWITCH)
    if "writetime" in statement.functions and not settings.client_timestamps:
        raise Refusal(rules.WRITETIME_SWITCH, table=settings.table)
    if statement.timestamp and not settings.client_timestamps:
        raise Refusal(rules.TIMESTAMP_SWITCH, table=settings.table)


def check_window(timestamp_us: int, now_us: int) -> None:
    """Refuses a write time more than 2 days old or 5 minutes ahead."""
    if not now_us - PAST_US <= timestamp_us <= now_us + FUTURE_US:
        raise Refusal(rules.TIMESTAMP_WINDOW, timestamp=timestamp_us)


def check_batch(batch_type: BatchType, parts: list[Plan] | tuple[Plan, ...]) -> None:
    """Refuses a batch for its size, its parts' kinds, or conditions where none may be."""
    limit, rule = _BATCH_LIMITS[batch_type]
    if len(parts) > limit:
        raise Refusal(rule, count=len(parts))
    for part in parts:
        if not part.is_write or part.parts:
            raise Refusal(rules.SYNTAX, problem="A batch holds INSERT, UPDATE and DELETE only")
        if part.statement.conditional and batch_type is BatchType.UNLOGGED:
            raise Refusal(rules.UNLOGGED_CONDITION)


def check_comparisons(statement: Statement, schema: TableSchema | None) -> None:
    """Refuses what an IN stands beside, and inequalities of whole frozen values."""
    where = statement.where
    if where is not None and where.lists:
        if where.tokens:
            raise Refusal(rules.IN_WITH_SLICE, other="token()")
        if where.slices:
            raise Refusal(rules.IN_WITH_SLICE, other="a range of clustering columns")
    compared = (*(where.slices if where else ()), *statement.unequal)
    for name in compared:
        column = None if schema is None else schema.columns.get(name)
        if schema is None or column is None:
            continue
        if column.type.startswith("frozen<") or column.type.strip('"') in schema.udts:
            raise Refusal(rules.FROZEN_INEQUALITY, column=name)


def _batch(statement: Statement, keyspace: str | None, catalog: Catalog) -> Plan:
    parts = tuple(
        _modification(child, child.keyspace or keyspace, catalog, statement.timestamp)
        for child in statement.children
    )
    check_batch(statement.batch_type or BatchType.LOGGED, parts)
    guarded = statement.timestamp is not None or any(part.guarded for part in parts)
    return Plan(statement, keyspace, WRITE_LEVELS, True, guarded=guarded, parts=parts)


def _select(statement: Statement, keyspace: str | None, catalog: Catalog) -> Plan:
    for function in sorted(statement.functions & _AGGREGATES.keys()):
        raise Refusal(rules.AGGREGATE, function=_AGGREGATES[function])
    table = statement.name or ""
    if keyspace in SYSTEM_KEYSPACES:
        check_readable(keyspace, table)
        return Plan(statement, keyspace, READ_LEVELS, False)
    settings = catalog.settings(keyspace, table)
    check_comparisons(statement, settings.schema)
    guarded = "writetime" in statement.functions
    return Plan(
        statement,
        keyspace,
        READ_LEVELS,
        False,
        settings,
        guarded,
        partition=_partition(statement, settings),
        many_rows=not _reads_one_row(statement, settings.schema),
    )


def _modification(
    statement: Statement, keyspace: str | None, catalog: Catalog, batch_time: Using | None = None
) -> Plan:
    if statement.kind not in WRITES:
        raise Refusal(rules.SYNTAX, problem=f"{statement.kind.name} is no part of a batch")
    if keyspace is not None and keyspace in SYSTEM_KEYSPACES:
        raise Refusal(rules.SYSTEM_READ_ONLY, keyspace=keyspace)
    if statement.in_restriction:
        raise Refusal(rules.MODIFY_IN, statement=statement.kind.name)
    settings = catalog.settings(keyspace, statement.name or "")
    if batch_time is not None and not settings.client_timestamps:
        raise Refusal(rules.TIMESTAMP_SWITCH, table=settings.table)
    guarded = statement.timestamp is not None or statement.ttl is not None
    check_comparisons(statement, settings.schema)
    plan = Plan(statement, keyspace, WRITE_LEVELS, True, settings, guarded)
    return plan if settings.schema is None else _measured(plan, settings, settings.schema)


def _measured(plan: Plan, settings: TableSettings, schema: TableSchema) -> Plan:
    """The plan with what the table's columns tell of it."""
    shape = WriteShape(plan.statement, settings, schema)
    check_columns(shape, settings.ttl)
    return replace(
        plan,
        shape=shape,
        partition=_partition(plan.statement, settings),
        range_delete=_deletes_range(plan.statement, schema),
    )


def _partition(statement: Statement, settings: TableSettings) -> tuple[Term, ...] | None:
    return None if settings.schema is None else partition_terms(statement, settings.schema)


def _reads_one_row(statement: Statement, schema: TableSchema | None) -> bool:
    if schema is None or statement.where is None:
        return False
    return set(schema.key) <= {term.column for term in statement.where.equal}


def deletes_rows(plan: Plan) -> bool:
    """Return whether it is a DELETE of whole rows."""
    return plan.statement.kind is Kind.DELETE and not plan.statement.picks_columns


def _deletes_range(statement: Statement, schema: TableSchema) -> bool:
    """A DELETE of whole rows that does not name one row."""
    if statement.kind is not Kind.DELETE or statement.picks_columns or statement.where is None:
        return False
    equal = {term.column for term in statement.where.equal}
    return not statement.conditional and not set(schema.clustering) <= equal
