"""Identifiers that contain their owners."""

import pytest

from otel_costattr.attribution import ancestors, root


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("acme", ("acme",)),
        ("org_123:user_456", ("org_123", "org_123:user_456")),
        ("a:b:c", ("a", "a:b", "a:b:c")),
        ("a::c", ("a", "a::c")),
        (":", (":",)),
        (f"h:k1:{'0' * 32}", (f"h:k1:{'0' * 32}",)),
    ],
)
def test_ancestors(value: str, expected: tuple[str, ...]) -> None:
    """An identifier rolls up to each of its prefixes; a digest only to itself."""
    assert expected == ancestors(value)
    assert expected[0] == root(value)
