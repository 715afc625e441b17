"""List the verbs."""

import os
import signal
import sys
from collections.abc import Callable
from threading import Timer
from types import FrameType
from typing import Annotated

import typer

from hintferry_cli import __version__
from hintferry_cli.assess.command import HELP as ASSESS_HELP
from hintferry_cli.assess.command import assess
from hintferry_cli.cost.command import HELP as COST_HELP
from hintferry_cli.cost.command import cost
from hintferry_cli.cutover.command import HELP as CUTOVER_HELP
from hintferry_cli.cutover.command import cutover
from hintferry_cli.env.command import HELP as ENV_HELP
from hintferry_cli.env.command import env
from hintferry_cli.exits import INTERRUPTED, Status
from hintferry_cli.failures import GlobalOptions, unexpected
from hintferry_cli.help_pages import CommandHelp, VerbHelp
from hintferry_cli.init.command import HELP as INIT_HELP
from hintferry_cli.init.command import init
from hintferry_cli.migrate.command import HELP as MIGRATE_HELP
from hintferry_cli.migrate.command import migrate
from hintferry_cli.preflight.command import HELP as PREFLIGHT_HELP
from hintferry_cli.preflight.command import preflight
from hintferry_cli.prices.command import HELP as PRICES_HELP
from hintferry_cli.prices.command import prices
from hintferry_cli.replay.command import HELP as REPLAY_HELP
from hintferry_cli.replay.command import replay
from hintferry_cli.schema.command import HELP as SCHEMA_HELP
from hintferry_cli.schema.command import schema
from hintferry_cli.size.command import HELP as SIZE_HELP
from hintferry_cli.size.command import size
from hintferry_cli.statements.command import HELP as STATEMENTS_HELP
from hintferry_cli.statements.command import statements
from hintferry_cli.status.command import HELP as STATUS_HELP
from hintferry_cli.status.command import status
from hintferry_cli.sweep.command import BACKFILL_HELP, VERIFY_HELP, backfill, verify
from hintferry_cli.switches.command import (
    PAUSE_HELP,
    RESUME_HELP,
    THROTTLE_HELP,
    pause,
    resume,
    throttle,
)
from hintferry_cli.switches.journal import HELP as JOURNAL_HELP
from hintferry_cli.switches.journal import journal

ENDS_WITHIN_S = 8.0

PLAN, MIGRATE, CUT_OVER, OPERATE = "Plan", "Migrate", "Cut over", "Operate"
"""The verbs in the order of a migration."""

app = typer.Typer(
    cls=CommandHelp,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Move self-run Apache Cassandra to Amazon Keyspaces without downtime.",
    epilog="Each verb has its own help: hintferry replay --help",
)
VERBS: tuple[tuple[str, str, Callable[..., None]], ...] = (
    (PLAN, INIT_HELP, init),
    (PLAN, PREFLIGHT_HELP, preflight),
    (PLAN, SIZE_HELP, size),
    (PLAN, COST_HELP, cost),
    (PLAN, PRICES_HELP, prices),
    (PLAN, ASSESS_HELP, assess),
    (PLAN, SCHEMA_HELP, schema),
    (PLAN, STATEMENTS_HELP, statements),
    (MIGRATE, ENV_HELP, env),
    (MIGRATE, MIGRATE_HELP, migrate),
    (MIGRATE, BACKFILL_HELP, backfill),
    (MIGRATE, VERIFY_HELP, verify),
    (MIGRATE, REPLAY_HELP, replay),
    (CUT_OVER, STATUS_HELP, status),
    (CUT_OVER, CUTOVER_HELP, cutover),
    (OPERATE, PAUSE_HELP, pause),
    (OPERATE, RESUME_HELP, resume),
    (OPERATE, THROTTLE_HELP, throttle),
    (OPERATE, JOURNAL_HELP, journal),
)
for _panel, _help, _verb in VERBS:
    app.command(cls=VerbHelp, help=_help, rich_help_panel=_panel)(_verb)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"hintferry {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            is_eager=True,
            callback=_tell_version,
            help="Print the version and exit.",
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the stack trace of an error.")
    ] = False,
) -> None:
    context.obj = GlobalOptions(debug=debug)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    """End as at Ctrl-C, but within some seconds: the driver may wait for a side that is gone."""
    last = Timer(ENDS_WITHIN_S, os._exit, [INTERRUPTED])
    last.daemon = True
    last.start()
    raise KeyboardInterrupt


def main() -> None:
    """Run the command; exits with its status."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupted)
    try:
        app(prog_name="hintferry")
    except KeyboardInterrupt:
        # It came before or after the verb: click answers any other.
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Even an unforeseen error is one sentence for an operator in the middle of a migration.
        if "--debug" in sys.argv:
            raise
        print(f"hintferry: {unexpected(error)}", file=sys.stderr)
        sys.exit(Status.UNFINISHED)
