"""The pages of reference that are made of the code: `make docs` writes them into docs/reference.

What the code has comes from the code; the words for it are in docs/reference/words.toml.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import typer

from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.config.toml_section import Section
from hintferry.core import limits
from hintferry.core.errors import ParkReason
from hintferry.core.hint import Errand
from hintferry.core.limits import Retry
from hintferry.core.outcome import Outcome, ReturnReason, SkipReason
from hintferry_cli.app import app
from hintferry_cli.exits import INTERRUPTED, Status
from hintferry_ops import constants
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring import node_metrics as guard
from hintferry_ops.monitoring.alarm_rules import Names, rules
from hintferry_ops.monitoring.rule import Rule
from tools import places

HOME = places.ROOT / "docs" / "reference"
DECISIONS = places.ROOT / "docs" / "decisions"
RUNBOOK = "../how-to/alarms.md"
SHIPPED = ("layers", "functions", "infra", "cli", "ops")
_MADE = "<!-- Made from the code by `make docs`: change the code or words.toml, not this page. -->"
_HINT = "*Hint* means a change hint: a record that says that a key may have changed."
_KINDS = {bool: "true or false", int: "number", list: "list", str: "text"}

Row = Sequence[str]


class WordsMissing(Exception):
    """A name has no words, or words have no name."""


def pages() -> dict[Path, str]:
    """Return the text of each page, by its file."""
    made: dict[str, Callable[[], Iterable[str]]] = {
        "migration-toml.md": _migration_toml,
        "command.md": _command,
        "metrics.md": _metrics,
        "alarms.md": _alarms,
        "reasons.md": _reasons,
        "logs.md": _logs,
        "environment.md": _environment,
        "retries.md": _retries,
    }
    found = {HOME / name: "\n".join([*page(), ""]) for name, page in made.items()}
    return {**found, DECISIONS / "index.md": "\n".join([*_decisions(), ""])}


def stale() -> list[Path]:
    """Return the pages that are not as the code has it."""
    return [file for file, text in pages().items() if not file.exists() or file.read_text() != text]


def write() -> None:
    """Write all pages."""
    for file, text in pages().items():
        file.write_text(text)


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((HOME / "words.toml").read_text())


def _told(section: str, names: Iterable[str]) -> dict[str, str]:
    """Return the words of these names; WordsMissing unless they are all that the section has."""
    words, wanted = _words()[section], list(dict.fromkeys(names))
    if set(words) != set(wanted):
        missing, extra = sorted({*wanted} - {*words}), sorted({*words} - {*wanted})
        raise WordsMissing(
            f"words.toml: [{section}] lacks {missing}, and has {extra}, which the code has not"
        )
    return {name: words[name] for name in wanted}


def _page(title: str, *sentences: str) -> list[str]:
    return [f"# {title}", "", _MADE, "", *sentences]


def _table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"


# migration.toml


def _migration_toml() -> Iterator[str]:
    taken = keys()
    words = _told("migration", taken)
    yield from _page(
        "The keys of migration.toml",
        "`migration.toml` is the one file that you edit.",
        "`hintferry init` writes it; the functions, the stacks and the command read it.",
        "An unknown key is refused.",
        _HINT,
    )
    for section in dict.fromkeys(name.partition(".")[0] for name in taken):
        yield ""
        yield '## [tables."KEYSPACE.TABLE"]' if section == "tables" else f"## [{section}]"
        rows = [
            (f"`{name.rpartition('.')[2]}`", _KINDS[kind], _default(value), words[name])
            for name, (kind, value) in taken.items()
            if name.startswith(f"{section}.")
        ]
        yield from _table(("key", "type", "default", "meaning"), rows)


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


# The command


def _command() -> Iterator[str]:
    command: Any = typer.main.get_command(app)
    yield from _page(
        "The command",
        "This is what `hintferry VERB --help` says.",
        "`hintferry --version` prints the version; `hintferry --debug VERB` shows stack traces.",
        _HINT,
    )
    yield from ("", "## Exit statuses")
    verbs: dict[str, Any] = command.commands
    yield from _exits(verbs)
    for name, verb in verbs.items():
        yield from _verb(name, verb)


def _exits(verbs: dict[str, Any]) -> Iterator[str]:
    words = _told("exits", [one.name.lower() for one in Status])
    yield from ("", "Every verb ends with the same numbers.")
    rows = [(str(one.value), words[one.name.lower()]) for one in Status]
    yield from _table(("status", "what happened, and what to do"), rows)
    yield ""
    yield f"At Ctrl-C, SIGTERM and SIGHUP it ends with {INTERRUPTED}."
    yield "A refused login is 2, not 3: to try again would not help."
    yield "An error that nobody foresaw is 4, because something may have been done."
    yield "A script may repeat a command by itself only after 3."
    yield from ("", "What they mean for each verb (2 is the same for all):")
    numbers = [str(one.value) for one in Status if one is not Status.UNUSABLE]
    told = {name: statuses(verb.help) for name, verb in verbs.items()}
    yield from _table(
        ("verb", *numbers),
        [
            (f"`{name}`", *(one.get(number, "–") for number in numbers))
            for name, one in told.items()
        ],
    )


def statuses(text: str) -> dict[str, str]:
    """Return what each exit status means, from the help of a verb."""
    (told,) = re.findall(r"^Exit status: (.*)\.$", text, re.M)
    found = re.split(r"(?:^|; )(\d) ", told)
    return dict(zip(found[1::2], found[2::2], strict=True))


def _verb(name: str, verb: Any) -> Iterator[str]:
    yield from ("", f"## hintferry {name}", "")
    examples = re.findall(r"^  (hintferry .*)$", verb.help, re.M)
    for paragraph in verb.help.split("\n\n"):
        if not paragraph.startswith(("  hintferry ", "[bold]", "Exit status")):
            yield from (*_sentences(" ".join(paragraph.split())), "")
    yield from ("```bash", *examples, "```")
    yield from _table(("argument or option", "default", "meaning"), _options(verb))


def _sentences(text: str) -> list[str]:
    linked = re.sub(r"(https://[^\s,]+)", r"<\1>", text)
    return re.split(r"(?<=[.!?]) (?=[A-Z`-])", linked)


def _options(verb: Any) -> Iterator[Row]:
    for one in verb.params:
        if one.param_type_name == "argument":
            yield f"`{one.metavar or one.name.upper()}`", _given(one), one.help or ""
        elif one.name != "help":
            variable = f" (`{one.envvar}`)" if one.envvar else ""
            yield f"`{' '.join(one.opts)}`{variable}", _given(one), one.help or ""


def _given(one: Any) -> str:
    shown = one.show_default if isinstance(one.show_default, str) else one.default
    if one.required:
        return "required"
    if callable(shown) or shown in (None, False, (), [], ""):
        return ""
    return f"`{shown.value if isinstance(shown, Enum) else shown}`"


# Metrics and alarms


def _metrics() -> Iterator[str]:
    watching: dict[tuple[str, str], list[str]] = {}
    for rule in _rules():
        watched = rule.metric.namespace, rule.metric.name
        watching.setdefault(watched, []).append(f"`{rule.name}`")

    def alarms(namespace: str, name: str) -> str:
        return ", ".join(watching.get((namespace, name), []))

    hintferry_metrics = _told("metrics", (*metrics.OURS, *metrics.OF_SWEEPS))
    yield from _page("Metrics", "An alarm stands beside the metric that it watches.", _HINT)
    yield from ("", "## From the functions", "")
    yield f"Namespace `{metrics.NAMESPACE}`, dimension `{metrics.OUR_DIMENSION}`."
    yield from _table(
        ("metric", "meaning", "alarm"),
        [
            (f"`{name}`", text, alarms(metrics.NAMESPACE, name))
            for name, text in hintferry_metrics.items()
        ],
    )
    yield from ("", "## From cdcguard on each node", "")
    yield f"Namespace `{guard.NAMESPACE}`, dimensions `pipeline` and `node`."
    yield from _table(
        ("metric", "unit", "meaning", "alarm"),
        [
            (f"`{name}`", unit, text, alarms(guard.NAMESPACE, name))
            for name, (unit, text, _) in guard.METRICS.items()
        ],
    )
    yield from ("", "## From AWS")
    yield from _table(
        ("metric", "dimensions", "alarm"),
        [
            (f"`{one.namespace}` `{one.name}`", ", ".join(one.dimensions),
             alarms(one.namespace, one.name))
            for one in metrics.AWS
        ],
    )  # fmt: skip


def _rules() -> list[Rule]:
    names = Names("msk", "processor", "replay", "parked", "waiting", "sweep", "unstarted")
    return rules(migration_from(places.ROOT / "migration.toml"), names)


def _alarms() -> Iterator[str]:
    yield from _page(
        "Alarms",
        "A critical alarm means that data is at risk now, or soon.",
        _HINT,
        "The numbers are those of the `migration.toml` in the repository.",
    )
    rows = [
        (f"`{rule.name}`", rule.severity.value, _condition(rule), rule.meaning,
         f"[{rule.section}]({RUNBOOK}#{anchor(rule.section)})")
        for rule in sorted(_rules(), key=lambda one: one.name)
    ]  # fmt: skip
    yield from _table(("alarm", "severity", "raised when", "meaning", "what to do"), rows)


def _condition(rule: Rule) -> str:
    limit = f"{'<' if rule.below else '>'} {rule.threshold:,g}"
    beyond = f"{rule.statistic} of `{rule.metric.name}` {limit}"
    minutes = rule.period_s / 60
    every = f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"
    during = f" in {rule.breaches} of {rule.periods} periods of {every}"
    silent = ", or no data" if rule.silence_breaches else ""
    return f"{beyond}{during if rule.periods > 1 else f' in {every}'}{silent}"


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


# Reasons, logs, environment, decisions


def _reasons() -> Iterator[str]:
    kinds: tuple[tuple[str, Iterable[str]], ...] = (
        ("How a record ends", [one.value for one in Outcome]),
        ("Why a record is parked", [one.value for one in ParkReason]),
        ("Why a record is skipped", [one.value for one in SkipReason]),
        ("Why a record is returned without a fault", [one.value for one in ReturnReason]),
        ("Why a hint waits in the replay queue", [*(one.value for one in Errand), "given_up"]),
    )
    words = _told("reasons", [code for _, codes in kinds for code in codes])
    yield from _page(
        "Reason codes",
        "Codes stand in log lines, in the names of metrics and in parked messages.",
        "What to do with a parked record: [Replay parked records](../how-to/replay.md).",
        _HINT,
    )
    for title, codes in kinds:
        yield from ("", f"## {title}")
        yield from _table(("code", "meaning"), [(f"`{code}`", words[code]) for code in codes])


def _retries() -> Iterator[str]:
    found = {name: one for name, one in vars(limits).items() if isinstance(one, Retry)}
    words = _told("retries", found)
    yield from _page(
        "Retries and pauses",
        "Each pause is twice the one before, up to the longest.",
        "The names are those of `core/limits.py`, where the numbers stand.",
    )
    header = ("name", "what is tried", "attempts", "first pause", "longest pause")
    rows = [(f"`{name}`", words[name], *_numbers(one)) for name, one in found.items()]
    yield from _table(header, rows)
    cuts = ", ".join(f"{rows:,}" for rows in limits.SLICE_CUTS)
    yield from ("", "## Other limits of attempts", "")
    yield (
        "Where the source fails to read a whole slice, the slice is cut at rows of the target:"
        f" {cuts} rows a part, in this order."
    )
    yield (
        f"An event source mapping retries a batch {constants.RETRIES:,} times, and an invocation"
        f" that returns records takes at least {constants.RETURN_AFTER_S} s."
    )
    receives = f"{constants.REPLAY_RECEIVES:,}"
    yield f"The replay queue grants {receives} receives, then it parks a message."


def _numbers(one: Retry) -> Iterator[str]:
    yield str(one.attempts or "no limit of its own")
    yield f"{one.first_s:g} s" if one.first_s else "none"
    yield f"{one.pause_s(one.attempts - 1 if one.attempts else 30):g} s" if one.first_s else "none"


def _logs() -> Iterator[str]:
    found = events()
    words = _told("logs", found)
    yield from _page(
        "Log events",
        "Every function writes JSON lines with these values of `message`.",
        "No line holds a value of a row.",
    )
    rows = [(f"`{name}`", words[name], _code(fields)) for name, fields in found.items()]
    yield from _table(("message", "meaning", "fields"), rows)


def events() -> dict[str, list[str]]:
    """Return each message that the functions log, with the fields that stand in the code."""
    found: dict[str, list[str]] = {}
    for file in sorted(_sources("layers", "functions")):
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


def _environment() -> Iterator[str]:
    named = [re.findall(r'"(HINTFERRY_[A-Z_]+)"', one.read_text()) for one in _sources(*SHIPPED)]
    found = _told("environment", sorted({name for one in named for name in one}))
    yield from _page(
        "Environment variables",
        "The stacks set them for the functions; `hintferry env` prints them for your shell.",
        "Login and Region are those of the AWS tools (`AWS_PROFILE`, `AWS_DEFAULT_REGION`).",
    )
    yield from _table(("variable", "meaning"), [(f"`{n}`", text) for n, text in found.items()])


def _sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        files = (places.ROOT / folder).rglob("*.py")
        yield from (one for one in files if "testing" not in one.parts)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _decisions() -> Iterator[str]:
    yield from _page(
        "Decisions",
        "What was chosen where another way was possible, why, and what was turned down.",
        _HINT,
        "",
    )
    for file in sorted(DECISIONS.glob("0*.md")):
        title = file.read_text().partition("\n")[0].removeprefix("# ")
        yield f"- [{title}]({file.name})"
