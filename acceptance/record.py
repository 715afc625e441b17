"""Keep what a run saw: one JSON file, and one page for people, without account or secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from acceptance.questions.comparison import Verdict

_ARN = re.compile(r"arn:(aws[\w-]*):([\w-]+):([\w-]*):\d{12}:[^\s\"',;)\]]+")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b")
_LONG_SECRET = re.compile(
    r"(?i)((?:secret|token|password|signature|credential)\w*[\"']?\s*[=:]\s*[\"']?)[^\s\"',]+"
)
_DIGITS = "000000000000"


def masked(value: Any) -> Any:
    """Return the value without account numbers, names in ARNs, keys and secrets."""
    if isinstance(value, str):
        text = _ARN.sub(r"arn:\1:\2:\3:…", value)
        text = _ACCESS_KEY.sub("KEY", text)
        text = _LONG_SECRET.sub(r"\1…", text)
        return _ACCOUNT.sub(_DIGITS, text)
    if isinstance(value, Mapping):
        return {masked(key): masked(of) for key, of in value.items()}
    if isinstance(value, Sequence):
        return [masked(one) for one in value]
    return value


DONE, FAILED, STOPPED, NOT_RUN = "done", "failed", "stopped", "not run"
"""How a step ends."""


@dataclass(slots=True)
class StepRecord:
    """How one step went."""

    name: str
    outcome: str
    seconds: float = 0.0
    found: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One open question and what answered it."""

    id: str
    question: str
    by: str
    assumed: Any
    answer: Any
    verdict: str


@dataclass(slots=True)
class Record:
    """Everything that a run keeps and sends."""

    name: str
    region: str
    version: str
    began: str
    most_usd: float
    hours: float
    steps: list[StepRecord] = field(default_factory=list)
    questions: list[Answer] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write `record.json` and `record.md`, masked; a half-written file is never left."""
        folder.mkdir(parents=True, exist_ok=True)
        tree = masked(asdict(self))
        for name, text in (
            ("record.json", json.dumps(tree, indent=2, ensure_ascii=False) + "\n"),
            ("record.md", "\n".join(page(tree)) + "\n"),
        ):
            made = folder / f"{name}.new"
            made.write_text(text)
            made.replace(folder / name)

    @property
    def negative(self) -> bool:
        """Return whether a step failed or an answer differs."""
        return any(step.outcome != DONE for step in self.steps) or any(
            one.verdict == Verdict.DIFFERS.value for one in self.questions
        )


def page(tree: Mapping[str, Any]) -> list[str]:
    """Return the lines of the page, from what the JSON file has."""
    verdicts = [one["verdict"] for one in tree["questions"]]
    counts = ", ".join(f"{verdicts.count(one.value)} {one.value}" for one in Verdict)
    return [
        f"# Acceptance run {tree['name']}",
        "",
        f"Hintferry {tree['version']}, {tree['region']}, begun {tree['began']};"
        f" at most USD {tree['most_usd']:.2f} in {tree['hours']:.1f} h.",
        "",
        "| step | outcome | seconds | what was seen |",
        "|---|---|---|---|",
        *(_step_line(one) for one in tree["steps"]),
        "",
        f"## Open questions: {counts}",
        "",
        "| question | verdict | assumed | answer |",
        "|---|---|---|---|",
        *(_question_line(one) for one in tree["questions"]),
        "",
        "## What stays in the account",
        "",
        *([f"- {one}" for one in tree["stays"]] or ["Nothing."]),
    ]


def _step_line(one: Mapping[str, Any]) -> str:
    seen = one["problem"] or ", ".join(f"{name} {value}" for name, value in one["found"].items())
    return f"| {one['name']} | {one['outcome']} | {one['seconds']:.0f} | {_cell(seen)} |"


def _question_line(one: Mapping[str, Any]) -> str:
    cells = (one["question"], one["verdict"], one["assumed"], one["answer"])
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= 160 else f"{text[:160]}…"
