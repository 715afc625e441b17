"""What is in the account beside what ministack keeps: names that are taken, and what shall fail."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tests.rehearsal.emulator.keyspaces import Keyspaces


@dataclass
class Failure:
    """The next creation or update of a resource of this type, whose id contains `named`, fails."""

    kind: str
    reason: str
    named: str = ""


FAILING: list[Failure] = []
TAKEN: dict[str, dict[str, dict[str, Any]]] = {}
"""By type, by name: the properties of what has that name."""

ROLES: dict[str, dict[str, Any]] = {}
"""The properties of each role that a stack made, by stack and id."""

KEYSPACES = Keyspaces()


class Refused(ValueError):
    """What a service, or CloudFormation itself, answers instead."""


def fail_if_asked(kind: str, logical_id: str) -> None:
    """Raises Refused once for each failure that was asked for."""
    for failure in FAILING:
        if failure.kind == kind and failure.named in logical_id:
            FAILING.remove(failure)
            raise Refused(failure.reason)


def take(kind: str, name: str, properties: dict[str, Any]) -> None:
    """Give the name away. Raises Refused where it is taken."""
    taken = TAKEN.setdefault(kind, {})
    if name in taken:
        raise Refused(f"Resource of type '{kind}' with identifier '{name}' already exists.")
    taken[name] = properties


def free(kind: str, name: str) -> None:
    """Take the name back."""
    TAKEN.get(kind, {}).pop(name, None)


def state() -> dict[str, Any]:
    """All of it, for a test to look at."""
    return {
        "taken": TAKEN,
        "roles": ROLES,
        "failing": [asdict(one) for one in FAILING],
        "keyspaces": KEYSPACES.state(),
    }
