"""A node that does not learn the schema of the others is restarted, and no other is."""

from __future__ import annotations

from typing import cast
from uuid import UUID, uuid4

import pytest

from sandbox import agreement
from sandbox.agreement import agree
from sandbox.parts.cassandra import Node
from sandbox.parts.endpoints import CqlEndpoint
from sandbox.parts.errors import SandboxError

SOURCE = CqlEndpoint(("a", "b", "c"), 9042, "dc")
OLD, NEW = uuid4(), uuid4()


class Learner:
    """A node that knows an old schema until it was restarted so many times."""

    def __init__(self, name: str, restarts: int) -> None:
        self.name, self.needed, self.restarts = name, restarts, 0

    def restart(self) -> None:
        self.restarts += 1

    def version(self) -> UUID:
        return NEW if self.restarts >= self.needed else OLD


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "_LEARNS_S", 0.0)
    monkeypatch.setattr(agreement, "_BETWEEN_LOOKS_S", 0.0)
    monkeypatch.setattr(agreement, "_version", lambda source, node: node.version())


def restarts(*needed: int) -> list[int]:
    learners = [Learner(name, count) for name, count in zip("abc", needed, strict=False)]
    agree(SOURCE, cast(list[Node], learners))
    return [one.restarts for one in learners]


@pytest.mark.parametrize("needed", [(0,), (0, 0, 0), (0, 1, 0), (0, 0, 2)])
def test_only_the_node_that_is_late_is_restarted(needed: tuple[int, ...]) -> None:
    assert restarts(*needed) == list(needed)


def test_one_that_never_learns_is_named() -> None:
    with pytest.raises(SandboxError, match=r"^c: another schema"):
        restarts(0, 0, 99)
