"""A CQL type has one text, and its structure is known whatever its names are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.cql_text import BadCql, TokenKind, identifier, quoted, tokens_of
from hintferry.core.cql_type import NATIVES, CqlType, TypeKind, parse

NAMES = st.text(min_size=1, max_size=6) | st.sampled_from(
    ["org", "vector", "frozen", "list", "int", "Address", "order", 'say "when"', "<", "a>b", "a,b"]
)
"""Whatever a quoted name may be."""


def bracketed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Types in which others stand, frozen as Cassandra prints them."""
    return st.one_of(
        inner.map(lambda one: f"frozen<list<{one}>>"),
        inner.map(lambda one: f"frozen<set<{one}>>"),
        st.tuples(inner, inner).map(lambda two: f"frozen<map<{two[0]}, {two[1]}>>"),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda some: f"frozen<tuple<{', '.join(some)}>>"
        ),
        inner.map(lambda one: f"vector<{one}, 3>"),
    )


PRINTED = st.recursive(
    st.sampled_from(sorted(NATIVES - {"varchar"}))
    | NAMES.map(lambda name: f"frozen<{quoted(name) if name in NATIVES else identifier(name)}>"),
    bracketed,
    max_leaves=6,
)
"""Types as `system_schema` prints those that stand within others."""


@given(PRINTED)
def test_what_is_printed_is_read_and_printed_alike(text: str) -> None:
    assert str(parse(text)) == text
    assert not parse(text).multicell


@given(NAMES)
def test_a_quoted_name_is_that_name(name: str) -> None:
    (token,) = tokens_of(quoted(name))
    assert (token.kind, token.text, str(token)) == (TokenKind.QUOTED, name, quoted(name))
    (token,) = tokens_of(identifier(name))
    assert token.text == name
    assert parse(quoted(name)) == CqlType(TypeKind.USER, name)


@pytest.mark.parametrize(
    ("written", "printed", "multicell"),
    [
        ("VARCHAR", "text", False),
        ("Map<Text,INT>", "map<text, int>", True),
        ("tuple<int,text>", "frozen<tuple<int, text>>", False),
        ("list<tuple<int, text>>", "list<frozen<tuple<int, text>>>", True),
        ("frozen<map<text, list<int>>>", "frozen<map<text, frozen<list<int>>>>", False),
        ("frozen<frozen<set<int>>>", "frozen<set<int>>", False),
        ("list<address>", "list<frozen<address>>", True),
        ("Address", "address", True),
        ('"Address"', '"Address"', True),
        ('frozen<"order">', 'frozen<"order">', False),
        ('shop."Address"', '"Address"', True),
        ('frozen<"int">', 'frozen<"int">', False),
        ("vector<float,3>", "vector<float, 3>", False),
        ("vector<list<int>, 3>", "vector<frozen<list<int>>, 3>", False),
        ("vector", "vector", True),
        ("frozen<org>", "frozen<org>", False),
        ("'org.apache.Own'", "'org.apache.Own'", False),
    ],
)
def test_a_type_has_one_text(written: str, printed: str, multicell: bool) -> None:
    found = parse(written)
    assert (str(found), found.multicell) == (printed, multicell)
    assert parse(printed) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1:1: a type is missing at the end"),
        ("list<int", "1:6: > is missing at the end"),
        ("list<int>>", "1:10: is not expected here at >"),
        ("map<int>", "1:8: map has not as many parameters"),
        ("list<int, int>", "list has not as many"),
        ("vector<float>", "vector has not as many"),
        ("vector<float, x>", "a number is missing at x"),
        ("bag<int>", "1:5: bag takes no parameters"),
        ('list<"a>', '1:6: " is not closed'),
        ("frozen<int,", "a type is missing at the end"),
    ],
)
def test_what_is_no_type_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(BadCql) as refused:
        parse(text)
    assert says in str(refused.value)


def test_the_depth_is_that_of_one_within_another() -> None:
    nine = ", ".join(["frozen<list<int>>"] * 9)
    assert parse(f"tuple<{nine}>").frozen_depth == 2
    assert parse("frozen<list<" * 9 + "int" + ">>" * 9).frozen_depth == 9


def test_user_types_are_found_where_they_are_named() -> None:
    found = parse("map<text, frozen<tuple<\"Phone\", order_2, 'a.text.org'>>>")
    assert list(found.user_types()) == ["Phone", "order_2"]
