"""Identifiers of people are hashed with a key, or not stored."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.attribution import Identities, OwnerRules, hash_identity, is_hashed, owner_of
from otel_costattr.attribution.identities import EmailPolicy
from otel_costattr.errors import BadSettings
from otel_costattr.testing import chat_span

KEY = b"0123456789abcdef"


def test_form() -> None:
    """The digest is the first 128 bits of HMAC-SHA-256, behind the id of its key."""
    digest = hmac.new(KEY, b"u-812", hashlib.sha256).hexdigest()

    assert f"h:k1:{digest[:32]}" == hash_identity("u-812", key=KEY, key_id="k1")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_idempotent(value: str) -> None:
    """Hashing what is already hashed changes nothing, whatever the key."""
    once = hash_identity(value, key=KEY, key_id="k1")

    assert is_hashed(once)
    assert once == hash_identity(once, key=b"another key of 16", key_id="k2")


def test_key_matters() -> None:
    """Another key gives another digest, so a list of names alone undoes nothing."""
    assert hash_identity("u", key=KEY, key_id="k") != hash_identity("u", key=KEY[::-1], key_id="k")


@pytest.mark.parametrize(
    ("hashed", "emails", "key", "key_id", "message"),
    [
        ({"user"}, "refuse", b"", "k1", "0 bytes"),
        ((), "hash", b"short", "k1", "5 bytes"),
        ({"user"}, "hash", KEY, "", "key id"),
        ({"user"}, "hash", KEY, "a:b", "key id"),
        ({"nobody"}, "hash", KEY, "k1", "nobody"),
    ],
    ids=["no key", "short key", "no id", "bad id", "bad dimension"],
)
def test_refused_at_construction(
    hashed: set[str], emails: EmailPolicy, key: bytes, key_id: str, message: str
) -> None:
    """Hashing that protects nothing is refused when it is set up, not when the first user calls."""
    with pytest.raises(BadSettings, match=message):
        Identities(hashed=frozenset(hashed), emails=emails, key=key, key_id=key_id)


def test_key_is_never_shown() -> None:
    """The secret does not appear in the record's text."""
    assert "0123456789" not in repr(Identities(hashed=frozenset({"user"}), key=KEY, key_id="k1"))


def test_people_are_hashed() -> None:
    """Each value of a hashed dimension is stored as its digest; other dimensions stay."""
    people = Identities(hashed=frozenset({"user"}), key=KEY, key_id="k1")
    owner = owner_of(
        chat_span({"user.id": "u-812", "costattr.tenant": "acme"}),
        rules=OwnerRules(identities=people),
    )

    assert owner.values == {"user": hash_identity("u-812", key=KEY, key_id="k1"), "tenant": "acme"}


def test_emails_are_dropped_by_default() -> None:
    """An e-mail address in any dimension or tag is not stored, and the drop is visible."""
    owner = owner_of(chat_span({"user.id": "bob@example.com", "costattr.tag.who": "x@y.org"}))

    assert owner.values == {}
    assert owner.tags == {}
    assert owner.refused == {"user.id": "email", "costattr.tag.who": "email"}


def test_emails_are_hashed_by_policy() -> None:
    """With the policy `hash` an e-mail address counts, but only as its digest."""
    people = Identities(emails="hash", key=KEY, key_id="k1")
    owner = owner_of(
        chat_span({"user.id": "bob@example.com", "team.id": "ml"}),
        rules=OwnerRules(identities=people),
    )

    digest = hash_identity("bob@example.com", key=KEY, key_id="k1")
    assert owner.values == {"user": digest, "team": "ml"}
