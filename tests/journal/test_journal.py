"""The journal: what was appended is there after any crash, and what was not is not half there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.errors import Overloaded
from otel_costattr_collector.journal import DoneRecord, FrozenRecord, Journal, Record, SpansRecord
from otel_costattr_collector.journal.records import framed, next_record
from otel_costattr_collector.journal.spans import spans_from_json, spans_to_json
from otel_costattr_collector.ledger import Block

from otel_costattr.errors import PermanentError, RetryableError
from otel_costattr.model import AttributeValue, Event, Span
from otel_costattr.testing import START_NS, chat_span


def received(number: int, spans: int = 2) -> SpansRecord:
    """Build a record of spans with ids counted from `100 * number`."""
    return SpansRecord(
        number=number,
        received_ns=START_NS,
        key_tenant="acme",
        spans=tuple(chat_span(number=100 * number + place) for place in range(spans)),
    )


def block(batch_id: int, data: bytes = b"native") -> Block:
    """Build a block of two rows."""
    return Block(batch_id=batch_id, rows=2, data=data, partitions=(202609,))


RECORDS: tuple[Record, ...] = (
    received(1),
    received(2),
    FrozenRecord(took={1: (), 2: (0,)}, blocks=(block(7), block(2**64 - 1, b""))),
    DoneRecord(batch_id=7),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_went(record: Record) -> None:
    """What is read is what was written, and where the next one begins."""
    data = framed(record)

    assert next_record(memoryview(b"x" + data + b"y"), 1) == (record, 1 + len(data))


@given(st.data())
def test_damage_never_passes_for_a_record(data: st.DataObject) -> None:
    """With any byte changed, or cut anywhere, a record is not whole."""
    whole = framed(received(1, spans=1))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))

    assert next_record(memoryview(bytes(changed)), 0) is None
    assert next_record(memoryview(whole)[:place], 0) is None


values: st.SearchStrategy[AttributeValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
attributes = st.dictionaries(st.text(max_size=5), values, max_size=4)
spans = st.builds(
    Span,
    trace_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    span_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    start_ns=st.integers(0, 2**63),
    attributes=attributes,
    resource=attributes,
    scope_name=st.text(max_size=5),
    failed=st.booleans(),
    signal=st.sampled_from(["span", "log"]),
    events=st.lists(
        st.builds(Event, name=st.text(), time_ns=st.integers(0, 9), attributes=attributes),
        max_size=2,
    ).map(tuple),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans, max_size=4))
def test_spans_come_back_equal(given_spans: list[Span]) -> None:
    """Whatever a span carries, it is the same after the journal."""
    assert spans_from_json(spans_to_json(given_spans)) == tuple(given_spans)


def test_the_state_is_the_fold_of_the_records(tmp_path: Path) -> None:
    """What no block took waits, what is not done is inserted again, numbers go on."""
    journal = Journal(tmp_path)
    for record in RECORDS:
        journal.append([record])
    journal.close()

    state = Journal(tmp_path).state

    assert {number: waiting.places for number, waiting in state.waiting.items()} == {2: {1}}
    assert [found for found, _ in state.blocks.values()] == [block(2**64 - 1, b"")]
    assert state.next_number == 3


@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_a_torn_tail_costs_nothing_but_itself(tmp_path: Path) -> None:
    """Cut at every byte of its last record, a journal has all the ones before, and goes on."""
    whole = Journal(tmp_path / "whole")
    whole.append([received(1)])
    kept = whole.size_bytes
    whole.append([received(2, spans=1)])
    whole.close()
    (segment,) = (tmp_path / "whole").iterdir()
    data = segment.read_bytes()

    for end in range(kept, len(data)):
        folder = tmp_path / str(end)
        folder.mkdir()
        (folder / segment.name).write_bytes(data[:end])
        journal = Journal(folder)
        assert list(journal.state.waiting) == [1]
        journal.append([received(3)])
        journal.close()
        again = Journal(folder)
        assert list(again.state.waiting) == [1, 3]
        again.close()


def test_segments_go_from_the_front_once_nothing_needs_them(tmp_path: Path) -> None:
    """A later segment stays while an earlier one is held: it says what became of that one."""
    journal = Journal(tmp_path, segment_bytes=100)
    first = journal.append([received(1)])
    second = journal.append([FrozenRecord(took={1: (0,)}, blocks=(block(7),))])
    third = journal.append([received(2)])
    assert len({first, second, third}) == 3

    journal.release(second)
    assert segments(tmp_path) == [first, second, third]
    journal.release(first)
    assert segments(tmp_path) == [third]
    journal.release(third)
    assert segments(tmp_path) == [third]
    journal.append([received(3)])
    assert segments(tmp_path) == [third + 1]


def test_a_journal_that_is_full_refuses_spans_and_nothing_else(tmp_path: Path) -> None:
    """What was taken can still be brought to its end, which makes room."""
    journal = Journal(tmp_path, max_bytes=3000, segment_bytes=1000)
    held: list[int] = []
    while journal.size_bytes + len(framed(received(1))) <= 3000:
        held.append(journal.append([received(1)]))

    with pytest.raises(Overloaded, match="3000 bytes: send later"):
        journal.append([received(2)])

    journal.append([DoneRecord(batch_id=1)])
    for segment in held:
        journal.release(segment)

    journal.append([received(99)])


def test_a_disk_that_is_nearly_full_refuses_spans(tmp_path: Path) -> None:
    """Spans are refused before the disk is full, since the tables need room too."""
    journal = Journal(tmp_path, min_free_bytes=2**62)

    with pytest.raises(Overloaded, match="nearly full"):
        journal.append([received(1)])
    journal.append([DoneRecord(batch_id=1)])


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, Overloaded), (errno.EIO, RetryableError)]
)
@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_write_that_fails_leaves_no_trace(
    call: str,
    number: int,
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error may be retried, the half record is gone, and the journal goes on."""
    journal = Journal(tmp_path)
    journal.append([received(1)])

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(error, match="cannot be written"):
            journal.append([received(2)])
    journal.append([received(3)])
    journal.close()

    assert list(Journal(tmp_path).state.waiting) == [1, 3]


def test_damage_in_the_middle_is_told_and_the_rest_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An older segment that is damaged loses its tail, loudly; later segments are read."""
    journal = Journal(tmp_path, segment_bytes=100)
    for number in (1, 2, 3):
        journal.append([received(number)])
    journal.close()
    damaged = sorted(tmp_path.iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:-1])

    assert list(Journal(tmp_path).state.waiting) == [1, 3]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_strange_file_is_refused(tmp_path: Path) -> None:
    """A folder of somebody else is not written to."""
    (tmp_path / "0000000000000001.segment").write_bytes(b"something else entirely")

    with pytest.raises(PermanentError, match="no segment of a journal"):
        Journal(tmp_path)


def test_a_segment_that_was_hardly_begun_is_no_damage(tmp_path: Path) -> None:
    """A crash while a segment is made leaves an empty or a half head."""
    (tmp_path / "0000000000000001.segment").write_bytes(b"")
    (tmp_path / "0000000000000002.segment").write_bytes(b"costattr")

    assert Journal(tmp_path).state.waiting == {}


def segments(folder: Path) -> list[int]:
    """List the numbers of the segments in a folder."""
    return sorted(int(path.stem) for path in folder.iterdir())
