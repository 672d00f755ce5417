"""`costattr completion bash|zsh|fish`: complete commands and options in the shell."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from typing import Final

from otel_costattr.cli import Command

_BASH: Final = """\
_costattr() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        return
    fi
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
}}
complete -o default -F _costattr costattr
"""
_CASE: Final = '        {name}) COMPREPLY=($(compgen -W "{options}" -- "$word")) ;;'
_ZSH: Final = "autoload -U +X bashcompinit && bashcompinit\n"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "shell",
        choices=("bash", "zsh", "fish"),
        help='such as: eval "$(costattr completion bash)" in ~/.bashrc',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script and return 0."""
    options = options_of_commands()
    script = _fish(options) if arguments.shell == "fish" else _bash(options)
    print((_ZSH if arguments.shell == "zsh" else "") + script, end="")
    return 0


def options_of_commands() -> dict[str, tuple[str, ...]]:
    """List the words that each command takes, of those that are installed."""
    from ..cli import COMMANDS  # noqa: PLC0415 - the table names this module

    return {command.name: _options(command) for command in COMMANDS}


def _options(command: Command) -> tuple[str, ...]:
    try:
        module = importlib.import_module(command.module)
    except ModuleNotFoundError:
        return ()
    parser = argparse.ArgumentParser(prog=command.name)
    module.configure(parser)
    words: list[str] = []
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other list
        words += action.option_strings
        if not action.option_strings and action.choices is not None:
            words += [str(choice) for choice in action.choices]
    return tuple(words)


def _bash(options: dict[str, tuple[str, ...]]) -> str:
    cases = "\n".join(
        _CASE.format(name=name, options=" ".join(words)) for name, words in options.items()
    )
    return _BASH.format(commands=" ".join(options), cases=cases)


def _fish(options: dict[str, tuple[str, ...]]) -> str:
    lines = [
        "complete -c costattr -f -n __fish_use_subcommand -a '" + " ".join(options) + "'",
        *(
            f"complete -c costattr -n '__fish_seen_subcommand_from {name}' -a '{' '.join(words)}'"
            for name, words in options.items()
            if words
        ),
    ]
    return "\n".join(lines) + "\n"
