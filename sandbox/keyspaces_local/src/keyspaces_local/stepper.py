"""Steps through a statement's tokens, counting brackets and bind markers, and cuts out segments.

Bind markers are counted in the order of the text, which is the order of the bound values on the
wire. Knows no clause.
"""

from keyspaces_local.clauses import Segment
from keyspaces_local.cursor import Cursor
from keyspaces_local.tokens import CqlSyntaxError, Token, TokenKind


class Stepper:
    """A cursor with the open brackets and the number of markers passed."""

    def __init__(self, cursor: Cursor, markers: int = 0) -> None:
        self.cursor = cursor
        self.markers = markers
        self.brackets: list[str] = []

    def step(self) -> Token:
        """The next token, with brackets and bind markers counted."""
        previous = self.cursor.tokens[self.cursor.index - 1]
        token = self.cursor.next()
        if token.kind is TokenKind.SYMBOL:
            if token.text in "([{":
                self.brackets.append(token.text)
            elif token.text in ")]}":
                if not self.brackets:
                    raise CqlSyntaxError(f"extraneous input '{token.text}'")
                self.brackets.pop()
            elif token.text == "?" or (token.text == ":" and self._opens_marker(previous)):
                self.markers += 1
        return token

    def group(self) -> list[Segment]:
        """The pieces between the brackets that open here, parted by commas."""
        self.step()
        found = [Segment(self.markers)]
        while True:
            before = self.markers
            token = self.step()
            if not self.brackets:
                return found
            if len(self.brackets) == 1 and token.is_symbol(","):
                found.append(Segment(self.markers))
            else:
                self.keep(found[-1], token, before)

    def keep(self, segment: Segment, token: Token, before: int) -> None:
        """Adds a token just passed; `before` is the number of markers until then."""
        if self.markers > before:
            segment.places.append((len(segment.tokens), before))
        segment.tokens.append(token)
        segment.markers += self.markers - before

    def _opens_marker(self, previous: Token) -> bool:
        """Return whether ':' starts a named marker; in a literal it may part key and value."""
        if previous.kind is TokenKind.SYMBOL:
            return previous.text not in ")]}?"
        return previous.kind is TokenKind.NAME and self.brackets[-1:] != ["{"]
