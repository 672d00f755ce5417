"""The page of documentation that is made from the settings."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from .settings import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, fields


def settings_page() -> str:
    """Return `docs/settings.md`, made from the fields."""
    rows = "\n".join(
        f"| `{name}` | `--{name.replace('_', '-')}` | `{ENVIRONMENT_PREFIX}{name.upper()}`"
        f" | {_default(field)} | {field.description} |"
        for name, field in fields().items()
    )
    return (
        "# Settings of `costattr serve`\n\n"
        "Made from the settings themselves by `python scripts/write_settings_page.py`; a test"
        " compares.\n"
        "Later sources win: the default, the TOML file (`--config FILE` or"
        f" `{CONFIG_VARIABLE}`), the environment, the command line.\n"
        "An unknown name is refused in each of them.\n\n"
        "| in the file | option | environment | default | what |\n"
        "| --- | --- | --- | --- | --- |\n"
        f"{rows}\n"
    )


def _default(field: FieldInfo) -> str:
    return "unset" if field.default in {None, ()} else f"`{field.default}`"
