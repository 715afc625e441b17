"""The one table of what Amazon Keyspaces refuses of a statement, does otherwise, or charges. Pure.

Each rule names the page of the Developer Guide, or the published complaint, that it is known from.
What a page does not say is no rule: `Effect.UNSURE` marks grammar on which the guide is silent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import prod

from hintferry.core.keyspaces_limits import STATEMENTS_PER_BATCH
from hintferry.core.schema import Table
from hintferry_ops.statements.shape import BatchKind, Kind, Shape

GUIDE = "https://docs.aws.amazon.com/keyspaces/latest/devguide/"
STATEMENTS_PER_LOGGED_BATCH, SUBQUERIES, RANGE_ROWS = 100, 100, 1_000
"""Numbers of the guide's pages on quotas, `IN` and range deletes."""


class Effect(Enum):
    """The effect of a rule, the worst first."""

    REFUSED = "refused"
    DIFFERS = "differs"
    UNSURE = "unsure"
    """The guide is silent, and nobody has published an answer that settles it."""

    COSTS = "costs"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Subject:
    """One statement, or a part of a batch, with its table where the schema has it.

    `tables` are those of all parts.
    """

    shape: Shape
    table: Table | None = None
    tables: tuple[Table | None, ...] = ()
    with_ttl: bool = True
    """Whether the table on Keyspaces has TTL switched on."""

    @property
    def partition_key(self) -> frozenset[str]:
        """Return the names of the partition key's columns; none where the table is not known."""
        columns = self.table.partition_key if self.table else ()
        return frozenset(column.name for column in columns)

    @property
    def primary_key(self) -> frozenset[str]:
        """Return the names of all key columns; none where the table is not known."""
        columns = self.table.partition_key + self.table.clustering if self.table else ()
        return frozenset(column.name for column in columns)

    @property
    def finds_one_row(self) -> bool:
        """Return whether it names one row by its whole key."""
        return bool(self.primary_key) and self.primary_key <= set(self.shape.restricted("="))

    @property
    def is_range_delete(self) -> bool:
        """Return whether it deletes rows without naming each."""
        of_rows = self.shape.kind is Kind.DELETE and not self.shape.columns
        return of_rows and bool(self.primary_key) and not self.finds_one_row


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `page`: of the guide. `seen`: where a user published it."""

    name: str
    effect: Effect
    what: str
    instead: str
    page: str
    applies: Callable[[Subject], bool]
    seen: str = ""

    @property
    def source(self) -> str:
        """Return the address of the guide's page."""
        return GUIDE + self.page


def findings(subject: Subject, parts: tuple[Subject, ...] = ()) -> list[Rule]:
    """Return the rules that apply to a statement or to a part of it, the worst first."""
    found = [rule for rule in RULES if any(rule.applies(one) for one in (subject, *parts))]
    return sorted(found, key=lambda rule: list(Effect).index(rule.effect))


def subqueries(shape: Shape) -> int:
    """Return how many reads the IN lists of a SELECT stand for; a marker for a list counts 1."""
    return prod(max(1, one.values) for one in shape.where if one.operator == "in")


_AGGREGATES = {"count", "min", "max", "avg", "sum"}
_FUNCTIONS_WORDS = (
    "cast currentdate currenttime currenttimestamp currenttimeuuid fromjson maxtimeuuid"
    " mintimeuuid now todate tojson token totimestamp ttl tounixtimestamp uuid writetime"
    " dateof unixtimestampof"
)
_FUNCTIONS = frozenset(_FUNCTIONS_WORDS.split())
"""The scalar functions of the guide, beside those from and to blob."""

_BLOBS = re.compile(r"blobas\w+|\w+asblob")
_LATER_OPERATORS = ("like", "between", "not in", "not contains", "not contains key", "!=")
_LEVELS = ("one", "local_one", "local_quorum")


def _other_functions(one: Subject) -> set[str]:
    known = _FUNCTIONS | _AGGREGATES
    return {name for name in one.shape.functions - known if not _BLOBS.fullmatch(name)}


def _makes(what: str) -> Callable[[Subject], bool]:
    return lambda one: one.shape.kind is Kind.DDL and one.shape.words.endswith(f" {what}")


def _batch(*kinds: BatchKind) -> Callable[[Subject], bool]:
    return lambda one: one.shape.batch in kinds


def _has(clause: str) -> Callable[[Subject], bool]:
    return lambda one: clause in one.shape.clauses


def _uses_in(one: Subject) -> bool:
    return one.shape.kind is Kind.SELECT and bool(one.shape.restricted("in"))


def _in_with_order(one: Subject) -> bool:
    columns = set(one.shape.restricted("in"))
    return _uses_in(one) and bool(one.shape.order) and bool(columns & one.partition_key)


def _in_with_slice(one: Subject) -> bool:
    slices = one.shape.restricted("<", ">", "<=", ">=")
    return _uses_in(one) and (bool(slices) or any(each.on_token for each in one.shape.where))


def _changes_in(one: Subject) -> bool:
    return one.shape.kind in (Kind.UPDATE, Kind.DELETE) and bool(one.shape.restricted("in"))


def _too_many(kind: BatchKind, most: int) -> Callable[[Subject], bool]:
    return lambda one: one.shape.batch is kind and len(one.shape.parts) > most


def _logged_with(applies: Callable[[Shape], bool]) -> Callable[[Subject], bool]:
    return lambda one: (
        one.shape.batch is BatchKind.LOGGED and any(applies(part) for part in one.shape.parts)
    )


def _logged_range_delete(one: Subject) -> bool:
    if one.shape.batch is not BatchKind.LOGGED:
        return False
    parts = zip(one.shape.parts, one.tables, strict=False)
    return any(Subject(part, table).is_range_delete for part, table in parts)


def _of_counter(one: Subject) -> bool:
    return any(table is not None and table.is_counter for table in one.tables)


def _several_tables(one: Subject) -> bool:
    tables = {part.table for part in one.shape.parts}
    return one.shape.batch is BatchKind.UNLOGGED and len(tables) > 1


def _conditional(one: Subject) -> bool:
    return any(part.is_conditional for part in one.shape.each)


def _several_columns(one: Subject) -> bool:
    return any(len(each.columns) > 1 and not each.on_token for each in one.shape.where)


def _constant_partition(one: Subject) -> bool:
    """Return whether every call of a statement with markers goes to one partition."""
    given = {name for name, each in one.shape.equal.items() if each.literal}
    return one.shape.has_markers and bool(one.partition_key) and one.partition_key <= given


def _whole_table(one: Subject) -> bool:
    bare = one.shape.kind is Kind.SELECT and not one.shape.where
    # The tables of the system are small.
    return bare and "limit" not in one.shape.clauses and not _of_system(one)


def _of_system(one: Subject) -> bool:
    keyspace = one.shape.table.keyspace if one.shape.table else ""
    return keyspace == "system" or keyspace.startswith("system_")


def _pages(one: Subject) -> bool:
    return one.shape.kind is Kind.SELECT and not one.finds_one_row and not _of_system(one)


def _asks_token(one: Subject) -> bool:
    return "token" in one.shape.functions or any(each.on_token for each in one.shape.where)


def _level(one: Subject) -> str:
    return one.shape.columns[0] if one.shape.kind is Kind.CONSISTENCY else ""


def _plain_ddl(one: Subject) -> bool:
    words = one.shape.words.partition(" ")[2]
    return one.shape.kind is Kind.DDL and words in ("TABLE", "KEYSPACE", "TYPE")


def _alters(one: Subject) -> bool:
    return one.shape.words == "ALTER TABLE" and not one.shape.clauses.isdisjoint(
        {"drop", "rename", "alter"}
    )


_THE_APIS, _SELECT, _IN = "cassandra-apis.html", "cql.dml.select.html", "in.select.html"
_BATCHES, _DIFFERENCES = "batchStatements.html", "functional-differences.html"
_IN_KEYWORD = f"{_DIFFERENCES}#functional-differences.IN-keyword"

RULES: tuple[Rule, ...] = (
    Rule(
        "aggregate",
        Effect.REFUSED,
        "Keyspaces has no aggregates: COUNT, MIN, MAX, AVG and SUM are refused.",
        "Read the rows and add them up, or keep the sum in a row. To see whether a row exists,"
        " SELECT it with LIMIT 1.",
        _THE_APIS,
        lambda one: not one.shape.functions.isdisjoint(_AGGREGATES),
        "https://github.com/thatdot/quine/issues/47",
    ),
    Rule(
        "user-function",
        Effect.REFUSED,
        "Keyspaces has no functions of users.",
        "Calculate it in the application.",
        _THE_APIS,
        lambda one: any("." in name for name in one.shape.functions),
    ),
    Rule(
        "function",
        Effect.REFUSED,
        "The list of functions in the guide lacks this one.",
        "Use the older name where there is one (toTimestamp for to_timestamp), or calculate it in"
        " the application.",
        "cql.functions.html",
        lambda one: any("." not in name for name in _other_functions(one)),
    ),
    Rule(
        "truncate",
        Effect.REFUSED,
        "Keyspaces has no TRUNCATE.",
        "Drop the table and create it again, or delete its partitions one by one.",
        _THE_APIS,
        lambda one: one.shape.kind is Kind.TRUNCATE,
        "https://github.com/liquibase/liquibase-cassandra/issues/128",
    ),
    Rule(
        "index",
        Effect.REFUSED,
        "Keyspaces has no secondary indexes.",
        "Keep a second table whose key is the indexed column.",
        _THE_APIS,
        _makes("INDEX"),
        "https://github.com/glowroot/glowroot/issues/875",
    ),
    Rule(
        "view",
        Effect.REFUSED,
        "Keyspaces has no materialized views.",
        "Write a second table in the application.",
        _THE_APIS,
        _makes("VIEW"),
    ),
    Rule(
        "function-or-trigger",
        Effect.REFUSED,
        "Keyspaces has no functions, aggregates or triggers of users.",
        "Do it in the application.",
        _THE_APIS,
        lambda one: any(_makes(what)(one) for what in ("FUNCTION", "AGGREGATE", "TRIGGER")),
    ),
    Rule(
        "permissions",
        Effect.REFUSED,
        "Keyspaces manages no roles and permissions in CQL.",
        "Use IAM policies.",
        _DIFFERENCES + "#functional-differences.auth",
        lambda one: one.shape.kind is Kind.PERMISSIONS,
    ),
    Rule(
        "alter",
        Effect.REFUSED,
        "Keyspaces adds columns to a table; it drops, renames and alters none, nor a type.",
        "Leave the column, or create another table.",
        "cql.ddl.table.html",
        lambda one: _alters(one) or one.shape.words == "ALTER TYPE",
    ),
    Rule(
        "per-partition-limit",
        Effect.REFUSED,
        "Keyspaces has no PER PARTITION LIMIT.",
        "Send a SELECT with LIMIT for each partition, all at once.",
        _SELECT,
        _has("per partition limit"),
        "https://github.com/JanusGraph/janusgraph/pull/3879",
    ),
    Rule(
        "later-operator",
        Effect.REFUSED,
        "The grammar of the guide has no LIKE, BETWEEN, NOT IN, NOT CONTAINS or != in WHERE.",
        "Read by key or range, and choose the rows in the application.",
        _SELECT,
        lambda one: one.shape.kind is not Kind.BATCH and bool(
            one.shape.restricted(*_LATER_OPERATORS)
        ),
    ),
    Rule(
        "in-on-change",
        Effect.REFUSED,
        "IN stands in SELECT only, not in UPDATE or DELETE.",
        "Send one statement for each key, or an unlogged batch of one partition.",
        _IN_KEYWORD,
        _changes_in,
    ),
    Rule(
        "in-with-slice",
        Effect.REFUSED,
        "IN cannot stand beside a range or TOKEN. The guide's page on SELECT has an example with a"
        " range, so ask the service.",
        "Send one range read for each key.",
        _IN_KEYWORD,
        _in_with_slice,
    ),
    Rule(
        "in-subqueries",
        Effect.REFUSED,
        f"Its IN lists stand for more than {SUBQUERIES} reads of one request.",
        f"Read at most {SUBQUERIES} keys at a time, or each key by a request of its own.",
        "quotas.html",
        lambda one: _uses_in(one) and subqueries(one.shape) > SUBQUERIES,
    ),
    Rule(
        "unlogged-batch-size",
        Effect.REFUSED,
        f"An unlogged batch has at most {STATEMENTS_PER_BATCH} statements.",
        f"Split it into batches of {STATEMENTS_PER_BATCH}, or send the statements one by one.",
        "quotas.html",
        _too_many(BatchKind.UNLOGGED, STATEMENTS_PER_BATCH),
        "https://github.com/cfpb/hmda-platform/issues/5001",
    ),
    Rule(
        "logged-batch-size",
        Effect.REFUSED,
        f"A logged batch has at most {STATEMENTS_PER_LOGGED_BATCH} statements.",
        "Split it; each part is then atomic for itself.",
        "quotas.html",
        _too_many(BatchKind.LOGGED, STATEMENTS_PER_LOGGED_BATCH),
    ),
    Rule(
        "condition-in-unlogged-batch",
        Effect.REFUSED,
        "An unlogged batch takes no conditions.",
        "Send it as a logged batch, or each condition by itself.",
        _BATCHES,
        lambda one: one.shape.batch is BatchKind.UNLOGGED and _conditional(one),
    ),
    Rule(
        "logged-range-delete",
        Effect.REFUSED,
        "A logged batch takes no range deletes.",
        "Name each row by its whole key, or send the range delete by itself.",
        _BATCHES,
        _logged_range_delete,
    ),
    Rule(
        "logged-inequality",
        Effect.REFUSED,
        "A logged batch compares keys by = only.",
        "Name each row by its whole key.",
        _BATCHES,
        _logged_with(lambda part: bool(part.restricted("<", ">", "<=", ">=", "in"))),
    ),
    Rule(
        "logged-counter",
        Effect.REFUSED,
        "A logged batch takes no counters.",
        "Send each counter update by itself.",
        _BATCHES,
        lambda one: one.shape.batch is BatchKind.LOGGED and _of_counter(one),
    ),
    Rule(
        "ttl-switch",
        Effect.REFUSED,
        "The table has no TTL on Keyspaces, so USING TTL is refused.",
        "Set ttl = true for the table in migration.toml, which is for good.",
        "TTL-how-it-works.html",
        lambda one: "using ttl" in one.shape.clauses and not one.with_ttl,
        "https://github.com/JanusGraph/janusgraph/issues/3395",
    ),
    Rule(
        "consistency",
        Effect.REFUSED,
        "Keyspaces writes at LOCAL_QUORUM, and reads at ONE, LOCAL_ONE or LOCAL_QUORUM.",
        "Set LOCAL_QUORUM.",
        "consistency.html",
        lambda one: _level(one) not in ("", *_LEVELS),
        "https://github.com/jaegertracing/jaeger/issues/2294",
    ),
    Rule(
        "consistency-of-writes",
        Effect.DIFFERS,
        "Reads run at this level for half the units; writes are refused at it.",
        "Set LOCAL_QUORUM for writes.",
        "consistency.html",
        lambda one: _level(one) in ("one", "local_one"),
        "https://github.com/akka/akka-persistence-cassandra/pull/1141",
    ),
    Rule(
        "in-order",
        Effect.DIFFERS,
        "Rows come in the order in which IN lists the keys; Cassandra gives the order of the"
        " tokens or of the clustering.",
        "Sort in the application, or list the keys in the order that you want.",
        _IN,
        lambda one: _uses_in(one) and not _in_with_order(one),
        "https://github.com/monzo/gocassa/pull/73",
    ),
    Rule(
        "in-with-order",
        Effect.DIFFERS,
        "ORDER BY sorts the rows of each key of the IN list by itself, not all rows together.",
        "Sort the whole result in the application.",
        _IN,
        _in_with_order,
    ),
    Rule(
        "filtering",
        Effect.DIFFERS,
        "A page ends after so many rows read, not found: pages may be short or empty. You pay for"
        " the rows read.",
        "Read on until there is no paging state. Better: a table whose key answers the question.",
        "paginating-results.html",
        _has("allow filtering"),
    ),
    Rule(
        "token",
        Effect.NOTE,
        "Tokens are those of the account's partitioner: Murmur3, unless somebody chose another.",
        "Ask `SELECT partitioner FROM system.local` on the service.",
        "working-with-partitioners.html",
        _asks_token,
    ),
    Rule(
        "logged-batch",
        Effect.DIFFERS,
        "A logged batch fails where another writer changes one of its rows at the same time. It"
        " takes twice the write units.",
        "Send it again when it fails. Where it need not be atomic, use an unlogged batch.",
        _BATCHES,
        _batch(BatchKind.LOGGED),
        "https://github.com/temporalio/temporal/issues/328",
    ),
    Rule(
        "unlogged-batch",
        Effect.DIFFERS,
        "An unlogged batch may be done in part, in one partition too, where Cassandra is atomic.",
        "Send what failed again; where all or nothing matters, use a logged batch.",
        _BATCHES,
        _batch(BatchKind.UNLOGGED),
        "https://github.com/akka/akka-persistence-cassandra/issues/865",
    ),
    Rule(
        "unlogged-several-tables",
        Effect.DIFFERS,
        "A user met a server error for an unlogged batch over several tables; the guide is silent.",
        "Send a batch for each table, or a logged batch.",
        _BATCHES,
        _several_tables,
        "https://github.com/scylladb/gocqlx/issues/334",
    ),
    Rule(
        "range-delete",
        Effect.DIFFERS,
        f"A range delete of more than {RANGE_ROWS:,} rows is refused.",
        "Read the keys of the range, and delete row by row or in smaller ranges.",
        f"{_DIFFERENCES}#functional-differences.range-delete",
        lambda one: one.is_range_delete,
    ),
    Rule(
        "timestamp-window",
        Effect.DIFFERS,
        "A write time must lie between 2 days ago and 5 minutes ahead.",
        "Leave USING TIMESTAMP out, or write only with times of now.",
        "client-side-timestamps-how-to-queries.html",
        _has("using timestamp"),
    ),
    Rule(
        "asynchronous-ddl",
        Effect.DIFFERS,
        "Keyspaces makes, changes and drops tables, types and keyspaces after its answer.",
        "Wait until the state in system_schema_mcs is ACTIVE before you use it.",
        f"{_DIFFERENCES}#functional-differences.table-keyspace-management",
        _plain_ddl,
        "https://github.com/glowroot/glowroot/issues/700",
    ),
    Rule(
        "system-tables",
        Effect.DIFFERS,
        "The system tables are those of the service, with another content and fewer of them.",
        "Read the state of tables from system_schema_mcs, and nothing of nodes.",
        "working-with-keyspaces.html",
        _of_system,
    ),
    Rule(
        "silent-grammar",
        Effect.UNSURE,
        "The grammar of the guide has no GROUP BY and no DISTINCT.",
        "Ask the service, or group in the application.",
        _SELECT,
        lambda one: not one.shape.clauses.isdisjoint({"group by", "distinct"}),
    ),
    Rule(
        "several-columns",
        Effect.UNSURE,
        "The grammar of the guide compares one column at a time; a project that moved to Keyspaces"
        " wrote such a read again.",
        "Ask the service, or read with one more restriction of a single column.",
        _SELECT,
        _several_columns,
        "https://github.com/XRPLF/clio/pull/2454",
    ),
    Rule(
        "condition-in",
        Effect.UNSURE,
        "The guide says nothing of IN in a condition; a project that moved to Keyspaces wrote such"
        " a condition again.",
        "Ask the service, or send one condition for each value.",
        "cql.dml.html",
        lambda one: any(each.operator == "in" for each in one.shape.conditions),
        "https://github.com/XRPLF/clio/pull/2454",
    ),
    Rule(
        "whole-table",
        Effect.COSTS,
        "It reads the whole table, and each 4 KB of it is a read unit.",
        "Read by partition; for an export, use a rate limit.",
        "ReadWriteCapacityMode.html",
        _whole_table,
    ),
    Rule(
        "condition",
        Effect.COSTS,
        "A condition that does not hold takes the write units of its row too.",
        "Use a condition only where the answer matters.",
        "lightweight_transactions.html",
        _conditional,
    ),
    Rule(
        "constant-partition",
        Effect.COSTS,
        "Every call goes to one partition, which takes 1,000 write and 3,000 read units a second.",
        "Spread it over several partitions, with a number in the key.",
        "quotas.html",
        _constant_partition,
    ),
    Rule(
        "paging",
        Effect.NOTE,
        "A page holds 1 MB at most, so it may be shorter than the page size.",
        "Read on until there is no paging state.",
        "paginating-results.html",
        _pages,
    ),
)  # fmt: skip


def rule(name: str) -> Rule:
    """Return the rule of that name."""
    return next(one for one in RULES if one.name == name)
