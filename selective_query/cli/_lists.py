"""The command `list`: the names that options accept, and their meaning."""

from selective_query.cli._options import add_command, add_json, deferred

LISTS = ("budgets", "devices", "links", "routers")


def add_list(commands):
    """Add the command to a parser's subcommands."""
    parser = add_command(
        commands,
        "list",
        "show the routers, budgets, devices or links that options accept by name",
        "list routers\nlist devices --json",
        deferred("lists.show_list"),
    )
    parser.add_argument("what", choices=LISTS, help="what to show")
    add_json(parser)
