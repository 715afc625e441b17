"""Event source mappings: topic and consumer group are for ever, and two of one topic are refused.

The API's update knows no topics: CloudFormation calls it, and the mapping keeps what it has.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region

from tests.rehearsal.emulator import world
from tests.rehearsal.emulator.world import Refused

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]
KIND = "AWS::Lambda::EventSourceMapping"
_MADE: dict[str, str] = {}


def _identity(properties: Properties) -> str:
    parts = [properties["FunctionName"], properties["EventSourceArn"]]
    return " ".join([*parts, *properties.get("Topics", [])])


def _group(properties: Properties) -> Any:
    return properties.get("AmazonManagedKafkaEventSourceConfig", {}).get("ConsumerGroupId")


def create(logical_id: str, properties: Properties, stack: str) -> Made:
    identity = _identity(properties)
    if identity in world.TAKEN.get(KIND, {}):
        raise Refused(f"An event source mapping with {identity} already exists.")
    for topic in properties.get("Topics", []):
        name = f"{properties['EventSourceArn']} {topic}"
        if ":kafka:" in name and "/shared/" not in name and name not in _topics():
            raise Refused(f"The topic {topic} does not exist.")
    world.take(KIND, identity, properties)
    made = str(uuid4())
    _MADE[made] = identity
    return made, _attributes(made)


def _topics() -> dict[str, Any]:
    return world.TAKEN.get("AWS::MSK::Topic", {})


def _attributes(made: str) -> dict[str, Any]:
    where = f"arn:aws:lambda:{get_region()}:{get_account_id()}:event-source-mapping"
    return {"Id": made, "EventSourceMappingArn": f"{where}:{made}"}


def update(made: str, old: Properties, new: Properties, stack: str) -> Made:
    if _group(old) != _group(new):
        raise Refused("ConsumerGroupId cannot be updated.")
    kept = world.TAKEN[KIND][_MADE[made]]
    kept.update({name: value for name, value in new.items() if name != "Topics"})
    return made, _attributes(made)


def delete(made: str, properties: Properties) -> None:
    world.free(KIND, _MADE.pop(made, ""))


HANDLERS: dict[str, Any] = {"create": create, "update": update, "delete": delete}
