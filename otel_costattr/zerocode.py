"""Without a line of code: what the stock `opentelemetry-instrument` finds by entry point.

The hook adds `CostSpanProcessor()` to whatever provider the configurator has made; the exporters
`costattr_otlp` and `costattr_console` write costs, chosen by `OTEL_TRACES_EXPORTER`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, cast

from opentelemetry import trace

from otel_costattr.attribution import Identities, OwnerRules
from otel_costattr.attribution.identities import EmailPolicy
from otel_costattr.attribution.names import BAGGAGE_NAMES
from otel_costattr.errors import BadSettings
from otel_costattr.model import Dimension
from otel_costattr.processor import CostSpanExporter, CostSpanProcessor

PREFIX: Final = "OTEL_COSTATTR_"
SETTINGS: Final[Mapping[str, str]] = {
    "BAGGAGE": "Bare baggage keys that are read, `key=dimension` with commas between.",
    "TRUST_BAGGAGE": "`false` where strangers call: no baggage counts.",
    "HASH": "Dimensions whose values are hashed, such as `user,employee`.",
    "EMAILS": "`refuse` drops values that look like e-mail addresses, `hash` hashes them.",
    "HASH_KEY": "The secret for hashes, at least 16 bytes of text.",
    "HASH_KEY_ID": "Names the secret in each hash.",
}
"""Every setting that is read from the environment, without the prefix."""

_PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_TRUTH: Final = {"true": True, "false": False}


def attribute() -> None:
    """Add the attributing processor to the global provider; never raises into the program.

    Run as an `opentelemetry_pre_instrument` hook, when the provider is in place and before the
    first span.
    """
    try:
        provider = trace.get_tracer_provider()
        add = getattr(provider, "add_span_processor", None)
        if add is not None:
            add(CostSpanProcessor(rules=rules_from(os.environ)))
    except Exception as error:  # noqa: BLE001 - a hook that raises would stop all instrumentation
        # On standard error, since nobody has configured logging yet when this runs.
        sys.stderr.write(f"otel-costattr: owners are not written on spans: {error}\n")


class CostOtlpExporter(CostSpanExporter):
    """`OTEL_TRACES_EXPORTER=costattr_otlp`: the stock OTLP exporter, with costs on the spans."""

    def __init__(self, **options: object) -> None:
        """Find the OTLP exporter for `OTEL_EXPORTER_OTLP_PROTOCOL`.

        Args:
            options: Handed to it as they are.

        Raises:
            BadSettings: The protocol is unknown, its exporter is not installed, or a setting of
                ours makes no sense.
        """
        protocol = (
            os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
            or "grpc"
        ).strip()
        if protocol not in _PROTOCOLS:
            raise BadSettings(
                f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}: use one of {', '.join(_PROTOCOLS)}"
            )
        inner = _exporter(_PROTOCOLS[protocol])
        super().__init__(inner(**options), rules=rules_from(os.environ))


class CostConsoleExporter(CostSpanExporter):
    """`OTEL_TRACES_EXPORTER=costattr_console`: the stock console exporter, with costs."""

    def __init__(self, **options: object) -> None:
        """Find the console exporter.

        Args:
            options: Handed to it as they are.

        Raises:
            BadSettings: A setting of ours makes no sense.
        """
        super().__init__(_exporter("console")(**options), rules=rules_from(os.environ))


def rules_from(environment: Mapping[str, str]) -> OwnerRules:
    """Read the rules for owners from variables that begin with `OTEL_COSTATTR_`.

    Args:
        environment: Name to value, such as `os.environ`.

    Raises:
        BadSettings: A variable is unknown or its value makes no sense; both are named, a key's
            value excepted.
    """
    given = {
        name.removeprefix(PREFIX): value.strip()
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    for name in given.keys() - SETTINGS.keys():
        raise BadSettings(f"{PREFIX}{name} is unknown: use {PREFIX}{{{','.join(SETTINGS)}}}")
    trusted = _TRUTH.get(given.get("TRUST_BAGGAGE", "true").lower())
    if trusted is None:
        raise BadSettings(f"{PREFIX}TRUST_BAGGAGE is {given['TRUST_BAGGAGE']!r}: true or false")
    emails = given.get("EMAILS", "refuse")
    if emails not in {"refuse", "hash"}:
        raise BadSettings(f"{PREFIX}EMAILS is {emails!r}: refuse or hash")
    return OwnerRules(
        baggage=_pairs(given["BAGGAGE"]) if "BAGGAGE" in given else BAGGAGE_NAMES,
        trust_baggage=trusted,
        identities=Identities(
            hashed=frozenset(filter(None, given.get("HASH", "").replace(" ", "").split(","))),
            emails=cast("EmailPolicy", emails),
            key=given.get("HASH_KEY", "").encode(),
            key_id=given.get("HASH_KEY_ID", ""),
        ),
    )


def _pairs(text: str) -> Mapping[str, Dimension]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {key.strip(): cast("Dimension", meant.strip()) for key, _, meant in pairs}


def _exporter(name: str) -> Callable[..., Any]:
    found = [*entry_points(group="opentelemetry_traces_exporter", name=name)]
    if not found:
        raise BadSettings(
            f"the exporter {name} is not installed: pip install opentelemetry-exporter-otlp"
        )
    return cast("Callable[..., Any]", found[0].load())
