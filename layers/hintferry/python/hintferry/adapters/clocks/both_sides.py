"""The clocks of both sides, told by a request that any node answers.

Each coordinator of the source counts TTLs by its own clock, so its nodes are asked one by
one, some at a time. Behind the target's one name all nodes count as one clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from struct import unpack
from typing import Any

from cassandra import InvalidRequest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.core.clock_offset import Offset
from hintferry.ports import OwnClock

TRIES = 3
"""How often a clock is asked; the quickest answer tells most."""

NODES_AT_ONCE = 3
"""How many nodes are asked in turn, so that a cluster of any size is asked little."""

ANSWER_WITHIN_S = 1.0


class CqlClocks:
    """`source` and `target` are sessions; `own` is the clock that is compared."""

    def __init__(
        self, source: CqlSession, target: CqlSession, datacenter: str, own: OwnClock
    ) -> None:
        self._source, self._target, self._own = source, target, own
        self._datacenter = datacenter
        self._nodes: dict[str, Offset] = {}
        self._asked = 0

    def target(self) -> Offset | None:
        """Return how far the own clock is ahead; None where the target refuses to tell. Raises
        SideFault.
        """
        try:
            seen = [_ask(self._target.current(), self._own) for _ in range(TRIES)]
        except InvalidRequest:
            return None
        except Exception as error:
            self._target.doubt(error)
            raise translate(self._target, error) from error
        return min(seen, key=lambda one: one.width_us)

    def source(self) -> dict[str, Offset]:
        """Return how far the own clock is ahead of each node's that was asked now or lately."""
        session = self._source.current()
        hosts = {str(host.address): host for host in self._hosts(session)}
        self._nodes = {node: one for node, one in self._nodes.items() if node in hosts}
        first, self._asked = self._asked, self._asked + NODES_AT_ONCE
        for node in islice(cycle(sorted(hosts)), first, first + min(NODES_AT_ONCE, len(hosts))):
            try:
                self._nodes[node] = _ask(session, self._own, hosts[node])
            except DRIVER_ERRORS:
                # It does not answer reads either: whoever reads hears of it.
                self._nodes.pop(node, None)
        return dict(self._nodes)

    def _hosts(self, session: Any) -> Iterator[Any]:
        for host in session.cluster.metadata.all_hosts():
            if host.datacenter == self._datacenter and host.is_up:
                yield host


def _ask(session: Any, own: OwnClock, host: Any = None) -> Offset:
    """Raises driver errors."""
    sent_us = own.wall_us()
    result = session.execute(cql.TIME, timeout=ANSWER_WITHIN_S, host=host)
    answered_us = own.wall_us()
    ((told,),) = result.all()
    return Offset.seen(sent_us, answered_us, 1000 * unpack(">q", told)[0])
