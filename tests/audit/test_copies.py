"""Which lines to take back, decided from lines alone: always the same, and never one too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assessed import assessed, duplicate
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_costattr_collector.audit.copies import Booked, surplus
from otel_costattr_collector.ledger import Line, amendment_of, as_mapping, lines_of

SAME = assessed(1)
OTHER_SPAN = replace(assessed(1), span=assessed(2).span)
LINES: Sequence[Line] = (
    *lines_of(SAME),
    *lines_of(OTHER_SPAN),
    *lines_of(assessed(3)),
    *lines_of(duplicate(4, of=SAME)),
    *amendment_of(lines_of(SAME)[0], lines_of(assessed(9))[0], cause="reprice:x"),
)


def _booked(written: Sequence[tuple[int, int]]) -> list[Booked]:
    return [
        Booked(line=LINES[place], batch_id=batch, recorded_ns=batch) for place, batch in written
    ]


def _after(booked: Sequence[Booked]) -> list[Booked]:
    found = surplus(booked)
    return [
        *booked,
        *(
            Booked(line=one.books, batch_id=1000 + place, recorded_ns=1000)
            for place, one in enumerate(found)
        ),
    ]


def _calls(booked: Sequence[Booked]) -> dict[str, int]:
    calls: dict[str, int] = {}
    for one in booked:
        values = as_mapping(one.line)
        calls[str(values["call_key"])] = calls.get(str(values["call_key"]), 0) + int(
            str(values["calls"])
        )
    return calls


written = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3]), st.integers(1, 5)), unique=True)


@settings(deadline=None)
@given(written)
def test_each_call_counts_once_after_one_audit(written: list[tuple[int, int]]) -> None:
    """Whoever wrote which line how often: one call for each call key, and nothing more to do."""
    after = _after(_booked(written))

    assert set(_calls(after).values()) <= {0, 1}
    assert {key for key, calls in _calls(_booked(written)).items() if calls} == {
        key for key, calls in _calls(after).items() if calls
    }
    assert surplus(after) == ()


@settings(deadline=None)
@given(written, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    written: list[tuple[int, int]], random: st.DataObject
) -> None:
    """Two auditors decide the same."""
    booked = _booked(written)
    shuffled = list(booked)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert [one.books for one in surplus(booked)] == [one.books for one in surplus(shuffled)]


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 4))
def test_an_amendment_that_several_wrote_counts_once(calls: int, amendments: int) -> None:
    """Copies of a call, of its reversal and of its rebook leave one call."""
    booked = _booked(
        [(0, batch) for batch in range(calls)]
        + [(place, 10 + batch) for batch in range(amendments) for place in (4, 5)]
    )

    after = _after(_after(booked))

    assert set(_calls(after).values()) == {1}
    assert surplus(after) == ()


def test_a_reversal_whose_line_is_unknown_is_left_alone() -> None:
    """What it took back may be outside of the period."""
    assert surplus(_booked([(4, 1)])) == ()
