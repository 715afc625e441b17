"""Runs statements of definition on Keyspaces as a stack asks for them, and tells it the end.

Definitions are asynchronous: a statement is accepted, and its table is ACTIVE some time later.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from cassandra import InvalidRequest
from cassandra.protocol import ProtocolHandler

from hintferry.adapters.config.settings import migration_from_environment
from hintferry.adapters.target.ddl import switch_on
from hintferry.core.schema import TableId
from hintferry.wiring.sessions import target_session

AT_ONCE = 40
POLL_S = 2.0
WITHIN_S = 780.0
UNKNOWN_S = 60.0
_STATUS = "SELECT keyspace_name, table_name, status FROM system_schema_mcs.tables"
_PROPERTIES = "SELECT keyspace_name, table_name, custom_properties FROM system_schema_mcs.tables"


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """A custom resource of CloudFormation. Nothing is ever dropped."""
    reason = ""
    try:
        if event["RequestType"] != "Delete":
            asked = event["ResourceProperties"]
            session = target_session(migration_from_environment().target).current()
            # Names and switches are looked at here, not passed on: decoded.
            session.client_protocol_handler = ProtocolHandler
            run(session, asked["Create"], asked["TtlOn"], time.monotonic() + WITHIN_S)
    except Exception as error:  # noqa: BLE001 - without an answer the stack waits for an hour
        reason = f"{type(error).__name__}: {error}"
        print(reason)
    _answer(event, reason)


def run(session: Any, create: Sequence[str], ttl_on: Sequence[str], until: float) -> None:
    """Make what is not there, one after the other, then switch TTL on where it is off.

    `until` is a time.monotonic(). Raises TimeoutError, or what the service says.
    """
    for statement in create:
        _execute(session, statement, until)
        _wait_until_active(session, until)
    on = {
        f"{row[0]}.{row[1]}"
        for row in session.execute(_PROPERTIES)
        if ((row[2] or {}).get("ttl") or {}).get("status") == "enabled"
    }
    off = [table for table in ttl_on if table not in on]
    for first in range(0, len(off), AT_ONCE):
        for table in off[first : first + AT_ONCE]:
            keyspace, _, name = table.partition(".")
            _execute(session, switch_on(TableId(keyspace, name), "ttl"), until)
        _wait_until_active(session, until)


def _execute(session: Any, statement: str, until: float) -> None:
    """A keyspace that was just accepted is not known everywhere yet: asked again for a while."""
    patient_until = min(until, time.monotonic() + UNKNOWN_S)
    while True:
        try:
            session.execute(statement, timeout=30.0)
            return
        except InvalidRequest:
            if time.monotonic() > patient_until:
                raise
            time.sleep(POLL_S)


def _wait_until_active(session: Any, until: float) -> None:
    while True:
        unready = [
            f"{row[0]}.{row[1]} is {row[2]}"
            for row in session.execute(_STATUS)
            if row[2] in ("CREATING", "UPDATING")
        ]
        if not unready:
            return
        if time.monotonic() > until:
            raise TimeoutError(f"not ACTIVE in time: {', '.join(unready)}")
        time.sleep(POLL_S)


def _answer(event: dict[str, Any], reason: str) -> None:
    answer = {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": reason[:1000],
        "PhysicalResourceId": event.get("PhysicalResourceId", "hintferry-statements"),
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30):
        pass
