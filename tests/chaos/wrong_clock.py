"""Sets the clocks of half of the workers wrong, and hears whether they refused to work by them.

The workers run `clocked/handler.py`, which looks at the file that is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

TASK_ROOT = Path(__file__).parent / "clocked"

_WRONG_S = (0.2, 0.8)
_REFUSAL = b"this machine's clock is "


class WrongClock:
    """`folder` is where the functions have their configuration and their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "wrong_clock"

    @contextmanager
    def set_by(self, random: Random) -> Iterator[None]:
        """Half of the processes are wrong while this is entered, ahead or behind."""
        wrong_s = random.uniform(*_WRONG_S) * random.choice((-1, 1))
        new = self._file.with_suffix(".new")
        new.write_text(f"{random.randrange(2)} {round(wrong_s * 1e9)}")
        new.rename(self._file)
        try:
            yield
        finally:
            self._file.unlink()

    def ends(self) -> dict[Path, int]:
        """Return where each worker's log ends now."""
        return {log: log.stat().st_size for log in self._folder.glob("*.log")}

    def refusals(self, since: dict[Path, int]) -> int:
        """Lines that say so behind these ends."""
        return sum(_lines(log, since.get(log, 0)) for log in self._folder.glob("*.log"))


def _lines(log: Path, since: int) -> int:
    with log.open("rb") as file:
        file.seek(since)
        return sum(_REFUSAL in line for line in file)
