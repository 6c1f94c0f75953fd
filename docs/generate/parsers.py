"""The argument parsers of the commands, without running a command."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any, NoReturn
from unittest import mock

from tf_image_segmentation.cli.main import COMMANDS


class _Reached(Exception):
    """Carries a parser out of the ``main`` that was about to parse with it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def _stop(parser: argparse.ArgumentParser, *args: Any, **options: Any) -> NoReturn:
    raise _Reached(parser)


def parser_of(command: str) -> argparse.ArgumentParser:
    """Returns the parser that a command builds, with the options that all commands have.

    Args:
        command: name of a module of ``tf_image_segmentation.cli``.

    Raises:
        ValueError: there is no such command.
    """
    if command not in COMMANDS:
        raise ValueError(f"there is no command {command}; there are {', '.join(COMMANDS)}")
    main = importlib.import_module(f"tf_image_segmentation.cli.{command}").main
    typed = mock.patch.object(sys, "argv", [command])
    with typed, mock.patch.object(argparse.ArgumentParser, "parse_known_args", _stop):
        try:
            main()
        except _Reached as reached:
            return reached.parser
    raise ValueError(f"{command} parses no arguments")
