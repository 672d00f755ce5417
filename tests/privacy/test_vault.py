"""The vault keeps what hashes stand for in one guarded file, and forgets."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from assessed import assessed
from otel_costattr_collector import cli as service
from otel_costattr_collector.codec.projection import Projection
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.owner_rules import owner_rules
from otel_costattr_collector.privacy import vault as vaults
from otel_costattr_collector.privacy.erasure import Eraser, Erasure
from otel_costattr_collector.privacy.vault import Vault, forget, look_up
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store import Store
from pydantic import SecretStr

from otel_costattr import cli
from otel_costattr.attribution import Identities, hash_identity
from otel_costattr.errors import BadSettings, RetryableError

KEY = b"a secret of 16 bytes or more"


def hashed(value: str, key_id: str = "k1") -> str:
    """Hash as the collector does."""
    return hash_identity(value, key=KEY, key_id=key_id)


ANNA, BERT = hashed("anna"), hashed("bert")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the vault is."""
    return tmp_path / "kept" / "vault.sqlite"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    """A vault that writes when it is told to."""
    opened = Vault(path, flush_s=3600)
    yield opened
    opened.close()


def test_a_hash_is_looked_up(vault: Vault, path: Path) -> None:
    """What was learned is found, what was not is not."""
    vault.learn("anna", ANNA)
    vault.learn("anna", ANNA)
    vault.flush()

    assert look_up(path, ANNA) == "anna"
    assert look_up(path, BERT) is None


def test_what_was_learned_survives_a_stop(path: Path) -> None:
    """Closing writes what waits; opening again finds it."""
    first = Vault(path, flush_s=3600)
    first.learn("anna", ANNA)
    first.close()
    Vault(path, flush_s=3600).close()

    assert look_up(path, ANNA) == "anna"


def test_the_thread_writes_by_itself(path: Path) -> None:
    """Nobody has to ask for what was learned to reach the disk."""
    opened = Vault(path, flush_s=0.001)
    opened.learn("anna", ANNA)
    while look_up(path, ANNA) is None:
        pass
    opened.close()


def test_only_the_owner_reads_the_file(vault: Vault, path: Path) -> None:
    """The mode is 0600 from the first byte on."""
    vault.learn("anna", ANNA)
    vault.flush()

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_a_file_that_others_may_read_is_refused(vault: Vault, path: Path) -> None:
    """Looking up, forgetting and starting all refuse, and say what mends it; nothing is lost."""
    vault.learn("anna", ANNA)
    path.chmod(0o640)

    for attempt in (lambda: look_up(path, ANNA), lambda: Vault(path), lambda: forget(path, ["x"])):
        with pytest.raises(BadSettings, match="chmod 600"):
            attempt()
    with pytest.raises(BadSettings, match="chmod 600"):
        vault.flush()
    path.chmod(0o600)
    vault.flush()
    assert look_up(path, ANNA) == "anna"


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    """No other file is ever written over."""
    path.parent.mkdir()
    path.write_bytes(b"a letter to somebody, which is no database at all")
    path.chmod(0o600)

    with pytest.raises(BadSettings, match="not a database"):
        Vault(path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """The collector does not start without the vault that it was told to keep."""
    (tmp_path / "file").write_text("")

    with pytest.raises(BadSettings, match="cannot be written"):
        Vault(tmp_path / "file" / "vault.sqlite")


@pytest.mark.parametrize("word", ["anna", ANNA, hashed("anna", "k2")], ids=["plain", "h1", "h2"])
def test_a_person_is_forgotten_under_every_hash(vault: Vault, path: Path, word: str) -> None:
    """Named plain or by either hash, all of her entries go; others stay."""
    vault.learn("anna", ANNA)
    vault.learn("anna", hashed("anna", "k2"))
    vault.learn("bert", BERT)

    assert vault.forget([word]) == 2
    assert [look_up(path, one) for one in (ANNA, hashed("anna", "k2"), BERT)] == [
        None,
        None,
        "bert",
    ]
    assert b"anna" not in path.read_bytes()


def test_who_calls_again_is_learned_again(vault: Vault, path: Path) -> None:
    """Forgetting is no promise about the future."""
    vault.learn("anna", ANNA)
    vault.forget(["anna"])
    vault.learn("anna", ANNA)
    vault.flush()

    assert look_up(path, ANNA) == "anna"


def test_what_a_busy_file_does_not_take_is_written_later(
    vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads while it is written: the write fails at its very end, and nothing is lost."""
    monkeypatch.setattr(vaults, "BUSY_S", 0.01)
    vault.learn("bert", BERT)
    vault.flush()
    vault.learn("anna", ANNA)
    twice = "SELECT hash FROM people UNION ALL SELECT hash FROM people"
    with closing(sqlite3.connect(path)) as reader, closing(reader.execute(twice)) as rows:
        assert rows.fetchone() == (BERT,)
        with pytest.raises(RetryableError, match="locked"):
            vault.flush()
    vault.flush()

    assert look_up(path, ANNA) == "anna"


def test_who_is_forgotten_does_not_come_back_with_a_late_write(
    vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgetting waits for a write that is under way, and takes out what that one wrote."""
    commit, writing, go_on = vaults._commit, threading.Event(), threading.Event()

    def late(where: Path, file: sqlite3.Connection) -> None:
        writing.set()
        assert go_on.wait(10)
        commit(where, file)

    monkeypatch.setattr(vaults, "_commit", late)
    vault.learn("anna", ANNA)
    writer = threading.Thread(target=vault.flush)
    writer.start()
    assert writing.wait(10)
    gone: list[int] = []
    forgetter = threading.Thread(target=lambda: gone.append(vault.forget(["anna"])))
    forgetter.start()
    go_on.set()
    for thread in (writer, forgetter):
        thread.join(10)

    assert gone == [1]
    assert look_up(path, ANNA) is None


def test_memory_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing and people without number take no memory without end."""
    monkeypatch.setattr(vaults, "MOST_PENDING", 2)
    monkeypatch.setattr(vaults, "MOST_REMEMBERED", 2)
    opened = Vault(path, flush_s=3600)
    for name in ("a", "b", "c"):
        opened.learn(name, hashed(name))
    opened.flush()
    opened.learn("c", hashed("c"))
    opened.close()

    assert [look_up(path, hashed(name)) for name in ("a", "b", "c")] == ["a", "b", "c"]


def test_the_door_teaches_the_vault(tmp_path: Path, vault: Vault, path: Path) -> None:
    """Whoever is hashed at the door can be looked up; hashed values and others teach nothing."""
    settings = Settings(
        data=tmp_path, vault=path, hash_dimensions="user", hash_key=SecretStr(KEY.decode())
    )
    reduce = Projection(owner_rules(settings, learn=vault.learn)).reducer("user.id")
    assert reduce is not None

    assert [reduce("anna"), reduce(BERT)] == [ANNA, BERT]
    vault.flush()
    assert [look_up(path, one) for one in (ANNA, BERT)] == ["anna", None]


def test_a_vault_without_hashing_is_refused(tmp_path: Path, path: Path) -> None:
    """It would stay empty for ever, and somebody would rely on it."""
    with pytest.raises(BadSettings, match="nothing is hashed"):
        owner_rules(Settings(data=tmp_path, vault=path))


def test_erasing_a_person_empties_the_vault_of_them(store: Store, vault: Vault, path: Path) -> None:
    """After the erasure no file of ours knows who it was; a dry run forgets nothing."""
    line = assessed(1, owner={"tenant": "acme", "user": ANNA})
    store.insert(encode(lines_of(line), batch_id=1, recorded_ns=1))
    vault.learn("anna", ANNA)
    keys = Identities(hashed=frozenset({"user"}), key=KEY, key_id="k1")
    eraser = Eraser(store, keys, vault=vault)

    eraser.erase(Erasure(value="anna", dry_run=True))
    vault.flush()
    assert look_up(path, ANNA) == "anna"

    assert eraser.erase(Erasure(value=ANNA)).left == 0
    assert look_up(path, ANNA) is None


def test_the_command(vault: Vault, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Looked up, forgotten, not known any more: 0, 0, 1."""
    vault.learn("anna", ANNA)
    vault.flush()
    words = (("lookup", ANNA), ("forget", "anna"), ("lookup", ANNA))

    codes = [cli.main(service.COMMANDS, ["vault", *some, "--vault", str(path)]) for some in words]

    assert codes == [0, 0, 1]
    assert capsys.readouterr().out.splitlines() == ["anna", "1 entries forgotten", "not known"]


def test_the_command_without_a_vault(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is none until `costattr serve --vault` made one."""
    code = cli.main(service.COMMANDS, ["vault", "lookup", ANNA, "--vault", str(path)])

    assert code == 2
    assert "there is no vault" in capsys.readouterr().err
