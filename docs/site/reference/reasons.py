"""docs/reference/reasons.md: each code of an outcome, and what it means."""

from collections.abc import Iterable, Iterator

from docs.site.reference.layout import HINT, head, table, words_for
from hintferry.core.errors import ParkReason
from hintferry.core.hint import Errand
from hintferry.core.outcome import Outcome, ReturnReason, SkipReason


def page() -> Iterator[str]:
    kinds: tuple[tuple[str, Iterable[str]], ...] = (
        ("How a record ends", [one.value for one in Outcome]),
        ("Why a record is parked", [one.value for one in ParkReason]),
        ("Why a record is skipped", [one.value for one in SkipReason]),
        ("Why a record is returned without a fault", [one.value for one in ReturnReason]),
        ("Why a hint waits in the replay queue", [*(one.value for one in Errand), "given_up"]),
    )
    words = words_for("reasons", [code for _, codes in kinds for code in codes])
    yield from head(
        "Reason codes",
        "Codes stand in log lines, in the names of metrics and in parked messages.",
        "What to do with a parked record: [Replay parked records](../how-to/replay.md).",
        HINT,
    )
    for title, codes in kinds:
        yield from ("", f"## {title}")
        yield from table(("code", "meaning"), [(f"`{code}`", words[code]) for code in codes])
