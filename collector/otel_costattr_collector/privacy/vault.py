"""The vault: what each hash of a person stands for, in one local file that only its owner reads.

It is no part of the tables, no answer of the API and no backup of ours. It is not encrypted: whoever
may read the file reads the people in it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from otel_costattr.errors import BadSettings, RetryableError

VAULT_FILE: Final = "vault.sqlite"
FLUSH_S: Final = 1.0
BUSY_S: Final = 10.0
"""How long a write waits for another process that reads or writes the file."""

MOST_REMEMBERED: Final = 200_000
"""Hashes that are known to stand in the file; when there are more, all are looked at again."""

MOST_PENDING: Final = 50_000
"""Entries that wait for a disk that does not take them; further ones are learned another time."""

_MADE: Final = (
    "CREATE TABLE IF NOT EXISTS people"
    " (hash TEXT NOT NULL PRIMARY KEY, plain TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS people_by_plain ON people (plain);"
)
_SET: Final = "PRAGMA secure_delete = ON; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"

_log: Final = logging.getLogger(__name__)


def look_up(path: Path, digest: str) -> str | None:
    """Return what a hash stands for; None if the vault does not know it.

    Raises:
        BadSettings: There is no vault, others may read it, or it is something else.
        RetryableError: It cannot be read now.
    """
    with closing(_opened(path)) as file:
        rows = _run(path, file, "SELECT plain FROM people WHERE hash = ?", (digest,))
        return next((str(plain) for (plain,) in rows), None)


def forget(path: Path, words: Iterable[str]) -> int:
    """Remove people by value or hash, with every other hash of theirs, and return how many entries.

    Args:
        path: The vault.
        words: Plain values and hashes, in any mixture.

    Raises:
        BadSettings: There is no vault, others may read it, or it is something else.
        RetryableError: It cannot be written now.
    """
    count = 0
    with closing(_opened(path)) as file:
        for word in words:
            known = _run(path, file, "SELECT plain FROM people WHERE hash = ?", (word,))
            for plain in {word, *(str(one) for (one,) in known)}:
                gone = _run(path, file, "DELETE FROM people WHERE plain = ? RETURNING 1", (plain,))
                count += len(gone)
        _commit(path, file)
    return count


class Vault:
    """The vault of a running collector: learns in memory, writes from a thread of its own.

    Args:
        path: The file; made with mode 0600 if it is not there.
        flush_s: Seconds between two writes.

    Raises:
        BadSettings: Others may read the file, or it is no vault.
        RetryableError: It cannot be opened now.
    """

    def __init__(self, path: Path, *, flush_s: float = FLUSH_S) -> None:
        self.path: Final = path
        _make(path)
        self._flush_s: Final = flush_s
        self._lock: Final = threading.Lock()
        self._file: Final = threading.Lock()
        """Held while the file changes: nobody who is forgotten comes back with a late write."""

        self._known: set[str] = set()
        self._pending: dict[str, str] = {}
        self._ended: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._write_on, name="vault", daemon=True)
        self._thread.start()

    def learn(self, plain: str, digest: str) -> None:
        """Remember what a hash stands for; from any thread, never waits for the disk."""
        if digest in self._known:
            return
        with self._lock:
            if len(self._pending) >= MOST_PENDING:
                return
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known.add(digest)
            self._pending[digest] = plain

    def forget(self, words: Iterable[str]) -> int:
        """Remove people by value or hash and return how many entries; later calls are learned anew.

        Raises:
            BadSettings: The vault is gone.
            RetryableError: It cannot be written now.
        """
        with self._file:
            self._flush()
            count = forget(self.path, words)
            with self._lock:
                self._known.clear()
            return count

    def flush(self) -> None:
        """Write what was learned.

        Raises:
            BadSettings: The vault is gone.
            RetryableError: It cannot be written now; the entries are kept.
        """
        with self._file:
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            taken, self._pending = self._pending, {}
        if not taken:
            return
        try:
            with closing(_opened(self.path)) as file:
                for entry in taken.items():
                    _run(self.path, file, "INSERT OR IGNORE INTO people VALUES (?, ?)", entry)
                _commit(self.path, file)
        except (BadSettings, RetryableError):
            with self._lock:
                self._pending = {**taken, **self._pending}
            raise

    def close(self) -> None:
        """Write what was learned and end the thread."""
        self._ended.set()
        self._thread.join()
        self._try_flush()

    def _write_on(self) -> None:
        while not self._ended.wait(self._flush_s):
            self._try_flush()

    def _try_flush(self) -> None:
        try:
            self.flush()
        except (BadSettings, RetryableError) as error:
            _log.error("what hashes stand for waits in memory: %s", error)


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise BadSettings(f"vault {path}: cannot be written: {error.strerror}") from error
    with closing(_opened(path)) as file, _told(path):
        file.executescript(_MADE)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise BadSettings(f"there is no vault at {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise BadSettings(f"vault {path}: others may read it: chmod 600 {path}")
    with _told(path):
        file = sqlite3.connect(path, timeout=BUSY_S)
    try:
        with _told(path):
            file.executescript(_SET)
    except (BadSettings, RetryableError):
        file.close()
        raise
    return file


def _run(
    path: Path, file: sqlite3.Connection, sql: str, words: tuple[str, ...]
) -> list[tuple[object, ...]]:
    with _told(path):
        return file.execute(sql, words).fetchall()


def _commit(path: Path, file: sqlite3.Connection) -> None:
    with _told(path):
        file.commit()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which vault it was, and whether trying again may help: a full disk, another process."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise RetryableError(f"vault {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BadSettings(f"vault {path}: {error}") from error
