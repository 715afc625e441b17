"""docs/reference/environment.md: each environment variable that the code names."""

import re
from collections.abc import Iterator

from docs.site.reference.layout import head, table, words_for
from docs.site.reference.sources import sources

SHIPPED = ("layers", "functions", "infra", "cli", "ops")


def page() -> Iterator[str]:
    named = [re.findall(r'"(HINTFERRY_[A-Z_]+)"', one.read_text()) for one in sources(*SHIPPED)]
    found = words_for("environment", sorted({name for one in named for name in one}))
    yield from head(
        "Environment variables",
        "The stacks set them for the functions; `hintferry env` prints them for your shell.",
        "Login and Region are those of the AWS tools (`AWS_PROFILE`, `AWS_DEFAULT_REGION`).",
    )
    yield from table(("variable", "meaning"), [(f"`{n}`", text) for n, text in found.items()])
