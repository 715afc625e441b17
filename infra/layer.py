"""The layer and the functions as Lambda will find them, built without docker for its processor.

A build depends on nothing but the sources and the hash-pinned requirements. No file names the
machine, so the same checkout gives the same asset anywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ConfigurationError
from tools.places import ROOT, UV

PYTHON = "3.13"
RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
ACCEPTED = {
    **dict.fromkeys(
        ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"),
        "3.13 is the runtime that every test runs on; it is maintained until 2029",
    ),
    "Serverless-LambdaTracing": "X-Ray sees neither side's protocol and would need an endpoint and"
    " rights on every resource; figures and logs tell of each batch",
    "Serverless-LambdaDLQ": "for what is invoked asynchronously: mappings keep what failed"
    " themselves, and CloudFormation waits for its answer",
}
"""The findings of cdk-nag that every function accepts."""

CONFIG_IN_FUNCTION = "/var/task/migration.toml"

LAYER = ROOT / "layers" / "hintferry"
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
_UV_S = 300.0
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "testing")
_NAMES_THE_MACHINE = ("*.dist-info/RECORD", "*.dist-info/direct_url.json")


@dataclass(frozen=True, slots=True)
class Code:
    """Builds into `directory`; `config` is the `migration.toml` that the functions shall read."""

    directory: Path
    config: Path

    def layer(self, scope: Construct) -> lambda_.LayerVersion:
        """The layer in a stack."""
        return lambda_.LayerVersion(
            scope,
            "Layer",
            code=lambda_.Code.from_asset(str(self.directory / "layer")),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            description="Hintferry and what it imports",
        )

    def function(self, source: Path) -> lambda_.AssetCode:
        """The code of a function: its files, and what the configuration is made of."""
        target = self.directory / source.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=_LEFT_OUT)
        shutil.copyfile(self.config, target / "migration.toml")
        ca_file = migration_from(self.config).source.ca_file
        if ca_file is not None:
            shutil.copyfile(ca_file, target / ca_file.name)
        return lambda_.Code.from_asset(str(target))


def build_layer(directory: Path, processor: str = "arm64", python: str = PYTHON) -> None:
    """Rebuild `directory` as Lambda unpacks it to /opt. Raises ConfigurationError.

    `processor` is a key of PLATFORMS, `python` a version as "3.13".
    """
    shutil.rmtree(directory, ignore_errors=True)
    packages = directory / "python"
    options = ["--python-platform", PLATFORMS[processor], "--python-version", python]
    options += ["--link-mode", "copy", "--target", str(packages)]
    pinned = ["--require-hashes", "--only-binary", ":all:", "-r", str(LAYER / "requirements.txt")]
    failure = ""
    # What is pinned is often in uv's cache, where it needs no registry to be found.
    for network in (["--offline"], []):
        done = subprocess.run(
            [UV, "pip", "install", "--quiet", *network, *options, *pinned],
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            capture_output=True,
            text=True,
            timeout=_UV_S,
            check=False,
        )
        failure = done.stderr.strip() if done.returncode else ""
        if not failure:
            break
    if failure:
        raise ConfigurationError(f"the layer cannot be built: {failure}")
    shutil.rmtree(packages / "bin", ignore_errors=True)
    _remove(path for pattern in _NAMES_THE_MACHINE for path in packages.glob(pattern))
    _remove([packages / ".lock"])
    shutil.copytree(LAYER / "python" / "hintferry", packages / "hintferry", ignore=_LEFT_OUT)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
