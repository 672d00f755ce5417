"""Calls that counted a while ago, remembered in little memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from otel_costattr.calls.records import Counted

BUCKET_NS: Final = 2_000_000_000
"""Calls are remembered by begin and end in steps of two seconds; a look-up tries the neighbours."""

NOTHING_KNOWN: Final[Mapping[str, Counted]] = MappingProxyType({})

Added: TypeAlias = "tuple[tuple[int, Counted], ...]"
"""What `KnownCalls.add` has taken, for `KnownCalls.forget`."""


class Known(Protocol):
    """Calls that counted earlier, under their `keys_of`; any `Mapping[str, Counted]` is one."""

    def get(self, key: str, /) -> Counted | None:
        """Return what is remembered under a key, or None."""
        ...

    def __contains__(self, key: object, /) -> bool: ...

    def __len__(self) -> int: ...


class KnownCalls:
    """What is remembered of one sender's calls, under the hashes of their keys.

    A hash has 64 bits: among a million keys, one look-up in 10**13 meets another call's. Keys of
    time are kept only once several scopes were heard of, since they compare calls of different
    scopes alone.

    Attributes:
        timed: Whether calls are found by their time, too.
    """

    __slots__ = ("_calls", "_scopes", "timed")

    def __init__(self) -> None:
        self._calls: Final[dict[int, Counted]] = {}
        self._scopes: Final[set[str]] = set()
        self.timed = False

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, key: object) -> bool:
        return hash(key) in self._calls

    def get(self, key: str, /) -> Counted | None:
        """Return what is remembered under a key, or None."""
        return self._calls.get(hash(key))

    def hear_of(self, scope: str) -> None:
        """Learn that a scope tells of calls, before any of them is compared."""
        if scope not in self._scopes:
            self._scopes.add(scope)
            if len(self._scopes) > 1 and not self.timed:
                self.timed = True
                for entry in list(self._calls.values()):
                    for key in times_of(entry):
                        self._calls[hash(key)] = entry

    def add(self, added: Mapping[str, Counted]) -> Added:
        """Remember what `remember` answered."""
        taken = tuple([(hash(key), entry) for key, entry in added.items()])
        self._calls.update(taken)
        return taken

    def forget(self, added: Added) -> None:
        """Forget what was added, unless something newer has taken its place."""
        calls = self._calls
        for key, entry in added:
            if calls.get(key) is entry:
                del calls[key]
            if self.timed:
                for name in times_of(entry):
                    if calls.get(hash(name)) is entry:
                        del calls[hash(name)]


def times_of(call: Counted) -> tuple[str, ...]:
    """Name the counts of a call with its begin and with its end."""
    if call.totals is None:
        return ()
    sent = call.totals[0]
    return f"t:{sent}:b{call.begin_ns // BUCKET_NS}", f"t:{sent}:e{call.end_ns // BUCKET_NS}"
