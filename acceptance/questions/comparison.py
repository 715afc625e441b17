"""Compare an answer of the service with what we assume, which is what keyspaces-local answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

ASSUMED = Path(__file__).with_name("assumed.json")

_OF_THE_MOMENT = {
    re.compile(r"\b(contract|acceptance)_[0-9a-f]+\b"): "KEYSPACE",
    re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"): "MOMENT",
    re.compile(r"\b\d+\.\d+\.\d+\.\d+:\d+"): "ENDPOINT",
}
"""What differs from one asking to the next, and what stands in its place."""

_CODE = re.compile(r"code=([0-9a-fx]+)")


class Verdict(Enum):
    """What an answer says about our assumption."""

    AGREES = "agrees"
    WORDS = "agrees, in other words"
    DIFFERS = "differs"
    OPEN = "open"


def assumed() -> Mapping[str, object]:
    """Return what keyspaces-local answers, by the id of the question."""
    found: dict[str, object] = json.loads(ASSUMED.read_text())
    return found


def plain(answer: object) -> object:
    """Return the answer without the keyspace, the moment and the address of its asking."""
    if not isinstance(answer, str):
        return answer
    for pattern, name in _OF_THE_MOMENT.items():
        answer = pattern.sub(name, answer)
    return answer


def verdict(expected: object, answer: object) -> Verdict:
    """Return whether the answer is the expected one; two refusals may differ in their words."""
    if plain(answer) == plain(expected):
        return Verdict.AGREES
    codes = [_CODE.search(one) for one in (expected, answer) if isinstance(one, str)]
    if len(codes) == 2 and all(codes) and len({one[1] for one in codes if one}) == 1:
        return Verdict.WORDS
    return Verdict.DIFFERS
