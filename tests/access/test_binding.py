"""Where a server without keys may listen."""

from __future__ import annotations

from pathlib import Path

import pytest
from otel_costattr_collector.access import create_key, refuse_open_binding, revoke_key

from otel_costattr.errors import BadSettings

NOW_NS = 1_795_262_400_000_000_000


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_the_loopback_address_needs_no_keys(tmp_path: Path, host: str) -> None:
    """Only this machine reaches it."""
    refuse_open_binding(host, tmp_path / "keys.json")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "collector.example", "", "*"])
def test_any_other_address_needs_a_key(tmp_path: Path, host: str) -> None:
    """The refusal names the setting and the two ways out."""
    with pytest.raises(BadSettings, match=r"^host = .* costattr keys create, or use 127\.0\.0\.1"):
        refuse_open_binding(host, tmp_path / "keys.json")


def test_with_a_key_any_address_is_fine(tmp_path: Path) -> None:
    """A server with keys may be reached by everybody."""
    create_key(tmp_path / "keys.json", name="app", role="ingest", now_ns=NOW_NS)

    refuse_open_binding("0.0.0.0", tmp_path / "keys.json")


def test_a_revoked_key_is_no_key(tmp_path: Path) -> None:
    """A server that nobody may use is not put on the network."""
    made, _ = create_key(tmp_path / "keys.json", name="app", role="ingest", now_ns=NOW_NS)
    revoke_key(tmp_path / "keys.json", made.id, now_ns=NOW_NS)

    with pytest.raises(BadSettings, match="without keys"):
        refuse_open_binding("0.0.0.0", tmp_path / "keys.json")
