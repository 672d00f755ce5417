"""Webhooks: Slack-shaped or plain JSON, signed, tried again, each thing once for each address."""

from __future__ import annotations

import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel
from typing_extensions import override

from otel_costattr.errors import BadSettings, PermanentError, RetryableError, StoreError
from otel_costattr_collector.inputs import InputTable
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.patience import patiently
from otel_costattr_collector.store import Store

ATTEMPTS: Final = 5
_TIMEOUT_S: Final = 10.0
_COLUMNS: Final = {"kind": "LowCardinality(String)", "subject": "String", "text": "String"}
_SENT: Final = "SELECT DISTINCT id FROM notifications WHERE id IN {ids:Array(String)}"

Shape = Literal["slack", "json"]


class Notice(BaseModel):
    """Something to tell.

    Attributes:
        kind: `budget` or `anomaly`.
        subject: What it is about; a thing is told once.
        text: For people.
        facts: For programs.
    """

    kind: Literal["budget", "anomaly"]
    subject: str
    text: str
    facts: dict[str, Any]


class _Told(BaseModel):
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where notices go.

    Attributes:
        url: The address; it may hold a secret, so it is never logged or stored.
        shape: `slack` for `{"text": ...}`, `json` for everything there is.
    """

    url: str
    shape: Shape

    def body(self, notice: Notice, delivery: str) -> bytes:
        """Write a notice."""
        words: dict[str, Any] = {"text": notice.text}
        if self.shape == "json":
            words = {"id": delivery, **notice.model_dump(mode="json")}
        return json.dumps(words, sort_keys=True).encode()


def webhooks_of(words: str) -> tuple[Webhook, ...]:
    """Read `slack=https://...,json=https://...`; an address without a shape is plain JSON.

    Raises:
        BadSettings: One is no http or https address; which one is told by its place.
    """
    found = []
    for place, word in enumerate(filter(None, map(str.strip, words.split(","))), start=1):
        shape, equals, url = word.partition("=")
        if shape not in {"slack", "json"} or not equals:
            shape, url = "json", word
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadSettings(
                f"webhooks: the {place}. is no address: use slack=https://... or json="
            )
        found.append(Webhook(url=url, shape="slack" if shape == "slack" else "json"))
    return tuple(found)


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """Sign a body: `v1=` and the HMAC-SHA-256 of `TIMESTAMP.BODY` in hex.

    Args:
        secret: Known to both sides.
        timestamp: Seconds since 1970, as sent in `X-Costattr-Timestamp`.
        body: What is sent.
    """
    return f"v1={hmac.new(secret, f'{timestamp}.'.encode() + body, sha256).hexdigest()}"


class Messenger:
    """Sends notices, each once for each webhook, restarts included.

    What was accepted is recorded after it was: a crash in between sends it again, under the same
    `X-Costattr-Delivery`.

    Args:
        store: Where it is recorded.
        webhooks: Where they go.
        metrics: Where deliveries are counted.
        secret: Signs them; None for no signature.
        clock: Nanoseconds UTC.
        sleep: Waits some seconds between attempts.
    """

    def __init__(
        self,
        store: Store,
        webhooks: Sequence[Webhook],
        *,
        metrics: Metrics,
        secret: bytes | None = None,
        clock: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store: Final = store
        self._webhooks: Final = webhooks
        self._metrics: Final = metrics
        self._secret: Final = secret
        self._clock: Final = clock
        self._sleep: Final = sleep
        self._table: Final = InputTable(store, "notifications", _COLUMNS, what="notification")

    def send(self, notices: Sequence[Notice]) -> int:
        """Send what was not sent before, and return how many deliveries were accepted.

        One that fails is counted and tried again with the next call.

        Raises:
            StoreError: The store refused or did not answer.
        """
        wanted = {
            _delivery(notice, webhook): (notice, webhook)
            for notice in notices
            for webhook in self._webhooks
        }
        if not wanted:
            return 0
        known = {name for (name,) in self._store.query(_SENT, {"ids": list(wanted)}).rows}
        return sum(
            self._deliver(delivery, notice, webhook)
            for delivery, (notice, webhook) in wanted.items()
            if delivery not in known
        )

    def _deliver(self, delivery: str, notice: Notice, webhook: Webhook) -> bool:
        try:
            for attempt in patiently(f"webhook {delivery}", attempts=ATTEMPTS, sleep=self._sleep):
                with attempt:
                    _post(webhook.url, webhook.body(notice, delivery), self._headers, delivery)
        except StoreError:
            self._metrics.notifications.labels("failed").inc()
            return False
        self._metrics.notifications.labels("sent").inc()
        row = {"kind": notice.kind, "subject": notice.subject, "text": notice.text}
        self._table.take(
            [(delivery, _Told(subject=notice.subject))], lambda places: [row for _ in places]
        )
        return True

    def _headers(self, body: bytes, delivery: str) -> Mapping[str, str]:
        timestamp = self._clock() // 10**9
        headers = {
            "Content-Type": "application/json",
            "X-Costattr-Delivery": delivery,
            "X-Costattr-Timestamp": str(timestamp),
        }
        if self._secret is not None:
            headers["X-Costattr-Signature"] = signature(self._secret, timestamp, body)
        return headers


def _delivery(notice: Notice, webhook: Webhook) -> str:
    words = f"{notice.kind}\n{notice.subject}\n{webhook.url}"
    return blake2b(words.encode(), digest_size=16).hexdigest()


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a signed body goes to the address that was configured, and no other."""

    @override
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Straight)


def _post(
    url: str, body: bytes, headers: Callable[[bytes, str], Mapping[str, str]], delivery: str
) -> None:
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        url, data=body, headers=dict(headers(body, delivery))
    )
    try:
        _OPENER.open(request, timeout=_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        error.close()
        later = error.code in {408, 429} or error.code >= 500
        kind = RetryableError if later else PermanentError
        raise kind(f"the receiver says HTTP {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise RetryableError(f"the receiver does not answer ({type(error).__name__})") from None
