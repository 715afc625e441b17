"""Our connector and the stock one beside each other, at every hole.

What each was last seen to do is kept in docs/reference/capture-holes.json; the page is made of it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.parts.endpoints import Capture
from sandbox.stack import Stack
from tests.capture import holes
from tests.capture.faults import FAULTS
from tools import places
from tools.releases import RELEASES, Release

KEPT = places.ROOT / "docs" / "reference" / "capture-holes.json"
PAGE = places.ROOT / "docs" / "reference" / "capture-holes.md"
CARRIED = {case.name: case.carried for case in holes.CASES}
HEAD = """# Capture, beside the stock connector

The table says what became of the change hint of each kind of change, in real runs.
An empty cell was not run (`tests/capture/test_holes.py`).
*Arrives* means with the right key.
If a change passes no commit log, there is no hint, and the last column says what carries it.

"""
Seen = dict[str, dict[str, dict[str, str]]]


def page(seen: Seen) -> str:
    """`seen` is by release, by connector, by case."""
    kinds = [(release, kind.value) for release in RELEASES for kind in Capture if release in seen]
    head = ["change", *(f"{kind}, {release}" for release, kind in kinds), "carried by"]
    lines = [head, ["---"] * len(head)]
    for name in (*CARRIED, *FAULTS):
        carrier = CARRIED.get(name, "")
        found = [seen[release].get(kind, {}).get(name, "") for release, kind in kinds]
        told = ["no hint" if carrier and one == holes.LOST else one for one in found]
        lines.append([name, *told, carrier])
    return HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def keep(release: Release, kind: Capture, outcomes: Mapping[str, str]) -> None:
    seen: Seen = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    seen.setdefault(release.version, {})[kind.value] = dict(outcomes)
    KEPT.write_text(json.dumps(seen, indent=1) + "\n")
    PAGE.write_text(page(seen))


@pytest.mark.stack
@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", Capture, ids=lambda kind: kind.value)
def test_what_the_log_holds_is_hinted_and_the_stock_connector_loses_some(
    kind: Capture, release: Release, tmp_path: Path
) -> None:
    outcomes = {}
    with (
        Stack(capture=kind, release=release, root=tmp_path) as stack,
        holes.scene(stack, kind) as scene,
    ):
        for number, case in enumerate(holes.CASES, 1):
            if case.only not in ("", release.version):
                continue
            outcomes[case.name] = holes.play(scene, case, number)
            print(kind.value, case.name, outcomes[case.name], flush=True)
        for number, (name, fault) in enumerate(FAULTS.items(), 50):
            outcomes[name] = fault(scene, number)
            print(kind.value, name, outcomes[name], flush=True)
    keep(release, kind, outcomes)
    if kind is Capture.STOCK:
        # Or nothing could be seen to be lost.
        assert "lost" in outcomes["static column alone"]
    else:
        lost = {name for name, outcome in outcomes.items() if outcome != holes.ARRIVES}
        assert lost == {name for name, carrier in CARRIED.items() if carrier}


def test_the_page_is_what_was_seen() -> None:
    assert PAGE.read_text() == page(json.loads(KEPT.read_text()))
