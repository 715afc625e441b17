"""The parts that all connections of one running proxy share. Holds, decides nothing."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyspaces_local.admin import Address
from keyspaces_local.behaviour import Conduct
from keyspaces_local.catalog import Catalog
from keyspaces_local.ddl import ControlPlane
from keyspaces_local.lookups import Lookups
from keyspaces_local.policy import Plan
from keyspaces_local.protocol import string_multimap
from keyspaces_local.results import View
from keyspaces_local.views import TableName

_PREPARED_LIMIT = 10_000
SUPPORTED_BODY = string_multimap({"CQL_VERSION": ["3.4.4"], "COMPRESSION": []})


class PreparedPlans:
    """The plans of prepared statements by their id; the oldest goes when it is full.

    A client that executes a forgotten one gets an error and prepares it again.
    """

    __slots__ = ("_plans", "get")

    def __init__(self) -> None:
        self._plans: OrderedDict[bytes, Plan] = OrderedDict()
        self.get = self._plans.get

    def put(self, prepared_id: bytes, plan: Plan) -> None:
        self._plans[prepared_id] = plan
        if len(self._plans) > _PREPARED_LIMIT:
            self._plans.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One proxy: its Region, its state directory, what is behind it, and what it knows."""

    region: str
    state: Path
    backend: Address
    catalog: Catalog
    control: ControlPlane
    views: Mapping[TableName, View]
    lookups: Lookups
    conduct: Conduct
    prepared: PreparedPlans = field(default_factory=PreparedPlans)
    supported: bytes = SUPPORTED_BODY
