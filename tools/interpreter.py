"""Choose the project's Python: 3.13, as on Lambda, where there is one; else this one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import places
from tools.steps import SetupError

WANTED = "3.13"
ACCEPTED = ("3.13", "3.12", "3.11")
_RECORD = places.STAMPS / "python"


@dataclass(frozen=True, slots=True)
class Interpreter:
    path: Path
    version: str

    @property
    def label(self) -> str:
        return f"Python {self.version}"


def choose() -> Interpreter:
    """3.13 from PATH or pyenv, else the running Python; SetupError when it is too new."""
    for path in _candidates():
        version = _version(path)
        if version is not None and _minor(version) == WANTED:
            return Interpreter(path, version)
    running = "{}.{}.{}".format(*sys.version_info[:3])
    if _minor(running) not in ACCEPTED:
        raise SetupError(
            f"Hintferry runs on Python {ACCEPTED[-1]} to {ACCEPTED[0]}, this is {running};"
            f" put a python{WANTED} on PATH."
        )
    return Interpreter(Path(sys.executable), running)


def recorded() -> Interpreter | None:
    """The choice of the last set-up while that interpreter is still there."""
    try:
        path, version = _RECORD.read_text().split("\n")
    except (OSError, ValueError):
        return None
    return Interpreter(Path(path), version) if Path(path).exists() else None


def record(python: Interpreter) -> None:
    _RECORD.parent.mkdir(parents=True, exist_ok=True)
    _RECORD.write_text(f"{python.path}\n{python.version}")


def label_of(path: Path) -> str | None:
    """Return the label of the interpreter at `path`; None when it does not run."""
    version = _version(path)
    return None if version is None else f"Python {version}"


def require_venv() -> None:
    """SetupError when the running Python cannot make virtual environments."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            f"{sys.executable} has no {' and no '.join(missing)}: install it"
            " (`apt install python3-venv` on Debian and Ubuntu) and start again."
        )


def _candidates() -> Iterator[Path]:
    on_path = shutil.which(f"python{WANTED}")
    if on_path:
        yield Path(on_path)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob(f"versions/{WANTED}*/bin/python"), reverse=True)


def _version(path: Path) -> str | None:
    """The interpreter's own answer: a shim may be on PATH and still run nothing."""
    ask = "import sys; print('{}.{}.{}'.format(*sys.version_info[:3]))"
    try:
        done = subprocess.run(
            [path, "-I", "-c", ask], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
