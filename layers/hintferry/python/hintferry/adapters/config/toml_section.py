"""A table of a TOML file, from which a caller takes what it knows.

Every error is a ConfigurationError that names file, key and fix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from hintferry.core.errors import ConfigurationError

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_SAID: dict[type, str] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "a text",
}
"""The words for the types of TOML; every other type is called a table or a time."""


class Section:
    """A table of a TOML file from which each key is taken once; what is left over is refused."""

    def __init__(self, where: str, tree: Mapping[str, Any]) -> None:
        self.where = where
        self._tree = dict(tree)

    def names(self) -> list[str]:
        return list(self._tree)

    def section(self, name: str) -> Section:
        tree = self._tree.pop(name, {})
        if not isinstance(tree, dict):
            raise ConfigurationError(f"{self.where}: {name} must be a table, [{name}]")
        return Section(f"{self.where}: {name}", tree)

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        value = self._tree.pop(name, default)
        if value is None:
            raise ConfigurationError(f"{self.where}.{name} is missing; write {_said(kind)}")
        if type(value) is not kind:
            found = _said(type(value))
            raise ConfigurationError(f"{self.where}.{name} is {found}; write {_said(kind)}")
        return value

    def count(self, name: str, default: int) -> int:
        value = self.take(name, int, default)
        if value < 1:
            raise ConfigurationError(f"{self.where}.{name} is {value}; write a number from 1 on")
        return value

    def choice(self, name: str, kinds: type[E], default: E) -> E:
        value = self.take(name, str, default.value)
        try:
            return kinds(value)
        except ValueError as error:
            known = ", ".join(f'"{kind.value}"' for kind in kinds)
            raise ConfigurationError(
                f'{self.where}.{name} is "{value}"; write one of {known}'
            ) from error

    def name(self, name: str, default: str) -> str:
        value = self.take(name, str, default)
        # It becomes part of the names of stacks, queues, groups and logs.
        wrong = not re.fullmatch("[a-z][a-z0-9-]{0,30}", value)
        self.refuse_if(wrong, name, f'is "{value}"; write 1 to 31 of a-z, 0-9, -, a letter first')
        return value

    def matching(self, name: str, pattern: re.Pattern[str], what: str) -> str:
        """Take a text that may be empty. Raises ConfigurationError unless it is `what`."""
        value = self.take(name, str, "")
        wrong = bool(value) and not pattern.fullmatch(value)
        self.refuse_if(wrong, name, f'is "{value}"; write {what}')
        return value

    def refuse_if(self, wrong: bool, name: str, why: str) -> None:
        if wrong:
            raise ConfigurationError(f"{self.where}.{name} {why}")

    def between(self, name: str, least: int, most: int, default: int) -> int:
        value = self.take(name, int, default)
        if not least <= value <= most:
            raise ConfigurationError(f"{self.where}.{name} is {value}; write {least} to {most}")
        return value

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        values = self.take(name, list, default)
        if values is default:
            return values
        if not values or not all(isinstance(value, str) for value in values):
            raise ConfigurationError(f"{self.where}.{name} must be a list of texts, not empty")
        return values

    def any_texts(self, name: str, default: list[str]) -> tuple[str, ...]:
        """Take a list of texts that may be empty. Raises ConfigurationError."""
        values = self.take(name, list, default)
        wrong = not all(isinstance(value, str) for value in values)
        self.refuse_if(wrong, name, "must be a list of texts")
        return tuple(values)

    def refuse_the_rest(self) -> None:
        if self._tree:
            names = ", ".join(self._tree)
            raise ConfigurationError(f"{self.where}: unknown key {names}; correct it, or remove it")


def _said(kind: type) -> str:
    return _SAID.get(kind, "a table or a time")
