"""docs/decisions/index.md: each decision by its title."""

from collections.abc import Iterator

from docs.site.reference.layout import HINT, head
from tools import places

HOME = places.ROOT / "docs" / "decisions"


def page() -> Iterator[str]:
    yield from head(
        "Decisions",
        "What was chosen where another way was possible, why, and what was turned down.",
        HINT,
        "",
    )
    for file in sorted(HOME.glob("0*.md")):
        title = file.read_text().partition("\n")[0].removeprefix("# ")
        yield f"- [{title}]({file.name})"
