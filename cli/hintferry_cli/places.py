"""Find the queues and the bucket: by option, by environment variable, or by the stack's outputs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.config.places import PLACES, Place, Queues
from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry.wiring.sessions import client
from hintferry_cli.exits import Status, status_of_error
from hintferry_cli.failures import sentence
from hintferry_ops.deployed import NotDeployed, Stacks

_PARKED, _REPLAY, _BUCKET = PLACES


def _option(place: Place) -> Any:
    return typer.Option(
        place.option,
        envvar=place.variable,
        help=place.meaning,
        show_default="the stack's",
        rich_help_panel="Where",
    )


ParkedQueueUrl = Annotated[str, _option(_PARKED)]
ReplayQueueUrl = Annotated[str, _option(_REPLAY)]
Bucket = Annotated[str, _option(_BUCKET)]


def stacks(migration: Migration) -> Stacks:
    """Return the reader of the outputs of a migration's stacks. Nothing is asked yet."""
    return Stacks(migration, partial(client, region=migration.target.region))


def places(config: Path, **given: str) -> Queues:
    """Return the places that are `given` by name; the stack is asked for those that are empty.

    Raises ConfigurationError or NotDeployed, which name what is missing and why.
    """
    missing = [place for place in PLACES if given.get(place.name) == ""]
    if missing:
        try:
            found = _from_stack(config)
        except (HintferryError, BotoCoreError, ClientError) as error:
            later = status_of_error(error) is Status.UNAVAILABLE
            raise (NotDeployed if later else ConfigurationError)(
                _ungiven(missing, error)
            ) from error
        given |= {place.name: found[place.name] for place in missing}
    return Queues(*(given.get(place.name, "") for place in PLACES))


def _from_stack(config: Path) -> dict[str, str]:
    migration = migration_from(config)
    ours, theirs = boto3.Session().region_name, migration.target.region
    if ours is not None and ours != theirs:
        raise ConfigurationError(
            f"the AWS tools are set to {ours}, and target.region of {config} is {theirs}; set"
            f" AWS_DEFAULT_REGION={theirs}"
        )
    return stacks(migration).queues()


def _ungiven(missing: list[Place], error: Exception) -> str:
    options = ", ".join(f"{place.option} (or {place.variable})" for place in missing)
    return f"give {options}; the stack does not tell them: {sentence(error)}"
