"""The way of a SELECT from a table of the client's: switches, meters, capacity and faults."""

import asyncio

from keyspaces_local import policy, requests
from keyspaces_local.admission import Admission, Demand
from keyspaces_local.behaviour import Conduct
from keyspaces_local.client import Client
from keyspaces_local.limits import check_subqueries
from keyspaces_local.pieces import Piece
from keyspaces_local.policy import Plan
from keyspaces_local.protocol import Consistency
from keyspaces_local.requests import Parameters

_STRONG = int(Consistency.LOCAL_QUORUM)


class Reads:
    """The reads of one client."""

    __slots__ = ("_admission", "_client", "_conduct")

    def __init__(self, conduct: Conduct, client: Client, admission: Admission) -> None:
        self._conduct, self._client, self._admission = conduct, client, admission

    def statement(
        self, data: bytes, start: int, end: int, stream: int, plan: Plan, found: Parameters
    ) -> bytes | None:
        """An EXECUTE or QUERY; gives what goes behind, as `Forward`."""
        if plan.guarded:
            policy.check_switches(plan, 0)
        where = plan.statement.where
        if where is not None and where.lists:
            check_subqueries(plan.statement, requests.bound_values(data, found))
        if plan.settings is None:
            return None
        if self._conduct.gated:
            return self._pass_on(data, start, end, stream, plan, found)
        meter = plan.settings.meter
        self._client.metered[stream] = (
            meter.strong if found.consistency == _STRONG else meter.eventual
        )
        return None

    def _pass_on(
        self, data: bytes, start: int, end: int, stream: int, plan: Plan, found: Parameters
    ) -> bytes | None:
        """The way of a read that capacities or faults concern."""
        if plan.settings is None:
            return None
        piece = Piece(plan, requests.bound_values(data, found))
        admitted = self._admission.read(stream, found.consistency, Demand(piece, plan.settings, 1))
        if admitted is None:
            return b""
        verdict, self._client.metered[stream] = admitted
        if verdict.answer is not None:
            self._client.awaited[stream] = verdict.answer
        if not verdict.delay:
            return None
        self._client.forward_later(stream, _after(verdict.delay, data[start:end]))
        return b""


async def _after(seconds: float, whole: bytes) -> bytes:
    await asyncio.sleep(seconds)
    return whole
