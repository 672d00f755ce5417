"""Every setting of the service: one frozen record, read in one place, unknown names refused.

Later sources win: the default, the TOML file, `COSTATTR_<NAME>` in the environment, the command
line. Units are in the names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from otel_costattr.errors import BadSettings

ENVIRONMENT_PREFIX: Final = "COSTATTR_"
CONFIG_VARIABLE: Final = "COSTATTR_CONFIG"
OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, "COSTATTR_URL", "COSTATTR_KEY"})
"""Variables that are no setting of the service: the file of them, and what clients read."""

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Count = Annotated[int, Field(ge=1)]


def _listed(value: object) -> object:
    return (
        [one.strip() for one in value.split(",") if one.strip()]
        if isinstance(value, str)
        else value
    )


Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed)]

_MIB: Final = 1024 * 1024


class Settings(BaseModel):
    """What `costattr serve` was told; each field carries its own description.

    The descriptions are the documentation: `docs/settings.md` and `costattr serve --help` are
    made from them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        default=Path("costattr-data"),
        description="Folder for the journal and, with the embedded engine, the tables.",
    )
    clickhouse: SecretStr | None = Field(
        default=None,
        description=(
            "`http://user:password@host:8123/database` of a ClickHouse server, replicas with commas"
            " between; unset means the embedded engine in the data folder."
        ),
    )
    clickhouse_ca: Path | None = Field(
        default=None,
        description="PEM file of authorities that vouch for ClickHouse; unset means the system's.",
    )
    clickhouse_cert: Path | None = Field(
        default=None,
        description="PEM file of our certificate; it logs in where the URL has no password.",
    )
    clickhouse_key: Path | None = Field(
        default=None, description="PEM file of the private key of that certificate."
    )
    layout: Literal["single", "cluster", "cloud"] = Field(
        default="single",
        description="What the tables are made for: one server, a cluster, or ClickHouse Cloud.",
    )
    cluster: str = Field(
        default="", description="Name of the ClickHouse cluster; only for the layout `cluster`."
    )
    reporting_time_zone: str = Field(
        default="UTC",
        description="IANA time zone of the days that rollups keep; fixed with the first start.",
    )
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address that all ports listen on."
    )
    grpc_port: Port = Field(
        default=4317, description="OTLP over gRPC; 0 picks a free port and prints it."
    )
    http_port: Port = Field(
        default=4318, description="OTLP over HTTP; 0 picks a free port and prints it."
    )
    api_port: Port = Field(
        default=8320,
        description="Questions, health and metrics; 0 picks a free port and prints it.",
    )
    unix_socket: Path | None = Field(
        default=None,
        description=(
            "Path of a socket for OTLP over HTTP and events; OTLP over gRPC is at the same path"
            " with `.grpc`. Mode 0660."
        ),
    )
    self_telemetry: str = Field(
        default="",
        description=(
            "`http://HOST:4318` of another collector that gets our own spans; empty means none."
        ),
    )
    sql: bool = Field(
        default=True,
        description="Whether ClickHouse's HTTP interface is offered; embedded engine only.",
    )
    sql_port: Port | None = Field(
        default=None,
        description=(
            "ClickHouse's HTTP interface, for reading; 0 picks a free port and prints it, unset"
            " means 8123, or a free one where that is taken."
        ),
    )
    tls_cert: Path | None = Field(
        default=None, description="PEM file of the server's certificate; unset means no TLS."
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of the private key of that certificate."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file of authorities; with it, only clients they vouch for are let in.",
    )
    price_overlay: Paths = Field(
        default=(),
        description="TOML files of contracts laid over the published prices, with commas between.",
    )
    owner_rules: Path | None = Field(
        default=None,
        description="TOML file of further aliases, baggage keys, defaults and rules for owners.",
    )
    attribution_schema: Path | None = Field(
        default=None,
        description=(
            "TOML file of allowed dimensions, tags and values: names that it replaced count under"
            " the new ones, and `costattr quality` shows what stands outside of it."
        ),
    )
    trust_baggage: bool = Field(
        default=True,
        description="Whether baggage may name owners; off where strangers send requests.",
    )
    hash_dimensions: str = Field(
        default="",
        description="Owners that are hashed before anything is stored, such as `user,employee`.",
    )
    hash_key: SecretStr | None = Field(
        default=None, description="Secret of at least 16 bytes that owners are hashed with."
    )
    hash_key_id: str = Field(
        default="k1", description="Names that secret in each hash, so that secrets can rotate."
    )
    hash_old_keys: SecretStr | None = Field(
        default=None,
        description=(
            "Secrets of before as `id=secret`, commas between: nothing is hashed with them, and"
            " `costattr erase` still finds people under them."
        ),
    )
    read_min_group: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0,
        description=(
            "Fewest people behind anything that keys of the role `read` are told: smaller groups"
            " come as `__small__`, single calls, sessions and SQL are refused; 0 for no such bound."
        ),
    )
    vault: Path | None = Field(
        default=None,
        description=(
            "File of mode 0600 that keeps what each hash stands for, for `costattr vault lookup` on"
            " this machine; unset means that nothing does."
        ),
    )
    emails: Literal["refuse", "hash"] = Field(
        default="refuse",
        description="What happens to owners that look like e-mail addresses.",
    )
    estimate_usage: bool = Field(
        default=False,
        description=(
            "Whether calls without token counts get an estimate from the length of their texts,"
            " marked `estimated(usage_estimated)`; only the lengths are kept."
        ),
    )
    cost_rules: Path | None = Field(
        default=None,
        description="TOML file of rules that find costs in spans of tools and databases.",
    )
    max_body_bytes: Count = Field(
        default=16 * _MIB, description="Largest request body as received, in bytes."
    )
    max_decompressed_bytes: Count = Field(
        default=64 * _MIB, description="Largest request body after decompression, in bytes."
    )
    max_attributes: Count = Field(
        default=512,
        description="Attributes that one span may keep; what is above is dropped and counted.",
    )
    max_value_chars: Count = Field(
        default=65_536, description="Longest attribute value that is kept; a longer one is dropped."
    )
    max_depth: Annotated[int, Field(ge=1, le=64)] = Field(
        default=16,
        description="Deepest nesting inside an attribute value; what is deeper is dropped.",
    )
    max_values_per_dimension: Count = Field(
        default=50_000,
        description=(
            "Distinct values of a dimension, models and names of tags in one reporting day; what"
            " comes beyond is counted as `__other__`. Users, sessions and request ids have no"
            " limit."
        ),
    )
    max_age_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        default=330,
        description="Oldest start of a span, in days; an older one is moved there and flagged.",
    )
    max_ahead_seconds: Seconds = Field(
        default=3_600,
        description="Furthest start ahead of our clock, in seconds; a later one is moved there.",
    )
    settle_seconds: Seconds = Field(
        default=10,
        description="How long spans that may tell of one call wait for each other, in seconds.",
    )
    wrapper_settle_seconds: Seconds = Field(
        default=60,
        description="How long a wrapper's sum waits for the calls below it, in seconds.",
    )
    max_waiting_bytes: Count = Field(
        default=128 * _MIB,
        description="Bytes of requests in flight before a sender is told to slow down.",
    )
    max_waiting_spans: Count = Field(
        default=100_000,
        description="Spans waiting for the journal before a sender is told to slow down.",
    )
    max_settling_spans: Count = Field(
        default=100_000,
        description="Acknowledged spans waiting for the ledger before a sender is told so;"
        " each takes 2.5 KB of memory.",
    )
    journal_max_bytes: Count = Field(
        default=4 * 1024 * _MIB,
        description="Size of the journal, in bytes, at which a sender is told to slow down.",
    )
    journal_segment_bytes: Count = Field(
        default=64 * _MIB, description="Size of one file of the journal, in bytes."
    )
    min_free_bytes: int = Field(
        default=256 * _MIB,
        ge=0,
        description="Free bytes on the journal's disk below which spans are refused.",
    )
    remembered_spans: Count = Field(
        default=4_000_000,
        description="Spans of the last 24 hours that are recognised when they are sent again.",
    )
    remembered_calls: Count = Field(
        default=100_000,
        description="Calls that are recognised when another library tells of them later.",
    )
    audit_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        default=5,
        description="Minutes between audits of ledger and rollups; 0 means only when asked.",
    )
    audit_hours: Annotated[float, Field(gt=0, le=24 * 31)] = Field(
        default=6, description="Recent hours that these audits look at, in whole days of recording."
    )
    audit_quiet_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        default=15,
        description=(
            "Minutes without a new line before what a rollup lacks is inserted; longer than any"
            " batch is under way."
        ),
    )
    audit_repair: bool = Field(
        default=True, description="Whether these audits mend what they find, or only tell it."
    )
    budget_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        default=5,
        description="Minutes between looks at budgets and anomalies; 0 means none.",
    )
    webhooks: SecretStr | None = Field(
        default=None,
        description=(
            "Where thresholds and anomalies are told: `slack=https://...` or `json=https://...`,"
            " several with commas between."
        ),
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Secret that signs what is sent to webhooks; unset for none."
    )
    limit_lag_seconds: Seconds = Field(
        default=120,
        description=(
            "Seconds after which a call that is over is in the ledger for certain; budgets in"
            " applications count what they know beside it until then."
        ),
    )
    retry_after_seconds: Annotated[int, Field(ge=1, le=300)] = Field(
        default=2, description="What a sender that is told to slow down should wait, in seconds."
    )
    shutdown_seconds: Seconds = Field(
        default=20, description="How long a stop waits for open requests, in seconds."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important message that is logged."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="`json` writes one object a line."
    )


Raw = Mapping[str, object]


def read_settings(
    *, command_line: Raw, environment: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Merge all sources and return what they say.

    Args:
        command_line: Field to value, only those that were given.
        environment: The process's environment; only `COSTATTR_*` is looked at.
        file: A TOML file; None for the one that `COSTATTR_CONFIG` names, if any.

    Raises:
        BadSettings: A name is unknown or a value makes no sense; says which, and where it stood.
    """
    named = environment.get(CONFIG_VARIABLE)
    path = file or (Path(named) if named else None)
    sources: dict[str, Raw] = {
        **({str(path): _file_values(path)} if path else {}),
        "the environment": _environment_values(environment),
        "the command line": command_line,
    }
    merged: dict[str, object] = {}
    origin: dict[str, str] = {}
    for source, values in sources.items():
        merged |= values
        origin |= dict.fromkeys(values, source)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise BadSettings(_refusals(error, origin)) from None


def _file_values(path: Path) -> Raw:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: cannot be read as TOML: {error}") from error


def _environment_values(environment: Mapping[str, str]) -> Raw:
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name not in OTHER_VARIABLES
    }


def _refusals(error: ValidationError, origin: Mapping[str, str]) -> str:
    return "; ".join(
        _refusal(str(problem["loc"][0]), problem["type"], problem["msg"], problem["input"], origin)
        for problem in error.errors()
    )


def _refusal(name: str, kind: str, reason: str, value: Any, origin: Mapping[str, str]) -> str:
    where = origin.get(name, "the defaults")
    if kind == "extra_forbidden":
        return f"{name!r} in {where} is no setting; known are {', '.join(sorted(fields()))}"
    shown = "(not shown)" if _is_secret(fields().get(name)) else repr(value)
    return f"{name} = {shown} in {where}: {reason[:1].lower()}{reason[1:]}"


def _is_secret(field: FieldInfo | None) -> bool:
    return field is not None and "SecretStr" in str(field.annotation)


def fields() -> Mapping[str, FieldInfo]:
    """Return name and description, default and bounds of every setting, in order."""
    return Settings.model_fields
