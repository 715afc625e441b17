"""Run `hintferry statements`: its options, and the way from sources to verdicts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry_cli.console import console
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.schema.mirror import Mirror, mirror_of
from hintferry_cli.statements import view
from hintferry_cli.statements.endpoint import Endpoint, named, started
from hintferry_ops import wiring
from hintferry_ops.cost.prices import Prices, price_book
from hintferry_ops.fit.misfits import Schema, table_misfits
from hintferry_ops.fit.schema_file import schema_from
from hintferry_ops.statements.collection import Collection
from hintferry_ops.statements.judge import Answer, Migrated, Verdict, is_prepared, judged, untried
from hintferry_ops.statements.sources import read_path

HELP = "\n\n".join(
    (
        "Judge the application's statements: what Keyspaces refuses, does otherwise, and charges.",
        "It reads files and folders of CQL or source code, logs that `fqltool dump` printed, or,"
        " without a path, what every node holds prepared. Each statement is prepared on"
        " keyspaces-local, which holds the tables of `hintferry schema`, and a SELECT is run there"
        " with made-up values. A table of rules, each with its source, adds what no refusal shows:"
        " another order, short pages, batches in part. It rewrites nothing, and prints no literal"
        " of a statement. Where it finds a sandbox it starts keyspaces-local by itself.",
        "Examples",
        "  hintferry statements",
        "  hintferry statements src/ queries.cql --fail-on differs --json",
        "  hintferry statements fql.txt --endpoint 127.0.0.1:9142 --state DIR",
        "  hintferry statements src/ --rules-only",
        statuses(
            "no statement is refused (or differs, with --fail-on differs)",
            negative="some are",
        ),
    )
)


class FailOn(Enum):
    """The verdict from which on the exit status is 1."""

    REFUSED = "refused"
    DIFFERS = "differs"


_FAILS = {
    FailOn.REFUSED: {Verdict.REFUSED},
    FailOn.DIFFERS: {Verdict.REFUSED, Verdict.DIFFERS},
}
_PROGRESS_MIB = 64


def statements(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Files or folders of CQL or code, or logs of fqltool dump.",
            show_default="prepared statements of all nodes",
        ),
    ] = None,
    endpoint: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="keyspaces-local that runs.", show_default="one is started"
        ),
    ] = "",
    state: Annotated[
        Path | None,
        typer.Option(
            help="State directory of that keyspaces-local.", show_default="AWS credentials"
        ),
    ] = None,
    rules_only: Annotated[
        bool, typer.Option("--rules-only", help="Try nothing: judge by the rules alone.")
    ] = False,
    fail_on: Annotated[
        FailOn, typer.Option(help="Verdict from which on the exit status is 1.")
    ] = FailOn.REFUSED,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        migration = migration_from(config)
        schema = schema_from(migration.target.schema)
        mirror = mirror_of(migration, schema, "")
        collection = _collected(migration, schema, paths or [])
        migrated = _migrated(migration, schema)
        answers: dict[tuple[str, str], Answer] = {}
        at = ""
        if not rules_only:
            with _endpoint(migration, endpoint, state) as reached:
                at = f"{reached.settings.endpoint}:{reached.settings.port}"
                answers = _tried(migration, schema, mirror, migrated, collection, reached)
        report = _report(migration, collection, migrated, answers, at, config)
    if not json:
        view.show(report, console())
    bad = any(report.counts[verdict] for verdict in _FAILS[fail_on])
    status = Status.NEGATIVE if bad else Status.DONE
    steps = next_steps("statements", status, tuple(map(str, paths or ())), config)
    conclude(view.as_tree(report) if json else None, steps)
    if bad:
        raise typer.Exit(status)


def _collected(migration: Migration, schema: Schema, paths: list[Path]) -> Collection:
    tables = {one.id: schema.tables[one.id] for one in migration.tables}
    collection = Collection(tables)
    for path in paths:
        read_path(path, collection, _progress(path))
    if not paths:
        wiring.prepared_statements(migration.source, collection)
    if not collection.found and not collection.unread:
        where = ", ".join(map(str, paths)) or "the nodes' prepared statements"
        raise ConfigurationError(
            f"no statement of CQL was found in {where}; give the folder of the code, a file of CQL"
            " or a full-query log"
        )
    return collection


def _progress(path: Path) -> Callable[[int], None]:
    """Return what tells on stderr how much of a large file was read."""
    told = 0

    def tell(read: int) -> None:
        nonlocal told
        if read - told >= _PROGRESS_MIB << 20:
            told = read
            size = path.stat().st_size if path.is_file() else 0
            share = f" of {size >> 20:,}" if size else ""
            print(f"{path}: {read >> 20:,}{share} MiB read", file=sys.stderr)

    return tell


def _migrated(migration: Migration, schema: Schema) -> Migrated:
    refused: dict[TableId, str] = {}
    for settings in migration.tables:
        table = schema.tables[settings.id]
        fatal = [one for one in table_misfits(schema, table, settings.ttl) if one.fatal]
        if fatal:
            refused[settings.id] = str(fatal[0])
    without = frozenset(
        one.id for one in migration.tables if not one.ttl or schema.tables[one.id].is_counter
    )
    return Migrated(refused, without)


@contextmanager
def _endpoint(migration: Migration, address: str, state: Path | None) -> Iterator[Endpoint]:
    if address:
        yield named(migration.target, address, state)
        return
    if state is not None:
        raise ConfigurationError("--state needs --endpoint HOST:PORT; give both")
    print("starting keyspaces-local (some 20 s) ...", file=sys.stderr)
    with started(migration.target) as reached:
        yield reached


def _tried(
    migration: Migration,
    schema: Schema,
    mirror: Mirror,
    migrated: Migrated,
    collection: Collection,
    reached: Endpoint,
) -> dict[tuple[str, str], Answer]:
    trial = wiring.trial(reached.settings, reached.login)
    made = [
        (schema.tables[one.id], one.id not in migrated.without_ttl)
        for one in migration.tables
        if one.id not in migrated.refused
    ]
    chosen = [
        one
        for one in collection.statements
        if is_prepared(one.shape) and not untried(one, collection, migrated)
    ]
    try:
        trial.make(mirror.tables, made)
        return dict(trial.answers(chosen, lambda number: None))
    finally:
        if not reached.is_own:
            trial.drop()
        trial.close()


def _report(
    migration: Migration,
    collection: Collection,
    migrated: Migrated,
    answers: dict[tuple[str, str], Answer],
    at: str,
    config: Path,
) -> view.Report:
    prices = _prices(migration, config, collection)
    return view.Report(
        judged(collection, migrated, answers, prices),
        collection,
        list(collection.hot.hottest()),
        at,
        prices.region if prices else "",
        prices.dated if prices else "",
    )


def _prices(migration: Migration, config: Path, collection: Collection) -> Prices | None:
    if not collection.seconds:
        return None
    try:
        return price_book(config.parent).keyspaces(migration.target.region)
    except ConfigurationError as error:
        collection.remarks.append(f"no USD: {error}")
        return None
