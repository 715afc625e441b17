"""Jars by lock file: `python -m tools.jars lock|fetch NAME...` (run in the project's venv).

No NAME means every list. `python -m tools.jars move VERSION NAME` asks for another Debezium in a
list and locks that. A list `tools/jars/NAME.toml` says what is wanted. `lock` resolves it into
`NAME.lock.toml`, which names every jar with its SHA-256 and no host. `fetch` downloads exactly
those jars into the shared cache, checks them, and writes the class path. The lists are never
merged.
"""

import fcntl
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jgo.env import EnvironmentBuilder, EnvironmentSpec, LockFile
from jgo.env._lockfile import LockedDependency, compute_sha256
from jgo.maven import MavenContext

from tools import places

DOWNLOADS = 8
ATTEMPTS = 3
LOADED = ("compile", "runtime")
_DEBEZIUM = re.compile(r"(io\.debezium:debezium-connector-cassandra-\d+:)[^\"]+")


class JarError(Exception):
    """A jar could not be had; the message says which one and what to do."""


def lock(name: str) -> None:
    """Resolve the list `name` and write its lock file, unless nothing changed."""
    context = _context()
    builder = EnvironmentBuilder(context, cache_dir=places.BUILD / "jgo")
    spec = EnvironmentSpec.load(_list(name))
    try:
        asked, transitive = context.resolver.resolve(builder.spec_to_dependencies(spec))
    except RuntimeError as error:
        raise JarError(f"The list {name} could not be resolved: {error}") from error
    every = asked + [dep for dep in transitive if dep.scope in LOADED]
    locked = LockFile.from_resolved_dependencies(every, environment_name=name)
    if not _lock_file(name).exists() or _rows(LockFile.load(_lock_file(name))) != _rows(locked):
        locked.save(_lock_file(name))


def move(version: str, name: str) -> None:
    """Another Debezium for the list `name`, and its lock; both stay as they are if it fails."""
    before = _list(name).read_text()
    after, found = _DEBEZIUM.subn(rf"\g<1>{version}", before)
    if found != 1:
        raise JarError(f"The list {name} asks for no Debezium.")
    _list(name).write_text(after)
    try:
        lock(name)
    except JarError:
        _list(name).write_text(before)
        raise


def fetch(name: str) -> None:
    """Download the jars locked for `name`, check their hashes, and write the class path file."""
    context = _context()
    jars = LockFile.load(_lock_file(name)).dependencies
    with _one_at_a_time(), ThreadPoolExecutor(DOWNLOADS) as pool:
        paths = list(pool.map(lambda jar: _fetch_one(context, jar), jars))
    target = places.classpath(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{path}\n" for path in paths))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """The resolver breaks off where another process puts the same jar into the store meanwhile."""
    places.cache().mkdir(parents=True, exist_ok=True)
    with (places.cache() / "jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_one(context: MavenContext, jar: LockedDependency) -> Path:
    component = context.project(jar.groupId, jar.artifactId).at_version(jar.version)
    artifact = component.artifact(jar.classifier or "", jar.packaging)
    fault = "was not tried"
    for _ in range(ATTEMPTS):
        try:
            path = Path(artifact.resolve())
        except (OSError, RuntimeError) as error:
            fault = f"could not be downloaded: {error}"
            continue
        if compute_sha256(path) == jar.sha256:
            return path
        # A download that was cut short, or the wrong file: only another copy can repair it.
        path.unlink()
        fault = "does not have the hash of its lock file"
    raise JarError(f"The jar {artifact} {fault}. Check the network and start again.")


def _context() -> MavenContext:
    return MavenContext(repo_cache=places.jar_store(), timeout=60)


def _lists() -> list[str]:
    return sorted(path.name[: -len(".lock.toml")] for path in places.JAR_LISTS.glob("*.lock.toml"))


def _list(name: str) -> Path:
    return places.JAR_LISTS / f"{name}.toml"


def _lock_file(name: str) -> Path:
    return places.JAR_LISTS / f"{name}.lock.toml"


def _rows(locked: LockFile) -> list[dict[str, object]]:
    return [dep.to_dict() for dep in locked.dependencies]


def main(arguments: list[str]) -> int:
    verb, *names = arguments
    try:
        if verb == "move":
            move(*names)
            return 0
        for name in names or _lists():
            {"lock": lock, "fetch": fetch}[verb](name)
    except JarError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
