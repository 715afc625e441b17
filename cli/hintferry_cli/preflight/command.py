"""Run `hintferry preflight`: its options, and the way to the verdict."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.wiring.sessions import client
from hintferry_cli.console import console
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import NextStep, conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.preflight import view
from hintferry_cli.preflight.account import AccountCheck
from hintferry_cli.preflight.finding import Finding, status_of
from hintferry_cli.preflight.surroundings import DEFAULT, CheckArea, Surroundings
from hintferry_ops import wiring
from hintferry_ops.fit.account import Account

HELP = "\n\n".join(
    (
        "Check whether the source, its connectors and the target are fit for the migration.",
        "Every finding comes with the statement or the choice that fixes it. A FAULT loses changes"
        " or stops the migration; a question is one that only you can answer. It changes nothing."
        " Before you deploy, check the source alone, and the AWS account: quotas, zones, bootstrap"
        " of the CDK, and permissions of your login. Only --only account checks the account.",
        "Examples",
        "  hintferry preflight --only account",
        "  hintferry preflight --only source",
        "  hintferry preflight --only capture --only target",
        "  hintferry preflight --only source --cql > fixes.cql",
        "  hintferry preflight --json",
        statuses(
            "fit",
            negative="there is a fault",
            unavailable="it found no fault, but could not check everything",
        ),
    )
)


def preflight(
    context: typer.Context,
    only: Annotated[
        list[CheckArea] | None, typer.Option(help="Check this alone; may be repeated.")
    ] = None,
    cql: Annotated[
        bool, typer.Option("--cql", help="Print only the statements that fix what was found.")
    ] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        findings = findings_of(migration_from(config), only or list(DEFAULT))
    status = status_of(findings)
    if cql and not json:
        typer.echo(view.as_cql(findings), nl=False)
    elif not json:
        view.show(findings, status, console())
    tree = view.as_tree(findings, status) if json else None
    conclude(tree, _next(status, only or list(DEFAULT), config))
    if status is not Status.DONE:
        raise typer.Exit(status)


def _next(status: Status, parts: list[CheckArea], config: Path) -> list[NextStep]:
    """Return what comes next: after a check of everything capture runs, and rows can be copied."""
    if set(parts) == set(DEFAULT):
        options = []
    else:
        options = [word for one in parts for word in ("--only", one.value)]
    if status is not Status.DONE:
        return next_steps("preflight", status, (), config, options)
    if not options:
        return next_steps("deploy", status, ["--all"], config)
    return next_steps("schema" if parts == [CheckArea.ACCOUNT] else "preflight", status, (), config)


def findings_of(migration: Migration, parts: list[CheckArea]) -> list[Finding]:
    """Return what the checks of these areas find. Raises ConfigurationError."""
    found: list[Finding] = []
    if CheckArea.ACCOUNT in parts:
        account = Account(migration, partial(client, region=migration.target.region))
        found += AccountCheck(migration, account).findings()
    if set(parts) - {CheckArea.ACCOUNT}:
        found += _surroundings(migration, parts)
    return found


def _surroundings(migration: Migration, parts: list[CheckArea]) -> list[Finding]:
    source = wiring.source_inspection(migration.source)
    target = wiring.target_check(migration.target)
    try:
        reports = wiring.node_reports(migration)
        with wiring.captures(migration) as captures:
            around = Surroundings(migration, source, target, reports, captures, WallClock())
            return list(around.findings(parts))
    finally:
        source.close()
        target.close()
