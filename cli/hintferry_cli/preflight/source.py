"""Judge the source's settings, schema and datacenters for a migration. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry.adapters.driver.cql import SOURCE_TABLES
from hintferry.core.schema import Table, TableId
from hintferry_cli.preflight.finding import Finding, Level
from hintferry_ops.fit.misfits import Misfit, Schema, differences, keyspace_misfits, table_misfits
from hintferry_ops.fit.node_checks import Fault, setting_faults
from hintferry_ops.fit.schema_checks import schema_faults, vector_faults
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.fit.source_facts import OURS, SourceFacts, SourceNode

MARKERS, CAPTURES = TableId(OURS, "markers"), TableId(OURS, "captures")
WATERMARKS = TableId(OURS, "watermarks")
ENOUGH_COPIES = 3
_PURPOSES = {
    MARKERS: "by which a backfill sees that capture works",
    CAPTURES: "into which each connector writes what it captures",
    WATERMARKS: "into which each connector writes how far it is",
}


def node_findings(migration: Migration, facts: SourceFacts) -> Iterator[Finding]:
    """Yield the findings of each node of the datacenter, and of their number."""
    for node in facts.nodes:
        if node.datacenter == facts.datacenter:
            yield from _node_findings(node)
    said, there = migration.deployment.nodes, _nodes(facts)
    if said != there:
        yield Finding(
            Level.FAULT,
            "migration.toml",
            f"source.nodes is {said or 'not set'}, and {facts.datacenter} has {there} nodes",
            f"write nodes = {there}: an alarm fires when fewer nodes report",
        )
    if facts.partitioner != "Murmur3Partitioner":
        yield Finding(
            Level.FAULT,
            "source",
            f"its partitioner is {facts.partitioner}, and Hintferry needs Murmur3Partitioner",
            "copy the data into a cluster with that partitioner first",
        )


def _node_findings(node: SourceNode) -> Iterator[Finding]:
    if not node.answers:
        yield Finding(
            Level.UNKNOWN, node.address, "does not answer", "start it, then run this again"
        )
    elif node.settings is None:
        yield Finding(
            Level.UNKNOWN,
            node.address,
            f"Cassandra {node.version} does not show its settings to this login",
            "from 4.0 on: GRANT SELECT ON system_views.settings TO its role; or on the node run:"
            " python3 -m node.install.install check --cassandra-yaml FILE"
            f" --cassandra-version {node.version}",
        )
    else:
        for fault in setting_faults(dict(node.settings), node.version):
            yield _of_fault(node.address, fault)


def schema_findings(migration: Migration, facts: SourceFacts, live: Schema) -> Iterator[Finding]:
    """Yield the findings of the schema; `live` is the schema as the source has it."""
    known = {TableId(row["keyspace_name"], row["table_name"]) for row in facts.tables}
    markers = {MARKERS} & known
    migrated = markers.union(table.id for table in migration.tables)
    faults = list(schema_faults(facts.keyspaces, facts.tables, migrated))
    if migration.stock_connector:
        faults += vector_faults(facts.columns)
    for fault in faults:
        level = Level.FAULT if fault.fatal else Level.ADVICE
        cql = (fault.cql,) if fault.cql else ()
        yield Finding(level, fault.what, fault.found, fault.fix, cql)
    yield from control_findings(migration, facts, known)
    for settings in migration.tables:
        table = live.tables.get(settings.id)
        if table is not None:
            yield from map(_of_misfit, table_misfits(live, table, settings.ttl))
    keyspaces = {table.id.keyspace for table in migration.tables}
    yield from map(_of_misfit, keyspace_misfits(live, keyspaces))


def control_findings(
    migration: Migration, facts: SourceFacts, known: Collection[TableId]
) -> Iterator[Finding]:
    """Yield which control tables the source lacks, and which of their columns."""
    for needed, purpose in _PURPOSES.items():
        if migration.stock_connector and needed == WATERMARKS:
            continue
        if needed not in known:
            yield _control_table_missing(facts, needed, purpose)
        elif not migration.stock_connector:
            yield from _columns_missing(facts, needed)


def _columns_missing(facts: SourceFacts, table: TableId) -> Iterator[Finding]:
    there = schema_of(facts.cql([table]), "the source").tables[table]
    names = {column.name for column in there.partition_key + there.clustering + there.regulars}
    (made,) = (one for one in SOURCE_TABLES if f" {table} " in one)
    wanted = schema_of(made, "our own").tables[table]
    missing = [column for column in wanted.regulars if column.name not in names]
    if missing:
        columns = ", ".join(f"{column.name} {column.cql_type}" for column in missing)
        found = f"lacks {', '.join(column.name for column in missing)}: of an earlier release"
        cql = f"ALTER TABLE {table} ADD ({columns})"
        yield Finding(Level.FAULT, f"table {table}", found, f"run on the source: {cql}", (cql,))


def file_findings(migration: Migration, filed: Schema, table: Table) -> Iterator[Finding]:
    """Yield the differences of the schema file from the source; `table` as the pipeline sees it."""
    if wrong := differences(filed, table):
        yield Finding(
            Level.FAULT,
            str(migration.target.schema),
            f"defines {table.id} not as the source has it: {wrong}",
            "write both files again: hintferry init --force, or print the table into it with cqlsh",
        )


def ttl_findings(settings: TableSettings, table: Table) -> Iterator[Finding]:
    """Ask for the longest TTL of what has one that cannot be read, unless it is stated."""
    if not settings.ttl or settings.longest_ttl is not None or table.is_counter:
        return
    others = table.regulars + table.statics
    hides_elements = not table.tells_elements and any(column.multicell for column in others)
    if table.regulars and not hides_elements:
        return
    what = "an element of its collections" if hides_elements else "a row of it"
    of = "elements before 5.0" if hides_elements else "rows without values"
    if table.longest_ttl:
        question = f"does {what} ever get TTL 0, or more than the table's default?"
        fix = (
            f"Cassandra does not tell it of {of}, so their copies go after the default: if so"
            " write the most seconds as longest_ttl under the table in migration.toml, or 0"
            " where some last; else the default"
        )
    else:
        question = f"does {what} ever have a TTL?"
        fix = (
            f"Cassandra does not tell it of {of}, so their copies would stay for ever: if so write"
            " the most seconds that are given as longest_ttl under the table in migration.toml,"
            " else longest_ttl = 0"
        )
    yield Finding(Level.QUESTION, str(table.id), question, fix)


def copies_findings(migration: Migration, facts: SourceFacts) -> Iterator[Finding]:
    """Yield findings about the replicas of the migrated keyspaces, and about their writers."""
    wanted = {table.id.keyspace for table in migration.tables} | {OURS}
    elsewhere: set[str] = set()
    for row in facts.keyspaces:
        if row["keyspace_name"] in wanted:
            copies = _copies(facts, row["replication"])
            if row["keyspace_name"] == OURS:
                yield from _marker_findings(facts, copies)
                continue
            yield from _here_findings(facts, row["keyspace_name"], copies)
            elsewhere |= copies.keys() - {facts.datacenter}
    yield Finding(
        Level.QUESTION,
        "writers",
        f"does every writer of these tables write at LOCAL_QUORUM or more in {facts.datacenter}?",
        "below it a row may be on one replica only, and a read at LOCAL_QUORUM miss it: before"
        " cutting over run hintferry verify --consistency all, or repair the tables",
    )
    for datacenter in sorted(elsewhere):
        yield Finding(
            Level.QUESTION,
            "writers",
            f"does anybody write these tables in {datacenter}?",
            f"what is acknowledged there reaches {facts.datacenter} later, or by repair only: let"
            f" them write at EACH_QUORUM or in {facts.datacenter}, or repair before cutting over",
        )


def _here_findings(
    facts: SourceFacts, keyspace: str, copies: Mapping[str, int]
) -> Iterator[Finding]:
    here = copies.get(facts.datacenter, 0)
    where = f"keyspace {keyspace}"
    if not here:
        yield Finding(
            Level.FAULT,
            where,
            f"is not replicated to {facts.datacenter}, the datacenter Hintferry reads from",
            "choose another source.datacenter in migration.toml, or replicate the keyspace there",
        )
    elif here < ENOUGH_COPIES:
        copies_text = "one replica" if here == 1 else f"{here} replicas"
        yield Finding(
            Level.ADVICE,
            where,
            f"has {copies_text} in {facts.datacenter}, so change hints wait while a node is down",
            f"with {ENOUGH_COPIES} replicas one node may be down",
        )


def _marker_findings(facts: SourceFacts, copies: Mapping[str, int]) -> Iterator[Finding]:
    """Yield a finding where a node has no replica of the markers, which show its progress."""
    nodes = _nodes(facts)
    if copies.get(facts.datacenter, 0) < nodes:
        replication = f"{{'class': 'NetworkTopologyStrategy', '{facts.datacenter}': {nodes}}}"
        yield Finding(
            Level.FAULT,
            f"keyspace {OURS}",
            f"has no replica on every node of {facts.datacenter}",
            f"ALTER KEYSPACE {OURS} WITH replication = {replication}",
        )


def _nodes(facts: SourceFacts) -> int:
    return sum(node.datacenter == facts.datacenter for node in facts.nodes)


def _copies(facts: SourceFacts, replication: Mapping[str, str]) -> dict[str, int]:
    """Return the replicas by datacenter; SimpleStrategy may place them anywhere."""
    if replication["class"].endswith("NetworkTopologyStrategy"):
        # A transient replica, 3/1, holds what it holds for a while only.
        counts = {
            dc: int(count.partition("/")[0]) for dc, count in replication.items() if dc != "class"
        }
        return {datacenter: count for datacenter, count in counts.items() if count}
    count = int(replication.get("replication_factor", 1))
    return {node.datacenter: count for node in facts.nodes}


def _control_table_missing(facts: SourceFacts, table: TableId, purpose: str) -> Finding:
    """Return the finding with the statements that create the table, the keyspace's first."""
    replication = f"{{'class': 'NetworkTopologyStrategy', '{facts.datacenter}': {_nodes(facts)}}}"
    made = [one for one in SOURCE_TABLES if "KEYSPACE" in one or f" {table} " in one]
    statements = tuple(one.format(replication=replication) for one in made)
    what = f"has no table {table}, {purpose}"
    return Finding(Level.FAULT, "source", what, "; ".join(statements), statements)


def _of_fault(where: str, fault: Fault) -> Finding:
    level = Level.FAULT if fault.fatal else Level.ADVICE
    return Finding(level, where, f"{fault.what}: {fault.found}", fault.fix)


def _of_misfit(misfit: Misfit) -> Finding:
    level = Level.FAULT if misfit.fatal else Level.ADVICE
    return Finding(level, misfit.where, misfit.what, misfit.choices)
