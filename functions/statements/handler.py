"""Defines on Keyspaces what a stack asks for, as CloudFormation's custom resources."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from typing import Any

from hintferry.adapters.config.settings import migration_from_environment
from hintferry.adapters.target.definer import Definer, KeyspacesDefinitions, TableRequest
from hintferry.core.schema import TableId, UserType
from hintferry.wiring.sessions import target_session

WITHIN_S = 780.0


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """A custom resource of CloudFormation. Nothing is ever dropped."""
    reason = ""
    try:
        if event["RequestType"] != "Delete":
            session = target_session(migration_from_environment().target)
            define(Definer(KeyspacesDefinitions(session), time.monotonic() + WITHIN_S), event)
    except Exception as error:  # noqa: BLE001 - without an answer the stack waits for an hour
        reason = f"{type(error).__name__}: {error}"
        print(reason)
    _answer(event, reason)


def define(definer: Definer, event: Mapping[str, Any]) -> None:
    """Bring about what one resource asks for. Raises what `Definer` does."""
    asked = event["ResourceProperties"]
    match event["ResourceType"]:
        case "Custom::KeyspacesTable":
            # What failed at its creation has no earlier properties worth comparing with.
            before = event.get("OldResourceProperties")
            definer.make_table(TableRequest.of(asked), TableRequest.of(before) if before else None)
        case "Custom::KeyspacesTypes":
            types = [
                UserType(one["Name"], tuple((f["Name"], f["Type"]) for f in one["Fields"]))
                for one in asked["Types"]
            ]
            definer.make_types(asked["Create"], asked["Keyspace"], types)
        case _:
            tables = [TableId(*name.split(".", 1)) for name in asked["Tables"]]
            definer.make(asked["Create"], tables)


def _answer(event: dict[str, Any], reason: str) -> None:
    answer = {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": reason[:1000],
        "PhysicalResourceId": event.get("PhysicalResourceId", event["LogicalResourceId"]),
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30):
        pass
