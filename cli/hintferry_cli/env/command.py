"""Print what the command and the nodes' configuration need of the deployed stacks."""

from __future__ import annotations

import json as json_text
import shlex

import typer

from hintferry.adapters.config.settings import CONFIG_VARIABLE, migration_from
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import CONFIG, Config, Json
from hintferry_cli.places import stacks

HELP = "\n\n".join(
    (
        "Print what the commands and `node.render` need of the deployed stacks.",
        "It prints a line of shell for each of: Region, configuration, URLs of the queues, and name"
        " of the bucket. It also prints the bootstrap servers of the brokers, and the ARN of the"
        " sweep's state machine."
        ' Set them all with: eval "$(hintferry env)". The table names are in migration.toml. It'
        " reads the outputs of the stacks, and asks MSK for the brokers. It changes nothing.",
        "Examples",
        "  hintferry env > hintferry.env",
        "  hintferry env --config staging.toml --json",
        statuses(
            "all of it is printed",
            unavailable="a stack is missing or half deployed, credentials have expired, or AWS did"
            " not answer; nothing is printed",
        ),
    )
)


def env(context: typer.Context, json: Json = False, config: Config = CONFIG) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        found = {CONFIG_VARIABLE: str(config.resolve())}
        found |= stacks(migration_from(config)).environment()
    if json:
        typer.echo(json_text.dumps(found))
        return
    for variable, value in found.items():
        typer.echo(f"export {variable}={shlex.quote(value)}")
    conclude(None, next_steps("env", Status.DONE, config=config))
