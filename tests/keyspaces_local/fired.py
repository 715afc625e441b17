"""Record the refusals that the tests met: each rule must be raised by the README's test."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from keyspaces_local.rules import RULES, Refusal
from tests.keyspaces_local import readme

_STACK = "pytestmark = [pytest.mark.stack"


@contextmanager
def recorded() -> Iterator[dict[str, set[str]]]:
    """The names of the tests that met each rule, by the rule's name, as they come."""
    found: dict[str, set[str]] = defaultdict(set)
    made: Callable[..., None] = Refusal.__init__

    def noted(self: Refusal, rule: Any, **values: object) -> None:
        made(self, rule, **values)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition("::")[2]
        found[rule.name].add(test.partition("[")[0].partition(" ")[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Refusal, "__init__", noted)
        yield found


def ran_whole(session: pytest.Session) -> bool:
    """Return whether every test without a sandbox ran in this process, and none failed."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return False
    files = {item.path.name for item in session.items}
    wanted = {name for name, text in readme.tests_by_file().items() if _STACK not in text}
    chosen = session.config.option.keyword or any("::" in arg for arg in session.config.args)
    return wanted <= files and not chosen and not session.testsfailed


def missing(found: dict[str, set[str]]) -> dict[str, str]:
    """The rules that nothing raised, or not the README's test, with what that is.

    A test that needs the sandbox meets its refusals in another process: any other will do.
    """
    sources = readme.tests_by_file().values()
    local = "".join(text for text in sources if _STACK not in text)
    named = {row[0]: row[-1] for row in readme.rows("rule")}
    return {
        rule.name: named[rule.name]
        for rule in RULES
        if not found[rule.name]
        or (f"def {named[rule.name]}(" in local and named[rule.name] not in found[rule.name])
    }
