"""Which attribute means which dimension: ours, the semantic conventions' and everybody else's.

Add a spelling by adding it to one of the tables. Within a dimension the first name present wins;
several names for one thing are never joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_costattr.model import DIMENSIONS, Dimension

PREFIX: Final = "costattr."
TAG_PREFIX: Final = "costattr.tag."
SOURCE_ATTRIBUTE: Final = "costattr.owner.source"
"""Says where an application's own processor found the owners that it wrote on a span."""

OWN_NAMES: Final[Mapping[str, Dimension]] = MappingProxyType(
    {f"{PREFIX}{dimension}": dimension for dimension in DIMENSIONS}
)

BAGGAGE_NAMES: Final[Mapping[str, Dimension]] = MappingProxyType(
    {"tenant": "tenant", "feature": "feature", "promptVersion": "prompt_version"}
)
"""Bare baggage keys that are read by default, as an existing baggage set-up spells them."""

# Names that say what they are wherever they stand: on a span, a resource, or inside metadata.
_ANYWHERE: Final[Mapping[Dimension, tuple[str, ...]]] = {
    "tenant": (
        *("tenant_id", "tenantId", "tenant.id", "customer_id", "customerId", "customer.id"),
        *("organization_id", "organizationId", "org_id", "orgId", "account_id", "accountId"),
    ),
    "user": (
        *("user_id", "userId", "user.id", "enduser.id", "enduser_id"),
        *("end_user_id", "endUserId"),
    ),
    "feature": ("feature_name", "featureName", "feature.name", "endpointTag", "endpoint_tag"),
    "step": ("step_name", "stepName", "step.name", "langgraph_node"),
    "prompt": ("prompt_name", "promptName", "prompt.name", "prompt_id", "promptId", "prompt_key"),
    "prompt_version": ("prompt_version", "promptVersion", "prompt.version"),
    "session": (
        *("session.id", "gen_ai.conversation.id", "session_id", "sessionId", "conversation_id"),
        *("conversationId", "conversation.id", "thread_id", "threadId"),
    ),
    "agent": ("gen_ai.agent.name", "agent.name", "agent_name", "agentName", "lc_agent_name"),
    "workflow": ("gen_ai.workflow.name", "workflow_name", "workflowName", "workflow.name"),
    "team": ("team_id", "teamId", "team.id", "team_name", "teamName", "team.name"),
    "project": ("project_id", "projectId", "project.id", "project_name", "projectName"),
    "employee": ("employee_id", "employeeId", "employee.id"),
    "experiment": ("experiment_id", "experimentId", "experiment_name", "experimentName"),
    "variant": ("variant_id", "variantId", "variant_name", "variantName"),
    "plan": ("plan_tier", "planTier", "plan_id", "planId", "subscription_tier", "plan_name"),
    "environment": (
        *("deployment.environment.name", "deployment.environment", "environment"),
        *("environment_name", "environmentName"),
    ),
    "data_mode": ("data_mode", "dataMode"),
    "external_request_id": ("external_request_id", "externalRequestId", "external.request.id"),
}

# Names of one vendor, which mean nothing inside metadata.
_ON_SPANS: Final[Mapping[Dimension, tuple[str, ...]]] = {
    "tenant": ("metadata.user_api_key_org_alias", "metadata.user_api_key_org_id"),
    "user": (
        *("gen_ai.request.user", "langfuse.user.id", "llm.user", "llm.openai.user"),
        *("metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id"),
    ),
    "feature": ("ai.telemetry.functionId",),
    "prompt": ("gen_ai.prompt.name", "langfuse.observation.prompt.name", "traceloop.prompt.key"),
    "prompt_version": (
        *("gen_ai.prompt.version", "langfuse.observation.prompt.version"),
        *("traceloop.prompt.version", "llm.prompt_template.version"),
    ),
    "session": ("langfuse.session.id", "spring.ai.chat.client.conversation.id"),
    "workflow": ("traceloop.workflow.name",),
    "team": ("metadata.user_api_key_team_alias", "metadata.user_api_key_team_id"),
    "project": (
        *("openinference.project.name", "metadata.user_api_key_project_alias"),
        "metadata.user_api_key_project_id",
    ),
    "environment": ("langfuse.environment", "gen_ai.environment"),
}

METADATA_PREFIXES: Final = (
    "traceloop.association.properties.",
    "langfuse.trace.metadata.",
    "langfuse.observation.metadata.",
    "langsmith.metadata.",
    "ai.telemetry.metadata.",
    "mastra.metadata.",
    "metadata.",
)
"""Where libraries put what an application told them; the bare dimension's name counts there."""

METADATA_OBJECTS: Final = ("metadata", "langfuse.trace.metadata", "langfuse.observation.metadata")
"""Attributes that hold such metadata as one JSON object."""

LABEL_LISTS: Final = ("langfuse.trace.tags", "tag.tags")
"""Lists of labels; they become one tag, so that a call with two labels is not counted twice."""

ENTITY_IDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        prefix + identifier: prefix + kind
        for prefix in ("", *METADATA_PREFIXES)
        for identifier, kind in (("entity_id", "entity_type"), ("entityId", "entityType"))
    }
)
"""Attribute that holds an entity's id to the one that holds its type."""

ENTITY_DIMENSIONS: Final[Mapping[str, Dimension]] = MappingProxyType(
    {
        "customer": "tenant",
        "organization": "tenant",
        "account": "tenant",
        **{dimension: dimension for dimension in DIMENSIONS},
    }
)
"""What an entity's type means; any other type is kept as the tag `entity.<type>`."""


def target_of(name: str) -> str:
    """Return the dimension that an attribute of ours names, `tags.<name>` for a tag, or `''`."""
    if name.startswith(TAG_PREFIX):
        return f"tags.{name[len(TAG_PREFIX) :]}"
    return OWN_NAMES.get(name, "")


def entity_target(kind: str) -> str:
    """Return the dimension of an entity of type `kind`, or the tag that keeps it."""
    kind = kind.strip().lower()
    return ENTITY_DIMENSIONS.get(kind, f"tags.entity.{kind}")


def metadata_names() -> Mapping[str, Dimension]:
    """Return the names that count inside metadata, in order of precedence.

    A bare `prompt` is not one of them: metadata under that name may hold the prompt's text.
    """
    names: dict[str, Dimension] = {}
    for dimension, spellings in _ANYWHERE.items():
        bare = () if dimension == "prompt" else (dimension,)
        names |= dict.fromkeys((*bare, *spellings), dimension)
    return MappingProxyType(names)


def alias_names() -> Mapping[str, Dimension]:
    """Return the names that count on a span or a resource, in order of precedence."""
    names: dict[str, Dimension] = {}
    for dimension, spellings in _ANYWHERE.items():
        names |= dict.fromkeys((*spellings, *_ON_SPANS.get(dimension, ())), dimension)
    for prefix in METADATA_PREFIXES:
        names |= {prefix + name: dimension for name, dimension in METADATA_NAMES.items()}
    return MappingProxyType(names)


METADATA_NAMES: Final = metadata_names()
ALIASES: Final = alias_names()
