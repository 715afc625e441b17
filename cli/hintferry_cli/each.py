"""Go through several tables: one that fails does not hold the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.core.errors import HintferryError
from hintferry.core.schema import TableId
from hintferry_cli.console import console, say
from hintferry_cli.exits import Status, status_of_error
from hintferry_cli.failures import GlobalOptions, sentence

T = TypeVar("T")
N = TypeVar("N", TableId, str)


@dataclass(frozen=True, slots=True)
class TableEnd(Generic[T]):
    """Hold how one table ended: with a result, or with an error as a sentence."""

    name: str
    status: Status
    result: T | None = None
    error: str | None = None


def for_each(
    tables: Sequence[N], do: Callable[[N], tuple[T, Status]], settings: GlobalOptions
) -> list[TableEnd[T]]:
    """Do it for one table after the other, and return how each ended.

    An error of a single table is raised: it is the verb's own.
    """
    ends: list[TableEnd[T]] = []
    for table in tables:
        try:
            result, status = do(table)
            ends.append(TableEnd(str(table), status, result))
        except (HintferryError, BotoCoreError, ClientError) as error:
            if len(tables) == 1 or settings.debug:
                raise
            text = sentence(error)
            say(console(stderr=True), f"hintferry: {table}: {text}")
            ends.append(TableEnd(str(table), status_of_error(error), error=text))
        except KeyboardInterrupt:
            _tell_stop(tables, ends)
            raise
    return ends


def of_all(ends: Sequence[TableEnd[Any]]) -> Status:
    """Return the exit status of all tables together, which says what to do next."""
    return status_of_all([one.status for one in ends])


def status_of_all(ends: Sequence[Status]) -> Status:
    """Return the same of the statuses."""
    found = set(ends)
    if len(found) == 1:
        return found.pop()
    if found <= {Status.UNUSABLE, Status.UNAVAILABLE}:
        return Status.UNUSABLE
    # Some tables are done, and others are not.
    return Status.NEGATIVE if found == {Status.DONE, Status.NEGATIVE} else Status.UNFINISHED


def as_trees(
    ends: Sequence[TableEnd[Any]], tree: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the results as JSON has them; of a table that failed, its error."""
    return [
        {"table": one.name, "error": one.error, "status": one.status.value}
        if one.result is None
        else tree(one.result) | {"error": None, "status": one.status.value}
        for one in ends
    ]


def _tell_stop(tables: Sequence[TableId] | Sequence[str], ends: Sequence[TableEnd[Any]]) -> None:
    if len(tables) == 1:
        return
    left = tables[len(ends) :]
    failed = [one.name for one in ends if one.status is not Status.DONE]
    text = f"not finished: {', '.join(map(str, [*failed, *left]))}; name only these to go on"
    say(console(stderr=True), text)
