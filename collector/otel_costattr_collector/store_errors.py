"""Which ClickHouse errors are worth a retry: one table, decided by code."""

from __future__ import annotations

from typing import Final

from clickhouse_connect.driver.exceptions import Error, ProgrammingError
from urllib3.exceptions import HTTPError

from otel_costattr.errors import PermanentError, RetryableError, StoreError

PERMANENT: Final = {
    6: "CANNOT_PARSE_TEXT",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    33: "CANNOT_READ_ALL_DATA",
    43: "ILLEGAL_TYPE_OF_ARGUMENT",
    44: "ILLEGAL_COLUMN",
    46: "UNKNOWN_FUNCTION",
    47: "UNKNOWN_IDENTIFIER",
    50: "UNKNOWN_TYPE",
    53: "TYPE_MISMATCH",
    62: "SYNTAX_ERROR",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    115: "UNKNOWN_SETTING",
    117: "INCORRECT_DATA",
    130: "CANNOT_READ_ARRAY_FROM_TEXT",
    131: "TOO_LARGE_STRING_SIZE",
    190: "SIZES_OF_ARRAYS_DONT_MATCH",
    215: "NOT_AN_AGGREGATE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    407: "DECIMAL_OVERFLOW",
    456: "UNKNOWN_QUERY_PARAMETER",
    457: "BAD_QUERY_PARAMETER",
}
"""Codes after which the same bytes fail for ever. Every other error may pass: a lock, a full disk,
a memory limit, a missing right or table that an operator can give."""

ELSEWHERE: Final = {
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    242: "TABLE_IS_READ_ONLY",
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
}
"""Codes of a host that cannot, while another replica may."""

FAILURES: Final = (Error, HTTPError, OSError)
"""What clickhouse-connect raises."""

_LOCKED: Final = ("Another server instance", "Error initializing EmbeddedServer")
"""What chDB says of a folder that it cannot open; the lock itself it tells standard error only."""


def translate(error: Exception, what: str) -> StoreError:
    """Turn an error of the driver into ours.

    Args:
        error: What clickhouse-connect, urllib3 or the system raised.
        what: What was being done, for the message.
    """
    code = error.code if isinstance(error, Error) else None
    kind = _kind(error, code)
    return kind(f"{what}: {_message(error)}")


def elsewhere(error: Exception) -> bool:
    """Whether another replica may do what this one did not: nobody answered, or it is unwell."""
    if isinstance(error, ProgrammingError):
        return False
    code = error.code if isinstance(error, Error) else None
    return code is None or code in ELSEWHERE


def _kind(error: Exception, code: int | None) -> type[StoreError]:
    if code in PERMANENT or (isinstance(error, ProgrammingError) and code is None):
        return PermanentError
    return RetryableError


def _message(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    if any(words in text for words in _LOCKED):
        return (
            "the engine cannot open this folder, most likely because another process uses it;"
            f" chDB allows one: stop it, or ask its API ({text})"
        )
    return text
