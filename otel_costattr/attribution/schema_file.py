"""The file that an attribution schema is written in: TOML, unknown keys refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from otel_costattr.attribution.renames import Renames
from otel_costattr.attribution.schema import TAG, Allowed, Rename, Schema
from otel_costattr.attribution.splits import SPLIT
from otel_costattr.attribution.values import check_value, is_tag_name
from otel_costattr.errors import BadAttribution, BadSettings
from otel_costattr.model import DIMENSIONS

_TOP: Final = ("owner", "contact", "description", "undocumented", "dimensions", "tags")
_ALLOWED: Final = (
    *("description", "owner", "contact", "required", "values", "pattern", "renamed", "formerly"),
)
_RENAMED: Final = ("old", "new", "since")
_FORMERLY: Final = ("name", "since")
_ONLY_PYTHON: Final = re.compile(r"\(\?(?!:)|\\[1-9ZGk]|[*+?}]\+|\\[pP]")
_TOO_OFTEN: Final = re.compile(r"\{\d*,?\d{4,}|\{\d{4,}")
MAX_PATTERN_CHARACTERS: Final = 256

Table = Mapping[str, object]


def read_schema(text: str, *, source: str) -> Schema:
    """Read an attribution schema.

    Args:
        text: TOML.
        source: Named in refusals.

    Raises:
        BadSettings: It is no TOML, has an unknown key, an unknown dimension, a pattern that Python
            and RE2 do not both understand, a value that no dimension can have, or a rename that
            leads outside of the schema.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{source}: cannot be read as TOML: {error}") from error
    try:
        return _schema(raw)
    except (BadSettings, BadAttribution) as error:
        raise BadSettings(f"{source}: {error}") from None


def _schema(raw: Table) -> Schema:
    _refuse_unknown("the file", raw, _TOP)
    allowed: dict[str, Allowed] = {}
    for name, said in _tables("dimensions", raw).items():
        if name not in DIMENSIONS:
            raise BadSettings(f"dimensions.{name}: use one of {', '.join(DIMENSIONS)}, or a tag")
        allowed[name] = _allowed(f"dimensions.{name}", name, said)
    for name, said in _tables("tags", raw).items():
        if not is_tag_name(name) or name.startswith(SPLIT):
            raise BadSettings(f"tags.{name}: a tag's name has letters, digits, '_', '.' or '-'")
        allowed[TAG + name] = _allowed(f"tags.{name}", name, said)
    if not allowed:
        raise BadSettings("no dimension and no tag is documented: write [dimensions.NAME]")
    undocumented = raw.get("undocumented", "report")
    if undocumented != "report" and undocumented != "allow":  # noqa: PLR1714 - the type follows
        raise BadSettings(f"undocumented = {undocumented!r}: use 'report' or 'allow'")
    schema = Schema(
        owner=_text("owner", raw),
        contact=_text("contact", raw),
        description=_text("description", raw),
        undocumented=undocumented,
        allowed=allowed,
    )
    _check_renames(schema)
    return schema


def _allowed(where: str, name: str, said: object) -> Allowed:
    if not isinstance(said, dict):
        raise BadSettings(f"{where} is no table")
    _refuse_unknown(where, said, _ALLOWED)
    required = said.get("required", False)
    if not isinstance(required, bool):
        raise BadSettings(f"{where}: required = {required!r}: use true or false")
    is_tag = where.startswith("tags.")
    if "formerly" in said and not is_tag:
        raise BadSettings(f"{where}: only tags have names of before; a dimension has aliases")
    return Allowed(
        description=_text("description", said, where),
        owner=_text("owner", said, where),
        contact=_text("contact", said, where),
        required=required,
        values=_values(where, name, said.get("values", [])),
        pattern=_pattern(where, said),
        renamed=tuple(_rename(where, name, one) for one in _list(where, "renamed", said)),
        formerly=tuple(_former(where, name, one) for one in _list(where, "formerly", said)),
    )


def _values(where: str, name: str, said: object) -> Mapping[str, str]:
    if isinstance(said, list) and all(isinstance(value, str) for value in said):
        said = dict.fromkeys(said, "")
    if not isinstance(said, dict) or not all(isinstance(word, str) for word in said.values()):
        raise BadSettings(f"{where}: values is no list of texts and no table of descriptions")
    return {check_value(name, value): meaning for value, meaning in said.items()}


def _pattern(where: str, said: Table) -> str:
    pattern = _text("pattern", said, where)
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        raise BadSettings(f"{where}: pattern {pattern!r}: {error}") from None
    if (
        len(pattern) > MAX_PATTERN_CHARACTERS
        or _ONLY_PYTHON.search(pattern)
        or _TOO_OFTEN.search(pattern)
    ):
        raise BadSettings(
            f"{where}: pattern {pattern!r}: use up to {MAX_PATTERN_CHARACTERS} characters without"
            " (?...), references and repeats above 999: ClickHouse reads it, too"
        )
    return pattern


def _rename(where: str, name: str, said: Table) -> Rename:
    _refuse_unknown(f"{where}.renamed", said, _RENAMED)
    old, new = (check_value(name, _text(key, said, f"{where}.renamed")) for key in ("old", "new"))
    return Rename(old=old, new=new, since=_since(where, said))


def _former(where: str, name: str, said: Table) -> Rename:
    _refuse_unknown(f"{where}.formerly", said, _FORMERLY)
    old = _text("name", said, f"{where}.formerly")
    if not is_tag_name(old) or old.startswith(SPLIT):
        raise BadSettings(f"{where}: formerly {old!r}, which no tag can be called")
    return Rename(old=old, new=name, since=_since(where, said))


def _since(where: str, said: Table) -> date | None:
    since = said.get("since")
    if since is None or (isinstance(since, date) and not isinstance(since, datetime)):
        return since
    raise BadSettings(f"{where}: since = {since!r}: use a day, such as 2026-11-01, unquoted")


def _check_renames(schema: Schema) -> None:
    for target, allowed in schema.allowed.items():
        olds = [one.old for one in (*allowed.renamed, *allowed.formerly)]
        for old in olds:
            if olds.count(old) > 1:
                raise BadSettings(f"{target}: {old!r} is replaced twice")
        for one in allowed.renamed:
            if one.old in allowed.values:
                raise BadSettings(f"{target}: {one.old!r} is allowed and replaced: which one?")
            if not allowed.allows(one.new):
                raise BadSettings(
                    f"{target}: {one.old!r} becomes {one.new!r}, which is no allowed value"
                )
        for one in allowed.formerly:
            if TAG + one.old in schema.allowed:
                raise BadSettings(f"{target}: {one.old!r} is documented and replaced: which one?")
    count = sum(len(allowed.formerly) for allowed in schema.allowed.values())
    renames: Renames = schema.renames
    if len(renames.tags) != count:
        raise BadSettings("tags: two tags were called the same before")


def _tables(name: str, raw: Table) -> Mapping[str, object]:
    found = raw.get(name, {})
    if not isinstance(found, dict):
        raise BadSettings(f"{name} is no table: write [{name}.NAME]")
    return found


def _list(where: str, name: str, said: Table) -> list[Table]:
    found = said.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadSettings(f"{where}: {name} is no list of tables")
    return found


def _text(name: str, said: Table, where: str = "the file") -> str:
    found = said.get(name, "")
    if not isinstance(found, str):
        raise BadSettings(f"{where}: {name} = {found!r} is no text")
    return found


def _refuse_unknown(where: str, said: Table, known: tuple[str, ...]) -> None:
    for name in said:
        if name not in known:
            raise BadSettings(f"{where} has no key {name!r}: use {', '.join(known)}")
