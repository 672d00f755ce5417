"""A small client of the API: chDB has one process, so every command asks that one."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from otel_costattr.errors import (
    BadInput,
    BadSettings,
    CostattrError,
    PermanentError,
    RetryableError,
)

DEFAULT_URL: Final = "http://127.0.0.1:8320"
URL_VARIABLE: Final = "COSTATTR_URL"
KEY_VARIABLE: Final = "COSTATTR_KEY"
_TIMEOUT_S: Final = 90.0


def add_api(parser: argparse.ArgumentParser, *, key: str) -> None:
    """Add `--url` and `--key`, which say whom to ask and as whom.

    Args:
        parser: Of a command.
        key: Which key it takes, such as `a key that may read`.
    """
    parser.add_argument(
        "--url", help=f"API of a running collector (default: {URL_VARIABLE}, else {DEFAULT_URL})"
    )
    parser.add_argument("--key", help=f"{key} (default: {KEY_VARIABLE})")


class Api:
    """Asks the API of a running collector.

    Args:
        url: Its address; None for `COSTATTR_URL`, else the default port of this machine.
        key: A key that may read; None for `COSTATTR_KEY`, else none.

    Raises:
        BadSettings: The address is no http or https URL.
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self.url: Final = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
        self._key = os.environ.get(KEY_VARIABLE, "") if key is None else key
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadSettings(f"--url {self.url!r}: use an address such as {DEFAULT_URL}")

    def get(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """Ask one question.

        Args:
            path: Such as `/v1/analytics/costs`.
            parameters: Name and value, repeated as often as needed.

        Raises:
            BadInput: The question was refused; the message says why.
            RetryableError: Nobody answers, or the service is not ready.
            PermanentError: The answer is none of a collector.
        """
        return self._object(self.file(path, parameters)[0])

    def file(
        self, path: str, parameters: Sequence[tuple[str, str]] = ()
    ) -> tuple[bytes, Mapping[str, str]]:
        """Ask one question and return the body as it came, and the headers in lower case.

        Args:
            path: Such as `/v1/calls`.
            parameters: Name and value, repeated as often as needed.

        Raises:
            BadInput: The question was refused; the message says why.
            RetryableError: Nobody answers, or the service is not ready.
            PermanentError: The service could not answer.
        """
        question = f"?{urlencode(parameters)}" if parameters else ""
        return self._answered(f"{path}{question}")

    def post(self, path: str, body: object, *, timeout_s: float = 900) -> dict[str, Any]:
        """Send one order as JSON.

        Args:
            path: Such as `/v1/audit`.
            body: What to send.
            timeout_s: How long it may take, seconds.

        Raises:
            BadInput: It was refused; the message says why.
            RetryableError: Nobody answers, or the service is not ready.
            PermanentError: The answer is none of a collector.
        """
        body_bytes = json.dumps(body).encode()
        return self._object(self._answered(path, body_bytes, timeout_s=timeout_s)[0])

    def _answered(
        self, path: str, body: bytes | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> tuple[bytes, Mapping[str, str]]:
        headers = {"Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            f"{self.url}{path}", data=body, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - likewise
                found = {name.lower(): value for name, value in answer.headers.items()}
                return answer.read(), found
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error.code, error.read()) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise RetryableError(
                f"no collector answers at {self.url} ({reason}): start `costattr serve`, "
                f"or name another one by --url or {URL_VARIABLE}"
            ) from error

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except ValueError as error:
            raise PermanentError(f"{self.url} does not answer like a collector") from error
        if not isinstance(found, dict):
            raise PermanentError(f"{self.url} does not answer like a collector")
        return found

    def _refusal(self, code: int, body: bytes) -> CostattrError:
        message = self._object(body).get("message", f"HTTP {code}")
        if code in {429, 503}:
            return RetryableError(f"{self.url}: {message}")
        if code >= 500:
            return PermanentError(f"{self.url}: {message}")
        return BadInput(str(message))
