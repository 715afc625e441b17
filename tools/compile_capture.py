"""Compile `node/capture`, a jar for each connector, with Eclipse's compiler on our Java."""

import re
import shutil
import zipfile
from pathlib import Path

from tools import places
from tools.releases import Release
from tools.steps import run

# Some of the other jars hold copies of packages that the JDK's modules own; the compiler refuses.
NEEDED = re.compile(
    r"/(cassandra-all|debezium-|kafka-clients|connect-api|guava|slf4j-api|java-driver-core"
    r"|metrics-core|jackson-(?:core|databind|annotations)|agrona|commons-lang3|antlr-runtime)"
    r"[^/]*\.jar$"
)
_SAME_DATE = (2000, 1, 1, 0, 0, 0)


def compile_capture(release: Release) -> None:
    """Compile it for a release; SetupError with the compiler's messages when a source is wrong."""
    classes = release.capture.with_suffix("")
    shutil.rmtree(classes, ignore_errors=True)
    jars = places.classpath(release.connector).read_text().split()
    path = ":".join(jar for jar in jars if NEEDED.search(jar))
    compiler = places.classpath("compiler").read_text().strip()
    options = ["-17", "-proc:none", "-nowarn", "-cp", path, "-d", str(classes)]
    run([str(places.java()), "-jar", compiler, *options, *map(str, release.capture_sources)])
    _pack(classes, release.capture)


def _pack(classes: Path, jar: Path) -> None:
    """Equal classes give equal bytes, by which the sandbox knows its class archive."""
    new = jar.with_suffix(".new")
    with zipfile.ZipFile(new, "w") as target:
        for path in sorted(classes.rglob("*.class")):
            name = str(path.relative_to(classes))
            target.writestr(zipfile.ZipInfo(name, _SAME_DATE), path.read_bytes())
    new.replace(jar)
