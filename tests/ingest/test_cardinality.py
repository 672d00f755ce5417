"""The bound on distinct values: nothing is lost of the sums, and a restart opens no new limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.ingest.cardinality import OTHER, Fold, learn_values
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store

from otel_costattr import assess, shipped_book
from otel_costattr.model import Assessment, Attributes
from otel_costattr.testing import START_NS, chat_span

DAY_NS = 86_400 * 10**9
BOOK = shipped_book()


def one(
    attributes: Attributes, *, number: int = 1, key_tenant: str = "", at_ns: int = START_NS
) -> Assessment:
    """Assess one call with these owners."""
    span = chat_span(attributes, number=number, start_ns=at_ns, end_ns=at_ns + 1)
    found = assess(span, book=BOOK, key_tenant=key_tenant)
    assert found is not None
    return found


def fold(limit: int = 2, metrics: Metrics | None = None) -> Fold:
    """Return a fold with days in UTC."""
    return Fold(limit=limit, zone="UTC", metrics=metrics or Metrics())


def features(found: list[Assessment]) -> list[str]:
    """List the features of assessments."""
    return [one.owner.values["feature"] for one in found]


def test_what_comes_beyond_the_limit_of_a_day_is_one_value() -> None:
    """Two features pass, known ones go on, a third is folded and counted; the next day begins anew."""
    metrics = Metrics()
    bounded = fold(metrics=metrics)
    names = ["a", "b", "c", "a", "d"]

    today = bounded.apply([one({"costattr.feature": name}) for name in names])
    tomorrow = bounded.apply([one({"costattr.feature": "c"}, at_ns=START_NS + DAY_NS)])

    assert features(today) == ["a", "b", OTHER, "a", OTHER]
    assert features(tomorrow) == ["c"]
    count = metrics.registry.get_sample_value(
        "costattr_folded_values_total", {"dimension": "feature"}
    )
    assert count == 2
    assert {found.total_usd for found in today} == {today[0].total_usd}


def test_people_sessions_and_requests_have_no_limit() -> None:
    """Their columns are made for many values."""
    made = [
        one(
            {
                "costattr.user": f"u{n}",
                "costattr.session": f"s{n}",
                "costattr.external_request_id": f"r{n}",
            }
        )
        for n in range(9)
    ]

    assert fold().apply(made) == made


def test_a_proven_tenant_is_never_folded() -> None:
    """A key names it; a claim beyond the limit is folded."""
    bounded = fold(limit=1)
    made = [one({"costattr.tenant": "a"}), one({"costattr.tenant": "b"}), one({}, key_tenant="c")]

    tenants = [found.owner.values["tenant"] for found in bounded.apply(made)]

    assert tenants == ["a", OTHER, "c"]


def test_names_of_tags_and_models_are_bounded_too() -> None:
    """A tag's value may be anything; its name, and a model's, may not."""
    bounded = fold(limit=2)
    made = [
        one(
            {
                f"costattr.tag.t{n}": f"v{n}",
                "gen_ai.request.model": f"m{n}",
                "gen_ai.response.model": "",
            }
        )
        for n in range(3)
    ]

    found = bounded.apply(made)

    assert [dict(each.owner.tags) for each in found] == [{"t0": "v0"}, {"t1": "v1"}, {OTHER: "1"}]
    assert "tags.t2" not in found[2].owner.sources
    assert [each.call.request_model for each in found] == ["m0", "m1", OTHER]


def test_a_restart_opens_no_new_limit(store: Store) -> None:
    """What the ledger has of today is known to the next process."""
    now_ns = int(datetime.now(UTC).timestamp()) * 10**9
    alone = {"gen_ai.response.model": ""}
    names = {"costattr.feature": "a", "costattr.tenant": "t", "costattr.tag.x": "1", **alone}
    before = one(names, at_ns=now_ns)
    store.insert(encode(lines_of(before), batch_id=1, recorded_ns=now_ns))
    bounded = fold(limit=1)
    learn_values(store, bounded, limit=1)

    later = {"costattr.feature": "b", "costattr.tenant": "u", "costattr.tag.y": "1", **alone}
    same, other = bounded.apply([before, one(later, number=2, at_ns=now_ns)])

    assert same == before
    assert (other.owner.values["feature"], other.owner.values["tenant"]) == (OTHER, OTHER)
    assert dict(other.owner.tags) == {OTHER: "1"}


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(1, 4))
def test_there_are_never_more_values_than_the_limit(names: list[str], limit: int) -> None:
    """At most `limit` and the one that folds; nothing vanishes; the first ones stay."""
    found = features(fold(limit).apply([one({"costattr.feature": name}) for name in names]))

    firsts = list(dict.fromkeys(names))[:limit]
    assert found == [name if name in firsts else OTHER for name in names]


def test_what_is_folded_stays_as_it_is_when_it_is_folded_again() -> None:
    """Late telemetry is decided again with what was booked: the same owner, tags and models."""
    bounded = fold(limit=1)
    made = [
        one(
            {
                "costattr.feature": f"f{n}",
                "costattr.tag.a": "1",
                f"costattr.tag.t{n}": "1",
                f"costattr.tag.u{n}": "1",
                "gen_ai.request.model": f"m{n}",
                "gen_ai.response.model": "",
            }
        )
        for n in range(3)
    ]

    once = bounded.apply(made)

    assert bounded.apply(once) == once
    assert once[2].owner.tags == {"a": "1", OTHER: "2"}
    assert once[2].call.request_model == OTHER


def test_the_limit_holds_for_several_threads_together() -> None:
    """Calls and costs are folded at the same time; no more values pass than the limit."""
    bounded = fold(limit=50)
    owners = [one({"costattr.feature": f"f{n}"}).owner for n in range(400)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda owner: bounded.owner(owner, START_NS), owners))

    passed = {owner.values["feature"] for owner in found} - {OTHER}
    assert len(passed) == 50
    assert sum(owner.values["feature"] == OTHER for owner in found) == 350
