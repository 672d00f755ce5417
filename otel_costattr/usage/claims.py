"""What the telemetry claims about one call, and how claims become disjoint counts.

A claim may overlap others (cached tokens inside the input count, reasoning inside the output
count). `leaves` makes them disjoint by the counting convention, proves it by arithmetic where it
can, and names what it had to assume. A subset that is larger than its whole is set aside, never
cut to fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, cast

from otel_costattr.model import MAX_COUNT, Unit, Usage
from otel_costattr.usage.numbers import BAD, count
from otel_costattr.usage.records import QuickUsage

Convention = Literal["inclusive", "exclusive"]

Slot = Literal[
    "input",
    "input_fresh",
    "output",
    "output_text",
    "total",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "thoughts",
    "tool_use",
    "input_audio",
    "input_image",
    "input_video",
    "cache_read_audio",
    "cache_read_image",
    "output_audio",
    "output_image",
    "web_search",
    "web_fetch",
    "file_search",
    "code_execution",
    "images",
    "pages",
    "characters",
    "seconds_input_audio",
    "seconds_output_audio",
    "rerank_units",
]
"""Names of claims. `input_fresh` excludes cached tokens, `output_text` excludes reasoning,
`thoughts` and `tool_use` come on top of output and input."""

USES: Final[tuple[Unit, ...]] = (
    "web_search",
    "web_fetch",
    "file_search",
    "code_execution",
    "images",
    "pages",
    "characters",
    "seconds_input_audio",
    "seconds_output_audio",
    "rerank_units",
)
_USE_SET: Final[frozenset[str]] = frozenset(USES)


@dataclass(slots=True, kw_only=True)
class Claims:
    """Counts as claimed, with where each came from; filled while a span is read.

    Attributes:
        counts: Claim to count.
        sources: Claim to attribute name or path in a raw object.
        convention: Whether cached tokens are inside `input`, where the source itself says so.
        bad: Sources whose value cannot be a count.
    """

    counts: dict[Slot, int] = field(default_factory=dict)
    sources: dict[Slot, str] = field(default_factory=dict)
    convention: Convention | None = None
    bad: list[str] = field(default_factory=list)

    def add(self, slot: Slot, value: object, source: str) -> None:
        """Take a claim unless an earlier source made it; a value that is no count is noted."""
        number = count(value)
        if number is None or slot in self.counts:
            return
        if number == BAD:
            self.bad.append(source)
            return
        self.counts[slot] = number
        self.sources[slot] = source

    @property
    def cached(self) -> int:
        """Tokens read from or written to the cache."""
        counts = self.counts
        return counts.get("cache_read", 0) + max(
            counts.get("cache_write", 0),
            counts.get("cache_write_5m", 0) + counts.get("cache_write_1h", 0),
        )


def proven(claims: Claims, cached: int) -> Convention | None:
    """Prove by arithmetic that cached tokens are not inside `input`, or answer None.

    The proof holds whatever a table says: a part cannot be larger than its whole.
    """
    given = claims.counts.get("input")
    return "exclusive" if given is not None and cached > given else None


def _by_total(claims: Claims, cached: int) -> Convention | None:
    """Tell from a total that adds up only with the cache on top; good evidence, no proof."""
    counts = claims.counts
    given = counts.get("input")
    if not cached or given is None:
        return None
    total = given + counts.get("output", 0) + cached
    return "exclusive" if counts.get("total") == total else None


def leaves(
    claims: Claims, *, convention: Convention | None, residual_is_output: bool = False
) -> tuple[Usage | None, tuple[str, ...]]:
    """Make claims disjoint.

    Args:
        claims: What the telemetry says.
        convention: What is known about the emitter; None for unknown.
        residual_is_output: Whether tokens of the total that no bucket explains are output
            (Gemini's thoughts and tool use, which some emitters drop).

    Returns:
        The counts, None where nothing was counted, and keys of `REASONS`.
    """
    if claims.bad:
        return None, ("bad_usage",)
    counts = claims.counts
    if not counts or not any(counts.values()):
        return None, ("no_usage",)
    cached = claims.cached
    settled = proven(claims, cached) or claims.convention or convention or _by_total(claims, cached)
    reasons: list[str] = []
    if settled is None and cached and "input" in counts:
        reasons.append("convention_assumed")
    leaf = _Leaves()
    _input_side(claims, leaf, exclusive=settled == "exclusive")
    _output_side(claims, leaf)
    if residual_is_output and _residual(claims, leaf, exclusive=settled == "exclusive"):
        reasons.append("residual_assumed")
    for slot, number in counts.items():
        if number and slot in _USE_SET:
            leaf.put(slot, number, claims.sources[slot])  # type: ignore[arg-type]
    if not any(leaf.counts.values()):
        return None, ("no_usage",)
    if max(leaf.counts.values()) > MAX_COUNT:
        return None, ("bad_usage",)
    return cast("Usage", QuickUsage(leaf.counts, leaf.sources)), tuple(reasons)


@dataclass(slots=True)
class _Leaves:
    counts: dict[Unit, int] = field(default_factory=dict)
    sources: dict[Unit, str] = field(default_factory=dict)

    def put(self, unit: Unit, number: int, source: str) -> None:
        self.counts[unit] = number
        self.sources[unit] = source


def _input_side(claims: Claims, leaf: _Leaves, *, exclusive: bool) -> None:
    counts, sources = claims.counts, claims.sources
    cached = _cache(claims, leaf)
    if "input_fresh" in counts:
        room, source = counts["input_fresh"], sources["input_fresh"]
    elif "input" in counts:
        room, source = counts["input"], sources["input"]
        if not exclusive and cached:
            room -= cached
            source = f"derived: {source} - cached"
    elif set(counts) == {"total"}:
        # An embedding has no output, so some emitters send its total alone.
        room, source = counts["total"], sources["total"]
    else:
        return
    if "tool_use" in counts:
        room += counts["tool_use"]
        source = f"derived: {source} + {sources['tool_use']}"
    leaf.put("input", room, source)
    for unit in _INPUT_MODALITIES:
        if counts.get(unit):
            _split_modality(claims, leaf, unit)


_INPUT_MODALITIES: Final[tuple[Literal["input_audio", "input_image", "input_video"], ...]] = (
    "input_audio",
    "input_image",
    "input_video",
)
_CACHED_MODALITY: Final[dict[str, Literal["cache_read_audio", "cache_read_image"]]] = {
    "input_audio": "cache_read_audio",
    "input_image": "cache_read_image",
}


def _cache(claims: Claims, leaf: _Leaves) -> int:
    """Put the cache leaves and answer their sum."""
    counts, sources = claims.counts, claims.sources
    cached = 0
    if "cache_read" in counts:
        cached += counts["cache_read"]
        leaf.put("cache_read", counts["cache_read"], sources["cache_read"])
    split = 0
    for slot in _TTL:
        if slot in counts:
            split += counts[slot]
            leaf.put(slot, counts[slot], sources[slot])
    written = counts.get("cache_write")
    if written is not None and (written > split or not split):
        leaf.put("cache_write", written - split, sources["cache_write"])
        return cached + written
    return cached + split


_TTL: Final[tuple[Literal["cache_write_5m", "cache_write_1h"], ...]] = (
    "cache_write_5m",
    "cache_write_1h",
)


def _split_modality(
    claims: Claims, leaf: _Leaves, unit: Literal["input_audio", "input_image", "input_video"]
) -> None:
    """Move one modality out of `input`, its cached part out of `cache_read`."""
    counts, sources = claims.counts, claims.sources
    number, source = counts[unit], sources[unit]
    cached_unit = _CACHED_MODALITY.get(unit)
    cached = counts.get(cached_unit, 0) if cached_unit else 0
    fresh = number - cached
    if cached_unit and fresh > leaf.counts["input"]:
        # More than the uncached input can hold: the rest was read from the cache.
        cached += fresh - leaf.counts["input"]
        fresh = leaf.counts["input"]
    if fresh < 0 or fresh > leaf.counts["input"] or cached > leaf.counts.get("cache_read", 0):
        return
    if fresh:
        leaf.counts["input"] -= fresh
        leaf.put(unit, fresh, source)
    if cached and cached_unit:
        leaf.counts["cache_read"] -= cached
        leaf.put(cached_unit, cached, sources.get(cached_unit, f"derived: {source}"))


def _output_side(claims: Claims, leaf: _Leaves) -> None:
    counts, sources = claims.counts, claims.sources
    if "thoughts" in counts:
        leaf.put("reasoning", counts["thoughts"], sources["thoughts"])
    if "output_text" in counts:
        leaf.put("output", counts["output_text"], sources["output_text"])
        if "reasoning" in counts:
            leaf.put("reasoning", counts["reasoning"], sources["reasoning"])
        for unit in _OUTPUT_MODALITIES:
            if counts.get(unit):
                leaf.put(unit, counts[unit], sources[unit])
        return
    if "output" not in counts:
        return
    room, source = counts["output"], sources["output"]
    leaf.put("output", room, source)
    for part in _OUTPUT_PARTS:
        number = counts.get(part)
        if number is None or number > leaf.counts["output"]:
            continue
        if number or part == "reasoning":
            leaf.put(part, number, sources[part])
            leaf.put("output", leaf.counts["output"] - number, f"derived: {source} - parts")


_OUTPUT_MODALITIES: Final[tuple[Literal["output_audio", "output_image"], ...]] = (
    "output_audio",
    "output_image",
)
_OUTPUT_PARTS: Final[tuple[Literal["reasoning", "output_audio", "output_image"], ...]] = (
    "reasoning",
    *_OUTPUT_MODALITIES,
)


def _residual(claims: Claims, leaf: _Leaves, *, exclusive: bool) -> bool:
    counts = claims.counts
    if not {"total", "input", "output"} <= counts.keys():
        return False
    known = counts["input"] + counts["output"] + (claims.cached if exclusive else 0)
    known += counts.get("thoughts", 0) + counts.get("tool_use", 0)
    rest = counts["total"] - known
    if rest <= 0:
        return False
    source = f"assumed: {claims.sources['total']} - input - output"
    leaf.put("output", leaf.counts["output"] + rest, source)
    return True
