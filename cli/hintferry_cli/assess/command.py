"""Run `hintferry assess`: its options, and the way to the assessment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import HintferryError
from hintferry.core.schema import TableId
from hintferry_cli.assess import assessment, view
from hintferry_cli.assess.assessment import Facts, Question
from hintferry_cli.console import console
from hintferry_cli.cost.command import overview
from hintferry_cli.cost.view import CostOverview
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, sentence, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, TO_STDOUT, Config, Html, Json, check_outputs
from hintferry_cli.pages.page import write_assessment
from hintferry_cli.preflight.command import findings_of
from hintferry_cli.preflight.surroundings import CheckArea
from hintferry_cli.size.arithmetic import Need, NodeLoad, need
from hintferry_cli.tables import All, Tables, chosen_or_all
from hintferry_ops.cost.prices import price_book

SEGMENT_MIB = 32
"""commitlog_segment_size of a Cassandra that says nothing of it."""

HELP = "\n\n".join(
    (
        "Show on one page whether the migration fits, its risks and effort, its cost and time.",
        "It asks what `preflight` (source and account), `size` and `cost` ask, and changes nothing."
        " What cannot be known yet is an open question, with the command that answers it."
        " The page of --html is one file to hand on.",
        "Examples",
        "  hintferry assess",
        "  hintferry assess --writes-per-second 3000 --outage-hours 6 --html assessment.html",
        "  hintferry assess --all --json",
        statuses(
            "it fits",
            negative="there is a fault",
            unavailable="no fault was found, but not everything could be checked",
        ),
    )
)


def assess(
    context: typer.Context,
    tables: Tables = None,
    every: All = False,
    writes_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Mutations that a node applies a second.")
    ] = None,
    outage_hours: Annotated[
        float, typer.Option(min=0.01, help="Longest outage of capture to survive.")
    ] = 4.0,
    json: Json = False,
    html: Html = None,
    config: Config = CONFIG,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        check_outputs(html, json=json)
        migration = migration_from(config)
        meant = chosen_or_all(migration, config, tables, every=every)
        tree = assessment.as_tree(_facts(migration, meant, config, writes_per_second, outage_hours))
        if html is not None:
            write_assessment(html, tree)
    if not json and html != TO_STDOUT:
        view.show(tree, console())
    status = _status(tree)
    conclude(tree if json else None, next_steps("assess", status, config=config))
    if status is not Status.DONE:
        raise typer.Exit(status)


def _status(tree: dict[str, object]) -> Status:
    if tree["fit"] == assessment.Fit.FITS.value:
        return Status.DONE
    is_open = tree["fit"] == assessment.Fit.NOT_KNOWN.value
    return Status.UNAVAILABLE if is_open else Status.NEGATIVE


def _facts(
    migration: Migration,
    tables: list[TableId],
    config: Path,
    writes_per_second: float | None,
    outage_hours: float,
) -> Facts:
    questions: list[Question] = []
    found = findings_of(migration, [CheckArea.SOURCE, CheckArea.ACCOUNT])
    bill = _bill(migration, tables, config, questions)
    needed = _need(bill, writes_per_second, outage_hours, questions)
    names = list(map(str, tables))
    nodes = migration.deployment.nodes
    if not nodes:
        questions.append(
            Question("How many nodes has the datacenter? source.nodes says nothing.", "")
        )
    return Facts(time.time(), names, nodes, found, bill, needed, questions)


def _bill(
    migration: Migration, tables: list[TableId], config: Path, questions: list[Question]
) -> CostOverview | None:
    try:
        return overview(migration, tables, price_book(config.parent))
    except HintferryError as error:
        questions.append(Question(f"What does it cost? {sentence(error)}", "hintferry cost"))
        return None


def _need(
    bill: CostOverview | None,
    writes_per_second: float | None,
    outage_hours: float,
    questions: list[Question],
) -> Need | None:
    """Return what capture needs on a node; a row of these tables stands for any mutation."""
    rows = [one.row_bytes for one in bill.costs if one.sampled] if bill else []
    if writes_per_second is None or not rows:
        questions.append(
            Question(
                "What does capture need on each node?",
                "hintferry assess --writes-per-second N --outage-hours H",
            )
        )
        return None
    return need(NodeLoad(writes_per_second, max(rows), outage_hours, SEGMENT_MIB))
