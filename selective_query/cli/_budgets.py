"""The option `--budget`: any budget as NAME=NUMBER, made when it is given."""

import argparse
from importlib import import_module
from typing import NamedTuple

from selective_query.cli._names import matched


class Kind(NamedTuple):
    """A kind of budget: its class, what its number says, what else makes it."""

    cls: str
    help: str
    options: tuple = ()

    def make(self, *given):
        """The budget."""
        found = getattr(import_module("selective_query.budgets"), self.cls)
        return found(*given, *self.options)


BUDGETS = {
    "coverage": Kind("Coverage", "least share that the base answers"),
    "query_rate": Kind("QueryRate", "largest share that is queried"),
    "min_accuracy": Kind("MinAccuracy", "least accuracy of the pair"),
    "max_excess_error": Kind(
        "MaxExcessError", "most that the pair's error exceeds the global's"
    ),
    "min_selective_accuracy": Kind(
        "MinSelectiveAccuracy", "least accuracy of what the base answers"
    ),
    "group_coverage": Kind(
        "GroupCoverage",
        "least share that the base answers in each group (of column group)",
    ),
    "max_query_cost": Kind(
        "MaxQueryCost", "largest mean cost of an input (column query_cost)"
    ),
    "stay_local": Kind(
        "StayLocal", "no number: rows marked in the column local_only are not queried"
    ),
}
WITHOUT_NUMBER = {"stay_local"}
# Made of a number and a deployment.
COST_BUDGETS = {
    "min_battery_days": Kind("BatteryLife", "least life of the battery, in days"),
    "max_latency_ms": Kind("MaxLatency", "largest mean time of an answer, in ms"),
    "max_p95_latency_ms": Kind(
        "MaxLatency", "time within which 95 of 100 answers come, in ms", ("p95",)
    ),
    "max_energy_mj": Kind("MaxEnergy", "largest mean energy of the device, in mJ"),
    "max_bytes": Kind("MaxBytes", "most bytes that an input sends on average"),
    "max_price": Kind("MaxPrice", "most money that an input costs on average"),
}
CHAIN_BUDGETS = {
    "max_cost": Kind("MaxTierCost", "largest mean cost of an input"),
    "min_accuracy": Kind("MinAccuracy", "least mean grade"),
}


class CostBudget(NamedTuple):
    """A budget of costs, made once the deployment is known."""

    name: str
    number: float

    def __call__(self, costs):
        """The budget."""
        return COST_BUDGETS[self.name].make(self.number, costs)


def budget_type(kinds):
    """The type of an argument NAME=NUMBER.

    Parameters
    ----------
    kinds : dict of str to Kind
    """

    def make(text):
        name, equals, value = text.partition("=")
        name = matched(
            name, kinds, "budget here", f" Choose one of {', '.join(kinds)}."
        )
        if name in WITHOUT_NUMBER and not equals:
            return kinds[name].make()
        try:
            number = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {name}=NUMBER") from None
        if name in COST_BUDGETS:
            return CostBudget(name, number)
        try:
            return kinds[name].make(number)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return make


def add_budgets(parser, note):
    """Add --budget, of any budget.

    Parameters
    ----------
    parser : ArgumentParser, or a group of one
    note : str
        What goes before the list of names.
    """
    parser.add_argument(
        "--budget",
        type=budget_type(BUDGETS | COST_BUDGETS),
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=f"{note}; once or more, all are kept: {', '.join(BUDGETS)}; and of a "
        f"deployment {', '.join(COST_BUDGETS)} (`selective-query list budgets`)",
    )


def joined(budgets, deployment):
    """One budget of several, those of costs with what `deployment()` gives."""
    if any(map(callable, budgets)):
        costs = deployment()
        budgets = [b(costs) if callable(b) else b for b in budgets]
    if len(budgets) == 1:
        return budgets[0]
    return import_module("selective_query.budgets").All(*budgets)
