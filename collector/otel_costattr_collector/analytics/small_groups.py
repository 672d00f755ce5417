"""Groups of few people, folded into one row of a shared answer so that nobody can be told from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Principal
from otel_costattr_collector.analytics.asking import Asked, CostsAsked, Grouped
from otel_costattr_collector.analytics.periods import Periods, any_of
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

MOST_GROUPS: Final = 50_000
FOLDING: Final = frozenset({"costs", "compare", "top", "unit_costs", "prompt_versions", "retries"})
"""Questions whose rows can be folded."""

WHOLE: Final = frozenset({"coverage", "backlog", "quality"})
"""Questions that name dimensions, not their values."""

SINGLE: Final = frozenset({"calls", "sessions", "traces"})
"""Questions whose every row is about one person's doing."""

PERSONAL: Final = frozenset(
    {"user", "user_root", "employee", "session", "session_root", "external_request_id"}
)


Words = TypeVar("Words", bound=Asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What is known of a group, or of all small ones together.

    Attributes:
        key: Its dimensions, joined; `''` for the small ones.
        large: Whether enough people stand behind it.
        groups: How many groups it is.
        sizes: People in it, by period.
    """

    key: str
    large: bool
    groups: int
    sizes: Mapping[str, int]


def asked_as(principal: Principal, query: str, asked: Words, group_by: Iterable[str] = ()) -> Words:
    """Return what somebody asks within what the key may be told.

    Args:
        principal: Who asks.
        query: Which question.
        asked: Its words.
        group_by: The dimensions that it is about, those of its own included.

    Raises:
        Forbidden: The answer would tell single people apart.
    """
    least = principal.min_group
    if not least:
        return asked
    if query in FOLDING and isinstance(asked, Grouped):
        return asked.model_copy(update={"min_group": max(least, asked.min_group or 0)})
    filtered = {word.partition("=")[0].removesuffix("!").strip() for word in asked.where}
    told = () if query in WHOLE else group_by
    if query in SINGLE or PERSONAL.intersection((*told, *filtered)):
        refuse(principal)
    return asked


def refuse(principal: Principal) -> None:
    """Refuse an answer about single people to a key that may not be told.

    Raises:
        Forbidden: The key is told of groups only.
    """
    if principal.min_group:
        raise Forbidden(
            f"key {principal.key_id} is told of groups of {principal.min_group} people and more:"
            " ask for costs by other dimensions than people, sessions and requests"
        )


def folded(
    store: Store, question: Question, asked: Asked, *, query: str, periods: Periods | None = None
) -> Question:
    """Return a question whose small groups come as one row `__small__`; itself if nobody asks so.

    A group is small if fewer distinct users than asked for stand behind it; where the whole answer
    knows no user, calls count. When one small group would stand alone, or all of them together
    are small, the next larger ones join them, so that no difference to the total gives one away.

    Args:
        store: Where people are counted.
        question: What was asked.
        asked: Its words.
        query: Which question.
        periods: What is compared, if something is.

    Raises:
        BadInput: The whole answer is about too few people, or the question cannot be folded.
        StoreError: The store refused or did not answer.
    """
    least = asked.min_group if isinstance(asked, Grouped) else None
    if least is None:
        return question
    if query not in FOLDING:
        raise BadInput(f"min_group has no meaning here: ask {', '.join(sorted(FOLDING))}")
    if isinstance(asked, CostsAsked) and asked.grain:
        raise BadInput("min_group counts people over the whole period: ask without grain")
    groups = _groups(store, question, least, periods)
    kept = large_enough(groups, least)
    if groups and kept is None:
        raise BadInput(f"fewer than {least} people stand behind this answer: ask for more")
    small = [group for group in groups if not group.large]
    if kept is None or (not small and len(kept) == len(groups)):
        return question
    return replace(question, shown=kept)


def refuse_small(store: Store, question: Question, least: int) -> None:
    """Return if enough people stand behind every group of a question.

    Raises:
        BadInput: Behind one there are too few.
        StoreError: The store refused or did not answer.
    """
    if any(not group.large for group in _groups(store, question, least, None)):
        raise BadInput(f"fewer than {least} people stand behind one of them")


def large_enough(groups: Iterable[Group], least: int) -> tuple[str, ...] | None:
    """Choose the groups that may be shown; None if not even all together are large enough.

    Args:
        groups: The large ones, each on its own, and the small ones, together.
        least: People that must stand behind every row.
    """
    rest: defaultdict[str, int] = defaultdict(int)
    count = 0
    kept: list[Group] = []
    for group in groups:
        if group.large:
            kept.append(group)
        else:
            count = max(count, group.groups)
            _join(rest, group)
    kept.sort(key=lambda group: (min(group.sizes.values()), group.key))
    while rest and (count < 2 or min(rest.values()) < least):
        if not kept:
            return None if min(rest.values()) < least else ()
        _join(rest, kept.pop(0))
        count += 1
    return tuple(sorted(group.key for group in kept))


def _join(rest: defaultdict[str, int], group: Group) -> None:
    """Take a group into the others; together they are as many people as the largest, or more."""
    for side, size in group.sizes.items():
        rest[side] = max(rest[side], size)


def _groups(
    store: Store, question: Question, least: int, periods: Periods | None
) -> tuple[Group, ...]:
    whole = question if periods is None else replace(question, since=None, until=None)
    frame = spend.frame(whole, table="ledger")
    parts = {"key": frame.key, "filter": frame.parts["filter"], "limit": f"{MOST_GROUPS}"}
    parts["least_people"] = "{least_people:Int64}"
    if periods is not None:
        after = any_of(frame.source, "after", (periods.after,), frame.parameters)
        before = any_of(frame.source, "before", periods.before, frame.parameters)
        parts["side"] = f"multiIf({after}, 'after', {before}, 'before', '')"
    parameters = {**frame.parameters, "least_people": least}
    rows = store.query(queries.render("groups", parts), parameters).mappings()
    if len(rows) >= MOST_GROUPS:
        raise BadInput(f"more than {MOST_GROUPS} groups: ask for fewer dimensions")
    found: dict[tuple[bool, str], dict[str, int]] = {}
    counts: dict[tuple[bool, str], int] = {}
    for row in rows:
        place = bool(row["is_large"]), row["group_key"]
        found.setdefault(place, {})[row["side"]] = row["size"]
        counts[place] = max(counts.get(place, 0), row["groups"])
    return tuple(
        Group(key=key, large=large, groups=counts[large, key], sizes=sizes)
        for (large, key), sizes in found.items()
    )
