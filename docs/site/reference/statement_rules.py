"""docs/reference/statement-rules.md: each rule by which `hintferry statements` judges."""

from collections.abc import Iterator

from docs.site.reference.layout import head, table
from hintferry_ops.statements.rules import RULES, Effect

_TITLES = {
    Effect.REFUSED: "Refused",
    Effect.DIFFERS: "Runs, but differs",
    Effect.UNSURE: "Unknown",
    Effect.COSTS: "Costs",
    Effect.NOTE: "To know",
}


def page() -> Iterator[str]:
    yield from head(
        "Rules for statements",
        "`hintferry statements` judges by these rules, beside what keyspaces-local answers.",
        "How to use it: [Will my application run there?](../how-to/statements.md).",
        "*Source* is the page of the Developer Guide; *met* is where a user published it.",
        "Nothing here was asked of the service itself.",
    )
    for effect, title in _TITLES.items():
        yield from ("", f"## {title}")
        yield from table(
            ("rule", "what happens", "write instead", "source"),
            [
                (
                    f"`{rule.name}`",
                    rule.what,
                    rule.instead,
                    f"[guide]({rule.source})" + (f", [met]({rule.seen})" if rule.seen else ""),
                )
                for rule in RULES
                if rule.effect is effect
            ],
        )
