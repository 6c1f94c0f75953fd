"""How every script ends, whatever ends it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import textwrap

import pytest

from tf_image_segmentation.cli import command_line, stages


def run_main(repository, body):
    """Runs a script whose main has this body; returns exit code, stdout and stderr."""
    program = "import os, signal, time\n"
    program += "from tf_image_segmentation.cli import command_line\n"
    program += "from tf_image_segmentation.errors import DataError\n"
    program += f"def main():\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    program += "command_line.run(main)\n"
    environment = dict(os.environ, PYTHONPATH=str(repository))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (143, 143)])
def test_what_main_returns_is_the_exit_code(repository, value, code):
    assert run_main(repository, f"return {value}") == (code, "", "")


@pytest.mark.parametrize("kind", ["DataError", "OSError"])
def test_bad_input_is_one_line_without_a_traceback(repository, kind):
    code, out, err = run_main(repository, f"raise {kind}('a.png: no image; convert it')")
    assert (code, out, err) == (1, "", "error: a.png: no image; convert it\n")


def test_a_mistake_of_the_program_keeps_its_traceback(repository):
    code, _, err = run_main(repository, "raise ValueError('a bug')")
    assert code == 1
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_signals_clean_up_and_have_their_exit_codes(repository, number, code, message):
    body = f"""
    try:
        os.kill(os.getpid(), {int(number)})
        time.sleep(10)
    finally:
        print("cleaned up")
    """
    assert run_main(repository, body) == (code, "cleaned up\n", message)


def test_a_reader_that_has_seen_enough_is_no_error(repository):
    code = "from tf_image_segmentation.cli import command_line as c\n"
    code += "c.run(lambda: [print('x' * 99) for _ in range(9999)] and None)"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} | head -1"
    result = subprocess.run(
        ["bash", "-c", command], cwd=repository, capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("x" * 99 + "\n", "")


def test_help_shows_defaults_and_keeps_line_breaks():
    parser = command_line.parser("First line.\n\nA list:\n  one\n  two")
    parser.add_argument("--steps", type=int, default=7, help="how many")
    shown = parser.format_help()
    assert "A list:\n  one\n  two\n" in shown
    assert "how many (default: 7)" in shown


def run_console(repository, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tf_image_segmentation", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_console_command_lists_the_commands_with_their_first_line(repository):
    code, out, err = run_console(repository, "--help")
    assert (code, err) == (0, "")
    for script in (repository / "scripts").glob("*.py"):
        assert f"  {script.stem.replace('_', '-')} " in out
    assert "Evaluates a checkpoint on records" in out
    assert run_console(repository) == (0, out, "")


@pytest.mark.parametrize("name", ["convert", "convert-dataset", "convert_dataset"])
def test_console_command_takes_hyphens_underscores_and_short_names(repository, name):
    code, out, _ = run_console(repository, name, "--help")
    assert code == 0
    assert out.startswith(f"usage: tf-image-segmentation {name}") and "--output-dir" in out


def test_console_command_suggests_the_nearest_name(repository):
    code, out, err = run_console(repository, "evalute")
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no command 'evalute'; did you mean evaluate?")


def test_plugins_are_loaded_before_the_command_runs(repository, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text("raise ValueError('no')")
    code, _, err = run_console(
        repository, "convert", "camvid", "--root", "x", "--output-dir", "y", "--plugins", plugin
    )
    assert code == 1
    assert err == f"error: {plugin}: raised ValueError while it was loaded as a plugin: no\n"


def test_commands_of_a_command_get_its_plugins(monkeypatch, tmp_path, capsys):
    ran = []

    class Process:
        def __init__(self, command, env):
            ran.append(command[3:])

        def wait(self):
            return 0

    monkeypatch.setattr(stages.subprocess, "Popen", Process)
    monkeypatch.setattr(stages, "loaded_plugins", lambda: {"module": tmp_path / "parts.py"})
    stages.run_command("train", "--model", "mine", "--steps", 3)
    plugins = ["--plugins", str(tmp_path / "parts.py")]
    assert ran == [["train", "--model", "mine", "--steps", "3", *plugins]]
    assert f" --model mine --steps 3 --plugins {plugins[1]}\n" in capsys.readouterr().out


def test_help_shows_defaults_but_no_none_that_is_not_explained():
    parser = command_line.parser("")
    parser.add_argument("--root", required=True, help="where it lies")
    parser.add_argument("--report", help="a page")
    parser.add_argument("--steps", help="None takes all")
    parser.add_argument("--seed", default=3, help="of the draws")
    text = parser.format_help()
    assert "of the draws (default: 3)" in text and "None takes all (default: None)" in text
    assert text.count("(default: None)") == 1
