"""Late telemetry: whatever comes when, the ledger ends with the same sums."""

from __future__ import annotations

import itertools
import random

import pytest
from amendments.arrivals import QUANTITIES, Sums, in_pieces, together
from golden.recordings import Recording, all_recordings, recording
from hypothesis import given, settings
from hypothesis import strategies as st

RECORDINGS = all_recordings()


def ids(found: Recording) -> str:
    """Name a case."""
    return found.name


def counted(sums: Sums) -> Sums:
    """Leave out how many lines there are: copies and sums that count nothing have one each."""
    places = [place for place, name in enumerate(QUANTITIES) if name != "lines"]
    kept = {key: tuple(values[place] for place in places) for key, values in sums.items()}
    return {key: values for key, values in kept.items() if any(values)}


@pytest.mark.parametrize("found", RECORDINGS, ids=ids)
def test_one_span_at_a_time_gives_the_same_sums(found: Recording) -> None:
    """In the order of the wire, backwards and shuffled, each span after the one before settled."""
    expected = counted(together(found.spans).sums("tenant", "model"))
    shuffled = [
        random.Random(seed).sample(found.spans, len(found.spans))  # noqa: S311 - fixed orders
        for seed in range(4)
    ]
    orders = [list(found.spans), list(reversed(found.spans)), *shuffled]

    for spans in orders:
        assert counted(in_pieces([[span] for span in spans]).sums("tenant", "model")) == expected


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_split_in_any_order_gives_the_same_sums(data: st.DataObject) -> None:
    """Several recordings at once, dealt out to requests by chance: sums by tenant and model."""
    names = st.sampled_from([found.name for found in RECORDINGS])
    chosen = data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    spans = [span for name in chosen for span in recording(name).spans]
    order = [spans[place] for place in data.draw(st.permutations(range(len(spans))))]
    cuts = data.draw(st.lists(st.integers(0, len(order)), max_size=8).map(sorted))
    edges = [0, *cuts, len(order)]
    requests = [order[first:last] for first, last in itertools.pairwise(edges) if first < last]

    expected = counted(together(spans).sums("tenant", "model"))
    assert counted(in_pieces(requests).sums("tenant", "model")) == expected


@pytest.mark.parametrize("found", RECORDINGS[::7], ids=ids)
def test_sending_everything_again_later_changes_no_sum(found: Recording) -> None:
    """What a sender resends after its call was counted is a copy."""
    once = together(found.spans)
    twice = in_pieces([found.spans, found.spans])

    assert counted(twice.sums("tenant", "model")) == counted(once.sums("tenant", "model"))
