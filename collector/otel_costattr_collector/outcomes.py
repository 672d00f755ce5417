"""Outcomes: what calls were for. Idempotent by id; other content under the same id is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr_collector import spend
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store

Name = Annotated[str, Field(max_length=256)]
MAX_OUTCOMES: Final = 1_000
_INSERT: Final = (
    "INSERT INTO {table} (id, content, recorded_ns, event_ns, kind, success, value, tenant,"
    " feature, session, trace_id, external_request_id)"
    " SELECT JSONExtractString(row, 'id'), JSONExtractString(row, 'content'),"
    " fromUnixTimestamp64Nano({{recorded:Int64}}, 'UTC'),"
    " fromUnixTimestamp64Nano(JSONExtractInt(row, 'event_ns'), 'UTC'),"
    " JSONExtractString(row, 'kind'), JSONExtractInt(row, 'success'),"
    " toDecimal128OrNull(JSONExtractString(row, 'value'), 12), JSONExtractString(row, 'tenant'),"
    " JSONExtractString(row, 'feature'), JSONExtractString(row, 'session'),"
    " JSONExtractString(row, 'trace_id'), JSONExtractString(row, 'external_request_id')"
    " FROM (SELECT arrayJoin({{rows:Array(String)}}) AS row)"
)
_KNOWN: Final = "SELECT id, any(content) FROM outcomes WHERE id IN {ids:Array(String)} GROUP BY id"


class Conflict(BadInput):
    """An id is known with other content."""


class Outcome(BaseModel):
    """One outcome; it joins its trace if it names one, else its request, else its session."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Posting the same id with the same content again changes nothing."
    )
    kind: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="What happened, such as ticket_resolved."
    )
    time: Annotated[str, Field(max_length=64)] = Field(
        description="When it happened, such as 2026-11-20T15:00:00Z."
    )
    success: bool = Field(default=True, description="Whether it is what was wanted.")
    value: Annotated[Decimal, Field(max_digits=24, decimal_places=12)] | None = Field(
        default=None, description="What it is worth, in a unit of the sender."
    )
    tenant: Name = ""
    feature: Name = ""
    session: Name = ""
    trace_id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    external_request_id: Name = ""


class Outcomes(BaseModel):
    """Several outcomes."""

    model_config = ConfigDict(extra="forbid")

    outcomes: Annotated[list[Outcome], Field(min_length=1, max_length=MAX_OUTCOMES)]


class Taken(BaseModel):
    """What became of them."""

    accepted: int = Field(description="Written now.")
    duplicates: int = Field(description="Known already, with the same content.")


class OutcomeBook:
    """Writes outcomes, each once; one caller at a time.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._lock: Final = threading.Lock()

    def take(self, posted: Sequence[Outcome], *, tenant: str = "") -> Taken:
        """Write those that are new; all of them or, after a refusal, none.

        Args:
            posted: The outcomes.
            tenant: The only tenant that the sender may write as, or `''` for all.

        Raises:
            BadInput: A time is none, or one joins nothing.
            Conflict: An id is known, or comes twice here, with other content.
            Forbidden: One belongs to another tenant.
            StoreError: The store refused or did not answer.
        """
        rows: dict[str, dict[str, Any]] = {}
        for outcome in posted:
            row = _row(outcome, tenant)
            if rows.setdefault(outcome.id, row)["content"] != row["content"]:
                raise Conflict(f"outcome {outcome.id!r} comes twice with different content")
        with self._lock:
            known = dict(self._store.query(_KNOWN, {"ids": list(rows)}).rows)
            for name, content in known.items():
                if rows[name]["content"] != content:
                    raise Conflict(f"outcome {name!r} is known with other content")
            new = [row for name, row in rows.items() if name not in known]
            self._write(new)
        return Taken(accepted=len(new), duplicates=len(posted) - len(new))

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            table = self._store.layout.writes_to("outcomes")
            self._store.command(
                _INSERT.format(table=table),
                {"rows": [json.dumps(row) for row in rows], "recorded": time.time_ns()},
            )


def _row(outcome: Outcome, tenant: str) -> dict[str, Any]:
    if tenant and outcome.tenant not in {"", tenant}:
        raise Forbidden(f"this key writes outcomes of tenant {tenant!r} only")
    if not (outcome.session or outcome.trace_id or outcome.external_request_id):
        raise BadInput(
            f"outcome {outcome.id!r} joins nothing: name a session, trace_id or external_request_id"
        )
    row = outcome.model_dump(exclude={"time", "success", "value"})
    row |= {
        "tenant": outcome.tenant or tenant,
        "event_ns": spend.edge(outcome.time, "UTC").ns,
        "success": int(outcome.success),
        "value": "" if outcome.value is None else decimal_text(outcome.value),
    }
    digest = blake2b(json.dumps(row, sort_keys=True).encode(), digest_size=16).hexdigest()
    return row | {"content": digest}
