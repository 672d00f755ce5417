"""Tables that others fill: each record once by its id, other content under the same id refused.

These tables have no partitions, so that the records of one request are one part: all or none.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from pydantic import BaseModel

from otel_costattr_collector.ledger import native
from otel_costattr_collector.outcomes import Conflict, Taken
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store

Row = Mapping[str, Any]
_EPOCH: Final = date(1970, 1, 1)


class InputTable:
    """One such table; one caller at a time.

    Args:
        store: Where it is kept.
        table: Its name.
        columns: Name to ClickHouse type, without `id`, `content` and `recorded_ns`.
        what: What a record is called in messages.
        clock: Nanoseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        table: str,
        columns: Mapping[str, str],
        *,
        what: str,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store: Final = store
        self._table: Final = table
        self._columns: Final = columns
        self._what: Final = what
        self._clock: Final = clock
        self._lock: Final = threading.Lock()

    def take(
        self,
        posted: Sequence[tuple[str, BaseModel]],
        make: Callable[[Sequence[int]], Sequence[Row]],
    ) -> Taken:
        """Write those that are new; all of them or, after a refusal, none.

        Args:
            posted: Id and content of each record.
            make: Makes the rows of the records at some places of `posted`, the new ones.

        Raises:
            Conflict: An id is known, or comes twice here, with other content.
            StoreError: The store refused or did not answer.
        """
        contents = [content_of(record) for _, record in posted]
        first: dict[str, int] = {}
        for place, (name, _) in enumerate(posted):
            if contents[first.setdefault(name, place)] != contents[place]:
                raise Conflict(f"{self._what} {name!r} comes twice with different content")
        with self._lock:
            for name, content in self._known(list(first)).items():
                if contents[first.pop(name)] != content:
                    raise Conflict(f"{self._what} {name!r} is known with other content")
            places = list(first.values())
            rows = [
                {"id": posted[place][0], "content": contents[place], **row}
                for place, row in zip(places, make(places), strict=True)
            ]
            if rows:
                self._append(rows)
        return Taken(accepted=len(rows), duplicates=len(posted) - len(rows))

    def _known(self, names: list[str]) -> dict[str, str]:
        sql = (
            f"SELECT id, any(content) FROM {self._table}"  # noqa: S608 - a name of ours
            " WHERE id IN {ids:Array(String)} GROUP BY id"
        )
        return dict(self._store.query(sql, {"ids": names}).rows)

    def _append(self, rows: list[dict[str, Any]]) -> None:
        kinds = {"id": "String", "content": "String", **self._columns}
        columns: list[tuple[str, str, Sequence[object]]] = [
            (name, kind, [_native(row[name]) for row in rows]) for name, kind in kinds.items()
        ]
        recorded = [self._clock()] * len(rows)
        columns.append(("recorded_ns", "DateTime64(9, 'UTC')", recorded))
        identity = "".join(f"{row['id']}:{row['content']};" for row in rows)
        token = blake2b(f"{self._table}:{identity}".encode(), digest_size=16).hexdigest()
        self._store.append(self._table, native.block(columns, len(rows)), token=token)


def content_of(record: BaseModel) -> str:
    """Hash what was posted: 32 hex digits, the same for 1.5 and 1.50."""
    words = json.dumps(record.model_dump(), sort_keys=True, default=_word)
    return blake2b(words.encode(), digest_size=16).hexdigest()


def _word(value: object) -> str:
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def _native(value: Any) -> object:
    return (value - _EPOCH).days if isinstance(value, date) else value
