"""Reads SELECT, INSERT, UPDATE, DELETE and BATCH: the clauses that Keyspaces has rules about.

Knows neither the rules (`policy`) nor how a statement is recognised (`cql`).
"""

from keyspaces_local import clauses
from keyspaces_local.clauses import Segment
from keyspaces_local.cursor import Cursor
from keyspaces_local.statement import BatchType, Kind, Statement, Term, Using, Where
from keyspaces_local.stepper import Stepper
from keyspaces_local.tokens import CqlSyntaxError, Token, TokenKind, identifier

_AFTER_SELECTION = frozenset({"GROUP", "ORDER", "PER", "LIMIT", "ALLOW"})


def select(kind: Kind, text: str, cursor: Cursor) -> Statement:
    functions = set()
    stepper = Stepper(cursor)
    while cursor.token.word != "FROM":
        token = stepper.step()
        if token.kind in (TokenKind.NAME, TokenKind.QUOTED) and cursor.token.is_symbol("("):
            functions.add(identifier(token))
    cursor.expect("FROM")
    start = cursor.token.start
    name = cursor.name()
    span = (start, cursor.tokens[cursor.index - 1].end)
    return Statement(
        kind,
        text,
        name.keyspace,
        name.name,
        span,
        where=_selection(stepper),
        functions=frozenset(functions),
    )


def _selection(stepper: Stepper) -> Where | None:
    """The WHERE clause of a SELECT."""
    if not stepper.cursor.accept("WHERE"):
        return None
    first = stepper.markers
    segments = [Segment(first)]
    while not stepper.cursor.done and stepper.cursor.token.word not in _AFTER_SELECTION:
        before = stepper.markers
        token = stepper.step()
        if token.word == "AND" and not stepper.brackets:
            segments.append(Segment(stepper.markers))
        else:
            stepper.keep(segments[-1], token, before)
    return clauses.where(segments, first)


def modify(kind: Kind, text: str, cursor: Cursor) -> Statement:
    return Modification(kind, text, cursor, 0).statement()


class Modification(Stepper):
    """Reads one INSERT, UPDATE or DELETE whose first keyword(s) the cursor has passed."""

    def __init__(self, kind: Kind, text: str, cursor: Cursor, markers: int) -> None:
        super().__init__(cursor, markers)
        self.kind, self.text = kind, text
        self.using: dict[str, Using] = {}
        self.conditional = self.in_restriction = self.picks_columns = False
        self.assigned: list[Term] = []
        self.segments: dict[str, list[Segment]] = {}

    def statement(self) -> Statement:
        first = self.markers
        if self.kind is Kind.DELETE:
            self._to_from()
        name = self.cursor.name()
        json = None
        if self.kind is Kind.INSERT and self.cursor.accept("JSON"):
            json = self._json()
        elif self.kind is Kind.INSERT:
            self._columns_and_values()
        while not self.cursor.done:
            self._clause_token()
        assigned = [clauses.assignment(part) for part in self.segments.get("SET", ())]
        where = self.segments.get("WHERE")
        return Statement(
            self.kind,
            self.text,
            name.keyspace,
            name.name,
            conditional=self.conditional,
            in_restriction=self.in_restriction,
            timestamp=self.using.get("TIMESTAMP"),
            ttl=self.using.get("TTL"),
            assigned=(*self.assigned, *(term for term in assigned if term is not None)),
            json=json,
            where=clauses.where(where, where[0].marker) if where else None,
            picks_columns=self.picks_columns,
            unequal=clauses.unequal(self.segments.get("IF", [])),
            markers=self.markers - first,
        )

    def _to_from(self) -> None:
        while self.cursor.token.word != "FROM" or self.brackets:
            self.step()
            self.picks_columns = True
        self.cursor.expect("FROM")

    def _json(self) -> Term:
        """A string, or a marker."""
        segment = Segment(self.markers)
        for _ in range(2):
            before = self.markers
            token = self.step()
            self.keep(segment, token, before)
            if token.text != ":":
                break
        return clauses.value("[json]", segment)

    def _columns_and_values(self) -> None:
        if not self.cursor.token.is_symbol("("):
            raise CqlSyntaxError("INSERT takes a list of columns in brackets, or JSON")
        names = [identifier(part.tokens[0]) for part in self.group() if part.tokens]
        self.cursor.expect("VALUES")
        if not self.cursor.token.is_symbol("("):
            raise CqlSyntaxError("VALUES takes a list in brackets")
        values = self.group()
        self.assigned = [
            clauses.value(name, part) for name, part in zip(names, values, strict=False)
        ]

    def _clause_token(self) -> None:
        before = self.markers
        token = self.step()
        if not self.brackets and token.word in ("SET", "WHERE", "IF"):
            self.conditional |= token.word == "IF"
            self.segments[token.word] = [Segment(self.markers)]
        elif not self.brackets and token.word == "USING":
            self._using()
        elif self.segments:
            self._segment_token(token, before)

    def _segment_token(self, token: Token, before: int) -> None:
        clause, parts = next(reversed(self.segments.items()))
        ends = not self.brackets and (
            token.is_symbol(",") if clause == "SET" else token.word == "AND"
        )
        if ends:
            parts.append(Segment(self.markers))
            return
        self.in_restriction |= clause == "WHERE" and token.word == "IN" and not self.brackets
        self.keep(parts[-1], token, before)

    def _using(self) -> None:
        while True:
            word = self.step().word
            if word not in ("TIMESTAMP", "TTL"):
                raise CqlSyntaxError("USING takes TIMESTAMP and TTL")
            self.using[word] = self.using_value()
            if not self.cursor.accept("AND"):
                return

    def using_value(self) -> Using:
        sign = -1 if self.cursor.accept_symbol("-") else 1
        before = self.markers
        token = self.step()
        if self.markers > before:
            named = identifier(self.cursor.next()) if token.text == ":" else None
            return Using(marker=before, marker_name=named)
        if token.kind is TokenKind.NUMBER and token.text.isdigit():
            return Using(literal=sign * int(token.text))
        raise CqlSyntaxError(f"USING takes a whole number or a marker, not '{token.text}'")


def batch(kind: Kind, text: str, cursor: Cursor) -> Statement:
    batch_type = BatchType.LOGGED
    if cursor.accept("UNLOGGED"):
        batch_type = BatchType.UNLOGGED
    elif cursor.accept("COUNTER"):
        batch_type = BatchType.COUNTER
    cursor.expect("BATCH")
    head, *parts = _batch_parts(cursor)
    children, markers = [], sum(token.is_symbol("?") for token in head)
    using = _batch_using(head)
    for part in parts:
        child = Cursor(part)
        reader = Modification(_child_kind(child), text, child, markers)
        children.append(reader.statement())
        markers = reader.markers
    return Statement(
        kind,
        text,
        timestamp=using,
        batch_type=batch_type,
        children=tuple(children),
    )


def _batch_parts(cursor: Cursor) -> list[list[Token]]:
    """The tokens before the first inner statement, then those of each; the last is closed."""
    parts: list[list[Token]] = [[]]
    while not cursor.accept("APPLY", "BATCH"):
        token = cursor.next()
        if token.word in ("INSERT", "UPDATE", "DELETE"):
            parts.append([])
        if not token.is_symbol(";"):
            parts[-1].append(token)
    if not cursor.done:
        raise CqlSyntaxError("one request holds one statement: found text after APPLY BATCH")
    return parts


def _batch_using(head: list[Token]) -> Using | None:
    if not head:
        return None
    cursor = Cursor(head)
    cursor.expect("USING", "TIMESTAMP")
    reader = Modification(Kind.BATCH, "", cursor, 0)
    value = reader.using_value()
    if not cursor.done:
        raise CqlSyntaxError(f"extraneous input '{cursor.token.text}' in BATCH")
    return value


def _child_kind(cursor: Cursor) -> Kind:
    for words, kind in (
        (("INSERT", "INTO"), Kind.INSERT),
        (("UPDATE",), Kind.UPDATE),
        (("DELETE",), Kind.DELETE),
    ):
        if cursor.accept(*words):
            return kind
    raise CqlSyntaxError(f"mismatched input '{cursor.token.text}' in BATCH")
