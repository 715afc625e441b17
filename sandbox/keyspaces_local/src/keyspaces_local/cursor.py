"""A cursor over tokens, shared by the classifier and the option parser. Knows no statement."""

from dataclasses import dataclass

from keyspaces_local.tokens import CqlSyntaxError, Token, TokenKind, identifier

_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
END = Token(TokenKind.SYMBOL, "", "", -1, -1)
"""The token that stands after the last one."""


@dataclass(frozen=True, slots=True)
class Name:
    """A possibly qualified name; `keyspace` is None where the text gave none."""

    keyspace: str | None
    name: str


class Cursor:
    """Walks a token list; a wrong turn is a `CqlSyntaxError`."""

    __slots__ = ("index", "tokens")

    def __init__(self, tokens: list[Token], index: int = 0) -> None:
        self.tokens = tokens
        self.index = index

    @property
    def token(self) -> Token:
        return self.tokens[self.index] if self.index < len(self.tokens) else END

    @property
    def done(self) -> bool:
        return self.index >= len(self.tokens)

    def next(self) -> Token:
        token = self.token
        if token is END:
            raise CqlSyntaxError("mismatched input '<EOF>'")
        self.index += 1
        return token

    def accept(self, *words: str) -> bool:
        """Moves past the words if all of them come next, else stays."""
        ahead = self.tokens[self.index : self.index + len(words)]
        if [token.word for token in ahead] != list(words):
            return False
        self.index += len(words)
        return True

    def accept_symbol(self, symbol: str) -> bool:
        if not self.token.is_symbol(symbol):
            return False
        self.index += 1
        return True

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise CqlSyntaxError(
                f"mismatched input '{self.token.text or '<EOF>'}' expecting {' '.join(words)}"
            )

    def expect_symbol(self, symbol: str) -> None:
        if not self.accept_symbol(symbol):
            raise CqlSyntaxError(
                f"mismatched input '{self.token.text or '<EOF>'}' expecting '{symbol}'"
            )

    def name(self) -> Name:
        """A name, or keyspace.name."""
        first = identifier(self.next())
        if self.accept_symbol("."):
            return Name(first, identifier(self.next()))
        return Name(None, first)

    def skip_group(self) -> None:
        """Moves past one token, or past a whole bracketed group if one opens here."""
        depth = 0
        while True:
            token = self.next()
            if token.kind is TokenKind.SYMBOL:
                depth += (token.text in _OPEN) - (token.text in _CLOSE)
            if depth < 0:
                raise CqlSyntaxError(f"extraneous input '{token.text}'")
            if depth == 0:
                return
