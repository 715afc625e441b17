"""docs/reference/retries.md: how often each thing is tried, and the pauses between."""

from collections.abc import Iterator

from docs.site.reference.layout import head, table, words_for
from hintferry.core import limits
from hintferry.core.limits import Retry
from hintferry_ops import constants


def page() -> Iterator[str]:
    found = {name: one for name, one in vars(limits).items() if isinstance(one, Retry)}
    words = words_for("retries", found)
    yield from head(
        "Retries and pauses",
        "Each pause is twice the one before, up to the longest.",
        "The names are those of `core/limits.py`, where the numbers stand.",
    )
    header = ("name", "what is tried", "attempts", "first pause", "longest pause")
    rows = [(f"`{name}`", words[name], *_numbers(one)) for name, one in found.items()]
    yield from table(header, rows)
    cuts = ", ".join(f"{rows:,}" for rows in limits.SLICE_CUTS)
    yield from ("", "## Other limits of attempts", "")
    yield "Where the source fails to read a whole slice, the slice is cut at rows of the target."
    yield f"The parts have {cuts} rows, in this order."
    yield (
        f"An event source mapping retries a batch {constants.RETRIES:,} times, and an invocation"
        f" that returns records takes at least {constants.RETURN_AFTER_S} s."
    )
    receives = f"{constants.REPLAY_RECEIVES:,}"
    yield f"The replay queue grants {receives} receives, then it parks a message."


def _numbers(one: Retry) -> Iterator[str]:
    yield str(one.attempts or "no limit of its own")
    yield f"{one.first_s:g} s" if one.first_s else "none"
    yield f"{one.pause_s(one.attempts - 1 if one.attempts else 30):g} s" if one.first_s else "none"
