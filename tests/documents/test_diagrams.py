"""Diagrams name what the code has."""

from __future__ import annotations

import re

from infra.stacks.sweep_machine import definition
from tools.places import ROOT


def test_the_states_of_the_sweep_in_its_diagram_are_those_of_its_machine() -> None:
    text = (ROOT / "docs" / "how-to" / "verify.md").read_text()
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    drawn = set(re.findall(r'[\[(]"([A-Z]\w+)', diagram))
    states = definition("sweep", "bucket", 8)["States"]
    choices = {name for name, state in states.items() if state["Type"] == "Choice"}
    assert drawn == set(states) - choices - {"TakeOver"}
