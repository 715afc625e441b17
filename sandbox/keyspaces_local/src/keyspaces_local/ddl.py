"""Carries out DDL: parts a statement into what Cassandra does and what only Keyspaces knows.

Every change goes through here, one at a time and over the proxy's own connection. So the record in
`system_schema_mcs` and the schema behind change together. A table's row is written as CREATING
first, so that a crash between the two loses no switch.
"""

import time
from dataclasses import replace
from itertools import pairwise

from keyspaces_local import rules
from keyspaces_local.admin import AdminSession, BackendError, is_schema_change
from keyspaces_local.catalog import SYSTEM_KEYSPACES, Catalog
from keyspaces_local.options import (
    Option,
    PropertyMap,
    WithClause,
    int_value,
    map_value,
    text_value,
    with_clause,
)
from keyspaces_local.progress import Progress
from keyspaces_local.properties import TableSettings, altered, changed, defaults, with_ttl
from keyspaces_local.protocol import INT, ResultKind, string
from keyspaces_local.rules import Refusal
from keyspaces_local.statement import Kind, Statement
from keyspaces_local.tokens import CqlSyntaxError, Token, TokenKind, tokenize

_SERVICE_ONLY = frozenset({"custom_properties", "tags"})
_WITH_TYPES = frozenset({Kind.CREATE_TABLE, Kind.ALTER_TABLE, Kind.CREATE_TYPE})
_NEWER = frozenset({("MASKED", "WITH"), ("ADD", "IF")})
"""Words of Cassandra's grammar after 3.11."""

FROZEN_LEVELS = 8
_NOT_IMITATED = frozenset({"autoscaling_settings", "client_side_timestamps"})


class ControlPlane:
    """Executes one DDL statement at a time for all connections."""

    def __init__(
        self,
        admin: AdminSession,
        catalog: Catalog,
        progress: Progress,
        *,
        region: str,
        replication: str,
    ) -> None:
        self._admin, self._catalog, self._progress = admin, catalog, progress
        self._region, self._replication = region, replication

    async def execute(self, statement: Statement, keyspace: str | None) -> bytes:
        """The RESULT body for the client; `keyspace` is the connection's USEd one.

        Raises `Refusal`, `CqlSyntaxError`, `BackendError` or `BackendUnavailableError`.
        """
        keyspace = statement.keyspace or keyspace
        if keyspace is None:
            raise Refusal(rules.NO_KEYSPACE)
        if keyspace in SYSTEM_KEYSPACES or keyspace.startswith("system_"):
            raise Refusal(rules.SYSTEM_READ_ONLY, keyspace=keyspace)
        check_types(statement)
        async with self._progress.lock:
            self._progress.check((keyspace, _table(statement)))
            return await self._execute(statement, keyspace)

    async def _execute(self, statement: Statement, keyspace: str) -> bytes:
        match statement.kind:
            case Kind.CREATE_KEYSPACE | Kind.ALTER_KEYSPACE:
                return await self._put_keyspace(statement, keyspace)
            case Kind.DROP_KEYSPACE:
                result = await self._admin.query(statement.text)
                if is_schema_change(result):
                    await self._catalog.remove_keyspace(keyspace)
                return result
            case Kind.CREATE_TABLE:
                return await self._create_table(statement, keyspace)
            case Kind.ALTER_TABLE:
                return await self._alter_table(statement, keyspace)
            case Kind.DROP_TABLE:
                return await self._drop_table(statement, keyspace)
            case _:
                return await self._admin.query(statement.text, self._used(statement, keyspace))

    async def _put_keyspace(self, statement: Statement, keyspace: str) -> bytes:
        clause = checked(with_clause(statement.text))
        if option := clause.option("replication"):
            self._check_replication(map_value(option))
        result = await self._admin.query(clause.rewritten(self._backend_option(clause)))
        if is_schema_change(result):
            await self._catalog.add_keyspace(keyspace)
            await self._save_tags(clause, keyspace, None)
        return result

    def _check_replication(self, replication: PropertyMap) -> None:
        strategy = str(replication.get("class", "")).rpartition(".")[2]
        regions = set(replication) - {"class"}
        if strategy == "SingleRegionStrategy":
            return
        if strategy != "NetworkTopologyStrategy" or regions != {self._region}:
            raise Refusal(rules.REPLICATION, strategy=f"{strategy} {sorted(regions)}")

    def _backend_option(self, clause: WithClause) -> "_Change":
        return _Change(clause, f"replication = {self._replication}")

    async def _create_table(self, statement: Statement, keyspace: str) -> bytes:
        clause = checked(with_clause(statement.text))
        now_ms = int(time.time() * 1000)
        settings = _with_options(
            TableSettings(keyspace, _table(statement), "CREATING", defaults(now_ms)), clause
        )
        known = (keyspace, settings.table) in self._catalog.tables
        cql = clause.rewritten(self._backend_option(clause))
        if known:
            return await self._admin.query(cql, self._used(statement, keyspace))
        await self._catalog.save_table(settings, created_ms=now_ms)
        try:
            result = await self._admin.query(cql, self._used(statement, keyspace))
        except BackendError:
            await self._catalog.remove_table(keyspace, settings.table)
            raise
        await self._save_tags(clause, keyspace, settings.table)
        await self._catalog.read_schema(settings)

        async def end() -> None:
            if keyspace not in self._catalog.keyspaces:
                return
            settings.status = "ACTIVE"
            await self._catalog.save_table(settings)
            self._catalog.publish(settings)

        await self._progress.until(settings.key, "CREATING", end)
        return result

    async def _alter_table(self, statement: Statement, keyspace: str) -> bytes:
        _check_action(statement)
        settings = self._catalog.settings(keyspace, _table(statement))
        clause = checked(with_clause(statement.text))
        change = _altered_options(settings, clause)
        cql = clause.rewritten(self._backend_option(clause))
        if cql == clause.head and clause.options:
            result = _updated(settings)
        else:
            result = await self._admin.query(cql, self._used(statement, keyspace))
        await self._save_tags(clause, keyspace, settings.table)

        async def end() -> None:
            if settings.key not in self._catalog.tables:
                return
            await self._catalog.save_table(change)
            settings.properties, settings.default_ttl = change.properties, change.default_ttl
            settings.comment = change.comment
            await self._catalog.read_schema(settings)

        if self._progress.lasts:
            await self._catalog.save_table(replace(settings, status="UPDATING"))
        await self._progress.until(settings.key, "UPDATING", end)
        return result

    async def _drop_table(self, statement: Statement, keyspace: str) -> bytes:
        result = await self._admin.query(statement.text, self._used(statement, keyspace))
        if not is_schema_change(result):
            return result
        table = _table(statement)
        settings = self._catalog.tables.pop((keyspace, table), TableSettings(keyspace, table))

        async def end() -> None:
            await self._catalog.remove_table(keyspace, table)

        if self._progress.lasts:
            await self._catalog.save_table(replace(settings, status="DELETING"))
        await self._progress.until(settings.key, "DELETING", end)
        return result

    async def _save_tags(self, clause: WithClause, keyspace: str, table: str | None) -> None:
        if option := clause.option("tags"):
            tags = {key: str(text) for key, text in map_value(option).items()}
            await self._catalog.save_tags(keyspace, table, tags)

    def _used(self, statement: Statement, keyspace: str) -> str | None:
        """The keyspace to USE for a statement that does not name its own."""
        if statement.keyspace is not None:
            return None
        if keyspace not in self._catalog.keyspaces:
            raise Refusal(rules.UNKNOWN_KEYSPACE, keyspace=keyspace)
        return keyspace


class _Change:
    """The change that an option makes for the server behind."""

    def __init__(self, clause: WithClause, replication: str) -> None:
        self._clause, self._replication = clause, replication

    def __call__(self, option: Option) -> str | None:
        if option.name in _SERVICE_ONLY:
            return None
        if option.name == "replication":
            return self._replication
        return self._clause.source(option)


def _table(statement: Statement) -> str:
    return statement.name or ""


def checked(clause: WithClause) -> WithClause:
    """The clause itself; raises `Refusal` for an option that only the real service can have."""
    for option in clause.options:
        if option.name in _NOT_IMITATED:
            raise Refusal(rules.TABLE_OPTION, option=option.name.upper())
    return clause


def _with_options(settings: TableSettings, clause: WithClause) -> TableSettings:
    """A new table's settings as its WITH clause asks for."""
    if option := clause.option("custom_properties"):
        settings.properties = changed(settings.properties, map_value(option))
    return _with_cassandra_options(settings, clause)


def _altered_options(settings: TableSettings, clause: WithClause) -> TableSettings:
    """A changed copy; `settings` itself stays until the change is recorded."""
    result = replace(settings)
    if option := clause.option("custom_properties"):
        result.properties = altered(result.properties, map_value(option))
    return _with_cassandra_options(result, clause)


def _with_cassandra_options(settings: TableSettings, clause: WithClause) -> TableSettings:
    if option := clause.option("default_time_to_live"):
        settings.default_ttl = int_value(option)
        if settings.default_ttl > 0:
            settings.properties = with_ttl(settings.properties)
    if option := clause.option("comment"):
        settings.comment = text_value(option)
    return settings


def _check_action(statement: Statement) -> None:
    """ALTER TABLE name … may ADD columns or change options, nothing else."""
    end = statement.name_span[1]
    action = [token for token in tokenize(statement.text) if token.start >= end]
    words = [token.text.upper() for token in action[:2]]
    if not action:
        raise CqlSyntaxError("ALTER TABLE lacks an action")
    if words[0] not in ("ADD", "WITH") or words[1:] == ["TAGS"]:
        raise Refusal(rules.ALTER_ACTION, action=" ".join(words))


def check_types(statement: Statement) -> None:
    """Refuses column types, and words about columns, that the service has not."""
    if statement.kind not in _WITH_TYPES:
        return
    tokens = tokenize(with_clause(statement.text).head)
    for token, after in pairwise(tokens):
        if token.word == "VECTOR" and after.is_symbol("<"):
            raise Refusal(rules.COLUMN_TYPE, type="vector")
        if (token.word, after.word) in _NEWER:
            raise CqlSyntaxError(f"no viable alternative at input '{token.text} {after.text}'")
    for token in tokens:
        if token.kind is TokenKind.STRING:
            raise Refusal(rules.COLUMN_TYPE, type=token.text)
    levels = _nesting(tokens)
    if levels > FROZEN_LEVELS:
        raise Refusal(rules.FROZEN_NESTING, levels=levels, limit=FROZEN_LEVELS)


def _nesting(tokens: list[Token]) -> int:
    """The most levels of frozen collections within each other."""
    open_, most = list[bool](), 0
    for token, after in pairwise(tokens):
        if after.is_symbol("<"):
            open_.append(token.word == "FROZEN")
            most = max(most, sum(open_))
        elif after.is_symbol(">") and open_:
            open_.pop()
    return most


def _updated(settings: TableSettings) -> bytes:
    """SCHEMA_CHANGE for a change that Cassandra is not told of."""
    fields = ("UPDATED", "TABLE", settings.keyspace, settings.table)
    return INT.pack(ResultKind.SCHEMA_CHANGE) + b"".join(map(string, fields))


def replication_literal(datacenter: str, factor: int) -> str:
    """The replication of everything behind: all copies in its one datacenter."""
    return f"{{'class': 'NetworkTopologyStrategy', '{datacenter}': {factor}}}"
