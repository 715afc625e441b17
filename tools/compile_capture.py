"""Compile `node/capture` into one jar, with Eclipse's compiler on the installed Java."""

import re
import shutil
import zipfile
from pathlib import Path

from tools import places
from tools.steps import run

# Some of the other jars hold copies of packages that the JDK's modules own; the compiler refuses.
_NEEDED = re.compile(
    r"/(cassandra-all|debezium-|kafka-clients|connect-api|guava|slf4j-api|java-driver-core"
    r"|metrics-core|agrona|commons-lang3|antlr-runtime)[^/]*\.jar$"
)
_SAME_DATE = (2000, 1, 1, 0, 0, 0)


def compile_capture() -> None:
    """SetupError with the compiler's messages when a source is wrong."""
    classes = places.BUILD / "capture"
    shutil.rmtree(classes, ignore_errors=True)
    jars = places.classpath("connector").read_text().split()
    path = ":".join(jar for jar in jars if _NEEDED.search(jar))
    compiler = places.classpath("compiler").read_text().strip()
    options = ["-17", "-proc:none", "-nowarn", "-cp", path, "-d", str(classes)]
    run([str(places.java()), "-jar", compiler, *options, str(places.CAPTURE_SOURCES)])
    _pack(classes, places.CAPTURE_JAR)


def _pack(classes: Path, jar: Path) -> None:
    """Equal classes give equal bytes, by which the sandbox knows its class archive."""
    new = jar.with_suffix(".new")
    with zipfile.ZipFile(new, "w") as target:
        for path in sorted(classes.rglob("*.class")):
            name = str(path.relative_to(classes))
            target.writestr(zipfile.ZipInfo(name, _SAME_DATE), path.read_bytes())
    new.replace(jar)
