"""Test that capture waits by a clock that nobody sets; that of the machine is for labels."""

from collections import Counter

from tools import places

SOURCES = places.ROOT / "node" / "capture" / "hintferry" / "capture"
WALL = "System.currentTimeMillis()"
# Times that are written down or compared with those of others, and tokens.
LABELS = {"HintWriter": 1, "SchemaKeeper": 4, "Watermarks": 2}


def test_the_clock_of_the_machine_tells_labels_alone() -> None:
    found = Counter({path.stem: path.read_text().count(WALL) for path in SOURCES.glob("*.java")})
    assert +found == LABELS
