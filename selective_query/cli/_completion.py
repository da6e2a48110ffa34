"""The option `--print-completion`: shell completion of the command."""

import argparse
from pathlib import Path

from selective_query.cli._names import Name
from selective_query.cli._options import decisions_path, output_path

SHELLS = ("bash", "zsh", "fish", "tcsh")
PATHS = Path, output_path, decisions_path
FILES = {"file", "policy", "model", "test", "global_file"}


class PrintCompletion(argparse.Action):
    """Print the completion script of a shell, and exit.

    Raises
    ------
    ImportError
        If shtab is not installed.
    """

    def __call__(self, parser, namespace, shell, option_string=None):
        """Print the script."""
        try:
            import shtab
        except ImportError as error:
            raise ImportError(
                "--print-completion needs shtab: pip install "
                "selective-query[completion]."
            ) from error
        for command in parser.commands.values():
            for action in command._actions:
                if isinstance(action.type, Name):
                    names = action.type.known()
                    action.choices = [name.replace(" ", "-") for name in names]
                elif action.type in PATHS or action.dest in FILES:
                    action.complete = shtab.FILE
        print(shtab.complete(parser, shell))
        parser.exit()
