"""Custom resources: those that define something on Keyspaces run our own function's code."""

from __future__ import annotations

import importlib
import time
from typing import Any

from hintferry.adapters.target.definer import Definer
from tests.rehearsal.emulator import world

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]
WITHIN_S = 20.0

_handler = importlib.import_module("functions.statements.handler")


def create(
    logical_id: str, properties: Properties, stack: str, resource_type: str = "Custom::Any"
) -> Made:
    world.fail_if_asked(resource_type, logical_id)
    _define(resource_type, properties)
    return logical_id, {}


def update(
    made: str,
    old: Properties,
    new: Properties,
    stack: str,
    logical_id: str = "",
    resource_type: str = "Custom::Any",
) -> Made:
    world.fail_if_asked(resource_type, logical_id)
    _define(resource_type, new, old)
    return made, {}


def delete(made: str, properties: Properties, **_: Any) -> None: ...


def _define(kind: str, properties: Properties, old: Properties | None = None) -> None:
    if kind.startswith("Custom::Keyspaces"):
        event = {"ResourceType": kind, "ResourceProperties": properties}
        event |= {"OldResourceProperties": old} if old is not None else {}
        _handler.define(Definer(world.KEYSPACES, time.monotonic() + WITHIN_S), event)
