"""The command line of a Java part: launcher, class path, heap, and the class archive.

A part's classes are dumped into an archive when it first ends in order. From then on it starts in
about two thirds of the time. The JVM checks the archive against the jars and ignores a stale one.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.parts.errors import SandboxError
from tools import places
from tools.releases import DEFAULT

# Of each jar list: ours and stock, in a checkout or two. Each takes about 70 MB.
_ARCHIVES_KEPT = 4


@dataclass(frozen=True, slots=True)
class Archive:
    """Archive of the classes of one class path, and the file that a first run writes."""

    path: Path

    @property
    def part(self) -> Path:
        return self.path.with_suffix(f".{os.getpid()}")

    @property
    def known(self) -> bool:
        return self.path.exists()

    def keep(self) -> None:
        """Keep the archive that the first run wrote at its end; nothing when it wrote nothing."""
        if not self.part.exists():
            return
        self.part.replace(self.path)
        jars = self.path.name.partition("-")[0]
        kept = sorted(self.path.parent.glob(f"{jars}-*.jsa"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_ARCHIVES_KEPT]:
            old.unlink(missing_ok=True)


def archive(jars: str, extra: Sequence[Path] = ()) -> Archive:
    """The archive for a jar list and jars of our own in front of it."""
    content = hashlib.sha256(_list(jars).encode())
    for jar in extra:
        content.update(jar.read_bytes())
    return Archive(places.cache() / "classes" / f"{jars}-{content.hexdigest()[:16]}.jsa")


def command(
    jars: str,
    main: str,
    *arguments: str,
    heap_mb: int,
    options: Sequence[str] = (),
    extra: Sequence[Path] = (),
    classes: Archive | None = None,
    java: str = DEFAULT.java,
) -> list[str]:
    """Return the command that runs `main` with the list `jars`; `extra` jars come first."""
    path = ":".join([*map(str, extra), *_list(jars).split()])
    return [
        str(places.java(java)),
        f"-Xmx{heap_mb}m",
        "-Xms64m",
        "-XX:+UseSerialGC",
        # Short-lived servers on few cores: the second compiler costs more than it brings.
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xlog:disable",
        *_archive_options(classes),
        *options,
        "-cp",
        path,
        main,
        *arguments,
    ]


def _archive_options(classes: Archive | None) -> list[str]:
    if classes is None:
        return []
    if classes.known:
        return [f"-XX:SharedArchiveFile={classes.path}"]
    classes.path.parent.mkdir(parents=True, exist_ok=True)
    return [f"-XX:ArchiveClassesAtExit={classes.part}"]


def _list(jars: str) -> str:
    try:
        return places.classpath(jars).read_text()
    except FileNotFoundError as error:
        raise SandboxError("The jars are not there yet; `make setup` fetches them.") from error
