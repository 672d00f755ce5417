"""Calls that were counted more than once: which lines to take back, decided from the lines alone.

Collectors that write to one server do not know of each other, so the same span may be in the
ledger twice, and two spans of one call may both count. Every auditor that sees the same lines
decides the same, and what it books carries the same ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..ledger import Line, amendment_of, as_mapping, reversal_of
from ..ledger.entries import REVERSALS

Kind = Literal["copy", "same_call", "taken_back_twice"]

OURS: Final = "audit:"
COPY: Final = f"{OURS}copy:"
SAME_CALL: Final = f"{OURS}same_call"
RESTORE: Final = f"{OURS}restore:"
_RANKS: Final = ("priced", "estimated", "committed", "aggregate", "unpriced")
_QUANTITIES: Final = ("calls", "amount_usd", "reported_cost_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A line as it stands in the ledger.

    Attributes:
        line: What it says.
        batch_id: The batch that wrote it.
        recorded_ns: When.
        key_tenant: The tenant that the sender's key proved, or `''`.
        amended: Whether a rebook that is no call stands for it, so that no copy of it may.
    """

    line: Line
    batch_id: int
    recorded_ns: int
    key_tenant: str = ""
    amended: bool = False

    @property
    def by_name(self) -> Mapping[str, Any]:
        """The line by the names of its columns."""
        return as_mapping(self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """One line that must be booked so that a call counts once.

    Attributes:
        kind: `copy` of a line, another span of the `same_call`, or `taken_back_twice`.
        of: The line in question.
        books: The line to book.
    """

    kind: Kind
    of: Booked
    books: Line


def surplus(booked: Iterable[Booked]) -> tuple[Surplus, ...]:
    """Find what counts more than once among lines, and what to book against it.

    Lines of senders with different keys are never compared: nobody can take back another one's
    call.

    Args:
        booked: Every line, reversals included, of some calls; the order does not matter.
    """
    groups: defaultdict[tuple[str, str], list[Booked]] = defaultdict(list)
    for one in booked:
        values = one.by_name
        groups[one.key_tenant, values["call_key"] or _cost(values)].append(one)
    return tuple(found for key in sorted(groups) for found in _of_one_call(groups[key]))


def _root(values: Mapping[str, Any]) -> str:
    return str(values["amends"] if values["entry"] in REVERSALS else values["line_id"])


def _cost(values: Mapping[str, Any]) -> str:
    """Name the line of a cost that a line is about: no call key holds them together."""
    restores = values["cause"].startswith(RESTORE)
    return str(values["amends"] if restores else _root(values))


def _of_one_call(booked: Sequence[Booked]) -> list[Surplus]:
    by_root: defaultdict[str, list[Booked]] = defaultdict(list)
    for one in sorted(booked, key=_order):
        by_root[_root(one.by_name)].append(one)
    present = {one.by_name["line_id"] for one in booked}
    found: list[Surplus] = []
    heads: list[Booked] = []
    for _, rows in sorted(by_root.items()):
        copies = [one for one in rows if one.by_name["entry"] not in REVERSALS]
        reversals = [one for one in rows if one.by_name["entry"] in REVERSALS]
        valid, needless = _divided(reversals, most=len(copies))
        found += [one for one in _restored(copies, needless) if _id(one) not in present]
        left = _standing(copies, valid)
        if left and left[0].amended:
            found += [_copy(one) for one in left]
            continue
        heads += [one for one in left[:1] if not one.by_name["cause"].startswith(RESTORE)]
        found += [_copy(one) for one in left[1:]]
    return found + [_taken_back("same_call", one, SAME_CALL) for one in _losers(heads)]


def _copy(one: Booked) -> Surplus:
    return _taken_back("copy", one, f"{COPY}{one.batch_id:016x}")


def _id(found: Surplus) -> str:
    return str(as_mapping(found.books)["line_id"])


def _order(one: Booked) -> tuple[int, int]:
    return one.recorded_ns, one.batch_id


def _divided(reversals: Sequence[Booked], *, most: int) -> tuple[list[Booked], list[Booked]]:
    """Divide reversals into those that take something back and those that did it once too often.

    Two auditors at once book the same reversal, with the same id; others may repeat theirs, one
    for each copy.
    """
    valid: list[Booked] = []
    needless: list[Booked] = []
    ids: set[str] = set()
    for one in reversals:
        values = one.by_name
        again = values["line_id"] in ids and values["cause"].startswith(OURS)
        ids.add(values["line_id"])
        (needless if again or len(valid) == most else valid).append(one)
    return valid, needless


def _standing(copies: Sequence[Booked], reversals: Sequence[Booked]) -> list[Booked]:
    """List the copies that no reversal took back: each takes the copy it names, else the first."""
    left = list(copies)
    for one in sorted(reversals, key=lambda one: not _names_a_copy(one)):
        batch = one.by_name["cause"].removeprefix(COPY)
        left.remove(next((copy for copy in left if f"{copy.batch_id:016x}" == batch), left[0]))
    return left


def _names_a_copy(one: Booked) -> bool:
    return bool(one.by_name["cause"].startswith(COPY))


def _restored(copies: Sequence[Booked], needless: Sequence[Booked]) -> list[Surplus]:
    """Book a line again for each reversal too many; without the line there is nothing to book."""
    return [
        Surplus(
            kind="taken_back_twice",
            of=one,
            books=amendment_of(
                copies[0].line, copies[0].line, cause=f"{RESTORE}{one.batch_id:016x}"
            )[1],
        )
        for one in (needless if copies else ())
    ]


def _taken_back(kind: Kind, one: Booked, cause: str) -> Surplus:
    return Surplus(kind=kind, of=one, books=reversal_of(one.line, cause=cause))


def _losers(heads: Sequence[Booked]) -> list[Booked]:
    """List the lines of spans that count beside the best one of the same call."""
    spans: defaultdict[tuple[str, ...], list[Booked]] = defaultdict(list)
    for one in heads:
        values = one.by_name
        if values["call_key"] and any(values[name] for name in _QUANTITIES):
            spans[values["trace_id"], values["span_id"], values["source_key"]].append(one)
    counting = [lines for lines in spans.values() if sum(one.by_name["calls"] for one in lines) > 0]
    best = min(counting, key=_worth, default=None)
    return [one for lines in counting if lines is not best for one in lines]


def _worth(lines: Sequence[Booked]) -> tuple[int, int, int, str]:
    first = lines[0]
    values = first.by_name
    status = values["status"]
    rank = _RANKS.index(status) if status in _RANKS else len(_RANKS)
    return rank, first.recorded_ns, first.batch_id, str(values["line_id"])
