"""Statements: drafts that were issued, in a chain of digests that shows any change."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from otel_costattr.errors import BadInput, RetryableError
from otel_costattr_collector.ledger import native
from otel_costattr_collector.store import Store

_NAME: Final = "LowCardinality(String)"
_READ: Final = (
    "SELECT sequence, sha256, previous, customer, period, revision, supersedes, state, content"
    " FROM statements {where} ORDER BY sequence, recorded_ns"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement.

    Attributes:
        sequence: Place in the chain, from 1.
        sha256: Its digest.
        previous: Digest of the former statement, `''` for the first.
        customer: Who is billed.
        period: The month.
        revision: Number among those of customer and period, from 1.
        supersedes: Digest of the former revision, or `''`.
        state: `final` or `provisional`.
        content: The draft as JSON, keys in order.
    """

    sequence: int
    sha256: str
    previous: str
    customer: str
    period: str
    revision: int
    supersedes: str
    state: str
    content: str

    @property
    def digest(self) -> str:
        """Work its digest out of what it says."""
        words = (
            self.previous,
            str(self.sequence),
            self.customer,
            self.period,
            str(self.revision),
            self.supersedes,
            self.state,
            self.content,
        )
        return sha256("\n".join(words).encode()).hexdigest()

    def words(self) -> dict[str, Any]:
        """Return it with its content as an object, for an answer."""
        return {**asdict(self), "content": json.loads(self.content)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of the chain.

    Attributes:
        statements: How many there are.
        head: Digest of the last one: keep it elsewhere, and nobody can cut the chain off unseen.
        problems: What is wrong with which statement.
    """

    statements: int
    head: str
    problems: tuple[str, ...]


class StatementBook:
    """Issues statements, one at a time, and verifies their chain.

    Args:
        store: Where they are kept.
        clock: Nanoseconds UTC.
    """

    def __init__(self, store: Store, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._store: Final = store
        self._clock: Final = clock
        self._lock: Final = threading.Lock()

    def issue(self, draft: Mapping[str, Any]) -> tuple[Statement, bool]:
        """Issue a draft; the same content again gives the same statement.

        Returns:
            The statement, and whether it is a new one: the first, or a revision that points to
            the one before.

        Raises:
            RetryableError: Another collector wrote at the same time, or the store does not answer.
        """
        content = json.dumps(draft, sort_keys=True, ensure_ascii=False)
        with self._lock:
            chain = self._all()
            last = next(
                (
                    one
                    for one in reversed(chain)
                    if (one.customer, one.period) == (draft["customer"], draft["period"])
                ),
                None,
            )
            if last is not None and last.content == content:
                return last, False
            statement = _next(draft, content, chain[-1] if chain else None, last)
            self._append(statement)
            written = self._all("WHERE sequence = {sequence:UInt64}", statement.sequence)
            if not written or written[0].sha256 != statement.sha256:
                raise RetryableError("another collector issued a statement just now: try again")
        return statement, True

    def read(self, digest: str) -> Statement:
        """Find a statement by its digest.

        Raises:
            BadInput: There is none.
        """
        found = [one for one in self._all() if one.sha256 == digest]
        if not found:
            raise BadInput(f"there is no statement {digest!r}")
        return found[0]

    def all(self) -> Sequence[Statement]:
        """Return every statement, in order of the chain."""
        return self._all()

    def verify(self) -> Verdict:
        """Work every digest out again and follow the chain."""
        chain = self._all()
        problems = []
        previous = ""
        for place, one in enumerate(chain, 1):
            who = f"statement {one.sequence} ({one.customer}, {one.period})"
            if one.sequence != place:
                problems.append(f"{who}: expected number {place}: one is missing or twice there")
            if one.previous != previous:
                problems.append(f"{who}: does not follow the one before")
            if one.sha256 != one.digest:
                problems.append(f"{who}: was changed, its digest is another one")
            previous = one.sha256
        return Verdict(statements=len(chain), head=previous, problems=tuple(problems))

    def _all(self, where: str = "", sequence: int = 0) -> list[Statement]:
        parameters = {"sequence": sequence} if where else {}
        rows = self._store.query(_READ.format(where=where), parameters).mappings()
        return [Statement(**row) for row in rows]

    def _append(self, statement: Statement) -> None:
        kinds = {
            "sequence": "UInt64",
            "sha256": "String",
            "previous": "String",
            "customer": _NAME,
            "period": _NAME,
            "revision": "UInt64",
            "supersedes": "String",
            "state": _NAME,
            "content": "String",
        }
        columns: list[tuple[str, str, Sequence[object]]] = [
            (name, kind, [getattr(statement, name)]) for name, kind in kinds.items()
        ]
        columns.append(("recorded_ns", "DateTime64(9, 'UTC')", [self._clock()]))
        token = f"statement:{statement.sequence}"
        self._store.append("statements", native.block(columns, 1), token=token)


def _next(
    draft: Mapping[str, Any], content: str, head: Statement | None, last: Statement | None
) -> Statement:
    fields: dict[str, Any] = {
        "sequence": 1 if head is None else head.sequence + 1,
        "previous": "" if head is None else head.sha256,
        "customer": draft["customer"],
        "period": draft["period"],
        "revision": 1 if last is None else last.revision + 1,
        "supersedes": "" if last is None else last.sha256,
        "state": draft["state"],
        "content": content,
    }
    unsigned = Statement(sha256="", **fields)
    return Statement(sha256=unsigned.digest, **fields)
