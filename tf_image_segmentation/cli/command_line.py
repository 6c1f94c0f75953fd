"""What every script shares: how it starts, and how it ends when its input is bad."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.plugins import load_plugins

CONSOLE_COMMAND = "tf-image-segmentation"
SCRIPTS_ARE_TYPED = "TF_IMAGE_SEGMENTATION_SCRIPTS"
"""Environment variable of processes that were started by a script."""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, but no None that the help does not explain, and keeps line breaks."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        says_nothing = action.default is None and "None" not in (action.help or "")
        return action.help if says_nothing else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Also takes ``--plugins``, and loads these files before anything is looked up by name."""

    def parse_known_args(self, *args: Any, **options: Any) -> Any:
        """Parses the command line and loads the plugins that it names."""
        self.add_argument(
            "--plugins",
            nargs="+",
            action="extend",
            type=Path,
            default=[],
            metavar="FILE.py",
            help="files that register models, losses, augmentations, metrics or datasets of yours",
        )
        arguments, others = super().parse_known_args(*args, **options)
        if any(_mentions_tensorflow(path) for path in arguments.plugins):
            load_tensorflow()
        load_plugins(arguments.plugins)
        return arguments, others


def _mentions_tensorflow(plugin: Path) -> bool:
    return plugin.is_file() and b"tensorflow" in plugin.read_bytes()


def parser(description: str | None) -> Parser:
    """Returns an argument parser whose --help shows ``description`` and all defaults."""
    return Parser(description=description, formatter_class=HelpFormatter)


def is_script() -> bool:
    """Returns whether this program is a file of ``scripts/``, and no notebook for example."""
    program = Path(sys.argv[0]).resolve()
    return program.suffix == ".py" and program.parent.name == "scripts"


def typed(command: str) -> str:
    """Returns how a command is typed where this program was started: as a script or installed."""
    if is_script() or os.environ.get(SCRIPTS_ARE_TYPED):
        return f"python scripts/{command}.py"
    return f"{CONSOLE_COMMAND} {command.replace('_', '-')}"


def load_tensorflow() -> None:
    """Imports TensorFlow without the lines that it logs before a program can set a log level.

    With ``TF_CPP_MIN_LOG_LEVEL`` set to 0 or 1 in the environment, nothing is held back.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") in ("0", "1"):
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for a GPU and logs when there is none
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _exit_on_sigterm(number: int, frame: FrameType | None) -> None:
    # SystemExit unwinds the stack, so that `finally` blocks remove what is half done.
    raise SystemExit(128 + number)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Runs a script's ``main`` and exits the process.

    Exit codes: what ``main`` returns (None is 0), 1 with ``error: ...`` on stderr for bad input
    or a failing disk, 130 after Ctrl-C, 141 when nobody reads the output any more, 143 after
    SIGTERM.
    """
    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (DataError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
