"""The reference of the command line, written from the argument parsers."""

from __future__ import annotations

import argparse
import re

from parsers import parser_of

from tf_image_segmentation.cli.main import ALIASES, COMMANDS


def commands_text() -> str:
    """Returns a table of all commands, and a section of Markdown for each."""
    parsers = {command: parser_of(command) for command in COMMANDS}
    table = ["| command | what it does |", "|---|---|"]
    for command, parser in parsers.items():
        name = command.replace("_", "-")
        summary = (parser.description or "").partition("\n\n")[0]
        table.append(f"| [`{name}`](#{name}) | {_escaped(' '.join(summary.split()))} |")
    sections = [_section(command, parser) for command, parser in parsers.items()]
    return "\n\n".join(["\n".join(table), *sections])


def _section(command: str, parser: argparse.ArgumentParser) -> str:
    formatter = parser._get_formatter()
    rows = [
        f"| {_typed(action, formatter)} | {_meaning(action, formatter)} |"
        for action in parser._actions
        if action.help is not argparse.SUPPRESS and action.dest not in ("help", "plugins")
    ]
    short = [alias for alias, name in ALIASES.items() if name == command]
    name = command.replace("_", "-")
    also = f" Short name: `{short[0]}`." if short else ""
    epilog = f"\n\n```text\n{parser.epilog}\n```" if parser.epilog else ""
    return (
        f"## {name}\n\n`tf-image-segmentation {name}` or `python scripts/{command}.py`.{also}\n\n"
        f"{_escaped(parser.description or '')}\n\n| option | meaning |\n|---|---|\n"
        + "\n".join(rows)
        + epilog
    )


def _typed(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    """Returns how an option is typed: its names, and what comes after them."""
    value = formatter._format_args(action, action.dest.upper()) if action.nargs != 0 else ""
    value = re.sub(r"\[(\S+) \[\1 \.\.\.\]\]", r"[\1 ...]", value)
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    names = ", ".join(action.option_strings)
    return f"`{names} {value}`".replace(" `", "`") + (" (required)" if action.required else "")


def _meaning(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    text = " ".join(formatter._expand_help(action).split()) if action.help else ""
    return _escaped(re.sub(r" \(default: (None|False)\)$", "", text))


def _escaped(text: str) -> str:
    """Returns plain text as Markdown that shows it as it is, options as code."""
    text = re.sub(r"([<*_|\[\]])", r"\\\1", text)
    return re.sub(r"(?<![\w-])(--[a-z][\w-]*)", r"`\1`", text)
