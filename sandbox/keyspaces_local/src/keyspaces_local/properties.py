"""The settings of a table that Keyspaces has and Cassandra has not. Pure.

Owns which custom properties exist, their defaults, and which changes are refused.
"""

from dataclasses import dataclass, field

from keyspaces_local import rules
from keyspaces_local.meters import Meter
from keyspaces_local.options import PropertyMap
from keyspaces_local.rules import Refusal
from keyspaces_local.schema import TableSchema

CLIENT_SIDE_TIMESTAMPS = "client_side_timestamps"
TTL = "ttl"
CAPACITY_MODE = "capacity_mode"
_ONE_WAY = frozenset({CLIENT_SIDE_TIMESTAMPS, TTL})
_SWITCHES = frozenset({CLIENT_SIDE_TIMESTAMPS, TTL, "point_in_time_recovery", "cdc"})
_KNOWN = _SWITCHES | {CAPACITY_MODE, "encryption_specification", "warm_throughput"}

Properties = dict[str, dict[str, str]]
"""Property name to its fields, as `system_schema_mcs.tables.custom_properties` shows them."""


@dataclass(slots=True)
class TableSettings:
    """The settings of one table; changed in place, so that prepared statements see it."""

    keyspace: str
    table: str
    status: str = "ACTIVE"
    properties: Properties = field(default_factory=dict)
    default_ttl: int = 0
    comment: str = ""
    schema: TableSchema | None = None
    version: int = 0
    """Counts the changes of switches and columns."""
    meter: Meter = field(default_factory=Meter)
    row_bytes: float = 0.0
    """Mean size of the rows in the last answer over 1 MB; 0 before there is one."""

    @property
    def key(self) -> tuple[str, str]:
        return self.keyspace, self.table

    @property
    def full_name(self) -> str:
        return f"{self.keyspace}.{self.table}"

    @property
    def client_timestamps(self) -> bool:
        return is_enabled(self.properties, CLIENT_SIDE_TIMESTAMPS)

    @property
    def ttl(self) -> bool:
        return is_enabled(self.properties, TTL)


def is_enabled(properties: Properties, name: str) -> bool:
    return properties.get(name, {}).get("status") == "enabled"


def defaults(now_ms: int) -> Properties:
    """Return the properties that a new table shows when nothing was asked for."""
    return {
        "capacity_mode": {
            "last_update_to_pay_per_request_timestamp": str(now_ms),
            "throughput_mode": "PAY_PER_REQUEST",
        },
        "encryption_specification": {"encryption_type": "AWS_OWNED_KMS_KEY"},
        "point_in_time_recovery": {"status": "disabled"},
    }


def changed(current: Properties, change: PropertyMap) -> Properties:
    """`current` with the properties of `change`; raises `Refusal` for what is not allowed."""
    result = dict(current)
    for name, value in change.items():
        fields = _fields(name, value)
        if name in _ONE_WAY and is_enabled(current, name) and fields["status"] != "enabled":
            raise Refusal(rules.PROPERTY_ONE_WAY, name=name)
        result[name] = {**current.get(name, {}), **fields}
    return result


def altered(current: Properties, change: PropertyMap) -> Properties:
    """Return the properties like `changed`, for ALTER TABLE: one property a statement."""
    if len(change) > 1:
        raise Refusal(rules.PROPERTY_ONE, names=", ".join(sorted(change)))
    return changed(current, change)


def with_ttl(properties: Properties) -> Properties:
    """A default_time_to_live above 0 turns the TTL switch on, for good."""
    return {**properties, TTL: {"status": "enabled"}}


def _fields(name: str, value: str | PropertyMap) -> dict[str, str]:
    if name not in _KNOWN:
        raise Refusal(rules.PROPERTY_UNKNOWN, name=name)
    if not isinstance(value, dict):
        raise Refusal(rules.PROPERTY_VALUE, name=name, problem="a map is needed")
    fields = {key: text for key, text in value.items() if isinstance(text, str)}
    if len(fields) != len(value):
        raise Refusal(rules.PROPERTY_VALUE, name=name, problem="nested maps are not imitated")
    if name in _SWITCHES and fields.get("status") not in ("enabled", "disabled"):
        raise Refusal(rules.PROPERTY_VALUE, name=name, problem="status is enabled or disabled")
    if name == CAPACITY_MODE:
        _check_capacity(fields)
    return fields


def _check_capacity(fields: dict[str, str]) -> None:
    mode = fields.get("throughput_mode")
    if mode not in ("PAY_PER_REQUEST", "PROVISIONED"):
        problem = "throughput_mode is PAY_PER_REQUEST or PROVISIONED"
        raise Refusal(rules.PROPERTY_VALUE, name=CAPACITY_MODE, problem=problem)
    units = (fields.get("read_capacity_units", ""), fields.get("write_capacity_units", ""))
    if mode == "PROVISIONED" and not all(text.isdigit() and int(text) > 0 for text in units):
        problem = "PROVISIONED takes read_capacity_units and write_capacity_units above 0"
        raise Refusal(rules.PROPERTY_VALUE, name=CAPACITY_MODE, problem=problem)
