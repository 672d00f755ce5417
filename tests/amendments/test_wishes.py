"""What a late copy may not undo: owners that a file named, and that a person is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amendments.arrivals import together
from amendments.test_late_path import copies
from otel_costattr_collector.amendments.wishes import Wish, granted
from otel_costattr_collector.ledger import Line, as_mapping


def _head(**changed: object) -> Line:
    """Make the line that stands of a call: repriced last."""
    (line,) = together(copies()[:1]).lines
    values: dict[str, Any] = dict(as_mapping(line))
    return tuple((values | {"entry": "rebook", "cause": "reprice:b"} | changed).values())


def _after_a_richer_copy(head: Line) -> Mapping[str, Any]:
    """Return the rebook that a copy with the cached tokens leads to."""
    lines = tuple(together(copies()[1:]).lines)
    booked, after = granted([head], Wish(arrived="a", at_ns=1, cause="late_copy:c", lines=lines))
    assert [as_mapping(one)["entry"] for one in booked] == ["reversal", "rebook"]
    return as_mapping(after[0])


def test_owners_of_a_file_stay_whatever_amended_the_line_since() -> None:
    """A new price between the file and the copy does not hide who was named."""
    head = _head(tenant="globex", provenance={"owner": "reattribute"})
    rebook = _after_a_richer_copy(head)

    assert (rebook["tenant"], rebook["provenance"]["owner"]) == ("globex", "reattribute")
    assert rebook["cache_read_tokens"] == 400


def test_who_was_erased_stays_erased() -> None:
    """The copy's own words about the person are not written over the line again."""
    rebook = _after_a_richer_copy(_head(user="erased", tags={"email": "erased", "x": "y"}))

    assert (rebook["user"], rebook["tags"]) == ("erased", {"email": "erased"})
