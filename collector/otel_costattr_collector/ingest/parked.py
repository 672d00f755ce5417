"""What the ledger refuses for good: kept with the reason until somebody decides."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_costattr.errors import BadInput
from otel_costattr.model import Span

from ..journal import FrozenRecord, Record, SpansRecord
from ..journal.records import framed, next_record
from ..ledger import Block

PARKED_FOLDER: Final = "parked"
_PARKED: Final = ".parked"
_RETRY: Final = ".retry"
_REASON: Final = ".reason.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedItem:
    """One thing that was refused.

    Attributes:
        name: What `costattr parked retry` calls it.
        kind: `block` or `span`.
        rows: Ledger lines of a block; 1 for a span.
        reason: Why it was refused.
        parked_ns: When, nanoseconds UTC.
        retrying: Whether the collector was asked to try again.
    """

    name: str
    kind: str
    rows: int
    reason: str
    parked_ns: int
    retrying: bool


class Parked:
    """A folder of refused blocks and spans.

    Args:
        folder: Where they are; made when the first one comes.
        clock: Nanoseconds UTC.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._folder: Final = folder
        self._clock: Final = clock

    def add_block(self, block: Block, reason: str) -> None:
        """Keep a block; it survives a power cut once this returns."""
        record = FrozenRecord(took={}, blocks=(block,))
        self._add(f"block-{block.token}", record, reason, rows=block.rows)

    def add_span(self, span: Span, key_tenant: str, reason: str) -> None:
        """Keep a span that nobody could assess."""
        record = SpansRecord(
            number=0, received_ns=self._clock(), key_tenant=key_tenant, spans=(span,)
        )
        self._add(f"span-{span.trace_id}-{span.span_id}", record, reason, rows=1)

    def items(self) -> tuple[ParkedItem, ...]:
        """List what is parked, the oldest first."""
        found = []
        for path in self._folder.glob(f"*{_REASON}"):
            about = json.loads(path.read_text(encoding="utf-8"))
            name = path.name.removesuffix(_REASON)
            retrying = self._path(name, _RETRY).exists()
            found.append(
                ParkedItem(name=name, kind=name.partition("-")[0], retrying=retrying, **about)
            )
        return tuple(sorted(found, key=lambda item: (item.parked_ns, item.name)))

    def ask_again(self, name: str) -> None:
        """Ask the collector to try one again; it does so at once if it runs, else at its start.

        Raises:
            BadInput: Nothing of that name is parked.
        """
        try:
            self._path(name, _PARKED).rename(self._path(name, _RETRY))
        except OSError as error:
            raise BadInput(f"{name!r} is not parked: costattr parked list shows what is") from error

    def asked(self) -> Iterator[tuple[str, Record]]:
        """Yield name and content of what is to be tried again."""
        for path in sorted(self._folder.glob(f"*{_RETRY}")):
            found = next_record(memoryview(path.read_bytes()), 0)
            if found is not None:
                yield path.name.removesuffix(_RETRY), found[0]

    def blocks(self) -> Iterator[tuple[str, Block]]:
        """Yield name and content of every refused block."""
        for path in sorted((*self._folder.glob(f"*{_PARKED}"), *self._folder.glob(f"*{_RETRY}"))):
            found = next_record(memoryview(path.read_bytes()), 0)
            if found is not None and isinstance(found[0], FrozenRecord):
                yield from ((path.stem, block) for block in found[0].blocks)

    def remove(self, name: str) -> None:
        """Forget one that has been kept elsewhere since, unless it was parked again already."""
        self._path(name, _RETRY).unlink(missing_ok=True)
        if not self._path(name, _PARKED).exists():
            self._path(name, _REASON).unlink(missing_ok=True)

    def _add(self, name: str, record: Record, reason: str, *, rows: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        about = {"reason": reason[:2000], "parked_ns": self._clock(), "rows": rows}
        _write(self._path(name, _PARKED), framed(record))
        _write(self._path(name, _REASON), json.dumps(about).encode())
        self._path(name, _RETRY).unlink(missing_ok=True)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / f"{Path(name).name}{suffix}"


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
