"""The tables of keyspaces-local's README, as the tests check them."""

from pathlib import Path

HERE = Path(__file__).parent
_README = HERE.parents[1] / "sandbox" / "keyspaces_local" / "README.md"


def rows(head: str) -> list[list[str]]:
    """The cells of the rows of the table whose first column has that head."""
    lines = _README.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip("` ") for cell in line.strip("|").split("|")])
    return found


def tests_by_file() -> dict[str, str]:
    """The sources of the tests by the name of their file."""
    return {path.name: path.read_text() for path in HERE.glob("test_*.py")}
