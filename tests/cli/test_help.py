"""Help is quick and complete, and typing errors are answered with a suggestion."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from selective_query.cli._lists import LISTS
from selective_query.cli.commands import build_parser, main
from selective_query.routers import list_routers

COMMANDS = build_parser().commands
HEAVY = "numpy", "scipy", "sklearn", "torch", "pandas"


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from selective_query.cli import main\n"
        "try:\n"
        f"    main({[*command, '--help']})\n"
        "finally:\n"
        f"    print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.returncode, found.stderr.strip()) == (0, "[]")
    assert found.stdout.startswith("usage: selective-query")


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    text = COMMANDS[name].format_help()
    options = re.split(r"\n  (?=\S)", text.split("\n\n", 2)[2])[1:]
    options = [o.partition("\n\n")[0] for o in options]
    lone = [o for o in options if re.fullmatch(r"\S+(, \S+)?( [A-Z=_.\[\] ]+)?", o)]
    assert not lone
    assert "(default: None)" not in text


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_help_can_be_typed(name):
    _, _, examples = COMMANDS[name].epilog.partition("examples:\n")
    for line in examples.splitlines():
        program, command, *words = shlex.split(line.partition(" < ")[0])
        assert (program, command) == ("selective-query", name)
        assert build_parser().parse_args([command, *words]).command == name


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["comprae"], "'comprae' is not a command. Did you mean compare?"),
        (["decide", "p", "f", "--outptu", "o"], "Did you mean --output?"),
        (["compare", "f", "--routers", "entropi"], "router. Did you mean entropy?"),
        (["plan", "f", "--device", "STM32H74"], "no device. Did you mean STM32H743?"),
        (["plan", "f", "--link", "lte-n"], "Did you mean LTE-M?|Did you mean LTE?"),
        (["fit", "f", "--budget", "max_latency=3"], "Did you mean max_latency_ms?"),
        (["fit", "f", "--budget", "min_accuracy=high"], "is not min_accuracy=NUMBER"),
        (["fit", "f", "--confidence", "95"], "95 is not a share between 0 and 1"),
        (["export", "m", "--c", "f", "--device", "Z80"], "`selective-query list dev"),
    ],
)
def test_a_typing_error_gets_a_suggestion(command, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert any(part in printed for part in says.split("|"))
    assert printed.count("\n") == 2


@pytest.mark.parametrize("what", LISTS)
def test_what_options_take_is_listed(what, capsys):
    assert main(["list", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = [row[what.removesuffix("s")] for row in rows]
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows) + 1
    assert all(line.startswith(n) for line, n in zip(lines[1:], names, strict=True))
    if what == "routers":
        assert names == list_routers(bounds=True)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_names(shell, capsys):
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", shell])
    assert ended.value.code == 0
    script = capsys.readouterr().out
    assert all(name in script for name in [*COMMANDS, "max_probability", "STM32F746"])


def test_completion_without_its_package_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 2
    assert "selective-query[completion]" in capsys.readouterr().err
