"""What may be posted: one flat JSON object a call, in our names or those of an existing API."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from otel_costattr.attribution import check_value
from otel_costattr.attribution.values import MAX_TAGS, clean, is_tag_name
from otel_costattr.errors import BadAttribution, BadInput
from otel_costattr.model import DIMENSIONS, MAX_COUNT, Unit

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "externalRequestId": "external_request_id",
        "model": "response_model",
        "endpointTag": "feature",
        "promptVersion": "prompt_version",
        "userId": "user",
        "tenantId": "tenant",
        "inputTokens": "input_tokens",
        "outputTokens": "output_tokens",
        "latencyMs": "latency_ms",
        "dataMode": "data_mode",
    }
)
"""Names of an existing API to ours."""

GOOD: Final = frozenset(
    {"ok", "success", "succeeded", "successful", "complete", "completed", "done", "finished"}
)
BAD: Final = frozenset(
    {
        *("error", "failed", "failure", "fail", "exception", "timeout", "timed_out"),
        *("cancelled", "canceled", "aborted", "rejected", "rate_limited"),
    }
)
_MAX_LATENCY_MS: Final = 86_400_000
_LEAST_ERROR: Final = 400


def _text(value: object) -> object:
    return str(value) if type(value) is int else value


Text = Annotated[str, BeforeValidator(_text), Field(max_length=512)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT, strict=True)]


def _owner(what: str) -> Any:
    return Field(default="", description=f"{what}; up to 256 printable characters.")


class Event(BaseModel):
    """One call to a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=256)] = Field(
        default="",
        description=(
            "Posting the same id with the same content again changes nothing; other content is"
            " refused. Without one, each posting is another call."
        ),
    )
    time: AwareDatetime | None = Field(
        default=None,
        description=(
            "When the call began, such as 2026-11-20T15:00:00.250Z; unset means now, less the"
            " latency."
        ),
    )
    latency_ms: Annotated[float, Field(ge=0, le=_MAX_LATENCY_MS)] = Field(
        default=0, description="How long the call took, milliseconds."
    )
    provider: Text = Field(default="", description="Such as openai, or aws.bedrock.")
    response_model: Text = Field(default="", description="The model that answered.")
    request_model: Text = Field(default="", description="The model that was asked for.")
    response_id: Text = Field(default="", description="The provider's id of the response.")
    operation: Text = Field(default="", description="Such as chat or embeddings.")
    input_tokens: Count | None = Field(
        default=None, description="All tokens sent; where some were cached, use `usage`."
    )
    output_tokens: Count | None = Field(
        default=None, description="All tokens received; where some were reasoning, use `usage`."
    )
    usage: dict[Unit, Count] = Field(
        default_factory=dict,
        description="Disjoint counts: `input` without cached tokens, `output` without reasoning.",
    )
    status: Text = Field(
        default="", description="How it ended: a word such as ok or timeout, or an HTTP status."
    )
    error_type: Text = Field(default="", description="What a failed call failed of.")
    service_tier: Text = Field(default="", description="The tier that served it.")
    requested_service_tier: Text = Field(default="", description="The tier that was asked for.")
    region: Text = Field(default="", description="Cloud region or data residency.")
    speed: Text = Field(default="", description="`fast` where the provider sells one.")
    reported_cost_usd: Annotated[Decimal, Field(ge=0, lt=10**12)] | None = Field(
        default=None, description="A cost that somebody else computed; kept beside ours."
    )
    trace_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(
        default="", description="The trace that the call belongs to, 32 hex digits."
    )
    span_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] = Field(
        default="", description="The span that the call was made in, 16 hex digits."
    )
    service: Text = Field(default="", description="The service that made the call.")
    tenant: Text = _owner("Tenant or customer")
    user: Text = _owner("User of that tenant")
    feature: Text = _owner("Feature or endpoint of the product")
    step: Text = _owner("Step inside the feature")
    prompt: Text = _owner("Name of the prompt")
    prompt_version: Text = _owner("Version of the prompt")
    session: Text = _owner("Session or conversation")
    agent: Text = _owner("Agent")
    workflow: Text = _owner("Workflow")
    team: Text = _owner("Team")
    project: Text = _owner("Project")
    employee: Text = _owner("Employee")
    experiment: Text = _owner("Experiment")
    variant: Text = _owner("Variant of the experiment")
    plan: Text = _owner("Plan that the tenant is on")
    environment: Text = _owner("Deployment environment")
    data_mode: Text = _owner("real, test or demo")
    external_request_id: Text = _owner("Request as others know it; never an identity")
    tags: dict[str, Text] = Field(
        default_factory=dict, description=f"Up to {MAX_TAGS} other owners by name."
    )

    @field_validator(*DIMENSIONS)
    @classmethod
    def _allowed(cls, value: str, about: ValidationInfo) -> str:
        name = str(about.field_name)
        try:
            # What says nothing, such as `null` as text, is as good as absent.
            return check_value(name, value) if any(clean(name, value)) else ""
        except BadAttribution as error:
            raise ValueError(str(error).partition(": ")[2]) from None

    @field_validator("tags")
    @classmethod
    def _good_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        if len(tags) > MAX_TAGS:
            raise ValueError(f"{len(tags)} tags are too many: use up to {MAX_TAGS}")
        for name, value in tags.items():
            if not is_tag_name(name):
                raise ValueError(f"a tag's name is {name[:64]!r}: use letters, digits and _ . -")
            try:
                check_value(f"tag {name}", value)
            except BadAttribution as error:
                raise ValueError(str(error)) from None
        return tags

    @field_validator("id")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("use printable characters, without blanks around them")
        return value

    @model_validator(mode="after")
    def _one_way_to_count(self) -> Self:
        flat = self.input_tokens is not None or self.output_tokens is not None
        if flat and self.usage:
            raise ValueError("input_tokens and output_tokens are part of usage: send one of both")
        if self.span_id and not self.trace_id:
            raise ValueError("a span_id without a trace_id names nothing")
        return self

    @property
    def failed(self) -> bool:
        """Whether the status, or a named error, says that the call failed."""
        word = _word(self.status)
        code = int(word) if word.isdecimal() and len(word) == 3 else 0
        return bool(self.error_type) or word in BAD or code >= _LEAST_ERROR

    @property
    def said(self) -> str:
        """The status where it is neither success nor failure to us, for a tag; else `''`."""
        word = _word(self.status)
        return "" if word in GOOD | BAD or word.isdecimal() else self.status

    def content(self) -> str:
        """Return 32 hex digits that are the same for the same content in whatever spelling."""
        told = self.model_dump(mode="json", exclude_defaults=True, exclude={"id"})
        packed = json.dumps(told, sort_keys=True).encode("utf-8", "replace")
        return blake2b(packed, digest_size=16).hexdigest()


def _word(status: str) -> str:
    return status.strip().lower().replace("-", "_").replace(" ", "_")


def read_event(posted: object) -> Event:
    """Return one event from its JSON.

    Raises:
        BadInput: It is no event; names the field and says what to do.
    """
    if not isinstance(posted, dict):
        raise BadInput(f"an event is a JSON object, not {posted!r:.40}")
    fields: dict[str, object] = {}
    for name, value in posted.items():
        ours = ALIASES.get(name, name)
        if value is None:
            _known(ours, name)
        elif fields.setdefault(ours, value) != value:
            raise BadInput(f"{name} and another spelling of {ours} say different things: send one")
    try:
        return Event.model_validate(fields)
    except ValidationError as error:
        raise BadInput("; ".join(_problem(one) for one in error.errors())) from None


def _known(ours: str, name: str) -> None:
    if ours not in Event.model_fields:
        raise BadInput(_unknown(name))


def _problem(one: Any) -> str:
    where = ".".join(str(part) for part in one["loc"][:2] if part != "[key]")
    if one["type"] == "extra_forbidden":
        return _unknown(where)
    message = one["msg"].removeprefix("Value error, ")
    if one["type"] == "literal_error" and where.startswith("usage."):
        return f"{where[:60]} is no unit: use {one['ctx']['expected']}"
    return f"{where}: {message}" if where else message


def _unknown(name: str) -> str:
    names = [*Event.model_fields, *ALIASES]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}?" if near else "put what we have no field for into tags"
    return f"{name[:60]!r} is no field of an event: {hint}"


def event_schema() -> dict[str, Any]:
    """Return the JSON schema of an event, with every spelling that is taken."""
    schema = Event.model_json_schema()
    properties = schema["properties"]
    for alias, name in ALIASES.items():
        properties[alias] = {**properties[name], "title": alias}
        properties[alias]["description"] = f"The same as `{name}`."
    return schema


def time_ns(moment: datetime) -> int:
    """Return nanoseconds UTC, exactly."""
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
