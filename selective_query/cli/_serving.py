"""The commands `serve-global` and `serve-edge`: serve models over HTTP."""

import argparse
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

from selective_query.cli._options import add_command, add_trusted


def add_servers(commands):
    """Add the commands to a parser's subcommands."""
    for name, what, examples in (
        (
            "serve-global",
            "a classifier, or the global of a hybrid",
            "serve-global hybrid.skops --name digits --set batch_wait_ms=2",
        ),
        (
            "serve-edge",
            "a hybrid",
            "serve-edge my_models:hybrid --port 8081 --journal decisions.sqlite",
        ),
    ):
        parser = add_command(
            commands,
            name,
            f"serve {what} over the Open Inference Protocol",
            examples,
            _serve,
        )
        parser.add_argument(
            "model", help=f"{what}: a file that save() wrote, or module:attribute"
        )
        for option, type_, default, help_ in (
            ("--name", str, "model", "served as /v2/models/NAME"),
            ("--host", str, "127.0.0.1", "address to listen on"),
            ("--port", int, 8080, "port to listen on"),
            ("--takes", str, "numbers", "kind of rows: numbers, text or pictures"),
            ("--app-dir", str, ".", "folder with the module of module:attribute"),
        ):
            parser.add_argument(
                option,
                type=type_,
                default=default,
                help=f"{help_} (default: %(default)s)",
            )
        parser.add_argument(
            "--token-env",
            metavar="NAME",
            help="environment variable with the token that requests must send",
        )
        add_trusted(parser)
        parser.add_argument(
            "--set", action="append", default=[], type=_limit, metavar="LIMIT=NUMBER",
            help="a limit, such as max_rows=1000 or batch_wait_ms=2; may be repeated",
        )  # fmt: skip
        parser.set_defaults(journal=None)
    parser.add_argument(
        "--journal", type=Path, help="SQLite file in which decisions are recorded"
    )


def _limit(text):
    name, _, value = text.partition("=")
    try:
        return name, float(value) if name.endswith(("_ms", "_s")) else int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not LIMIT=NUMBER") from None


def _serve(args):
    from selective_query.cli._running.files import load_model
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
        load_model(args.model, args.trusted, args.app_dir),
        args.name,
        host=args.host,
        port=args.port,
        takes=args.takes,
        limits=Limits(**dict(args.set)),
        journal=journal,
        token=None if args.token_env is None else Secret(env=args.token_env),
        announce=partial(print, file=sys.stderr, flush=True),
    )
