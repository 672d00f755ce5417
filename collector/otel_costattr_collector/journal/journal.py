"""Append-only segments in a folder: written in order, synced in groups, deleted from the front."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from otel_costattr.errors import PermanentError, RetryableError

from ..errors import Overloaded
from .fold import State, fold
from .records import FrozenRecord, Record, SpansRecord, framed, next_record

MAGIC: Final = b"costattr journal 1\n"
SUFFIX: Final = ".segment"
_SEGMENT_DIGITS: Final = 16
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_log: Final = logging.getLogger(__name__)


class Journal:
    """Keeps records safe until nothing needs them.

    Segments are deleted only from the front: a record that says what became of others never goes
    before those others do. Safe to use from several threads.

    Args:
        folder: Where the segments are; made if missing.
        segment_bytes: Size at which a new segment is begun.
        max_bytes: Size of all segments above which spans are refused.
        min_free_bytes: Space on the disk below which spans are refused.

    Raises:
        PermanentError: The folder holds something that is no journal of ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 64 * 1024 * 1024,
        max_bytes: int = 4 * 1024 * 1024 * 1024,
        min_free_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self._folder: Final = folder
        self._segment_bytes: Final = segment_bytes
        self._max_bytes: Final = max_bytes
        self._min_free_bytes: Final = min_free_bytes
        self._lock: Final = threading.Lock()
        self._holds: Final[Counter[int]] = Counter()
        self._sizes: Final[dict[int, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.state: Final[State] = fold(self._recovered())
        self._holds.update(waiting.segment for waiting in self.state.waiting.values())
        self._holds.update(segment for _, segment in self.state.blocks.values())
        self._current = max(self._sizes, default=0)
        self._file = self._begin()
        self._recycle()

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(self._sizes.values())

    def append(self, records: Sequence[Record], *, sync: bool = True) -> int:
        """Write records in one go and return the number of the segment that holds them.

        Each `SpansRecord` and each block of a `FrozenRecord` holds the segment until `release`.

        Args:
            records: What to write.
            sync: Whether to return only once they survive a power cut.

        Raises:
            Overloaded: There is no room for more spans; nothing was written.
            RetryableError: The disk failed; nothing of it counts.
        """
        data = b"".join(map(framed, records))
        with self._lock:
            if any(isinstance(record, SpansRecord) for record in records):
                self._refuse_without_room(len(data))
            try:
                if self._sizes[self._current] > max(len(MAGIC), self._segment_bytes - len(data)):
                    self._roll()
                self._write(data, sync=sync)
            except OSError as error:
                kind = Overloaded if error.errno in _FULL else RetryableError
                raise kind(f"the journal cannot be written: {error.strerror}") from error
            self._holds[self._current] += sum(map(_holds, records))
            return self._current

    def release(self, segment: int) -> None:
        """Drop one hold on a segment; segments at the front that nothing holds are deleted."""
        with self._lock:
            self._holds[segment] -= 1
            self._recycle()

    def close(self) -> None:
        """Sync and close; nothing may be appended after."""
        with self._lock:
            os.fsync(self._file)
            os.close(self._file)

    def _refuse_without_room(self, wanted: int) -> None:
        if self.size_bytes + wanted > self._max_bytes:
            raise Overloaded(f"the journal has reached its {self._max_bytes} bytes: send later")
        if shutil.disk_usage(self._folder).free < self._min_free_bytes + wanted:
            raise Overloaded("the disk of the journal is nearly full: send later")

    def _write(self, data: bytes, *, sync: bool) -> None:
        size = self._sizes[self._current]
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, data[written:], size + written)
            if sync:
                os.fdatasync(self._file)
        except OSError:
            self._abandon(size)
            raise
        self._sizes[self._current] = size + len(data)

    def _abandon(self, size: int) -> None:
        """Cut what was half written; after a failed sync nobody knows what the file holds."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, size)
            self._roll()

    def _roll(self) -> None:
        os.fdatasync(self._file)
        finished = self._file
        self._file = self._begin()
        os.close(finished)
        self._recycle()

    def _begin(self) -> int:
        number = self._current + 1
        path = self._path(number)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.pwrite(file, MAGIC, 0)
        os.fsync(file)
        _sync_folder(self._folder)
        self._current = number
        self._sizes[number] = len(MAGIC)
        return file

    def _recycle(self) -> None:
        for number in sorted(self._sizes):
            if number == self._current or self._holds[number]:
                return
            self._path(number).unlink(missing_ok=True)
            del self._sizes[number], self._holds[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:0{_SEGMENT_DIGITS}d}{SUFFIX}"

    def _recovered(self) -> Iterator[tuple[int, Record]]:
        paths = sorted(self._folder.glob(f"*{SUFFIX}"))
        for path in paths:
            number = int(path.stem)
            data = path.read_bytes()
            end = len(MAGIC)
            if data[:end] != MAGIC[: len(data)]:
                raise PermanentError(f"{path} is no segment of a journal: move it away")
            for record, after in _records(data):
                yield number, record
                end = after
            if end < len(data):
                _cut(path, end, len(data), is_last=path == paths[-1])
            self._sizes[number] = min(end, len(data))


def _records(data: bytes) -> Iterator[tuple[Record, int]]:
    view = memoryview(data)
    found = next_record(view, len(MAGIC))
    while found is not None:
        yield found
        found = next_record(view, found[1])


def _cut(path: Path, end: int, size: int, *, is_last: bool) -> None:
    """Cut a tail that was never acknowledged; damage anywhere else is told loudly."""
    level = logging.WARNING if is_last else logging.ERROR
    _log.log(level, "%s: %d bytes after the last whole record are cut", path, size - end)
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())


def _holds(record: Record) -> int:
    if isinstance(record, SpansRecord):
        return 1
    return len(record.blocks) if isinstance(record, FrozenRecord) else 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
