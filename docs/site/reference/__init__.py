"""The pages of reference that are made of the code: `make docs` writes them.

Each page has a module here with its name. What the code has comes from the code; the words for it
are in docs/reference/words.toml.
"""

from pathlib import Path

from docs.site.reference import (
    alarms,
    command,
    decisions,
    environment,
    logs,
    metrics,
    migration_toml,
    reasons,
    retries,
    statement_rules,
)
from docs.site.reference.layout import HOME

_MADE = {
    HOME / "migration-toml.md": migration_toml.page,
    HOME / "command.md": command.page,
    HOME / "metrics.md": metrics.page,
    HOME / "alarms.md": alarms.page,
    HOME / "reasons.md": reasons.page,
    HOME / "logs.md": logs.page,
    HOME / "environment.md": environment.page,
    HOME / "retries.md": retries.page,
    HOME / "statement-rules.md": statement_rules.page,
    decisions.HOME / "index.md": decisions.page,
}


def pages() -> dict[Path, str]:
    """Return the text of each page, by its file."""
    return {file: "\n".join([*page(), ""]) for file, page in _MADE.items()}


def stale() -> list[Path]:
    """Return the pages that are not as the code has it."""
    return [file for file, text in pages().items() if not file.exists() or file.read_text() != text]


def write() -> None:
    """Write all pages."""
    for file, text in pages().items():
        file.write_text(text)
