"""The commands `serve-global` and `serve-edge`: models behind an address."""

import argparse
from dataclasses import fields
from pathlib import Path

from selective_query.cli._files import load_model


def add_servers(commands):
    """Add the commands to a parser's subcommands."""
    for name, what in (
        ("serve-global", "a classifier, or the global of a hybrid"),
        ("serve-edge", "a hybrid"),
    ):
        parser = commands.add_parser(
            name,
            help=f"serve {what} by the Open Inference Protocol",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        parser.add_argument(
            "model", help=f"{what}: a file that save() wrote, or module:attribute"
        )
        parser.add_argument("--name", default="model", help="served as /v2/models/NAME")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8080, help="to listen on")
        parser.add_argument(
            "--takes", default="numbers", help="numbers, text or pictures"
        )
        parser.add_argument(
            "--token-env", metavar="NAME", help="variable with the token to require"
        )
        parser.add_argument(
            "--trusted", nargs="*", default=[], help="further types in the file"
        )
        parser.add_argument(
            "--set", action="append", default=[], type=_limit, metavar="LIMIT=NUMBER",
            help="such as max_rows=1000 or batch_wait_ms=2; once or more",
        )  # fmt: skip
        parser.set_defaults(run=_serve, journal=None)
    parser.add_argument(
        "--journal", type=Path, help="file of sqlite that decisions are recorded in"
    )


def _limit(text):
    name, _, value = text.partition("=")
    try:
        return name, float(value) if name.endswith(("_ms", "_s")) else int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not LIMIT=NUMBER") from None


def _serve(args):
    from selective_query.serving import (
        Journal,
        Limits,
        Secret,
        serve_edge,
        serve_global,
    )

    known = [field.name for field in fields(Limits)]
    for name, _ in args.set:
        if name not in known:
            raise ValueError(f"--set {name}: Limits has {', '.join(known)}.")
    run = serve_edge if args.command == "serve-edge" else serve_global
    journal = None if args.journal is None else Journal(args.journal)
    run(
        load_model(args.model, args.trusted),
        args.name,
        host=args.host,
        port=args.port,
        takes=args.takes,
        limits=Limits(**dict(args.set)),
        journal=journal,
        token=None if args.token_env is None else Secret(env=args.token_env),
    )
