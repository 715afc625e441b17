"""Count how far a run over a table is, at what pace, and what is in its way."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

from hintferry.core.tokens import WIDTH_OF_RING, TokenRange
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.sweep.progress import Progress
from hintferry_cli.sweep.bill import PassPrice

LEAST_SHARE = 0.001
"""Share of the ring; the ends of the nodes' ranges cut much smaller pieces."""

LONGEST_LIST = 5
"""How many different errors are kept; the rest are only counted."""

WINDOW_S = 30.0
"""The pace is that of so many seconds: a mean of all time hides that a side went away."""


@dataclass(slots=True)
class RunState:
    """Count while the run goes on. `unfinished` says why it ended early."""

    sums: VerifySums | BackfillSums
    bill: PassPrice
    began: float = field(default_factory=time.monotonic)
    keys: int = 0
    """Keys in this run, those of ranges that are not done included."""

    width_at_start: int = 0
    width: int = 0
    """Tokens of the ranges that are done."""

    walked: int = 0
    """Tokens in ranges that are not done."""

    ranges: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    failures: dict[TokenRange, str] = field(default_factory=dict)
    unfinished: str | None = None
    is_refused: bool = False
    """The table cannot be swept at all, and another run would not help."""

    is_away: bool = False
    """A side does not answer; another run may help."""

    trouble: str = ""
    """What failed since some key was last read, and is tried again."""

    waits_until: float = 0.0
    """When the next second look is due, in monotonic seconds."""

    moved_at: float = field(default_factory=time.monotonic)
    """When some key was last read, in monotonic seconds."""

    _pace: deque[tuple[float, int, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Begin to count."""
        self.begin()

    def begin(self) -> None:
        """Count from here: what earlier runs did says nothing of the pace."""
        self.width_at_start = self.width
        self._pace = deque([(time.monotonic(), self.keys, self.width)])

    @property
    def share(self) -> float:
        """Return which share of the table is walked, from 0 to 1."""
        return min(1.0, (self.width + self.walked) / WIDTH_OF_RING)

    @property
    def silent_s(self) -> float:
        """Return for how long no key was read."""
        return time.monotonic() - self.moved_at

    @property
    def waits_s(self) -> float:
        """Return how long it is until the next second look; 0 where none is waited for."""
        return max(0.0, self.waits_until - time.monotonic())

    @property
    def ending(self) -> str | None:
        """Return why the run is unfinished, and what to do."""
        if self.unfinished is None or self.is_refused:
            return self.unfinished
        return f"{self.unfinished}; run the same command again to resume"

    @property
    def elapsed_s(self) -> float:
        """Return the seconds of this run."""
        return time.monotonic() - self.began

    @property
    def keys_per_s(self) -> float:
        """Return the pace of the last half minute."""
        return self._per_s()[0]

    @property
    def eta_s(self) -> float | None:
        """Return the seconds that the rest takes at this pace; None while that is not known."""
        done = self.width + self.walked
        tokens_per_s = self._per_s()[1]
        if done - self.width_at_start < LEAST_SHARE * WIDTH_OF_RING or not tokens_per_s:
            return None
        return max(0, WIDTH_OF_RING - done) / tokens_per_s

    @property
    def usd(self) -> float | None:
        """Return the cost of the finished ranges on the target, in USD; None without a price."""
        return self.bill.usd(self.sums, self.elapsed_s)

    @property
    def usd_in_all(self) -> float | None:
        """Return the cost of the whole table in USD; None while it is not known."""
        usd = self.usd
        if usd is None or self.width < LEAST_SHARE * WIDTH_OF_RING:
            return None
        return usd * WIDTH_OF_RING / self.width

    def hear(self, progress: Progress) -> None:
        """Count what a worker tells of a range that is not done."""
        self.keys += progress.keys
        self.walked += progress.tokens
        self.waits_until = time.monotonic() + progress.waits_s
        if progress.trouble:
            self.trouble = progress.trouble
        elif progress.keys or progress.tokens:
            self._moved()

    def enter(self, part: TokenRange, sums: dict[str, int]) -> None:
        """Count a finished range."""
        self.sums.add(type(self.sums)(**sums))  # type: ignore[arg-type]
        self.width += part.width
        self.walked = max(0, self.walked - part.width)
        self.ranges += 1
        self._moved()

    def fail(self, error: str) -> None:
        """Count a failed range or worker."""
        self.failed += 1
        if error in self.errors or len(self.errors) < LONGEST_LIST:
            self.errors[error] += 1

    def _moved(self) -> None:
        self.trouble, self.moved_at = "", time.monotonic()
        if self.moved_at - self._pace[-1][0] > 1.0:
            self._pace.append((self.moved_at, self.keys, self.width + self.walked))

    def _per_s(self) -> tuple[float, float]:
        """Return the keys and the tokens a second within the window."""
        now = time.monotonic()
        while len(self._pace) > 1 and self._pace[1][0] <= now - WINDOW_S:
            self._pace.popleft()
        at, keys, tokens = self._pace[0]
        took_s = max(now - at, 0.001)
        return (self.keys - keys) / took_s, (self.width + self.walked - tokens) / took_s
