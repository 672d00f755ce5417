"""What may stand in a dimension or a tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.attribution import check_value, looks_like_email
from otel_costattr.attribution.values import MAX_VALUE_CHARACTERS, REFUSALS, clean, is_tag_name
from otel_costattr.errors import BadAttribution


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("acme", "acme"),
        ("  acme\n", "acme"),
        ("Zoë & Søn, Ltd.", "Zoë & Søn, Ltd."),
        ("Zoe\u0308", "Zo\u00eb"),
        (42, "42"),
        ("x" * 256, "x" * 256),
    ],
    ids=["plain", "blanks", "unicode", "nfc", "number", "longest"],
)
def test_stored_form(value: object, stored: str) -> None:
    """A value is stored without surrounding blanks, as NFC text."""
    assert check_value("tenant", value) == stored


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        ("x" * 257, "too_long"),
        ("a\x00b", "bad_characters"),
        ("a\r\nb", "bad_characters"),
        ("a\u202eb", "bad_characters"),
        ("\ud800", "bad_characters"),
        ("\ufb2c" * 100, "bad_characters"),
        (True, "wrong_type"),
        (1.5, "wrong_type"),
        (b"acme", "wrong_type"),
        (("acme",), "wrong_type"),
        (10**10_000, "wrong_type"),
    ],
    ids=lambda value: str(value)[:12] if isinstance(value, str) else type(value).__name__,
)
def test_refused(value: object, refusal: str) -> None:
    """What is no short printable text is refused by name, and the value is never repeated."""
    assert clean("tenant", value) == ("", refusal)

    with pytest.raises(BadAttribution) as caught:
        check_value("tenant", value)

    assert REFUSALS[refusal] in str(caught.value)
    assert "x" * 9 not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "   ", "None", "null", "undefined"])
def test_absent(value: object) -> None:
    """Words that a missing value turns into name nobody."""
    assert clean("tenant", value) == ("", "")

    with pytest.raises(BadAttribution, match="empty"):
        check_value("tenant", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("real", ("real", "")),
        ("Demo", ("demo", "")),
        ("TEST", ("test", "")),
        ("live", ("", "unknown_value")),
    ],
)
def test_data_mode(value: str, expected: tuple[str, str]) -> None:
    """A data mode is real, test or demo, in any case."""
    assert clean("data_mode", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bob@example.com", True),
        ("Bob <bob.b+x@mail.example.co.uk>", True),
        ("org@team", False),
        ("u-812", False),
        ("@handle", False),
    ],
)
def test_email(value: str, *, expected: bool) -> None:
    """An e-mail address is recognised wherever it stands in a value."""
    assert looks_like_email(value) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cost.center-1_a", True), ("", False), ("a b", False), ("x" * 65, False), (7, False)],
)
def test_tag_names(name: object, *, expected: bool) -> None:
    """A tag's name is 1 to 64 letters, digits, underscores, dots or dashes."""
    assert is_tag_name(name) is expected


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.none(), st.booleans()))
def test_never_raises_and_is_idempotent(value: object) -> None:
    """Any value is either stored short and printable, or refused; storing twice is storing once."""
    stored, refusal = clean("tenant", value)

    assert not (stored and refusal)
    assert len(stored) <= MAX_VALUE_CHARACTERS
    assert stored.isprintable()
    assert clean("tenant", stored) == (stored, "")
