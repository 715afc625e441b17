"""Find statements in files: CQL, logs of fqltool, and string literals of source code."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hintferry.core.cql_text import BadCql, TokenKind, TokenReader, tokens_of
from hintferry.core.errors import ConfigurationError
from hintferry_ops.statements.collection import Collection, split
from hintferry_ops.statements.query_log import SIGN, read_log

_CODE_WORDS = (
    ".java .kt .kts .scala .groovy .py .go .rs .js .jsx .ts .tsx .mjs .cs .fs .cpp .cc .c .h"
    " .hpp .php .rb .ex .exs .erl .clj .swift .dart .lua .pl .sql .xml .yaml .yml .properties"
    " .conf .toml .json .hbs .j2 .tmpl"
)
CODE = frozenset(_CODE_WORDS.split())
"""Ends of names of files whose string literals are looked through."""

CQL = frozenset((".cql", ".cqlsh", ".ddl"))
_PASSED_OVER = frozenset(
    (".git", ".venv", "node_modules", "target", "build", "dist", "__pycache__", ".gradle", "vendor")
)
MOST_BYTES = 5 * 1024 * 1024
"""A larger file of code is no source of a person."""

_LITERAL = re.compile(
    r'"""(?P<three>.*?)"""|\'\'\'(?P<quotes>.*?)\'\'\'|`(?P<tick>[^`]*)`'
    r'|"(?P<double>(?:\\.|[^"\\\n])*)"|\'(?P<single>(?:\\.|[^\'\\\n])*)\'',
    re.DOTALL,
)
_JOIN = re.compile(r"\s*(?:\+|\.|\\|<>|\.\.)?\s*(?:(?://|#)[^\n]*\n\s*)?[rbfuR]{0,2}")
_VARIABLE = re.compile(r"\s*\+\s*[\w.$\[\]]+(?:\([\w.,\s]*\))?\s*\+\s*")
"""What stands between two literals that are joined with a value between them."""

_STATEMENT = re.compile(
    r"\s*(?:SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+(?:SET|USING)\s|DELETE\s(?:.*\s)?FROM\s"
    r"|BEGIN\s+(?:UNLOGGED\s+|COUNTER\s+)?BATCH\b|TRUNCATE\s+\S|(?:CREATE|ALTER|DROP)\s+(?:TABLE"
    r"|COLUMNFAMILY|KEYSPACE|TYPE|INDEX|CUSTOM\s+INDEX|MATERIALIZED\s+VIEW|FUNCTION|AGGREGATE"
    r"|TRIGGER|ROLE|USER)\s)",
    re.IGNORECASE | re.DOTALL,
)
_SLOT = re.compile(
    r"\$\{[^}]*\}|#\{[^}]*\}|\{\{[^}]*\}\}|\{[A-Za-z_0-9.\[\]()]*\}|%\(\w+\)[sd]|%\d*\$?[sdvqr]"
    r"|\$\d+|\$[a-z_]\w*"
)
"""What is put in at run time."""

_LEVEL = re.compile(
    r"(?:ConsistencyLevel|Consistency|gocql|consistencies|DefaultConsistencyLevel)(?:\.|::|\.CL_)"
    r"(ANY|ONE|TWO|THREE|QUORUM|ALL|LOCAL_QUORUM|EACH_QUORUM|LOCAL_ONE|[Qq]uorum|[Oo]ne|[Aa]ll"
    r"|[Ll]ocal_?[Qq]uorum|[Ll]ocal_?[Oo]ne|[Ee]ach_?[Qq]uorum)\b"
    r"|consistency\s*[=:]\s*[\"']?(ANY|ONE|TWO|THREE|QUORUM|ALL|LOCAL_QUORUM|EACH_QUORUM|LOCAL_ONE)"
    r"\b"
)
_BUILDER = re.compile(
    r"\b(?:QueryBuilder\.\w+|selectFrom|insertInto|deleteFrom|qb\.(?:Select|Insert|Update|Delete))"
    r"\s*\("
)


def read_path(path: Path, into: Collection, progress: Callable[[int], None]) -> int:
    """Take the statements of a file, or of every file in a folder; give the number of files.

    Raises ConfigurationError for what cannot be read, and where no file is of a kind that is read.
    """
    files = list(_files(path)) if path.is_dir() else [path]
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist; name a file or a folder of statements")
    if not files:
        raise ConfigurationError(
            f"{path} holds no file of CQL or source code; name the folder of the code"
        )
    for file in files:
        _read_file(file, into, progress)
    return len(files)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _PASSED_OVER)
        for name in sorted(names):
            file = Path(place) / name
            if file.suffix.lower() in CODE | CQL and file.stat().st_size <= MOST_BYTES:
                yield file


def _read_file(file: Path, into: Collection, progress: Callable[[int], None]) -> None:
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(SIGN))
        if begins == SIGN.encode():
            read_log(file, into, progress)
            return
        text = file.read_text("utf-8-sig", "replace")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    if file.suffix.lower() in CODE:
        read_code(text, str(file), into)
    else:
        read_cql(text, str(file), into)


def read_cql(text: str, origin: str, into: Collection) -> None:
    """Take each statement of a text of CQL; USE names the keyspace of those after it."""
    keyspace = ""
    try:
        for line, statement in split(text):
            one = into.add(statement, f"{origin}:{line}", keyspace)
            if one is not None and one.shape.words == "USE":
                keyspace = one.shape.columns[0]
    except BadCql as error:
        into.refuse(origin, f"{error}; what follows it was not read")


def read_code(text: str, origin: str, into: Collection) -> None:
    """Take the statements in string literals, those that are joined too, and consistency levels.

    What is put in at run time is taken as a value. Calls of query builders are remarked only.
    """
    for line, literal in joined_literals(text):
        if not _STATEMENT.match(literal):
            continue
        plain = _SLOT.sub("?", literal).strip()
        if _is_prose(plain):
            continue
        into.add(plain, f"{origin}:{line}")
    for found in _LEVEL.finditer(text):
        level = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", found[1] or found[2]).upper()
        into.add(f"CONSISTENCY {level}", f"{origin}:{_line(text, found.start())}")
    built = [_line(text, found.start()) for found in _BUILDER.finditer(text)]
    if built:
        lines = ", ".join(map(str, built[:5])) + (", …" if len(built) > 5 else "")
        into.remarks.append(
            f"{origin}: {len(built)} call{'s'[: len(built) > 1]} of a query builder (line {lines})"
            " were not read; the nodes' prepared statements have what they build"
        )


def joined_literals(text: str) -> Iterator[tuple[int, str]]:
    """Yield the string literals with their lines; those that stand beside each other as one."""
    parts: list[str] = []
    begin, end = 0, -1
    for found in _LITERAL.finditer(text):
        plain = _plain(found)
        between = text[end : found.start()] if parts else "none"
        if _VARIABLE.fullmatch(between):
            parts += ["?", plain]
        elif _JOIN.fullmatch(between) and not _STATEMENT.match(plain):
            parts.append(plain)
        else:
            if parts:
                yield _line(text, begin), "".join(parts)
            begin, parts = found.start(), [plain]
        end = found.end()
    if parts:
        yield _line(text, begin), "".join(parts)


def _plain(found: re.Match[str]) -> str:
    text = next(one for one in found.groups() if one is not None)
    if found.lastgroup in ("double", "single"):
        text = re.sub(r"\\(.)", lambda one: {"n": "\n", "t": "\t"}.get(one[1], one[1]), text)
    return re.sub(r"^\s*\|", "", text, flags=re.MULTILINE) if found.lastgroup == "three" else text


def _is_prose(text: str) -> bool:
    """Return whether a text only begins as a statement does: `Select one from the list`."""
    try:
        reader = TokenReader(list(tokens_of(text)))
    except BadCql:
        return False
    words = [one.text for one in reader.rest if one.kind is TokenKind.NAME]
    return "from" in words and "the" in words[words.index("from") :][:2]


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def read_paths(paths: Iterable[Path], into: Collection, progress: Callable[[int], None]) -> int:
    """Take the statements of all paths; give the number of files."""
    return sum(read_path(path, into, progress) for path in paths)
