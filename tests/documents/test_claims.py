"""The figures that pages claim are those that were measured, or those of the code."""

from __future__ import annotations

import json
import re
from typing import Any

from bench import results
from hintferry.adapters.source.cassandra import READS_IN_FLIGHT
from hintferry.adapters.target.keyspaces import WRITES_IN_FLIGHT
from tools.places import ROOT

README = (ROOT / "README.md").read_text()


def measured(name: str) -> Any:
    return json.loads((ROOT / "bench" / "results" / f"{name}.json").read_text())


def test_how_late_the_readme_says_is_what_was_measured_as_the_stacks_ship_it() -> None:
    total = measured("freshness")["gathered"]["total"]
    said = f"p50 {total['p50'] / 1000:.1f} s, p99 {total['p99'] / 1000:.1f} s ([measured]"
    assert said in README


def test_the_soak_of_the_readme_is_the_one_that_was_kept() -> None:
    soak = measured("soak")
    others = sum(soak["faults"].values()) - soak["kills"]
    assert soak["verdict"] == "equal"
    assert soak["statements"] >= 1_000_000
    assert f"a million statements under {soak['kills']} kills and {others} other faults" in README


def test_the_page_of_results_is_made_of_what_was_kept() -> None:
    assert (ROOT / "bench" / "RESULTS.md").read_text() == results.page()


def test_as_many_requests_are_in_flight_as_the_pages_say() -> None:
    decision = (ROOT / "docs" / "decisions" / "0004-a-rate-is-steered.md").read_text()
    assert f"At most {READS_IN_FLIGHT} reads and {WRITES_IN_FLIGHT} writes" in decision
    tuning = (ROOT / "docs" / "how-to" / "tuning.md").read_text()
    assert f"{READS_IN_FLIGHT} reads and {WRITES_IN_FLIGHT} writes under way" in tuning


def test_the_files_that_the_explanations_name_are_there() -> None:
    package = ROOT / "layers" / "hintferry" / "python" / "hintferry"
    homes = (package, ROOT, ROOT / "tests" / "model")
    for page in ("tour", "promises"):
        text = (ROOT / "docs" / "explanation" / f"{page}.md").read_text()
        named = re.findall(r"`([\w/]+\.py)`", text)
        assert len(named) > 20
        assert [one for one in named if not any((home / one).exists() for home in homes)] == []
