"""The files of Python that are shipped: what logs and reads the environment."""

from collections.abc import Iterator
from pathlib import Path

from tools import places


def sources(*folders: str) -> Iterator[Path]:
    """Yield each file of Python below these folders; fakes are not shipped."""
    for folder in folders:
        files = (places.ROOT / folder).rglob("*.py")
        yield from (one for one in files if "testing" not in one.parts)
