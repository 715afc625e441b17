"""Find the write time that counts, and check whether it lies in the window.

Knows where the frame has it.
"""

from collections.abc import Sequence

from keyspaces_local import policy, requests
from keyspaces_local.pieces import using_value
from keyspaces_local.policy import Plan
from keyspaces_local.protocol import INT, LONG, SHORT, QueryFlag
from keyspaces_local.requests import Parameters
from keyspaces_local.shape import Values

_PREFIX = INT.pack(LONG.size)
_PLAIN_VALUES = QueryFlag.VALUES | QueryFlag.VALUE_NAMES


def check_bound(data: bytes, plan: Plan, found: Parameters, now: int) -> None:
    """Refuses a write time out of the window that is bound to the statement's marker."""
    using = plan.statement.timestamp
    if using is None or using.marker < 0:
        return
    value = _last(data, plan, found) or requests.bound_value(data, found, using)
    if value is not None and len(value) == LONG.size:
        policy.check_window(LONG.unpack(value)[0], now)


def _last(data: bytes, plan: Plan, found: Parameters) -> bytes | None:
    """The write time where it is the last of the bound values, found from behind."""
    using = plan.statement.timestamp
    if using is None or found.flags & _PLAIN_VALUES != QueryFlag.VALUES:
        return None
    if using.marker != SHORT.unpack_from(data, found.values)[0] - 1:
        return None
    end = requests.last_value(data, found)
    start = end - LONG.size
    return data[start:end] if data[start - INT.size : start] == _PREFIX else None


def default_time(
    data: bytes, start: int, end: int, plans: Sequence[Plan], now: int
) -> bytes | None:
    """The frame with the time that counts, or None where it has it already.

    The driver's time counts where the tables take client times, else the server's does.
    """
    if not any(plan.settings is not None and plan.settings.client_timestamps for plan in plans):
        return data[start : end - LONG.size] + LONG.pack(now)
    for plan in plans:
        if plan.statement.timestamp is None:
            policy.check_window(LONG.unpack_from(data, end - LONG.size)[0], now)
            break
    return None


def write_time(
    whole: bytes, plan: Plan, values: Values, found: Parameters, now: int, batch: Plan | None = None
) -> int:
    """The write time of a statement whose frame has passed `default_time`."""
    for statement in (plan.statement, *([batch.statement] if batch else [])):
        if (given := using_value(statement.timestamp, values)) is not None:
            return given
    if found.timestamp is None:
        return now
    return int(LONG.unpack_from(whole, found.timestamp)[0])
