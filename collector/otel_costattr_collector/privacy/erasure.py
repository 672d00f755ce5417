"""Erasure of a person: the identifier leaves every line, no amount and no count changes.

It is the one exception to lines that never change: `docs/adr/0008-erasure.md` says why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.attribution import Identities, hash_identity
from otel_costattr.errors import BadInput

from ..store import Store
from .vault import Vault

ERASED: Final = "erased"
"""Stands where the identifier of an erased person stood."""

_TAGS: Final = "mapApply((k, v) -> (k, if(has({ids:Array(String)}, v), {erased:String}, v)), tags)"
_TAGGED: Final = "hasAny(mapValues(tags), {ids:Array(String)})"

_log: Final = logging.getLogger(__name__)


class Erasure(BaseModel):
    """Who is to be forgotten."""

    model_config = ConfigDict(extra="forbid")

    value: str = Field(
        min_length=1, max_length=256, description="The identifier, plain or as `h:KEY:DIGEST`."
    )
    dimension: Literal["user", "employee"] = "user"
    dry_run: bool = Field(default=False, description="Only count the lines.")


class Erased(BaseModel):
    """What became of it."""

    lines: int = Field(description="Lines that named the person.")
    left: int = Field(description="Lines that still do; 0 unless it was a dry run.")
    dry_run: bool


class Eraser:
    """Takes a person's identifier out of the ledger.

    Args:
        store: Where the ledger is.
        identities: The key that identifiers are hashed with now.
        old_keys: Keys of before, id and secret of each.
        vault: What hashes stand for, if somebody keeps it.
    """

    def __init__(
        self,
        store: Store,
        identities: Identities,
        *,
        old_keys: Sequence[tuple[str, bytes]] = (),
        vault: Vault | None = None,
    ) -> None:
        self._vault: Final = vault
        self._store: Final = store
        now = ((identities.key_id, identities.key),) if identities.key else ()
        self._keys: Final = (*now, *old_keys)

    def identifiers(self, value: str) -> tuple[str, ...]:
        """Return every form in which a person may stand in the ledger, under each known key."""
        plain = value.strip()
        hashed = (hash_identity(plain, key=key, key_id=key_id) for key_id, key in self._keys)
        return tuple(dict.fromkeys((plain, *hashed)))

    def erase(self, wanted: Erasure) -> Erased:
        """Replace a person's identifier by `erased`, and return once no line names it.

        The vault forgets the person, too.

        Doing it again changes nothing; lines that arrive later are new.

        Raises:
            BadInput: The value is no identifier.
            BadSettings: The vault is gone.
            StoreError: Ledger or vault refused or did not answer; asking again completes it.
        """
        ids = self.identifiers(wanted.value)
        if ids[0] in {"", ERASED}:
            raise BadInput(f"{wanted.value!r} names nobody")
        lines = self._count(wanted.dimension, ids)
        left = lines
        if lines and not wanted.dry_run:
            self._store.command(
                f"ALTER TABLE {self._table()} UPDATE"
                f" `{wanted.dimension}` = if(has({{ids:Array(String)}}, `{wanted.dimension}`),"
                f" {{erased:String}}, `{wanted.dimension}`), tags = {_TAGS}"
                f" WHERE has({{ids:Array(String)}}, `{wanted.dimension}`) OR {_TAGGED}"
                " SETTINGS mutations_sync = 2",
                {"ids": list(ids), "erased": ERASED},
            )
            left = self._count(wanted.dimension, ids)
            _log.warning("a person was erased from %d ledger lines", lines - left)
        if self._vault is not None and not wanted.dry_run:
            self._vault.forget(ids)
        return Erased(lines=lines, left=left, dry_run=wanted.dry_run)

    def _count(self, dimension: str, ids: Sequence[str]) -> int:
        found = self._store.query(
            f"SELECT count() FROM ledger AS spent WHERE has({{ids:Array(String)}},"  # noqa: S608 - one of two words
            f" spent.{dimension}) OR {_TAGGED}",
            {"ids": list(ids)},
        )
        return int(found.rows[0][0])

    def _table(self) -> str:
        layout = self._store.layout
        table = layout.writes_to("ledger")
        return f"{table} ON CLUSTER '{layout.cluster}'" if layout.kind == "cluster" else table
