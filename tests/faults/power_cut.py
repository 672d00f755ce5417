"""After a power cut: the log of tokens may be gone, and rows may be there in part."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from faults.truth import PRICE, contents, expected
from otel_costattr_collector import ledger
from otel_costattr_collector.ingest.parked import PARKED_FOLDER, Parked
from otel_costattr_collector.ingest.recovery import Marker
from otel_costattr_collector.ingest.setup import JOURNAL_FOLDER, finish_last_run
from otel_costattr_collector.journal import FrozenRecord, Journal
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store import Store, open_store

from otel_costattr.assess import assess_all
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import START_NS, chat_span

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CALLS = 40
BEFORE, AFTER = "before the cut", "after the cut"


def block_of(first: int, *, batch_id: int) -> ledger.Block:
    """Build a block of 40 calls in two months."""
    month_ns = 31 * 86_400 * 10**9
    spans = [
        chat_span(
            {"gen_ai.response.id": f"chatcmpl-{number:09d}"},
            number=number,
            start_ns=START_NS + month_ns * (number % 2),
            end_ns=START_NS + month_ns * (number % 2) + 10**9,
        )
        for number in range(first, first + CALLS)
    ]
    lines = ledger.lines_of_all(assess_all(spans, book=shipped_book()))
    return ledger.encode(lines, batch_id=batch_id, recorded_ns=START_NS)


def settings_of(data: Path) -> Settings:
    """Return settings of a collector over `data`."""
    return Settings.model_validate({"data": data})


DOUBT = block_of(1001, batch_id=2**64 - 5)
"""Frozen when the power went; whether it was inserted is what the cases differ in."""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a run leaves it that was cut: one block done, one frozen and in doubt."""
    data = tmp_path_factory.mktemp("run") / "data"
    Marker(data, boot_id=BEFORE).set()
    journal = Journal(data / JOURNAL_FOLDER)
    journal.append([FrozenRecord(took={}, blocks=(DOUBT,))])
    journal.close()
    with open_store(settings_of(data)) as store:
        store.migrate()
        store.insert(block_of(1, batch_id=11))
    return data


@pytest.fixture
def data(left_behind: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(left_behind, tmp_path / "data", symlinks=True))


def booked(data: Path) -> object:
    """Return what a stopped collector has in its books."""
    with open_store(settings_of(data)) as store:
        return contents(store)


def forget_tokens(data: Path) -> None:
    """Remove the engine's logs of deduplication tokens."""
    logs = [path for path in data.rglob("deduplication_logs") if path.is_dir()]
    assert logs
    for path in logs:
        shutil.rmtree(path)


def restart(data: Path, *, boot_id: str) -> None:
    """Do what a start does before it takes spans."""
    settings = settings_of(data)
    journal = Journal(data / JOURNAL_FOLDER)
    with open_store(settings) as store:
        finish_last_run(
            settings, store, journal, Parked(data / PARKED_FOLDER), Marker(data, boot_id=boot_id)
        )
        journal.close()


@pytest.mark.parametrize("forgotten", [False, True], ids=["tokens-kept", "tokens-lost"])
@pytest.mark.parametrize("inserted", ["not", "whole", "ledger-only"])
def test_a_block_in_doubt_is_there_once(*, forgotten: bool, inserted: str, data: Path) -> None:
    """Whatever of it reached the tables and whether its token did, the totals are exact."""
    if inserted != "not":
        with open_store(settings_of(data)) as store:
            if inserted == "ledger-only":
                detach_rollups(store)
            store.insert(DOUBT)
            if inserted == "ledger-only":
                attach_rollups(store)
    if forgotten:
        forget_tokens(data)

    restart(data, boot_id=AFTER)

    assert Decimal("0.00027") == PRICE
    assert booked(data) == expected(2 * CALLS)
    assert not (data / JOURNAL_FOLDER / "repairs.json").exists()


@pytest.mark.parametrize(
    "survived",
    [pytest.param(n, marks=() if n in {0, 3, 6} else pytest.mark.nightly) for n in range(7)],
)
def test_a_repair_that_is_cut_short_is_finished_by_the_next_start(
    survived: int, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its seven statements the second cut hits, the third start is exact."""
    with open_store(settings_of(data)) as store:
        store.insert(DOUBT)
    forget_tokens(data)
    left = iter(range(survived))
    command = Store.command

    def until_the_cut(self: Store, sql: str, parameters: object = None) -> None:
        del parameters
        if next(left, None) is None:
            raise KeyboardInterrupt
        command(self, sql)

    with monkeypatch.context() as cut:
        cut.setattr(Store, "command", until_the_cut)
        with pytest.raises(KeyboardInterrupt):
            restart(data, boot_id=AFTER)
    restart(data, boot_id=AFTER)

    assert booked(data) == expected(2 * CALLS)


def test_a_kill_needs_no_repair(data: Path) -> None:
    """In the same boot every write is still there, so the plain retry is exact."""
    with open_store(settings_of(data)) as store:
        store.insert(DOUBT)

    restart(data, boot_id=BEFORE)

    assert booked(data) == expected(2 * CALLS)


def detach_rollups(store: Store) -> None:
    """Make the engine forget the rollups' feeds, as if it had been cut between them."""
    for name in ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session"):
        store.command(f"DETACH TABLE {name}_feed")


def attach_rollups(store: Store) -> None:
    """Bring the feeds back."""
    for name in ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session"):
        store.command(f"ATTACH TABLE {name}_feed")
