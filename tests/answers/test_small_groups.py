"""Small groups come as one row: nobody is told apart, and totals stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from assessed import assessed
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector import ledger
from otel_costattr_collector.access import KEYS_FILE, create_key
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.analytics.small_groups import Group, large_enough
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store

from otel_costattr import cli
from otel_costattr.testing import START_NS

CALL_USD = Decimal("0.00027")
DAY_NS = 86_400 * 10**9
Words = dict[str, str | int]
Call = tuple[str, str, int]
"""Feature, user and day of a call."""

KEYED = HealthCheck.function_scoped_fixture


def plant(store: Store, calls: Sequence[Call], batch_id: int = 1) -> None:
    """Book calls of 0.00027 USD each."""
    made = [
        assessed(
            batch_id * 10_000 + number,
            owner={"tenant": "acme", "feature": feature, "user": user},
            start_ns=START_NS + day * DAY_NS,
        )
        for number, (feature, user, day) in enumerate(calls)
    ]
    lines = [line for one in made for line in ledger.lines_of(one)]
    store.insert(ledger.encode(lines, batch_id=batch_id, recorded_ns=10**18))


def people(**groups: int) -> list[Call]:
    """Make one call of each person of a group."""
    return [(name, f"{name}-{n}", 0) for name, count in groups.items() for n in range(count)]


def ask(client: TestClient, least: int | None, **asked: Any) -> dict[str, Any]:
    """Ask for costs by feature."""
    words = {"group_by": "feature", **asked, **({} if least is None else {"min_group": least})}
    found = client.get("/v1/analytics/costs", params=words)
    assert found.status_code == 200, found.text
    return dict(found.json())


def calls_of(body: dict[str, Any]) -> dict[str, int]:
    """Read the rows."""
    return {row["entity_id"]: row["calls"] for row in body["data"]}


@pytest.fixture
def client(store_api: FastAPI) -> Iterator[TestClient]:
    """The API over a ledger that a test fills."""
    with TestClient(store_api) as made:
        yield made


@pytest.mark.parametrize(
    ("groups", "least", "rows"),
    [
        pytest.param({"a": 5, "b": 4}, 3, {"a": 5, "b": 4}, id="nobody is small"),
        pytest.param(
            {"a": 5, "b": 2, "c": 1}, 3, {"a": 5, "__small__": 3}, id="two that are enough together"
        ),
        pytest.param(
            {"a": 5, "b": 4, "c": 2}, 3, {"a": 5, "__small__": 6}, id="one takes the next smallest"
        ),
        pytest.param(
            {"a": 5, "b": 4, "c": 1, "d": 1},
            3,
            {"a": 5, "__small__": 6},
            id="two that are too few together",
        ),
        pytest.param({"a": 5, "b": 1}, 3, {"__small__": 6}, id="everything"),
    ],
)
def test_small_groups_are_folded(
    store: Store, client: TestClient, groups: dict[str, int], least: int, rows: dict[str, int]
) -> None:
    """A group below the bound never stands alone, nor does the difference to the total."""
    plant(store, people(**groups))

    assert calls_of(ask(client, least)) == rows


def test_people_count_once(store: Store, client: TestClient) -> None:
    """Ten calls of one person are one person."""
    plant(store, [*people(a=3, b=2), *[("c", "jo", 0)] * 10])

    assert calls_of(ask(client, 2)) == {"a": 3, "__small__": 12}


def test_where_nobody_is_known_calls_count(store: Store, client: TestClient) -> None:
    """Without a single user in the answer, a group is as large as its calls."""
    plant(store, [("a", "", 0)] * 4 + [("b", "", 0)] * 2 + [("c", "", 0)] * 1)

    assert calls_of(ask(client, 3)) == {"a": 4, "__small__": 3}


def test_unknown_people_are_nobody_where_others_are_known(store: Store, client: TestClient) -> None:
    """Calls without a user cannot prove that there are several people."""
    plant(store, [*people(a=4, b=3), *[("c", "", 0)] * 9])

    assert calls_of(ask(client, 3)) == {"a": 4, "__small__": 12}


def test_several_dimensions_fold_together(store: Store, client: TestClient) -> None:
    """A row of small groups says so in each of its dimensions."""
    plant(store, people(a=4, b=1, c=2))

    body = ask(client, 3, group_by="feature,tenant")

    assert [row["dimensions"] for row in body["data"]] == [
        {"feature": "a", "tenant": "acme"},
        {"feature": "__small__", "tenant": "__small__"},
    ]


def test_by_person_everything_is_small(store: Store, client: TestClient) -> None:
    """Whoever groups by user is told the total only."""
    plant(store, people(a=4))

    assert calls_of(ask(client, 2, group_by="user")) == {"__small__": 4}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({"where": "user=a-0"}, "fewer than 3 people", id="one person"),
        pytest.param({"where": "feature=b"}, "fewer than 3 people", id="one small group"),
        pytest.param({"grain": "day"}, "ask without grain", id="buckets"),
        pytest.param({"min_group": 0}, "greater than or equal to 1", id="no bound"),
    ],
)
def test_what_cannot_be_folded_is_refused(
    store: Store, client: TestClient, asked: dict[str, Any], says: str
) -> None:
    """An answer about too few people is none."""
    plant(store, people(a=4, b=2))

    found = client.get("/v1/analytics/costs", params={"min_group": 3, **asked})

    assert found.status_code in {400, 422}
    assert says in found.json()["message"]


def test_no_call_is_an_answer(client: TestClient) -> None:
    """An empty period tells nobody anything."""
    assert ask(client, 3)["total"]["calls"] == 0


def test_other_questions_do_not_take_it(client: TestClient) -> None:
    """A question that cannot fold says so instead of answering as if it had."""
    found = client.get("/v1/analytics/coverage", params={"min_group": 3})

    assert found.status_code == 400
    assert "min_group has no meaning here" in found.json()["message"]


@pytest.mark.parametrize("path", ["top", "unit-costs", "retries", "prompt-versions"])
def test_named_questions_fold_too(store: Store, client: TestClient, path: str) -> None:
    """Every question whose rows are groups of calls folds the same ones."""
    plant(store, people(a=4, b=1, c=2))

    found = client.get(f"/v1/analytics/{path}", params={"group_by": "feature", "min_group": 3})

    assert {row["dimensions"]["feature"] for row in found.json()["data"]} == {"a", "__small__"}


def test_compared_periods_are_large_on_both_sides(store: Store, client: TestClient) -> None:
    """Four people after, one before: a comparison would tell what the one did."""
    after = [*people(a=4, b=4, c=4)]
    before = [(feature, user, -1) for feature, user, _ in people(a=1, b=3, c=4)]
    plant(store, [*after, *before])
    days = {"start_date": "2026-09-21", "end_date": "2026-09-21"}
    found = client.get(
        "/v1/analytics/compare", params={"group_by": "feature", "min_group": 3, **days}
    )

    assert found.status_code == 200, found.text
    rows = {
        row["dimensions"]["feature"]: (row["calls_before"], row["calls_after"])
        for row in found.json()["data"]
    }
    assert rows == {"c": (4, 4), "__small__": (4, 8)}


@pytest.mark.parametrize(("least", "status"), [(2, 200), (3, 400)])
def test_versions_need_people_behind_both(
    store: Store, client: TestClient, least: int, status: int
) -> None:
    """Two groups set against each other cannot fold: too few people behind one is a refusal."""
    plant(store, people(a=4, b=2))
    words: Words = {"by": "feature", "a": "a", "b": "b", "min_group": least}

    found = client.get("/v1/analytics/versions", params=words)
    assert found.status_code == status, found.text


def test_a_file_is_folded_like_the_answer(store: Store, client: TestClient) -> None:
    """Exports hide what the table hides."""
    plant(store, people(a=4, b=1, c=2))
    words: Words = {"group_by": "feature", "min_group": 3, "format": "csv"}

    lines = client.get("/v1/analytics/costs", params=words).text.splitlines()

    assert sorted(line.split(",")[0] for line in lines[1:]) == ['"__small__"', '"a"']


# --- in general -------------------------------------------------------------------------------

CALLS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", *"uvwxyz"]), st.just(0)), max_size=25
)


@settings(max_examples=12, suppress_health_check=[KEYED])
@given(calls=CALLS, least=st.integers(1, 4))
def test_totals_stay_and_nothing_small_is_shown(
    store: Store, client: TestClient, calls: list[Call], least: int
) -> None:
    """Over any ledger: the rows add up to the total, and behind each there are enough people."""
    store.command("TRUNCATE TABLE ledger SYNC")
    store.command("TRUNCATE TABLE spend_by_feature_15m SYNC")
    if calls:
        plant(store, calls, batch_id=id(calls) % 2**32)
    users: defaultdict[str, set[str]] = defaultdict(set)
    counts: defaultdict[str, int] = defaultdict(int)
    for feature, user, _ in calls:
        users[feature] |= {user} - {""}
        counts[feature] += 1
    known = any(users.values())
    sizes = {one: len(users[one]) if known else counts[one] for one in counts}
    everybody = len(set().union(*users.values())) if known else len(calls)

    words: Words = {"group_by": "feature", "min_group": least}
    found = client.get("/v1/analytics/costs", params=words)

    if calls and everybody < least:
        assert found.status_code == 400
        return
    body = found.json()
    rows = calls_of(body)
    assert sum(rows.values()) == body["total"]["calls"] == len(calls)
    assert Decimal(body["total"]["total_cost"] or 0) == CALL_USD * len(calls)
    shown = set(rows) - {"__small__"}
    assert all(sizes[one] >= least and rows[one] == counts[one] for one in shown)
    hidden = set(counts) - shown
    assert len(hidden) != 1 or len(counts) == 1
    if hidden:
        together = len(set().union(*(users[one] for one in hidden)))
        assert (together if known else sum(counts[one] for one in hidden)) >= least
    assert not hidden or min(sizes[one] for one in hidden) < least


@given(
    large=st.lists(st.integers(3, 9), max_size=6),
    small=st.tuples(st.integers(0, 4), st.integers(0, 8)),
)
def test_what_is_left_is_never_one_group(large: list[int], small: tuple[int, int]) -> None:
    """However groups are spread, the folded ones are several and enough, or everything."""
    groups = [
        Group(key=f"{place}", large=True, groups=1, sizes={"all": size})
        for place, size in enumerate(large)
    ]
    count, size = small
    if count:
        groups.append(Group(key="", large=False, groups=count, sizes={"all": size}))

    kept = large_enough(groups, 3)

    if kept is None:
        assert not large
        assert size < 3
    elif not count:
        assert len(kept) == len(large)
    else:
        left = len(large) - len(kept)
        assert left + count >= 2 or not large
        assert left <= (1 if size >= 3 else 2)


# --- keys that are told of groups only --------------------------------------------------------


@pytest.fixture
def keyed(store: Store, tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """A collector that tells keys of the role read of three people and more."""
    path = tmp_path / KEYS_FILE
    keys = {role: create_key(path, name=role, role=role, now_ns=0)[1] for role in ("read", "admin")}
    plant(store, people(a=4, b=1, c=2))
    gate = Gate(path, open_without_keys=False, read_min_group=3)
    with TestClient(create_api(store, gate=gate)) as made:
        yield made, keys


Keyed = tuple[TestClient, dict[str, str]]


@pytest.mark.parametrize("asked", [{}, {"min_group": 1}], ids=["not asked", "asked for less"])
def test_a_reader_is_told_of_groups_only(keyed: Keyed, asked: dict[str, int]) -> None:
    """The bound of the collector holds whatever the question says; an admin is told everything."""
    client, keys = keyed
    words: Words = {"group_by": "feature", **asked}
    rows = {}
    for role, key in keys.items():
        headers = {"X-API-Key": key}
        rows[role] = calls_of(
            client.get("/v1/analytics/costs", params=words, headers=headers).json()
        )

    assert rows["read"] == {"a": 4, "__small__": 3}
    if not asked:
        assert rows["admin"] == {"a": 4, "b": 1, "c": 2}


TOLD = (
    ("/v1/calls", 403),
    ("/v1/sessions", 403),
    ("/v1/sessions/s-1", 403),
    ("/v1/traces", 403),
    (f"/v1/explain/{'0' * 24}", 403),
    ("/v1/analytics/triage?around=2026-11-20", 403),
    ("/v1/analytics/movers?start_date=2026-11-20&end_date=2026-11-20", 403),
    (
        "/v1/analytics/movers?start_date=2026-11-20&end_date=2026-11-20&group_by=feature",
        200,
    ),
    ("/v1/analytics/outcomes?where=session=s-1", 403),
    ("/v1/analytics/margins?where=user=a-1", 403),
    ("/v1/analytics/quality?where=user!=a-1", 403),
    ("/v1/analytics/quality", 200),
    ("/v1/analytics/coverage", 200),
    ("/v1/analytics/backlog", 200),
    ("/v1/analytics/versions?by=feature&a=a&b=b", 400),
)


def test_a_reader_is_told_of_nobody(keyed: Keyed) -> None:
    """What is about single people, sessions and calls is refused, what is about all is not."""
    client, keys = keyed
    headers = {"X-API-Key": keys["read"]}

    found = [(path, client.get(path, headers=headers).status_code) for path, _ in TOLD]

    assert found == list(TOLD)


def test_a_reader_of_groups_has_no_sql(keyed: Keyed, tmp_path: Path) -> None:
    """SQL could ask for anybody."""
    _, keys = keyed
    gate = Gate(tmp_path / KEYS_FILE, open_without_keys=False, read_min_group=3)

    with pytest.raises(Forbidden, match="groups of 3 people"):
        gate.authenticate({"X-API-Key": keys["read"]}).require("sql")
    gate.authenticate({"X-API-Key": keys["admin"]}).require("sql")


def test_the_commands_ask_for_it(
    store: Store,
    store_api: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Report and export fold, compare refuses."""
    plant(store, people(a=4, b=1, c=2))
    words = (
        ("report", "--by", "feature", "--format", "csv"),
        ("export", "costs", "--by", "feature"),
        ("compare", "--by", "feature", "a", "b"),
    )
    with api_at(store_api) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        codes = [cli.main(service.COMMANDS, [*some, "--min-group", "3"]) for some in words]

    out = capsys.readouterr().out
    assert codes == [0, 0, 2]
    assert out.count("__small__") == 2
    assert "b," not in out
