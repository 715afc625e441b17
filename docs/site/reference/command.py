"""docs/reference/command.md: each verb, from its own help."""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer

from docs.site.reference.layout import HINT, Line, head, table, words_for
from hintferry_cli.app import app
from hintferry_cli.exits import INTERRUPTED, Status
from hintferry_cli.help_pages import EXAMPLES


def page() -> Iterator[str]:
    command: Any = typer.main.get_command(app)
    yield from head(
        "The command",
        "This is what `hintferry VERB --help` says.",
        "`hintferry --version` prints the version; `hintferry --debug VERB` shows stack traces.",
        HINT,
    )
    yield from _common()
    yield from ("", "## Exit statuses")
    verbs: dict[str, Any] = command.commands
    yield from _exits(verbs)
    for name, verb in verbs.items():
        yield from _verb(name, verb)


def _common() -> Iterator[str]:
    """Yield what all verbs do alike."""
    yield from ("", "## Tables", "")
    yield "A verb takes tables as `keyspace.table`, keyspaces for all their tables, or `--all`."
    yield "Names are those of `migration.toml`, in upper and lower case as there."
    yield "A name without a dot is always a keyspace, and each table is taken once."
    yield "A verb that only reads, and `replay`, takes everything where nothing is named."
    yield "Tables are gone through one after the other."
    yield "A table that fails does not hold the others."
    yield "`cutover` and `status` take one table; `size` takes none: it is about a node."
    yield "`hintferry --install-completion` lets the shell complete the names."
    yield from ("", "## What comes next", "")
    yield "Each verb ends with the next step of the migration, on stderr."
    yield "`--json` has it as `next_steps`: verb, arguments and why."
    yield "The verb `deploy` stands for `make cdk`."
    yield "Its `version` rises when a name gets another meaning, or goes; times are epoch seconds."
    yield "`env --json` holds the variables alone."
    yield "With `--json` an error is a sentence on stderr too, and stdout stays empty."


def _exits(verbs: dict[str, Any]) -> Iterator[str]:
    words = words_for("exits", [one.name.lower() for one in Status])
    yield from ("", "Every verb ends with the same numbers.")
    rows = [(str(one.value), words[one.name.lower()]) for one in Status]
    yield from table(("status", "what happened, and what to do"), rows)
    yield ""
    yield f"At Ctrl-C, SIGTERM and SIGHUP it ends with {INTERRUPTED}."
    yield "A refused login is 2, not 3: to try again would not help."
    yield "An error that nobody foresaw is 4, because something may have been done."
    yield "A script may repeat a command by itself only after 3."
    yield "With several tables it is the number that all have in common."
    yield "Else it is 4 where some are gone through and others are not."
    yield "It is 1 where all are gone through and one answers no, and 2 where none is gone through."
    yield from ("", "What they mean for each verb (2 is the same for all):")
    numbers = [str(one.value) for one in Status if one is not Status.UNUSABLE]
    told = {name: statuses(verb.help) for name, verb in verbs.items()}
    yield from table(
        ("verb", *numbers),
        [
            (f"`{name}`", *(one.get(number, "–") for number in numbers))
            for name, one in told.items()
        ],
    )


def statuses(text: str) -> dict[str, str]:
    """Return the meaning of each exit status, from the help of a verb."""
    (told,) = re.findall(r"^Exit status: (.*)\.$", text, re.M)
    found = re.split(r"(?:^|; )(\d) ", told)
    return dict(zip(found[1::2], found[2::2], strict=True))


def _verb(name: str, verb: Any) -> Iterator[str]:
    yield from ("", f"## hintferry {name}", "")
    examples = re.findall(r"^  (hintferry .*)$", verb.help, re.M)
    for paragraph in verb.help.split("\n\n"):
        if not paragraph.startswith(("  hintferry ", EXAMPLES, "Exit status")):
            yield from (*_sentences(" ".join(paragraph.split())), "")
    yield from ("```bash", *examples, "```")
    yield from table(("argument or option", "default", "meaning"), _options(verb))


def _sentences(text: str) -> list[str]:
    linked = re.sub(r"(https://[^\s,]+)", r"<\1>", text)
    return re.split(r"(?<=[.!?]) (?=[A-Z`-])", linked)


def _options(verb: Any) -> Iterator[Line]:
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
