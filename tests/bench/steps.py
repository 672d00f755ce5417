"""The collector step by step: CPU of each on one thread, as a batch goes from bytes to ledger."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from bench.load import BATCH, Template
from bench.table import BenchRow
from otel_costattr_collector import heap, ledger
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.ingest.components import components
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.seen import Seen, key_of
from otel_costattr_collector.ingest.settling import Pending, Settling, pending_of
from otel_costattr_collector.journal import FrozenRecord, SpansRecord
from otel_costattr_collector.journal.records import framed
from otel_costattr_collector.store import embedded

from otel_costattr.assess import conclude
from otel_costattr.calls import Verdict, recognise
from otel_costattr.model import Span
from otel_costattr.pricing import shipped_book
from otel_costattr.usage import is_genai, read

REQUESTS: Final = 40
SPANS: Final = REQUESTS * BATCH
Made = TypeVar("Made")


def rows() -> Iterable[BenchRow]:
    """Time each step over the same spans; the sum is what one core can do at most."""
    thresholds, turn_s = gc.get_threshold(), sys.getswitchinterval()
    try:
        yield from Steps().rows()
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(turn_s)


class Steps:
    """One batch on its way."""

    def __init__(self) -> None:
        self._took_us: dict[str, float] = {}
        self._memory = Memory(max_calls=100_000, max_links=200_000)

    def rows(self) -> Iterable[BenchRow]:
        """Take the batch through every step."""
        templates = Template.several("calls")
        bodies = [templates[n % len(templates)].fresh() for n in range(REQUESTS)]
        heap.settle()
        yield BenchRow(
            what="this machine, 10 million turns of a bare loop", value=_pace(), unit="s"
        )
        decoded = self._timed("decode", lambda: self._decoded(bodies))
        self._timed("look whether it was seen before", lambda: self._seen(decoded))
        records = [
            SpansRecord(number=number, received_ns=0, key_tenant="", spans=spans)
            for number, spans in enumerate(decoded, 1)
        ]
        self._timed("frame for the journal", lambda: [framed(record) for record in records])
        settled = self._timed("read usage and settle", lambda: self._settled(records))
        verdicts = self._timed("recognise and remember", lambda: self._recognised(settled))
        book = shipped_book()
        found = self._timed("price and attribute", lambda: conclude(verdicts, book=book))
        lines = self._timed("ledger lines", lambda: ledger.lines_of_all(found))
        blocks = self._timed("encode", lambda: self._encoded(lines))
        self._timed("frame the blocks", lambda: [framed(FrozenRecord(took={}, blocks=blocks))])
        with (
            tempfile.TemporaryDirectory(prefix="costattr-bench-") as folder,
            embedded(Path(folder)) as store,
        ):
            store.migrate()
            insert = "insert into ledger and rollups"
            self._timed(insert, lambda: list(map(store.insert, blocks)))
        for what, us in self._took_us.items():
            yield BenchRow(what=f"step: {what}, CPU", value=us, unit="us/span")
        yield BenchRow(what="all steps, CPU", value=sum(self._took_us.values()), unit="us/span")

    def _timed(self, what: str, work: Callable[[], Made]) -> Made:
        began = time.process_time()
        made = work()
        self._took_us[what] = (time.process_time() - began) / SPANS * 1e6
        return made

    def _decoded(self, bodies: Sequence[bytes]) -> list[tuple[Span, ...]]:
        decoder = Decoder(wanted=is_genai)
        now_ns = time.time_ns()
        return [decoder.decode("traces", body, "protobuf", now_ns=now_ns).spans for body in bodies]

    def _seen(self, decoded: Sequence[Sequence[Span]]) -> None:
        seen = Seen(2_000_000)
        for spans in decoded:
            keys = [key_of(span) for span in spans]
            assert not any(key in seen for key in keys)
            seen.add(keys)

    def _settled(self, records: Sequence[SpansRecord]) -> list[Pending]:
        settling = Settling(settle_ns=0, wrapper_settle_ns=0, read=read)
        for record in records:
            settling.add(pending_of(record, 1))
        return settling.take(None, limit=SPANS)

    def _recognised(self, settled: Sequence[Pending]) -> list[Verdict]:
        memory, verdicts = self._memory, list[Verdict]()
        memory.link(item.span for item in settled)
        for group in components(settled, links=memory.links):
            pairs = [(item.span, item.call) for item in group if item.call is not None]
            decided = recognise(pairs, links=memory.links, known=memory.known(""))
            memory.remember(decided, "")
            verdicts += decided
        return verdicts

    def _encoded(self, lines: Sequence[ledger.Line]) -> tuple[ledger.Block, ...]:
        return tuple(
            ledger.encode(group, batch_id=number, recorded_ns=time.time_ns())
            for number, group in enumerate(ledger.split(lines, max_rows=10_000), 1)
        )


def _pace() -> float:
    began = time.process_time()
    for _ in range(10_000_000):
        pass
    return time.process_time() - began
