"""Words of a query in ClickHouse's canonical form, and the clauses at its end.

The engine itself wrote the text (`formatQuerySingleLine`), so there are no comments, no heredocs
and one way to quote; a few kinds of tokens are enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .errors import SqlError, denied

Kind = Literal["space", "text", "quoted", "word", "number", "mark"]

_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<quoted>`(?:[^`\\]|\\.)*`)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>[0-9][0-9A-Za-z_.]*)"
    r"|(?P<mark>.)",
    re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One word, text, name or mark.

    Attributes:
        kind: What it is.
        text: How it is written.
        start: Where it begins, in characters.
    """

    kind: Kind
    text: str
    start: int

    @property
    def name(self) -> str:
        """The identifier that it stands for, without its quotes."""
        return self.text[1:-1] if self.kind == "quoted" else self.text

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these bare words, in upper case."""
        return self.kind == "word" and self.text.upper() in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """A query without what stands at its end.

    Attributes:
        body: The query itself.
        format: Name of the format that it asks for, or `''`.
        settings: Setting to value as written.
    """

    body: str
    format: str
    settings: Mapping[str, str]


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the tokens of a canonical query, without spaces.

    Raises:
        SqlError: A name has a character that no name of ours has, or several statements came.
    """
    found = tuple(
        Token(kind=match.lastgroup, text=match[0], start=match.start())  # type: ignore[arg-type]
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    )
    for token in found:
        if token.kind == "quoted" and ("\\" in token.text or _CONTROL.search(token.text)):
            raise denied(f"the name {token.text} has a character that is not allowed in names")
        if token.kind == "mark" and token.text in {";", "'", "`", "\\"}:
            raise SqlError(62, "SYNTAX_ERROR", "one statement at a time, please")
    return found


def clauses_of(text: str) -> Clauses:
    """Split a canonical query into itself and the `SETTINGS` and `FORMAT` at its end.

    Raises:
        SqlError: As `tokens_of`.
    """
    tokens = tokens_of(text)
    depth = 0
    for number, token in enumerate(tokens):
        depth += _turn(token)
        if depth == 0 and number and token.is_word("SETTINGS", "FORMAT"):
            tail = _tail(text, tokens[number:])
            if tail is not None:
                return Clauses(body=text[: token.start].rstrip(), format=tail[0], settings=tail[1])
    return Clauses(body=text.strip(), format="", settings={})


def _turn(token: Token) -> int:
    if token.kind != "mark":
        return 0
    return {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)


def _tail(text: str, tokens: Sequence[Token]) -> tuple[str, Mapping[str, str]] | None:
    """Return format and settings if `tokens` are nothing but such clauses."""
    name = ""
    settings: dict[str, str] = {}
    rest = list(tokens)
    while rest:
        clause = rest.pop(0)
        if clause.is_word("FORMAT") and rest and rest[0].kind == "word":
            name = rest.pop(0).text
        elif clause.is_word("SETTINGS") and rest:
            assigned = _assignments(text, rest)
            if assigned is None:
                return None
            settings |= assigned
        else:
            return None
    return name, settings


def _assignments(text: str, rest: list[Token]) -> Mapping[str, str] | None:
    """Take `a = 1, b = 'x'` from the front of `rest`."""
    settings: dict[str, str] = {}
    while True:
        if len(rest) < 3 or rest[0].kind not in {"word", "quoted"} or rest[1].text != "=":
            return None
        name = rest.pop(0).name
        rest.pop(0)
        start = rest[0].start
        end = _value_end(rest)
        settings[name] = text[start:end]
        if not rest or rest[0].text != ",":
            return settings
        rest.pop(0)


def _value_end(rest: list[Token]) -> int:
    depth = 0
    end = rest[0].start
    while rest:
        if depth == 0 and (rest[0].text == "," or rest[0].is_word("FORMAT", "SETTINGS")):
            break
        token = rest.pop(0)
        depth += _turn(token)
        end = token.start + len(token.text)
    return end


def texts_of(value: str) -> tuple[str, ...]:
    """Return the quoted texts inside a value as the engine means them, in order."""
    return tuple(unquote(token.text) for token in tokens_of(value) if token.kind == "text")


_ESCAPES: Final[Mapping[str, str]] = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "0": "\0",
    "b": "\b",
    "f": "\f",
    "a": "\a",
    "v": "\v",
    "e": "\x1b",
}


def unquote(text: str) -> str:
    """Return what a canonical quoted text stands for."""
    return re.sub(
        r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL
    )


def quote(text: str) -> str:
    """Return `text` as a literal that the engine reads back as the same text."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
