"""The operator's command and keyspaces-local as wheels, in `build/wheels`: `make wheels`."""

import sys
from pathlib import Path

from tools import places
from tools.steps import SetupError, run

OUT = places.BUILD / "wheels"
PROJECTS = (places.ROOT, places.ROOT / "sandbox" / "keyspaces_local")


def build(home: Path) -> None:
    """Both into `home`; SetupError when one cannot be built."""
    for project in PROJECTS:
        # With the builder that is pinned, in the environment that set-up made.
        run(
            [str(places.UV), "build", "--quiet", "--wheel", "--no-build-isolation", "--offline",
             "--python", str(places.VENV_PYTHON), "--out-dir", str(home), str(project)]
        )  # fmt: skip


def main() -> int:
    try:
        build(OUT)
    except SetupError as error:
        print(f"wheels: {error}", file=sys.stderr)
        return 1
    for wheel in sorted(OUT.glob("*.whl")):
        print(wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
