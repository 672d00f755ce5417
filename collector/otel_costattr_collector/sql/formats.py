"""Formats of answers, each with its media type; the engine's others are not on offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from .errors import SqlError


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How an answer is written.

    Attributes:
        name: The engine's name of it.
        media_type: Its media type.
    """

    name: str
    media_type: str


_JSON: Final = "application/json; charset=UTF-8"
_LINES: Final = "application/x-ndjson; charset=UTF-8"
_TSV: Final = "text/tab-separated-values; charset=UTF-8"
_CSV: Final = "text/csv; charset=UTF-8"
_TEXT: Final = "text/plain; charset=UTF-8"
_BYTES: Final = "application/octet-stream"

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "JSON JSONCompact JSONStrings JSONCompactStrings JSONColumns JSONCompactColumns"
        " JSONColumnsWithMetadata JSONObjectEachRow": _JSON,
        "JSONEachRow JSONLines NDJSON JSONStringsEachRow JSONCompactEachRow"
        " JSONCompactEachRowWithNames JSONCompactEachRowWithNamesAndTypes"
        " JSONCompactStringsEachRow JSONCompactStringsEachRowWithNames"
        " JSONCompactStringsEachRowWithNamesAndTypes": _LINES,
        "TabSeparated TSV TabSeparatedRaw TSVRaw TabSeparatedWithNames TSVWithNames"
        " TabSeparatedRawWithNames TSVRawWithNames TabSeparatedWithNamesAndTypes"
        " TSVWithNamesAndTypes TabSeparatedRawWithNamesAndTypes TSVRawWithNamesAndTypes": _TSV,
        "CSV CSVWithNames CSVWithNamesAndTypes": _CSV,
        "Pretty PrettyCompact PrettySpace PrettyNoEscapes PrettyCompactNoEscapes"
        " PrettySpaceNoEscapes PrettyMonoBlock PrettyCompactMonoBlock PrettySpaceMonoBlock Vertical"
        " TSKV Values": _TEXT,
        "Markdown": "text/markdown; charset=UTF-8",
        "XML": "application/xml; charset=UTF-8",
        "Native RowBinary RowBinaryWithNames RowBinaryWithNamesAndTypes Arrow ArrowStream Parquet"
        " ORC Avro MsgPack RawBLOB Null": _BYTES,
    }
)
_FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        name.lower(): Format(name=name, media_type=media_type)
        for names, media_type in _NAMES.items()
        for name in names.split()
    }
)


def format_named(name: str) -> Format:
    """Return the format with this name, in any case.

    Raises:
        SqlError: There is none, or it is not on offer.
    """
    found = _FORMATS.get(name.lower())
    if found is None:
        raise SqlError(73, "UNKNOWN_FORMAT", f"Unknown format {name[:60]}")
    return found
