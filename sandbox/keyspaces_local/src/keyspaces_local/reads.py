"""The way of a SELECT from a table of the client's: switches, meters, capacity and faults."""

import asyncio

from keyspaces_local import policy, requests
from keyspaces_local.admission import Admission, Demand, Verdict
from keyspaces_local.behaviour import Conduct
from keyspaces_local.client import Client, Metered
from keyspaces_local.limits import check_subqueries
from keyspaces_local.pages import PagedRead
from keyspaces_local.pieces import Piece
from keyspaces_local.policy import Plan
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import Consistency, QueryFlag
from keyspaces_local.requests import Parameters

_STRONG = int(Consistency.LOCAL_QUORUM)
_PAGE_SIZE = int(QueryFlag.PAGE_SIZE)


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
        if self._conduct.gated or (plan.many_rows and found.flags & _PAGE_SIZE):
            return self._closely(data[start:end], stream, plan, plan.settings, _from(found, start))
        meter = plan.settings.meter
        self._client.metered[stream] = (
            meter.strong if found.consistency == _STRONG else meter.eventual
        )
        return None

    def _closely(
        self, whole: bytes, stream: int, plan: Plan, table: TableSettings, found: Parameters
    ) -> bytes:
        """The way of a read in pages, and of one that capacities or faults concern."""
        meter: Metered = (
            table.meter.strong if found.consistency == _STRONG else table.meter.eventual
        )
        verdict = Verdict(())
        if self._conduct.gated:
            piece = Piece(plan, requests.bound_values(whole, found))
            admitted = self._admission.read(stream, found.consistency, Demand(piece, table, 1))
            if admitted is None:
                return b""
            verdict, meter = admitted
        paging = requests.paging(whole, found) if plan.many_rows else None
        if paging is not None:
            page = PagedRead(
                self._conduct, self._client, table, whole, found, paging, meter, verdict.answer
            )
            self._client.awaited[stream] = page.answer
            whole = page.frame
        else:
            self._client.metered[stream] = meter
            if verdict.answer is not None:
                self._client.awaited[stream] = verdict.answer
        if not verdict.delay:
            return whole
        self._client.forward_later(stream, _after(verdict.delay, whole))
        return b""


def _from(found: Parameters, start: int) -> Parameters:
    """The places as they are in a copy that begins at `start`."""
    return Parameters(found.consistency, found.flags, found.values - start, found.end - start)


async def _after(seconds: float, whole: bytes) -> bytes:
    await asyncio.sleep(seconds)
    return whole
