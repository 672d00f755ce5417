"""What the telemetry claims about one call, and how claims become disjoint counts.

A claim may overlap others (cached tokens inside the input count, reasoning inside the output
count). `leaves` makes them disjoint by the counting convention, proves it by arithmetic where it
can, and names what it had to assume. A subset that is larger than its whole is set aside, never
cut to fit.
"""

from __future__ import annotations

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
_CACHE: Final = frozenset({"cache_read", "cache_write", "cache_write_5m", "cache_write_1h"})
_WRITTEN: Final = _CACHE - {"cache_read"}
_USUAL: Final = _CACHE | {"input", "output", "total", "reasoning"}
"""Claims without modalities and uses, which most calls do not have."""
_FEW: Final = frozenset({"input", "output", "cache_read", "reasoning"})


class Claims:
    """Counts as claimed, with where each came from; filled while a span is read.

    Attributes:
        counts: Claim to count.
        sources: Claim to attribute name or path in a raw object.
        convention: Whether cached tokens are inside `input`, where the source itself says so.
        bad: Sources whose value cannot be a count.
    """

    __slots__ = ("bad", "convention", "counts", "sources")

    def __init__(self) -> None:
        self.counts: dict[Slot, int] = {}
        self.sources: dict[Slot, str] = {}
        self.convention: Convention | None = None
        self.bad: list[str] = []

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
        if _CACHE.isdisjoint(counts):
            return 0
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
    if given is None:
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
    if not any(counts.values()):
        return None, ("no_usage",)
    if "input" in counts and "output" in counts and _FEW.issuperset(counts):
        return _few_leaves(claims, convention)
    cached = claims.cached
    inside, reasons = _inside(claims, cached, convention) if cached else (0, ())
    leaf = _Leaves()
    usual = counts.keys() <= _USUAL
    if not _CACHE.isdisjoint(counts):
        _cache(claims, leaf)
    _input_side(claims, leaf, inside=inside, usual=usual)
    _output_side(claims, leaf)
    if residual_is_output and _residual(claims, leaf, beside=cached - inside):
        reasons = (*reasons, "residual_assumed")
    if not usual:
        for slot, number in counts.items():
            if number and slot in _USE_SET:
                leaf.put(slot, number, claims.sources[slot])  # type: ignore[arg-type]
    most = max(leaf.counts.values(), default=0)
    if not 0 < most <= MAX_COUNT:
        return None, ("bad_usage",) if most else ("no_usage",)
    return cast("Usage", QuickUsage(leaf.counts, leaf.sources)), reasons


def _few_leaves(claims: Claims, convention: Convention | None) -> tuple[Usage, tuple[str, ...]]:
    """Make the claims of `_FEW` disjoint, which most calls have: as by all the rules, in one go."""
    counts, sources = claims.counts, claims.sources
    leaf: dict[Unit, int] = {}
    told: dict[Unit, str] = {}
    reasons: tuple[str, ...] = ()
    fresh, source = counts["input"], sources["input"]
    cached = counts.get("cache_read")
    if cached is not None:
        leaf["cache_read"], told["cache_read"] = cached, sources["cache_read"]
        inside, reasons = _inside(claims, cached, convention) if cached else (0, ())
        if inside:
            fresh, source = fresh - inside, f"derived: {source} - cached"
    leaf["input"], told["input"] = fresh, source
    leaf["output"], told["output"] = counts["output"], sources["output"]
    thought = counts.get("reasoning")
    if thought is not None and thought <= counts["output"]:
        leaf["output"] -= thought
        told["output"] = f"derived: {sources['output']} - parts"
        leaf["reasoning"], told["reasoning"] = thought, sources["reasoning"]
    return cast("Usage", QuickUsage(leaf, told)), reasons


def _inside(
    claims: Claims, cached: int, convention: Convention | None
) -> tuple[int, tuple[str, ...]]:
    """Tell how many of the cached tokens are inside `input`, and what that assumes."""
    settled = proven(claims, cached) or claims.convention or convention or _by_total(claims, cached)
    if settled == "exclusive":
        return 0, ()
    unsure = settled is None and "input" in claims.counts
    return cached, ("convention_assumed",) if unsure else ()


class _Leaves:
    __slots__ = ("counts", "sources")

    def __init__(self) -> None:
        self.counts: dict[Unit, int] = {}
        self.sources: dict[Unit, str] = {}

    def put(self, unit: Unit, number: int, source: str) -> None:
        self.counts[unit] = number
        self.sources[unit] = source


def _input_side(claims: Claims, leaf: _Leaves, *, inside: int, usual: bool) -> None:
    counts, sources = claims.counts, claims.sources
    if "input" in counts and "input_fresh" not in counts:
        room, source = counts["input"], sources["input"]
        if inside:
            room -= inside
            source = f"derived: {source} - cached"
    elif "input_fresh" in counts:
        room, source = counts["input_fresh"], sources["input_fresh"]
    elif set(counts) == {"total"}:
        # An embedding has no output, so some emitters send its total alone.
        room, source = counts["total"], sources["total"]
    else:
        return
    if usual:
        leaf.put("input", room, source)
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


def _cache(claims: Claims, leaf: _Leaves) -> None:
    counts, sources = claims.counts, claims.sources
    if "cache_read" in counts:
        leaf.counts["cache_read"] = counts["cache_read"]
        leaf.sources["cache_read"] = sources["cache_read"]
    if _WRITTEN.isdisjoint(counts):
        return
    split = 0
    for slot in _TTL:
        if slot in counts:
            split += counts[slot]
            leaf.put(slot, counts[slot], sources[slot])
    written = counts.get("cache_write")
    if written is not None and (written > split or not split):
        leaf.put("cache_write", written - split, sources["cache_write"])


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
        if part not in counts:
            continue
        number = counts[part]
        if number <= room and (number or part == "reasoning"):
            room -= number
            leaf.put(part, number, sources[part])
            leaf.put("output", room, f"derived: {source} - parts")


_OUTPUT_MODALITIES: Final[tuple[Literal["output_audio", "output_image"], ...]] = (
    "output_audio",
    "output_image",
)
_OUTPUT_PARTS: Final[tuple[Literal["reasoning", "output_audio", "output_image"], ...]] = (
    "reasoning",
    *_OUTPUT_MODALITIES,
)


def _residual(claims: Claims, leaf: _Leaves, *, beside: int) -> bool:
    counts = claims.counts
    if not counts.keys() >= {"total", "input", "output"}:
        return False
    known = counts["input"] + counts["output"] + beside
    known += counts.get("thoughts", 0) + counts.get("tool_use", 0)
    rest = counts["total"] - known
    if rest <= 0:
        return False
    source = f"assumed: {claims.sources['total']} - input - output"
    leaf.put("output", leaf.counts["output"] + rest, source)
    return True
