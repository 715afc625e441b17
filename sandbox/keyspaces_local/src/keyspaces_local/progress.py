"""Tables whose DDL has been answered and is still under way, as on the service.

The statement has been carried out behind. For `ddl_seconds` clients see the state, and the end of
the work is put off.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from keyspaces_local import rules
from keyspaces_local.behaviour import Conduct
from keyspaces_local.rules import Refusal

LIMIT = 50
TableKey = tuple[str, str]
_log = logging.getLogger(__name__)


class Progress:
    """The states other than ACTIVE, by (keyspace, table)."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._states: dict[TableKey, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.lock = asyncio.Lock()
        """Held while a statement, or the end of one, is carried out: who has seen an end is never
        refused for what came before it."""

    @property
    def lasts(self) -> bool:
        return self._conduct.behaviour.ddl_seconds > 0

    def check(self, table: TableKey) -> None:
        """Refuses DDL on a table in work, and too much of it at a time."""
        if status := self._states.get(table):
            raise Refusal(rules.TABLE_BUSY, table=".".join(table), status=status)
        if len(self._states) >= LIMIT:
            raise Refusal(rules.DDL_LIMIT, limit=LIMIT)

    async def until(self, table: TableKey, status: str, end: Callable[[], Awaitable[None]]) -> None:
        """Runs `end` when the work is over: now, or later on its own."""
        if not self.lasts:
            await end()
            return
        self._states[table] = status
        task = asyncio.get_running_loop().create_task(self._later(table, end))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _later(self, table: TableKey, end: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(self._conduct.behaviour.ddl_seconds)
        async with self.lock:
            try:
                await end()
            finally:
                del self._states[table]

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the end of a DDL statement failed", exc_info=error)
