"""The public surface: its names, and what the docstring of each of them says."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from types import ModuleType

import pytest

import otel_costattr

NAMES = [
    "BudgetGuard",
    "CostSpanExporter",
    "CostSpanProcessor",
    "CostattrError",
    "Owner",
    "PriceBook",
    "Span",
    "Usage",
    "assess",
    "assess_all",
    "attribute",
    "attribution",
    "price",
    "record_cost",
    "shipped_book",
]
ATTRIBUTION = [
    "DEFAULT_RULES",
    "NO_SCHEMA",
    "Identities",
    "OwnerRule",
    "OwnerRules",
    "Schema",
    "ancestors",
    "check_value",
    "hash_identity",
    "is_hashed",
    "looks_like_email",
    "owner_attributes",
    "owner_in_baggage",
    "owner_of",
    "root",
]
QUANTITIES = re.compile(r"_(ns|usd|millis|bytes|seconds)\b")
UNITS = re.compile(r"nanosecond|millisecond|second|USD|byte|token|count|Decimal", re.IGNORECASE)


def modules() -> Iterator[ModuleType]:
    """Import every module of the library."""
    for found in pkgutil.walk_packages(otel_costattr.__path__, "otel_costattr."):
        yield importlib.import_module(found.name)


def records() -> list[type]:
    """List every dataclass that the library defines."""
    return [
        thing
        for module in modules()
        for thing in vars(module).values()
        if inspect.isclass(thing)
        and dataclasses.is_dataclass(thing)
        and thing.__module__ == module.__name__
        and not thing.__name__.startswith("_")
    ]


def functions() -> list[object]:
    """List the public functions, and the constructors of the public classes."""
    public = [getattr(otel_costattr, name) for name in otel_costattr.__all__]
    package = importlib.import_module("otel_costattr.attribution.owners")
    return [*(thing for thing in public if inspect.isfunction(thing)), package.owner_of]


def test_public_names() -> None:
    """The library offers these names and no others; adding one is a decision."""
    assert sorted(otel_costattr.__all__) == sorted(NAMES)
    assert [name for name in NAMES if not hasattr(otel_costattr, name)] == []
    assert set(NAMES) <= set(dir(otel_costattr))


@pytest.mark.parametrize(
    "before", ["", "import otel_costattr.processor; ", "import otel_costattr.assess; "]
)
def test_functions_are_never_their_modules(before: str) -> None:
    """`assess` and `attribution` are the functions, whatever was imported before."""
    code = (
        f"{before}from otel_costattr import assess, attribution; "
        "import otel_costattr; from otel_costattr.assess import assess as same; "
        "print(callable(attribution), assess is same is otel_costattr.assess)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=19, check=True
    )

    assert done.stdout.split() == ["True", "True"]


def test_unknown_names_are_attribute_errors() -> None:
    """A misspelt name is an `AttributeError` that repeats it."""
    with pytest.raises(AttributeError, match="CostSpanProcesor"):
        _ = otel_costattr.CostSpanProcesor


def test_names_of_attribution() -> None:
    """The rules for owners have their own module with these names."""
    package = importlib.import_module("otel_costattr.attribution")

    assert sorted(package.__all__) == sorted(ATTRIBUTION)


@pytest.mark.parametrize("record", records(), ids=lambda record: record.__qualname__)
def test_fields_are_documented_in_order(record: type) -> None:
    """The class docstring lists each field once, in the order of the fields."""
    fields = [field.name for field in dataclasses.fields(record)]
    assert record.__doc__ is not None
    listed = re.findall(
        r"^ {4}(?:    )?(\w+): ", _section(record.__doc__, "Attributes"), re.MULTILINE
    )

    assert [name for name in listed if name in fields] == fields


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.__qualname__)
def test_public_docstrings(function: typing.Any) -> None:
    """A public function tells its arguments, result, errors and the unit of every quantity."""
    text = inspect.getdoc(function) or ""
    arguments = [
        name for name in inspect.signature(function).parameters if name not in {"self", "fields"}
    ]
    listed = re.findall(r"^ {4}(\w+): ", _section(text, "Args"), re.MULTILINE)

    assert listed == arguments
    assert "Returns:" in text or text.startswith(("Return", "Answer", "Own"))
    assert "Raises:" in text or "never raises" in text.lower() or "never breaks" in text.lower()
    if any(QUANTITIES.search(name) for name in arguments):
        assert UNITS.search(text)


@pytest.mark.parametrize("name", ["CostSpanProcessor", "CostSpanExporter", "PriceBook"])
def test_public_classes_are_documented(name: str) -> None:
    """Every public method and constructor of a public class says what its arguments are."""
    cls = getattr(otel_costattr, name)
    for method_name, method in inspect.getmembers(cls, inspect.isfunction):
        if method_name.startswith("_") and method_name != "__init__":
            continue
        text = inspect.getdoc(method) or ""
        assert text, f"{name}.{method_name} says nothing"


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_import_leaves_the_sdk_and_the_prices_alone() -> None:
    """Importing the library loads neither the SDK nor the price engine."""
    code = (
        "import sys, otel_costattr; "
        "print([name for name in sys.modules if name in {'opentelemetry.sdk.trace', "
        "'otel_costattr.pricing', 'otel_costattr.usage'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True
    )

    assert done.stdout.split() == ["[]"]


def _section(text: str, title: str) -> str:
    """Return the lines below `title:` up to the next section, indented as they are."""
    lines = inspect.cleandoc(text).splitlines()
    if f"{title}:" not in lines:
        return ""
    body = lines[lines.index(f"{title}:") + 1 :]
    end = next((n for n, line in enumerate(body) if line and not line.startswith(" ")), len(body))
    return "\n".join(body[:end])
