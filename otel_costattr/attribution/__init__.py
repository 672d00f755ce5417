"""Who owns a span: dimensions, aliases, baggage, hashing and rules; pure, no SDK."""

from otel_costattr.attribution.attributes import owner_attributes
from otel_costattr.attribution.baggage import owner_in_baggage
from otel_costattr.attribution.hierarchy import ancestors, root
from otel_costattr.attribution.identities import Identities, hash_identity, is_hashed
from otel_costattr.attribution.owners import owner_of
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRule, OwnerRules
from otel_costattr.attribution.schema import NO_SCHEMA, Schema
from otel_costattr.attribution.values import check_value, looks_like_email

__all__ = [
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
