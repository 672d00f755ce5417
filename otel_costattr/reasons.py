"""Every reason that an assessment can carry; it stands alone, so that everything can import it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # unpriced
        "no_usage": "The telemetry carries no token counts for this call.",
        "no_model": "The telemetry names no model.",
        "bad_usage": "A count is negative, not a whole number or absurdly large.",
        "unknown_provider": "No provider could be told from the span, its host or the model.",
        "unknown_model": "The price book has no entry for this model name.",
        "no_price_at_time": "The price book has this model, but no price at the call's start.",
        "no_rate": "The entry has no rate for a unit that was used.",
        "ambiguous_model": "Several entries claim this name; none is chosen.",
        "unknown_metric": "The price book has no rate for this source and metric.",
        "no_quantity": "Nothing says how much of the metric was used.",
        "no_amount": "The cost names neither an amount nor source, metric and quantity.",
        "bad_amount": "The amount is no number of less than 1e12 USD.",
        # estimated
        "cache_rate_assumed": "No cache rate is published; cached tokens cost the input rate.",
        "cache_ttl_assumed": "The length of a cache write is unknown; the 5 minute rate is used.",
        "tier_rate_assumed": "No rate is published for the tier that served; the standard one is used.",
        "modality_rate_assumed": "No rate is published for this modality; that of text is used.",
        "model_assumed": "The model that answered is unknown; the one that was asked for is priced.",
        "convention_assumed": "Whether cached tokens are inside the input count is assumed.",
        "residual_assumed": "Tokens of the total that no bucket explains are priced as output.",
        "aborted": "The stream ended early; only what was on the wire is priced.",
        "usage_estimated": "Counts were estimated because the telemetry carries none.",
        # aggregate
        "wrapper_sum": "A sum over calls below this span, not a call.",
        "wrapper_residual": "A sum has more than the calls below it; the difference is counted here.",
    }
)
"""Reason to the sentence that explains it."""
