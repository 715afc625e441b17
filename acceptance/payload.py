"""Build what the node of a run needs beside the bundle: Cassandra, Python packages, our code."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from acceptance.plan import DATACENTER, NODE_ADDRESS
from acceptance.ports import StepFailed
from node.bundle import copy_java
from sandbox.parts import templates
from sandbox.parts.cassandra import Ring
from tools import places
from tools.releases import DEFAULT

MACHINE, PYTHON = "x86_64", "3.12"
"""Of the instance, and of the Python on its image."""

_HERE = Path(__file__).parent / "node"
_RELEASE = "/opt/acceptance/release"
_STORAGE = "/var/lib/cassandra"
_PACKAGES = {
    "hintferry": "layers/hintferry/python/hintferry",
    "hintferry_ops": "ops/hintferry_ops",
    "hintferry_cli": "cli/hintferry_cli",
    "keyspaces_local": "sandbox/keyspaces_local/src/keyspaces_local",
    "sandbox": "sandbox",
    "tools": "tools",
    "acceptance": "acceptance",
}
_NEEDED = (
    "aws-lambda-powertools",
    "boto3",
    "cassandra-driver",
    "cassandra-sigv4",
    "certifi",
    "jinja2",
    "rich",
    "typer",
)
"""What `pyproject.toml` lists; a test compares them."""

_OPTIONS = (
    "-Xms2g",
    "-Xmx2g",
    "-Xss256k",
    "-Djava.net.preferIPv4Stack=true",
    "-Dcassandra.config=file:///etc/cassandra/cassandra.yaml",
    f"-Dcassandra.storagedir={_STORAGE}",
    "-Dcassandra.logdir=/var/log/cassandra",
    "-Dcassandra-rackdc.properties=file:///etc/cassandra/cassandra-rackdc.properties",
    "-Dlogback.configurationFile=file:///etc/cassandra/logback.xml",
    "-Dcassandra.jmx.local.port=7199",
    "-Dcassandra-foreground=yes",
    "-Dchronicle.analytics.disable=true",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
)
_MAIN = "org.apache.cassandra.service.CassandraDaemon"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "testing", "keyspaces_local")
_UV_S = 300.0


def build(home: Path, config: Path, environment: Mapping[str, str]) -> Path:
    """Write `payload.tar` into `home` and return its path; `environment` is `hintferry env`'s.

    Raises StepFailed where the packages cannot be had.
    """
    content = home / "payload"
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir(parents=True)
    _copy_cassandra(content / "cassandra", content / "jars")
    copy_java(home, MACHINE, content / "java")
    _copy_python(content / "python")
    for name in ("prepare", "in-run", "cloudwatch-agent.json"):
        shutil.copyfile(_HERE / name, content / name)
    for path in (config, config.with_name("schema.cql")):
        shutil.copyfile(path, content / path.name)
    (content / "environment").write_text(_exports(environment))
    target = home / "payload.tar"
    with tarfile.open(target, "w") as tar:
        tar.add(content, "payload")
    return target


def _copy_cassandra(target: Path, jars: Path) -> None:
    target.mkdir()
    jars.mkdir()
    ring = Ring("acceptance", DATACENTER, (NODE_ADDRESS,), cdc=True, segment="32MiB")
    templates.write(
        "cassandra.yaml",
        target / "cassandra.yaml",
        cluster=ring.name,
        num_tokens=4,
        tokens=ring.tokens(NODE_ADDRESS),
        seeds=NODE_ADDRESS,
        host=NODE_ADDRESS,
        data=_STORAGE,
        cdc="true",
        of_the_release=DEFAULT.yaml,
        segment=ring.segment,
        most_tombstones=str(ring.most_tombstones),
    )
    (target / "cassandra-rackdc.properties").write_text(f"dc={DATACENTER}\nrack=rack1\n")
    for name in ("cassandra.service", "logback.xml"):
        shutil.copyfile(_HERE / name, target / name)
    names = []
    for jar in map(Path, places.classpath(DEFAULT.jars).read_text().split()):
        shutil.copyfile(jar, jars / jar.name)
        names.append(f"{_RELEASE}/jars/{jar.name}")
    exports = (templates.CONF / "jvm.options").read_text().split()
    lines = [*exports, *_OPTIONS, "-cp", ":".join(names), _MAIN]
    (target / "cassandra.options").write_text("\n".join(lines) + "\n")


def _copy_python(target: Path) -> None:
    options = ["--python-platform", f"{MACHINE}-manylinux_2_28", "--python-version", PYTHON]
    options += ["--only-binary", ":all:", "--link-mode", "copy", "--target", str(target)]
    options += ["-c", str(places.ROOT / "requirements.txt")]
    done = subprocess.run(
        [str(places.UV), "pip", "install", "--quiet", *options, *_NEEDED],
        capture_output=True,
        text=True,
        timeout=_UV_S,
        check=False,
    )
    if done.returncode:
        raise StepFailed(f"the node's Python packages cannot be installed: {done.stderr.strip()}")
    for name, folder in _PACKAGES.items():
        shutil.copytree(places.ROOT / folder, target / name, ignore=_LEFT_OUT)


def _exports(environment: Mapping[str, str]) -> str:
    values = {**environment, "HINTFERRY_CONFIG": f"{_RELEASE}/migration.toml"}
    return "".join(f"export {name}={quote(value)}\n" for name, value in sorted(values.items()))
