"""Errors as ClickHouse tells them: a code, its name and a sentence; one table to HTTP statuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_costattr.errors import CostattrError

_CODE: Final = re.compile(r"Code: (?P<code>\d+)\. (?P<rest>DB::Exception: .*)", re.DOTALL)
_NAME: Final = re.compile(r" \((?P<name>[A-Z0-9_]+)\)\s*$")
_HINT: Final = re.compile(r" Maybe you meant:? [^?]*\?")
"""Hints name tables that the guard hides."""

_OURS: Final = re.compile(r": In scope SELECT formatQuerySingleLine\(.*\)\)?\.?", re.DOTALL)

_STATUSES: Final[Mapping[int, int]] = MappingProxyType(
    {
        **dict.fromkeys((194,), 401),  # REQUIRED_PASSWORD
        **dict.fromkeys((497, 516, 164), 403),  # ACCESS_DENIED, AUTHENTICATION_FAILED, READONLY
        **dict.fromkeys((46, 47, 50, 60, 73, 81, 115), 404),  # UNKNOWN_* of any kind
        **dict.fromkeys((159,), 408),  # TIMEOUT_EXCEEDED
        **dict.fromkeys((223,), 413),  # QUERY_IS_TOO_LARGE
        **dict.fromkeys((202,), 429),  # TOO_MANY_SIMULTANEOUS_QUERIES
        **dict.fromkeys((48,), 501),  # NOT_IMPLEMENTED
        **dict.fromkeys((27, 36, 43, 53, 62, 70, 72, 456, 457), 400),  # the query or a value in it
    }
)


class SqlError(CostattrError):
    """A query was refused or failed.

    Args:
        code: ClickHouse's number of the error.
        name: Its name, such as `ACCESS_DENIED`.
        message: What was wrong, in words.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.name: Final = name

    @property
    def http_status(self) -> int:
        """The status that a ClickHouse server answers with."""
        return _STATUSES.get(self.code, 500)

    def body(self, version: str) -> str:
        """Return the error as a server writes it.

        Args:
            version: The engine's version.
        """
        return f"Code: {self.code}. DB::Exception: {self} ({self.name}) (version {version})\n"


def denied(message: str) -> SqlError:
    """Return the refusal of something that no user may do."""
    return SqlError(497, "ACCESS_DENIED", message)


def from_engine(text: str) -> SqlError:
    """Return an error of the engine with its own code and name.

    Args:
        text: The text of the engine's exception.
    """
    found = _CODE.search(text)
    if found is None:
        return SqlError(1002, "UNKNOWN_EXCEPTION", text.strip() or "the engine failed")
    named = _NAME.search(found["rest"])
    told = _HINT.sub("", _OURS.sub("", _NAME.sub("", found["rest"])))
    message = told.removeprefix("DB::Exception: ").strip()
    name = named["name"] if named else "UNKNOWN_EXCEPTION"
    return SqlError(int(found["code"]), name, message)
