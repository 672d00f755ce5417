"""After a power cut: what the embedded engine holds of a block is taken out and put in again.

The engine syncs its rows but not its log of deduplication tokens, so a token that was used before
the cut may be unknown after it, and the plain retry would double what had been written. A block
that was in doubt is therefore deleted, the rollups of its days are made again from the ledger, and
the block goes in under a new token. Only where one process writes: never on a server.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..ledger import Block
from ..store import Store

REPAIRS: Final = "repairs.json"
ROLLUPS: Final = ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
_SYNC: Final = "SETTINGS lightweight_deletes_sync = 2"

_log: Final = logging.getLogger(__name__)


class Repairs:
    """What is being repaired, on disk before anything is touched, so that a crash repeats it.

    Args:
        folder: Where the note is kept.
        store: The embedded engine.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self._path: Final = folder / REPAIRS
        self._store: Final = store
        self._tokens: dict[str, str] = {}
        self._days: list[str] = []
        if self._path.exists():
            note = json.loads(self._path.read_text(encoding="utf-8"))
            self._tokens, self._days = note["tokens"], note["days"]

    def token_of(self, block: Block) -> str:
        """Return the token under which a block goes in from now on."""
        return self._tokens.get(block.token, block.token)

    def repair(self, blocks: Iterable[Block], *, memory_was_lost: bool) -> int:
        """Take out what is there of blocks in doubt, and return how many were.

        Args:
            blocks: Blocks that are not known to be in the ledger.
            memory_was_lost: Whether tokens may have been forgotten: without it, and without an
                older repair that was cut short, nothing is done.

        Raises:
            StoreError: The engine refused; call again at the next start.
        """
        found = [block for block in blocks if memory_was_lost and self._rows_of(block)]
        if not found and not self._days:
            return 0
        days = {day for block in found for day in self._days_of(block)}
        self._note(
            tokens={block.token: f"{block.token}-{secrets.token_hex(4)}" for block in found},
            days=sorted({*self._days, *days}),
        )
        for block in found:
            _log.warning("block %s was in doubt after a power cut: repaired", block.token)
            self._delete(f"ledger WHERE batch_id = {block.batch_id}")
        for rollup in ROLLUPS:
            self._make_again(rollup)
        self._note(tokens={}, days=[])
        return len(found)

    def finished(self) -> None:
        """Forget the new tokens, once every block is in."""
        self._tokens, self._days = {}, []
        self._path.unlink(missing_ok=True)

    def _rows_of(self, block: Block) -> int:
        sql = "SELECT count() FROM ledger WHERE batch_id = {batch_id:UInt64}"
        count: int = self._store.query(sql, {"batch_id": block.batch_id}).rows[0][0]
        return count

    def _days_of(self, block: Block) -> list[str]:
        sql = (
            "SELECT DISTINCT toString(toDate(recorded_ns, {zone:String})) FROM ledger"
            " WHERE batch_id = {batch_id:UInt64}"
        )
        zone = self._store.layout.time_zone
        rows = self._store.query(sql, {"batch_id": block.batch_id, "zone": zone}).rows
        return [row[0] for row in rows]

    def _make_again(self, rollup: str) -> None:
        days = ", ".join(f"toDate('{day}')" for day in self._days)
        self._delete(f"{rollup} WHERE recorded_date IN ({days})")
        sql = (
            "SELECT as_select FROM system.tables WHERE database = {d:String} AND name = {t:String}"
        )
        names = {"d": self._store.layout.database, "t": f"{rollup}_feed"}
        select: str = self._store.query(sql, names).rows[0][0]
        head, group, tail = select.rpartition(" GROUP BY ")
        self._store.command(
            f"INSERT INTO {rollup} SETTINGS insert_deduplicate = 0"
            f" {head} WHERE recorded_date IN ({days}){group}{tail}"
        )

    def _delete(self, what: str) -> None:
        self._store.command(f"DELETE FROM {what} {_SYNC}")  # noqa: S608 - names and numbers of ours

    def _note(self, *, tokens: dict[str, str], days: list[str]) -> None:
        self._tokens = {**self._tokens, **tokens}
        self._days = days
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"tokens": self._tokens, "days": self._days}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
