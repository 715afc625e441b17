"""Describe what an operator did, and when: one entry for each verb that changed something. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done. `at`: epoch seconds; `table`: its name, or `switches.ALL`.

    `who`: the ARN of the caller, or the user and host where AWS was not asked.
    """

    at: float
    table: str
    verb: str
    who: str
    old: str = ""
    new: str = ""
    reason: str = ""
