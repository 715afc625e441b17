"""The client of a running endpoint's control port, for tests and experiments.

    control = Control("http://127.0.0.1:9143")
    control.add_fault(Fault(FaultAction.DROP_ANSWER, share=0.1, operation=Operation.WRITE, seed=7))
    control.set_capacity("shop.orders", write=100, read=300)
    control.behave(quotas=True)
    ...
    control.reset()

Needs the standard library only.
"""

import json
import urllib.error
import urllib.request
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from keyspaces_local.behaviour import Behaviour
from keyspaces_local.capacity import TableCapacity
from keyspaces_local.faults import Fault, FaultCount
from keyspaces_local.messages import behaviour_of, fault_count_of, fault_message
from keyspaces_local.meters import Reading

_TIMEOUT = 10.0


class ControlError(Exception):
    """The control port refused, or is not there; the message says why."""


class Control:
    """Sets faults, capacities and behaviour, and reads meters; every call is one HTTP request.

    Tables are `keyspace.table`. Raises `ControlError`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def add_fault(self, fault: Fault) -> int:
        """Arms a fault beside those that are armed; gives its number."""
        return int(self._ask("POST", "/faults", fault_message(fault))["number"])

    def faults(self) -> tuple[FaultCount, ...]:
        """Return the faults that are armed, and how often each has fired."""
        return tuple(fault_count_of(found) for found in self._ask("GET", "/faults")["faults"])

    def clear_faults(self, number: int | None = None) -> None:
        """Disarms one fault, or all."""
        self._ask("DELETE", "/faults" if number is None else f"/faults/{number}")

    def set_capacity(
        self,
        table: str,
        *,
        write: float | None = None,
        read: float | None = None,
        burst_seconds: float = 0.0,
    ) -> None:
        """Gives a table so many units a second, whatever its capacity mode; None is unlimited."""
        capacity = asdict(TableCapacity(write, read, burst_seconds))
        self._ask("PUT", f"/capacity/{quote(table)}", capacity)

    def clear_capacity(self) -> None:
        """Takes back all of `set_capacity`."""
        self._ask("DELETE", "/capacity")

    def behaviour(self) -> Behaviour:
        return behaviour_of(self._ask("GET", "/behaviour"))

    def behave(self, **changes: float | bool) -> Behaviour:
        """Changes fields of `Behaviour`; gives the whole."""
        return behaviour_of(self._ask("PUT", "/behaviour", changes))

    def meters(self) -> dict[str, Reading]:
        """Return the use of each table since the start or the last `reset_meters`."""
        found = self._ask("GET", "/meters")
        return {table: Reading(**reading) for table, reading in found.items()}

    def reset_meters(self) -> None:
        self._ask("DELETE", "/meters")

    def reset(self) -> None:
        """No faults, no capacities, the behaviour of the start; meters go on counting."""
        self.clear_faults()
        self.clear_capacity()
        self._ask("DELETE", "/behaviour")

    # JSON from our own server; its shapes are checked where they become values.
    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ControlError(f"{method} {path}: {error.read().decode()}") from error
        except OSError as error:
            raise ControlError(f"The control port {self.url} does not answer: {error}") from error
