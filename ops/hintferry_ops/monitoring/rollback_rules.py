"""Define the alarms that take a new version of a function back while a deploy shifts to it.

They watch the new version alone. So a fault of the deployed version, which may be what the deploy
shall fix, holds no deploy up.
"""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.adapters.config.deployment import Rollout
from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.metrics import (
    NAMESPACE,
    OF_VERSIONS,
    OUR_DIMENSION,
    OUR_VERSION,
    VERSION,
)
from hintferry_ops.monitoring.rule import MINUTE_S, Rule, Series, Severity

SHIFTED = ("processor", "replay")
"""The functions whose invocations a deploy shifts to the new version bit by bit."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a function, and the alias that leads to it."""

    function: str
    alias: str
    version: str


def rollback_rules(pipeline: str, name: str, new: Version) -> list[Rule]:
    """Return the alarms over the new version of the function `name`."""
    title = f"New{name.capitalize()}"
    invoked = dict(zip(VERSION, _as_lambda_says(new), strict=True))
    (failed,) = OF_VERSIONS
    ours = dict(zip((OUR_DIMENSION, *OUR_VERSION), (pipeline, *_as_we_say(new)), strict=True))
    return [
        Rule(
            f"{title}Fails", Severity.ROLLBACK, Series("AWS/Lambda", "Errors", invoked), "Sum", 0,
            "Invocations of the new version fail.",
            "Read the function's log from that minute on, fix the cause and deploy again.",
            "Deploys that are rolled back", MINUTE_S, 5, 2,
        ),
        Rule(
            f"{title}FailsHints", Severity.ROLLBACK, Series(NAMESPACE, failed, ours), "Sum", 0,
            "The new version parks or returns change hints.",
            "Read the log lines `parked` and `batch`, fix the cause and deploy again.",
            "Deploys that are rolled back", MINUTE_S, 5, 3,
        ),
    ]  # fmt: skip


def all_rollback_rules(migration: Migration) -> list[Rule]:
    """Return those of all functions, for who counts or lists them."""
    pipeline = migration.deployment.pipeline
    if pipeline.rollout is Rollout.AT_ONCE:
        return []
    return [
        rule
        for name in SHIFTED
        for rule in rollback_rules(pipeline.name, name, Version(name, "live", "7"))
    ]


def _as_lambda_says(new: Version) -> tuple[str, str, str]:
    return new.function, f"{new.function}:{new.alias}", new.version


def _as_we_say(new: Version) -> tuple[str, str]:
    return new.function, new.version
