"""docs/reference/migration-toml.md: each key that the reader of migration.toml takes."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from docs.site.reference.layout import HINT, head, table, words_for
from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.config.tags import MOST_TAGS, PIPELINE_TAG
from hintferry.adapters.config.toml_section import Section
from tools import places

_KINDS = {bool: "true or false", int: "number", list: "list", str: "text"}


def page() -> Iterator[str]:
    taken = keys()
    words = words_for("migration", taken)
    yield from head(
        "The keys of migration.toml",
        "`migration.toml` is the one file that you edit.",
        "`hintferry init` writes it; the functions, the stacks and the command read it.",
        "An unknown key is refused.",
        HINT,
    )
    for section in dict.fromkeys(name.partition(".")[0] for name in taken):
        yield ""
        yield '## [tables."KEYSPACE.TABLE"]' if section == "tables" else f"## [{section}]"
        rows = [
            (f"`{name.rpartition('.')[2]}`", _KINDS[kind], _default(value), words[name])
            for name, (kind, value) in taken.items()
            if name.startswith(f"{section}.")
        ]
        yield from table(("key", "type", "default", "meaning"), rows)
    yield from _own_keys()


def _own_keys() -> Iterator[str]:
    """The tables whose keys are the operator's own."""
    yield from (
        "",
        "## [groups]",
        "",
        'Tables that are cut over together, as `checkout = ["shop.orders", "shop.carts"]`.',
        "A table is in one group at most, and a group has another name than any keyspace.",
        "Every verb that takes tables takes a group for all its tables.",
        "",
        "## [waves]",
        "",
        'The order in which tables are migrated, as `small = ["shop.visits", "checkout"]`.',
        "A wave lists tables, groups and keyspaces, and has another name than any of them.",
        "A table is in one wave, and a group is in one wave as a whole.",
        "The tables that no wave lists are the last wave, `rest`.",
        "`hintferry migrate` takes the waves in their order.",
        "Every verb that takes tables takes a wave for all its tables.",
        "",
        "## [tags]",
        "",
        f'Up to {MOST_TAGS - 1} tags of your own, as `cost-centre = "4711"`.',
        f"Beside `{PIPELINE_TAG}`, everything that the stacks make has them:"
        " [Tags](../how-to/deploy.md#tags).",
    )


def keys() -> dict[str, tuple[type, Any]]:
    """Return each key that is read of migration.toml, with its type and default."""
    taken: dict[str, tuple[type, Any]] = {}
    with _watched(taken):
        migration_from(places.ROOT / "migration.toml")
    order = list(tomllib.loads((places.ROOT / "migration.toml").read_text()))
    return dict(sorted(taken.items(), key=lambda one: _place(order, one[0])))


def _place(order: list[str], name: str) -> int:
    section = name.partition(".")[0]
    return order.index(section) if section in order else len(order) - 2


@contextmanager
def _watched(taken: dict[str, tuple[type, Any]]) -> Iterator[None]:
    take = Section.take

    def watching(self: Section, name: str, kind: type, default: Any = None) -> Any:
        _, *path = self.where.split(": ")
        path[1:] = ["NAME"] if path[1:] else []
        taken.setdefault(".".join([*path, name]), (kind, default))
        return take(self, name, kind, default)

    with mock.patch.object(Section, "take", watching):
        yield


def _default(value: Any) -> str:
    if value is None:
        return "required"
    if value in ("", []):
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
