"""Limits as they travel from the collector to a guard, and exact amounts as whole numbers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from math import ceil
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from opentelemetry.context import attach, detach, set_value

from otel_costattr.attribution.hierarchy import root
from otel_costattr.model import DIMENSIONS, Owner

Action = Literal["allow", "warn", "degrade", "block"]

RANKS: Final[Mapping[Action, int]] = MappingProxyType(
    {"allow": 0, "warn": 1, "degrade": 2, "block": 3}
)
_PICO: Final = 10**12
_scaleb: Final = Context(prec=60).scaleb
_TWELVE: Final = Decimal(12)
_TIMEOUT_S: Final = 5.0
_OUT_OF_REACH: Final = 10**40
_DIMENSIONS: Final = frozenset(DIMENSIONS)
_ROOTS: Final[Mapping[str, str]] = MappingProxyType({f"{name}_root": name for name in DIMENSIONS})
_LARGEST_ANSWER: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a guard answers.

    Attributes:
        action: `allow`, `warn` (make the call, and tell somebody), `degrade` (make it with
            `model`) or `block` (do not make it).
        model: The cheaper model to use, where the action is `degrade`.
        budget: Id of the budget that decided; `''` where none did.
        reason: `''` where no budget has a say, `threshold` where so much of it is spent, `limit`
            where the call does not fit any more, `stale` without a fresh copy of the limits.
    """

    action: Action
    model: str = ""
    budget: str = ""
    reason: str = ""


ALLOW: Final = Decision(action="allow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One budget in its current period; amounts in 1e-12 USD.

    Attributes:
        account: Names budget and period.
        names: What it filters by: dimensions, `tags.NAME`, `model` and `provider`.
        values: The combinations of values that it counts.
        others: What everybody but this process spent or may be spending.
        cap: The most that this process may spend; None where nothing is blocked.
        steps: From how much on what is answered, with the rank of the answer.
        blocked: The answer where a call does not fit under the cap.
    """

    account: str
    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    others: int
    cap: int | None
    steps: tuple[tuple[int, int, Decision], ...]
    blocked: Decision


_Table: TypeAlias = "dict[tuple[str, ...], tuple[Account, ...]]"


class Account:
    """What this process knows and did about one budget in one period; amounts in 1e-12 USD.

    Attributes:
        settled: What calls cost that are over.
        used: The same and the estimates of those under way.
        cap: The most that may be used; None where nothing is blocked.
        most: The same, out of reach where nothing is blocked.
        quiet: Nothing is to be said while less than this is used.
        others: What everybody but this process spent or may be spending.
        steps: From how much on what is answered, with the rank of the answer.
        blocked: The answer where a call does not fit any more.
    """

    __slots__ = ("blocked", "cap", "most", "others", "quiet", "settled", "steps", "used")

    def __init__(self) -> None:
        self.settled = 0
        self.used = 0
        self.others = 0
        self.cap: int | None = None
        self.most = self.quiet = _OUT_OF_REACH
        self.steps: tuple[tuple[int, int, Decision], ...] = ()
        self.blocked = ALLOW

    def take(self, limit: Limit) -> None:
        """Take what the collector says; what this process did stays."""
        self.others, self.cap = limit.others, limit.cap
        self.steps, self.blocked = limit.steps, limit.blocked
        self.most = _OUT_OF_REACH if limit.cap is None else limit.cap
        first = min((at for at, _, _ in limit.steps), default=_OUT_OF_REACH)
        self.quiet = first - limit.others


class Index:
    """Finds the accounts that a call counts in.

    Args:
        accounts: Each limit and its account.
    """

    __slots__ = ("_always", "_several", "_single")

    def __init__(self, accounts: Sequence[tuple[Limit, Account]]) -> None:
        tables: dict[tuple[str, ...], _Table] = {}
        for limit, account in accounts:
            table = tables.setdefault(limit.names, {})
            for values in limit.values:
                table[values] = (*table.get(values, ()), account)
        self._always = tables.pop((), {}).get((), ())
        plain = [names for names in tables if len(names) == 1 and names[0] in _DIMENSIONS]
        self._single = tuple(
            (names[0], {values[0]: found for values, found in tables.pop(names).items()})
            for names in plain
        )
        self._several = tuple(tables.items())

    def of(self, owner: Owner, model: str, provider: str) -> tuple[Account, ...]:
        """Return the accounts of a call.

        Args:
            owner: Who owns it.
            model: The model.
            provider: Its provider.
        """
        values: Mapping[str, str] = owner.values  # type: ignore[assignment]  # it is only read
        found = self._always
        for name, table in self._single:
            accounts = table.get(values.get(name, ""))
            if accounts is not None:
                found += accounts
        for names, tables in self._several:
            keys = tuple([_value(name, owner, model, provider) for name in names])
            found += tables.get(keys, ())
        return found


def _value(name: str, owner: Owner, model: str, provider: str) -> str:
    if name in _DIMENSIONS:
        values: Mapping[str, str] = owner.values  # type: ignore[assignment]  # it is only read
        return values.get(name, "")
    if name in _ROOTS:
        return root(_value(_ROOTS[name], owner, model, provider))
    if name.startswith("tags."):
        return owner.tags.get(name.removeprefix("tags."), "")
    return model if name == "model" else provider


def decide(accounts: tuple[Account, ...], estimate: int) -> Decision:
    """Say what a call is told: the strictest word of all its budgets.

    Args:
        accounts: Those that it counts in.
        estimate: What it is taken to cost, 1e-12 USD.
    """
    worst, found = 0, ALLOW
    for account in accounts:
        used = account.used
        if used + estimate > account.most:
            return account.blocked
        if used >= account.quiet:
            total = account.others + used
            for at, rank, decision in account.steps:
                if total >= at and rank > worst:
                    worst, found = rank, decision
    return found


def read_limit(words: Mapping[str, Any]) -> Limit:
    """Read one limit of the collector's answer.

    Raises:
        KeyError: A field is missing.
        ValueError: An amount is none.
    """
    budget, filters = str(words["budget"]), words["filters"]
    steps = []
    for step in words["steps"]:
        decision = Decision(
            action=step["action"], model=step["model"], budget=budget, reason="threshold"
        )
        steps.append((pico(Decimal(step["at_usd"])), RANKS[decision.action], decision))
    cap = words["cap_usd"]
    return Limit(
        account=words["account"],
        names=tuple(filters),
        values=tuple(itertools.product(*filters.values())),
        others=pico(Decimal(words["others_usd"])),
        cap=None if cap is None else pico(Decimal(cap)),
        steps=tuple(steps),
        blocked=Decision(action="block", budget=budget, reason="limit"),
    )


def pico(amount_usd: Decimal | int) -> int:
    """Tell an amount in 1e-12 USD, rounded up; no setting of `decimal` has a say in it."""
    if isinstance(amount_usd, Decimal):
        return ceil(_scaleb(amount_usd, _TWELVE))
    above, below = amount_usd.as_integer_ratio()
    return -(-above * _PICO // below)


def usd(amount: int) -> str:
    """Tell an amount of 1e-12 USD as a decimal number."""
    whole, rest = divmod(abs(amount), _PICO)
    return f"{'-' * (amount < 0)}{whole}.{rest:012d}"


def over_http(url: str, key: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Ask a collector over HTTP, outside every instrumentation of the application.

    Args:
        url: Its API, without a slash at the end.
        key: A key, or `''`.
    """
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}

    def fetch(report: Mapping[str, Any]) -> Mapping[str, Any]:
        from urllib.request import Request, urlopen  # noqa: PLC0415 - not on the import of an application

        request = Request(  # noqa: S310 - the guard checked the scheme
            f"{url}/v1/limits", data=json.dumps(report).encode(), headers=headers
        )
        token = attach(set_value("suppress_instrumentation", True))  # noqa: FBT003 - its signature
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - likewise
                found: Mapping[str, Any] = json.loads(answer.read(_LARGEST_ANSWER))
                return found
        finally:
            detach(token)

    return fetch
