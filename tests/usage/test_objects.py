"""Usage objects in text are parsed safely and bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.usage.objects import MAX_CHARS, MAX_DEPTH, dig, parse


@pytest.mark.parametrize(
    "value",
    ['{"a": 1}', "{'a': 1}", " {'a': 1}", {"a": 1}],
    ids=["json", "python-repr", "repr-after-space", "mapping"],
)
def test_json_python_and_mappings_are_the_same_object(value: object) -> None:
    """However an object is written down, it reads the same."""
    assert parse(value) == {"a": 1}


@pytest.mark.parametrize(
    "value",
    [
        None,
        17,
        "",
        "{",
        "[1]",
        "'text'",
        "{'a': open('/etc/passwd')}",
        "{**{}}",
        "{'a': 1} or 2",
        '{"a": ' + '"x' * MAX_CHARS + '"}',
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "{'a':" * 5000,
        '[ "]", ' * 9000,
        "{" + "'a':" + "(" * 90 + ")" * 90 + "}",
    ],
    ids=range(14),
)
def test_what_is_no_plain_object_is_nothing(value: object) -> None:
    """Code, other types, broken, long and deep texts are refused without an error."""
    assert parse(value) is None


@given(st.text(alphabet="{}[]()'\":,0123456789abc \\", max_size=300))
def test_parsing_never_raises(text: str) -> None:
    """Any text is an object or nothing."""
    found = parse(text)

    assert found is None or isinstance(found, dict)


def test_a_path_leads_into_nested_objects() -> None:
    """A star takes the first object that has the rest of the path."""
    parsed = {"openai": {"id": 1}, "anthropic": {"usage": {"input_tokens": 100}}}

    assert dig(parsed, ("*", "usage")) == {"input_tokens": 100}


@pytest.mark.parametrize("path", [("b",), ("a", "b"), ("*", "b")], ids=str)
def test_a_path_that_leads_nowhere_is_nothing(path: tuple[str, ...]) -> None:
    """A missing step is no error."""
    assert dig({"a": 1}, path) is None


def test_a_nested_object_may_be_text_again() -> None:
    """JSON inside JSON is followed."""
    assert dig({"a": json.dumps({"b": {"c": 1}})}, ("a", "b")) == {"c": 1}
