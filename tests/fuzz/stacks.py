"""Many drawn schemas in one synthesis: what the stacks make has to be what the source has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hintferry.adapters.target.definer import TableRequest
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import ColumnKind, Table, TableId, UserType
from hintferry_ops.fit.schema_file import schema_of
from tests.fuzz.case import Case, renamed
from tests.fuzz.faults import Fault, FaultKind, unfit
from tests.fuzz.offline import initialised
from tests.infra.synthesised import Template, properties, synthesise


def merged(cases: Sequence[Case]) -> Case:
    """Return all that is fit in one case, each schema in keyspaces of its own."""
    apart = [renamed(_fit(case), f"n{number}") for number, case in enumerate(cases)]
    types = tuple(one for case in apart for one in case.types)
    return Case(types, tuple(one for case in apart for one in case.tables))


def stack_faults(case: Case, folder: Path) -> Iterator[Fault]:
    """Yield what the stacks have otherwise; the layer lies in `folder`/assets/layer."""
    try:
        migration, _ = initialised(case, folder)
        templates = synthesise(folder / "migration.toml", folder)
    except (ConfigurationError, RuntimeError) as error:
        yield Fault(FaultKind.NOT_MADE, None, f"{type(error).__name__}: {error}")
        return
    tables, types = _made(templates)
    for table in case.tables:
        if tables.get(table.id) != table.known:
            yield Fault(FaultKind.NOT_MADE, table.id, f"made as {tables.get(table.id)}")
        for one in case.used_types(table):
            if one.known not in types.get(one.keyspace, []):
                yield Fault(FaultKind.NOT_MADE, table.id, f"its type {one.name} is not made")
    topics = [
        topic
        for one in properties(templates, "AWS::Lambda::EventSourceMapping")
        for topic in one.get("Topics", ())
    ]
    expected = {migration.topic(table.id) for table in case.tables}
    if missing := expected - set(topics):
        yield Fault(FaultKind.NOT_MADE, None, f"nothing follows {sorted(missing)}")


def _fit(case: Case) -> Case:
    wrong = unfit(case)
    topics: dict[str, TableId] = {}
    for table in case.tables:
        # Of two topics that Kafka takes for one, the second waits.
        topics.setdefault(str(table.id).replace(".", "_"), table.id)
    fit = (one for one in case.tables if one.id not in wrong and one.id in topics.values())
    return replace(case, tables=tuple(fit))


def _made(
    templates: Mapping[str, Template],
) -> tuple[dict[TableId, Table], dict[str, list[UserType]]]:
    """Return all tables and user types, as the statements make them and as they are compared."""
    texts = [
        text for one in properties(templates, "Custom::KeyspacesTypes") for text in one["Create"]
    ]
    described = {}
    for one in properties(templates, "Custom::KeyspacesTable"):
        texts.append(_text(one["Create"]))
        asked = TableRequest.of(one)
        described[asked.table.id] = asked.table
    made = schema_of(";\n".join(texts), "the stack")
    same = {table: one for table, one in made.tables.items() if _flat(one) == described[table]}
    return same, {keyspace: list(types) for keyspace, types in made.types.items()}


def _flat(table: Table) -> Table:
    """Return the table as a stack describes it: in order, which is the position in the key."""
    flat = [replace(column, position=0) for column in table.columns]
    partition, clustering, statics, regulars = (
        tuple(one for one in flat if one.kind is kind) for kind in ColumnKind
    )
    return Table(table.id, partition, clustering, statics, regulars)


def _text(written: str | Mapping[str, Any]) -> str:
    """Return the text of a statement that names the key, once the key exists."""
    if isinstance(written, str):
        return written
    return "".join(part if isinstance(part, str) else "key" for part in written["Fn::Join"][1])
