"""docs/reference/logs.md: each message that the functions log, with its fields."""

import ast
from collections.abc import Iterable, Iterator

from docs.site.reference.layout import head, table, words_for
from docs.site.reference.sources import sources
from hintferry_ops.monitoring.log_queries import LOG_QUERIES


def page() -> Iterator[str]:
    found = events()
    words = words_for("logs", found)
    yield from head(
        "Log events",
        "Every function writes JSON lines with these values of `message`.",
        "No line holds a value of a row.",
    )
    rows = [(f"`{name}`", words[name], _code(fields)) for name, fields in found.items()]
    yield from table(("message", "meaning", "fields"), rows)
    yield from ("", "## Saved queries", "")
    yield (
        "The stacks save these queries in CloudWatch Logs Insights,"
        " in a folder named after the pipeline."
    )
    queries = [(f"`{one.name}`", one.question, _code(one.functions)) for one in LOG_QUERIES]
    yield from table(("query", "what it answers", "logs of"), queries)


def events() -> dict[str, list[str]]:
    """Return each message that the functions log, with the fields that stand in the code."""
    found: dict[str, list[str]] = {}
    for file in sorted(sources("layers", "functions")):
        for call in ast.walk(ast.parse(file.read_text())):
            extra = _extra(call)
            if extra is not None:
                message, fields = extra
                found[message] = fields
    return found


def _extra(node: ast.AST) -> tuple[str, list[str]] | None:
    """Return message and fields of a call of the logger."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    for keyword in node.keywords:
        if keyword.arg == "extra":
            message = ast.literal_eval(node.args[0])
            dictionary = keyword.value
            names = dictionary.keys if isinstance(dictionary, ast.Dict) else []
            return message, [ast.literal_eval(name) for name in names if name]
    return None


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
