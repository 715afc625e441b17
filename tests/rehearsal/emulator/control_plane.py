"""The control plane of Amazon Keyspaces: what lists keyspaces, tables and tags, and drops them."""

from __future__ import annotations

import json
from typing import Any

from hintferry.core.schema import TableId
from tests.rehearsal.emulator import world

TARGET = "KeyspacesService."
_ACCOUNT_ARN = "arn:aws:cassandra:eu-west-1:123456789012:/keyspace"


def answer(operation: str, body: bytes) -> tuple[int, bytes]:
    """Return the HTTP status and the body for one call."""
    asked = json.loads(body or b"{}")
    try:
        found = _OPERATIONS[operation](asked)
    except LookupError as error:
        said = {"__type": "ResourceNotFoundException", "message": str(error)}
        return 400, json.dumps(said).encode()
    return 200, json.dumps(found).encode()


def _list_keyspaces(_asked: dict[str, Any]) -> dict[str, Any]:
    names = ["system", "system_schema", *sorted(world.KEYSPACES.keyspaces)]
    return {"keyspaces": [_described(name) for name in names]}


def _described(name: str) -> dict[str, str]:
    arn = f"{_ACCOUNT_ARN}/{name}/"
    return {"keyspaceName": name, "resourceArn": arn, "replicationStrategy": "SINGLE_REGION"}


def _list_tables(asked: dict[str, Any]) -> dict[str, Any]:
    keyspace = asked["keyspaceName"]
    tables = [table for table in world.KEYSPACES.tables() if table.keyspace == keyspace]
    return {
        "tables": [
            {
                "keyspaceName": keyspace,
                "tableName": table.name,
                "resourceArn": f"{_ACCOUNT_ARN}/{keyspace}/table/{table.name}",
            }
            for table in tables
        ]
    }


def _list_tags(asked: dict[str, Any]) -> dict[str, Any]:
    keyspace, _, name = asked["resourceArn"].rpartition("/keyspace/")[2].partition("/table/")
    tags = world.KEYSPACES.tags[TableId(keyspace, name)]
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def _delete_keyspace(asked: dict[str, Any]) -> dict[str, Any]:
    world.KEYSPACES.drop(asked["keyspaceName"])
    return {}


_OPERATIONS = {
    "ListKeyspaces": _list_keyspaces,
    "ListTables": _list_tables,
    "ListTagsForResource": _list_tags,
    "DeleteKeyspace": _delete_keyspace,
}
