"""The lexer: what is quoted or commented out is never taken for code, and nothing is skipped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_local.tokens import (
    CqlSyntaxError,
    TokenKind,
    identifier,
    literal,
    quoted,
    string_content,
    tokenize,
)

_PIECES = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.text(max_size=12).map(literal),
    st.text(min_size=1, max_size=12).map(quoted),
    st.text(alphabet="abc' \"-/*;", max_size=12).map(lambda text: f"$${text}$$"),
    st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True),
    st.uuids().map(str),
    st.binary(max_size=6).map(lambda data: "0x" + data.hex()),
    st.sampled_from(list("?:;,.()[]{}=<>!+*%@")),
)
_GAPS = st.sampled_from([" ", "\n", "\t ", "/* ' \" ; $$ */", "-- it's\n", "// DROP\n", " /**/ "])


@given(st.lists(st.tuples(_PIECES, _GAPS), max_size=12))
def test_pieces_come_back_as_they_went_in(pieces: list[tuple[str, str]]) -> None:
    text = "".join(piece + gap for piece, gap in pieces)
    assert [token.text for token in tokenize(text)] == [piece for piece, _ in pieces]


@given(st.text())
def test_any_text_is_read_completely_or_refused(text: str) -> None:
    try:
        tokens = tokenize(text)
    except CqlSyntaxError:
        return
    assert all(text[token.start : token.end] == token.text for token in tokens)
    between = [*(t.start for t in tokens), len(text)]
    gaps = [text[a:b] for a, b in zip([0, *(t.end for t in tokens)], between, strict=True)]
    assert all(not gap.strip(" \t\r\n") or gap.lstrip()[:2] in ("--", "//", "/*") for gap in gaps)


@given(st.text())
def test_a_literal_and_a_quoted_name_mean_their_text(text: str) -> None:
    (token,) = tokenize(literal(text))
    assert (token.kind, string_content(token)) == (TokenKind.STRING, text)
    if text:
        (token,) = tokenize(quoted(text))
        assert (token.kind, identifier(token)) == (TokenKind.QUOTED, text)


@pytest.mark.parametrize(
    "text", ["'open", '"open', "$$open", "/* open", "a # b", "a \\ b", "a\x0bb", "é", "a $ b", '""']
)
def test_what_no_token_starts_with_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(CqlSyntaxError, match=r"line 1:\d+ no viable alternative"):
        tokenize(text)


def test_only_unquoted_names_are_words() -> None:
    words = [token.word for token in tokenize("Insert \"INSERT\" 'insert' 1")]
    assert words == ["INSERT", "", "", ""]
