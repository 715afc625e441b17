"""Merge-compare the source and target pages of one token range.

The bytes of both sides are compared as far as they are equal, wherever their pages end. Rows are
made only of pages in which they differ. Memory is bounded by three pages a side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from hintferry.core.compare import EXPIRY_TOLERANCE_S
from hintferry.core.hint import Bound
from hintferry.core.rows import Scanned, ScanPage
from hintferry.core.schema import Key

Pair = tuple[Scanned | None, Scanned | None]
"""One key's row on the source and on the target; None where a side has none."""


@dataclass(frozen=True, slots=True)
class MergeStep:
    """The next rows of both sides. `done`: every token up to it was shown in the steps before."""

    done: int
    equal: int = 0
    """Rows that both sides show byte for byte alike."""

    pairs: list[Pair] = field(default_factory=list)
    """Other rows, in no order."""


@dataclass(frozen=True, slots=True)
class MergePosition:
    """The point that a merge has come to: all tokens up to `done`, and rows of the next token up to
    these bounds.

    A bound is None where the whole partition is done.
    """

    done: int
    reached: dict[Key, Bound | None]


class PageMerge:
    """One reading of the tokens up to `upto`.

    With `slices`, a partition that the sides show differently and that is larger than a page ends
    it. The rows of such a partition are better asked for by key.
    """

    def __init__(
        self,
        source: Iterator[ScanPage],
        target: Iterator[ScanPage],
        after: int,
        upto: int,
        slices: bool,
    ) -> None:
        self._source, self._target = _SidePages(source), _SidePages(target)
        self._upto, self._slices = upto, slices
        self._done = after
        self._last: ScanPage | list[Scanned] | None = None
        """The rows or the page shown last, where they may not be all of their last token."""

        self.is_over = False
        """Whether all of the range was shown."""

    @property
    def position(self) -> MergePosition:
        """Return where another reading has to go on: a step counts once the next one is asked
        for.
        """
        if self._last is None:
            return MergePosition(self._done, {})
        keys = self._last.keys if isinstance(self._last, ScanPage) else self._last
        last = keys[-1]
        reached: dict[Key, Bound | None] = {
            key.partition: None for key in keys if key.token == last.token
        }
        if last.clustering:
            reached[last.partition] = Bound(last.clustering, inclusive=False)
        return MergePosition(last.token - 1, reached)

    def steps(self) -> Iterator[MergeStep]:
        """Yield the steps of the merge. Raises HintferryError."""
        source, target = self._source, self._target
        while True:
            source.fill()
            target.fill()
            done = min(source.passed(self._upto), target.passed(self._upto))
            if source.is_empty and target.is_empty:
                self._done, self._last, self.is_over = done, None, True
                yield MergeStep(done)
                return
            alike = self._alike()
            if alike is not None:
                yield MergeStep(done, equal=alike.count)
                self._last = alike
                continue
            source_rows, target_rows = source.rows(), target.rows()
            if source.has_none(source_rows) or target.has_none(target_rows):
                continue
            together = _together(source_rows, target_rows)
            if together:
                yield MergeStep(
                    done,
                    pairs=list(zip(source_rows[:together], target_rows[:together], strict=True)),
                )
                self._last = source_rows[:together]
                source.drop(together, source_rows)
                target.drop(together, target_rows)
            elif (cut := self._whole(source_rows, target_rows)) is not None:
                yield MergeStep(done, pairs=self._matched(cut, source_rows, target_rows))
                self._done, self._last = cut, None
            elif not self._read_on(source_rows, target_rows):
                return

    def _alike(self) -> ScanPage | None:
        """Pass the bytes that are equal on both sides, and return them."""
        one, other = self._source.uncut, self._target.uncut
        if one is None or other is None:
            return None
        if abs(one.arrived_at - other.arrived_at) > EXPIRY_TOLERANCE_S:
            # Equal TTLs, counted from these, are then not equal.
            return None
        short = min(one, other, key=lambda page: len(page.body))
        length = len(short.body)
        if one.body[:length] != other.body[:length] or not short.layout.is_dense(short.body):
            return None
        self._source.page = one.after(short.count, length)
        self._target.page = other.after(short.count, length)
        return short

    def _whole(self, source_rows: list[Scanned], target_rows: list[Scanned]) -> int | None:
        """The last token of which both sides have shown all; None where that is none new."""
        ends = (
            self._source.whole(source_rows, self._upto),
            self._target.whole(target_rows, self._upto),
        )
        first = min(key.token for key in [*source_rows[:1], *target_rows[:1]])
        return min(ends) if min(ends) >= first else None

    def _matched(
        self, cut: int, source_rows: list[Scanned], target_rows: list[Scanned]
    ) -> list[Pair]:
        """The rows up to the token, each with that of the other side, and past them."""
        source = list(takewhile(lambda key: key.token <= cut, source_rows))
        target = list(takewhile(lambda key: key.token <= cut, target_rows))
        self._source.drop(len(source), source_rows)
        self._target.drop(len(target), target_rows)
        return matched(source, target)

    def _read_on(self, source_rows: list[Scanned], target_rows: list[Scanned]) -> bool:
        """See more of the token that is not whole; False where that is more than a page."""
        ends = (
            self._source.whole(source_rows, self._upto),
            self._target.whole(target_rows, self._upto),
        )
        for side, end in zip((self._source, self._target), ends, strict=True):
            if end == min(ends):
                if side.held and self._slices:
                    if self._last is None:
                        self._done = end
                    return False
                side.hold()
        return True


class _SidePages:
    """The rows of one side, then a page, that were read and not passed yet."""

    def __init__(self, pages: Iterator[ScanPage]) -> None:
        self._pages = pages
        self.held: list[Scanned] = []
        self.page: ScanPage | None = None

    @property
    def is_empty(self) -> bool:
        return not self.held and (self.page is None or not self.page.count)

    @property
    def uncut(self) -> ScanPage | None:
        """The page, where nothing stands before it."""
        return None if self.held or self.is_empty else self.page

    def fill(self) -> None:
        """Read on until something is there, or the side has no more."""
        while self.is_empty and not self._is_last:
            self.page = next(self._pages)

    def hold(self) -> None:
        """Read on behind what is there."""
        self.held = self.rows()
        self.page = next(self._pages)

    def passed(self, upto: int) -> int:
        """The last token of which nothing can come any more."""
        if self.held:
            return self.held[0].token - 1
        return upto if self.page is None or self.is_empty else self.page.first_token - 1

    def rows(self) -> list[Scanned]:
        return self.held + (self.page.keys if self.page else [])

    def has_none(self, rows: list[Scanned]) -> bool:
        """Pass what is there if it holds no row."""
        if rows or self.page is None or self.is_empty:
            return False
        self.page = self.page.after(self.page.count, len(self.page.body))
        return True

    def whole(self, rows: list[Scanned], upto: int) -> int:
        """The last token of which all rows are there."""
        if self._is_last:
            return upto
        return rows[-1].token - 1 if rows else self.passed(upto)

    def drop(self, count: int, rows: list[Scanned]) -> None:
        """Pass so many of these rows, which are all that is there."""
        if self.page is not None and count >= len(self.held):
            left = count - len(self.held)
            self.page = self.page.without(left)
        self.held = self.held[count:]

    @property
    def _is_last(self) -> bool:
        return self.page is not None and self.page.is_last


def matched(source: Iterable[Scanned], target: Iterable[Scanned]) -> list[Pair]:
    """Each row with that of the other side, if it has one."""
    unmatched = {key[:3]: key for key in source}
    pairs: list[Pair] = [(unmatched.pop(key[:3], None), key) for key in target]
    return pairs + [(key, None) for key in unmatched.values()]


def _together(source_rows: Iterable[Scanned], target_rows: Iterable[Scanned]) -> int:
    """Return how many rows from the first on have the same keys on both sides."""
    both = zip(source_rows, target_rows, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0][:3] == pair[1][:3], both))
