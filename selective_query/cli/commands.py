"""The command `selective-query`: parser and entry point."""

import argparse
import os
import re
import signal
import sys
import warnings
from difflib import get_close_matches

from selective_query import __version__
from selective_query.cli._chains import add_chain
from selective_query.cli._comparing import add_compare, add_demo
from selective_query.cli._completion import SHELLS, PrintCompletion
from selective_query.cli._exporting import add_export
from selective_query.cli._lists import add_list
from selective_query.cli._planning import add_plan
from selective_query.cli._policies import add_policies
from selective_query.cli._reporting import add_report
from selective_query.cli._serving import add_servers


class _Parser(argparse.ArgumentParser):
    """A parser with one-line errors, without the usage text."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")


def build_parser():
    """Build the argument parser of the command.

    Returns
    -------
    ArgumentParser
        Its attribute ``commands`` contains the parsers of the subcommands by name.
    """
    parser = _Parser(
        prog="selective-query",
        description="Let a cheap model answer most inputs, and ask an expensive one "
        "only where it pays.",
        epilog="`selective-query COMMAND --help` shows the options of a command, with "
        "examples.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        metavar="SHELL",
        help=f"print a completion script for a shell: {', '.join(SHELLS)}",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_demo(commands)
    add_compare(commands)
    add_policies(commands)
    add_report(commands)
    add_plan(commands)
    add_chain(commands)
    add_export(commands)
    add_servers(commands)
    add_list(commands)
    parser.commands = commands.choices
    return parser


def main(argv=None):
    """Run the command; return the exit status."""
    args = argparse.Namespace()
    try:
        args = _parsed(sys.argv[1:] if argv is None else argv)
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone. Python flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"selective-query: {_told(error, args)}", file=sys.stderr)
        return 2
    return 0


def _parsed(argv):
    parser = build_parser()
    command = next(iter(argv), "-")
    if command[0:1] != "-" and command not in parser.commands:
        parser.error(f"{command!r} is not a command.{_hint(command, parser.commands)}")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        chosen = parser.commands[args.command]
        options = re.findall(r"--[a-z][a-z-]*", chosen.format_help())
        hint = "".join(_hint(word.split("=")[0], options) for word in unknown[:1])
        chosen.error(f"{' '.join(unknown)} is not an option here.{hint}")
    return args


def _told(error, args):
    """Return an error's message with parameters replaced by options."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    text = str(error)
    for name in vars(args):
        option = f"--{name.removesuffix('_file')}".replace("_", "-")
        text = re.sub(rf"(?<![\w-]){name}=(?=[\s,)]|\.(?!\.))", option, text)
        text = re.sub(rf"(?<![\w-]){name}=(?!\.)", f"{option} ", text)
        if "_" in name:
            text = re.sub(rf"(?<![\w-]){name}\b", option, text)
    return text


def _warn(message, *_, **__):
    print(f"selective-query: warning: {message}", file=sys.stderr)


def _hint(word, known):
    close = get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


if __name__ == "__main__":
    sys.exit(main())
