"""The way from a schema file to statements for Keyspaces, without a server: quick, so many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.adapters.driver import cql
from hintferry.adapters.driver.cql import Ttls
from hintferry.core.cql_type import parse
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Table, TableId
from hintferry_cli.init.files import chosen_tables, migration_text, schema_text
from hintferry_cli.schema.mirror import Mirror, mirror_of
from hintferry_ops.fit.misfits import FeatureKind, Misfit, Schema
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.fit.source_facts import KeyspaceText
from hintferry_ops.names import told_apart
from hintferry_ops.testing.inspection import facts_of
from keyspaces_local.cql import classify
from keyspaces_local.ddl import check_types, checked
from keyspaces_local.options import with_clause
from keyspaces_local.rules import Refusal
from keyspaces_local.statement import Kind
from keyspaces_local.tokens import CqlSyntaxError
from tests.fuzz.case import BesideKind, Case, OneTable, OneType, ddl
from tests.fuzz.draw import draw_case
from tests.fuzz.faults import Fault, FaultKind, unfit
from tests.fuzz.handwritten import script

KEYSPACES = ("shop", "Shop", "shop_x")
_SOURCE = {"contact_points": ["10.0.1.11"], "port": 9042, "datacenter": "dc1"}
_REFUSALS = (Refusal, CqlSyntaxError)


def offline_case(seed: int, number: int) -> Case:
    """Return the schema of one run."""
    random = Random(f"offline/{seed}/{number}")
    keyspaces = random.sample(KEYSPACES, random.randint(1, 3))
    return draw_case(
        f"offline/{seed}/{number}", keyspaces, tables=3, writes=4, vectors=True, masks=True
    )


def offline_faults(case: Case, home: Path, seed: str = "") -> list[Fault]:
    """Return what is wrong on the way of this schema; files are written into `home`."""
    try:
        return list(_faults(case, home, Random(seed)))
    except Exception as error:  # noqa: BLE001 - it is what is looked for
        return [Fault(FaultKind.DEFECT, None, f"{type(error).__name__}: {error}")]


def _faults(case: Case, home: Path, random: Random) -> Iterator[Fault]:
    try:
        known = schema_of(script(case, random), "drawn")
    except ConfigurationError as error:
        yield Fault(FaultKind.MISREAD, None, str(error))
        return
    yield from _misread(case, known)
    try:
        migration, filed = initialised(case, home)
    except ConfigurationError as error:
        yield from _conflict(case, str(error))
        return
    mirror = mirror_of(migration, filed, "")
    yield from _misjudged(case, mirror)
    yield from _not_made(mirror)
    yield from _met(migration)
    for table in filed.tables.values():
        yield from _unreadable(table)


def _misread(case: Case, known: Schema) -> Iterator[Fault]:
    for table in case.tables:
        if known.tables.get(table.id) != table.known:
            said = f"{known.tables.get(table.id)} for {table.known}"
            yield Fault(FaultKind.MISREAD, table.id, said)
        if known.default_ttls.get(table.id, 0) != table.default_ttl:
            yield Fault(FaultKind.MISREAD, table.id, "its default TTL")
    for keyspace in case.keyspaces:
        types = tuple(one.known for one in case.types if one.keyspace == keyspace)
        if known.types.get(keyspace, ()) != types:
            said = f"types {known.types.get(keyspace)} for {types}"
            yield Fault(FaultKind.MISREAD, None, said)
    if (found := _features(known)) != (drawn := _drawn_features(case)):
        yield Fault(FaultKind.MISREAD, None, f"{found - drawn} for {drawn - found}")


def _features(known: Schema) -> Counter[tuple[FeatureKind, str]]:
    return Counter((one.kind, f"{one.keyspace}.{one.name}") for one in known.features)


def _drawn_features(case: Case) -> Counter[tuple[FeatureKind, str]]:
    kinds = {BesideKind.INDEX: FeatureKind.INDEX, BesideKind.VIEW: FeatureKind.VIEW}
    found: Counter[tuple[FeatureKind, str]] = Counter()
    for table in case.tables:
        for one in table.beside:
            name = one.name or f"{table.name}_{one.column}_idx"
            found[kinds[one.kind], f"{table.keyspace}.{name}"] += 1
        for column in table.columns:
            if column.masked:
                found[FeatureKind.MASK, f"{table.id}.{column.name}"] += 1
    return found


def initialised(case: Case, home: Path) -> tuple[Migration, Schema]:
    """Return what `init` writes where the source has this schema, read again."""
    parts: dict[str, KeyspaceText] = {}
    for keyspace in case.keyspaces:
        of_it = Case(
            tuple(one for one in case.types if one.keyspace == keyspace),
            tuple(one for one in case.tables if one.keyspace == keyspace),
        )
        texts = [(made, f"{text};") for made, text in ddl(of_it)]
        # The driver sorts names that stand in quotes by the alphabet, not by what they use.
        types = sorted(text for made, text in texts if isinstance(made, OneType))
        tables = {made.name: text for made, text in texts if isinstance(made, OneTable)}
        parts[keyspace] = KeyspaceText(types, [], tables)
    facts = facts_of(parts)
    chosen = chosen_tables(facts, [])
    (home / "schema.cql").write_text(schema_text(facts, chosen))
    filed = schema_of((home / "schema.cql").read_text(), "schema.cql")
    config = home / "migration.toml"
    config.write_text(migration_text(_SOURCE, "eu-west-1", facts, chosen, filed))
    return migration_from(config), filed


def _conflict(case: Case, said: str) -> Iterator[Fault]:
    """Nothing, where two tables that Kafka takes for one are named."""
    topics: dict[str, list[str]] = {}
    for table in case.tables:
        topics.setdefault(str(table.id).replace(".", "_"), []).append(str(table.id))
    met = [names for names in topics.values() if len(names) > 1]
    if not any(all(name in said for name in names) for names in met):
        yield Fault(FaultKind.NEEDLESS, None, said)


def _misjudged(case: Case, mirror: Mirror) -> Iterator[Fault]:
    expected = unfit(case)
    made = schema_of(mirror.as_cql(), "printed")
    for table in case.tables:
        where, name = table.id, str(table.id)
        said = [str(one) for one in mirror.misfits if one.fatal and _is_about(one, name)]
        if where in expected and not said:
            yield Fault(FaultKind.LET_THROUGH, where, expected[where])
        if where not in expected and said:
            yield Fault(FaultKind.NEEDLESS, where, said[0])
        if where not in expected and made.tables.get(where) != table.known:
            yield Fault(FaultKind.MISREAD, where, "printed as another table")


def _is_about(misfit: Misfit, table: str) -> bool:
    """Return whether a misfit tells of a table, of a column of it, or of a type that it uses."""
    if "which uses the type" in misfit.choices:
        return f"leave {table}, which uses the type" in misfit.choices
    return misfit.where == table or misfit.where.startswith(f"{table}.")


def _not_made(mirror: Mirror) -> Iterator[Fault]:
    """Return what keyspaces-local refuses before it asks the server behind."""
    made: set[TableId] = set()
    for text in (*mirror.tables, *mirror.control, *mirror.after_cutover):
        yield from _too_early(text, made)
        try:
            statement = classify(text)
            check_types(statement)
            checked(with_clause(text))
        except _REFUSALS as error:
            if mirror.is_complete:
                yield Fault(FaultKind.NOT_MADE, None, f"{error}: {text}")
        else:
            if statement.kind is Kind.UNKNOWN:
                yield Fault(FaultKind.NOT_MADE, None, f"not known: {text}")


def _too_early(text: str, made: set[TableId]) -> Iterator[Fault]:
    """Types that a statement uses before they are made; `made` is kept."""
    if not text.startswith(("CREATE TYPE", "CREATE TABLE")):
        return
    found = schema_of(text, "printed")
    for table in found.tables.values():
        texts = [column.cql_type for column in table.columns]
        yield from _missing(table.id, texts, made)
    for keyspace, types in found.types.items():
        for one in types:
            texts = [kind for _, kind in one.fields]
            yield from _missing(TableId(keyspace, one.name), texts, made)
            made.add(TableId(keyspace, one.name))


def _missing(of: TableId, texts: list[str], made: set[TableId]) -> Iterator[Fault]:
    for name in (name for text in texts for name in parse(text).user_types()):
        if TableId(of.keyspace, name) not in made:
            yield Fault(FaultKind.NOT_MADE, None, f"{of} is made before its type {name}")


def _met(migration: Migration) -> Iterator[Fault]:
    tables = [table.id for table in migration.followed]
    ids = Counter(re.sub("[^0-9a-z]", "", told_apart(str(table)).lower()) for table in tables)
    if most := [name for name, count in ids.items() if count > 1]:
        yield Fault(FaultKind.IDS_MEET, None, most[0])


def _unreadable(table: Table) -> Iterator[Fault]:
    """Return what we ask of the table, or write into it, that is no single statement about it."""
    texts = [cql.scan_rows(table, Ttls.ELEMENTS), cql.first_rows(table, 1), cql.remove(table)]
    texts.append(cql.select_rows(table, Ttls.ELEMENTS, True))
    if table.statics:
        texts.append(cql.select_statics(table, Ttls.ELEMENTS))
    columns = tuple(column.name for column in table.regulars)
    if not table.is_counter:
        texts.append(cql.put(table, columns, True, False, True))
    for text in texts:
        try:
            statement = classify(text)
        except CqlSyntaxError as error:
            yield Fault(FaultKind.NOT_MADE, table.id, f"{error}: {text}")
        else:
            if (statement.keyspace, statement.name) != table.id:
                yield Fault(FaultKind.NOT_MADE, table.id, f"taken for another: {text}")
