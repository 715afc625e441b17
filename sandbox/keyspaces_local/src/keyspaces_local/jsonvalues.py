"""Reads what an INSERT JSON writes, as if its columns had been given as literals."""

import json
import re

from keyspaces_local import rules, varints
from keyspaces_local.rules import Refusal
from keyspaces_local.schema import TableSchema
from keyspaces_local.statement import Term
from keyspaces_local.tokens import Token, TokenKind, literal

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


class _Number(str):
    """A number's text, so that none loses digits."""


def terms(text: str, schema: TableSchema) -> tuple[Term, ...]:
    """The columns in a JSON object and their values. Raises `Refusal` for what is no object."""
    try:
        found = json.loads(text, parse_int=_Number, parse_float=_Number)
    except ValueError as error:
        raise Refusal(rules.JSON_VALUE, problem=error) from error
    if not isinstance(found, dict):
        raise Refusal(rules.JSON_VALUE, problem="it is none")
    return tuple(_term(_name(key), value, schema) for key, value in found.items())


def _name(key: str) -> str:
    return key[1:-1].replace('""', '"') if key[:1] == '"' else key.lower()


def _term(name: str, value: object, schema: TableSchema) -> Term:
    column = schema.columns.get(name)
    type_ = "" if column is None else column.type
    numeric = type_ == "blob" or varints.contains(type_, schema.udts)
    return Term(name, tokens=tuple(_token(part, numeric) for part in _leaves(value)))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for pair in value.items() for part in pair for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _token(value: object, numeric: bool) -> Token:
    """`numeric`: strings of digits are numbers, as a varint that is the key of a map."""
    if isinstance(value, _Number):
        return _made(TokenKind.NUMBER, value.lstrip("-"))
    if isinstance(value, str):
        if numeric and (value[:2] in ("0x", "0X") or _WHOLE_NUMBER.fullmatch(value)):
            return _made(TokenKind.NUMBER, value.lstrip("-"))
        return _made(TokenKind.STRING, literal(value))
    return _made(TokenKind.NAME, "null")


def _made(kind: TokenKind, text: str) -> Token:
    return Token(kind, text, "", 0, 0)
