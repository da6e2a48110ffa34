"""The option `--budget`: any budget as NAME=NUMBER, parsed with the arguments."""

import argparse
from importlib import import_module
from typing import NamedTuple

from selective_query.cli._names import matched


class Kind(NamedTuple):
    """A kind of budget: its class, the meaning of its number, further arguments."""

    cls: str
    help: str
    options: tuple = ()

    def make(self, *given):
        """Return the budget."""
        found = getattr(import_module("selective_query.budgets"), self.cls)
        return found(*given, *self.options)


BUDGETS = {
    "coverage": Kind("Coverage", "minimum share that the base answers"),
    "query_rate": Kind("QueryRate", "maximum share that is queried"),
    "min_accuracy": Kind("MinAccuracy", "minimum accuracy of the pair"),
    "max_excess_error": Kind(
        "MaxExcessError", "maximum error of the pair in excess of the global's"
    ),
    "min_selective_accuracy": Kind(
        "MinSelectiveAccuracy", "minimum accuracy on the inputs that the base answers"
    ),
    "group_coverage": Kind(
        "GroupCoverage",
        "minimum share that the base answers in each group (column group)",
    ),
    "max_query_cost": Kind(
        "MaxQueryCost", "maximum mean cost per input (column query_cost)"
    ),
    "stay_local": Kind(
        "StayLocal", "no number: rows marked in the column local_only are not queried"
    ),
}
WITHOUT_NUMBER = {"stay_local"}
# Budgets that also need a deployment.
COST_BUDGETS = {
    "min_battery_days": Kind("BatteryLife", "minimum battery life, in days"),
    "max_latency_ms": Kind("MaxLatency", "maximum mean latency, in ms"),
    "max_p95_latency_ms": Kind(
        "MaxLatency", "maximum 95th percentile of the latency, in ms", ("p95",)
    ),
    "max_energy_mj": Kind("MaxEnergy", "maximum mean energy of the device, in mJ"),
    "max_bytes": Kind("MaxBytes", "maximum mean bytes sent per input"),
    "max_price": Kind("MaxPrice", "maximum mean price per input"),
}
CHAIN_BUDGETS = {
    "max_cost": Kind("MaxTierCost", "maximum mean cost per input"),
    "min_accuracy": Kind("MinAccuracy", "minimum mean grade"),
}


class CostBudget(NamedTuple):
    """A budget of costs, created once the deployment is known."""

    name: str
    number: float

    def __call__(self, costs):
        """Return the budget."""
        return COST_BUDGETS[self.name].make(self.number, costs)


def budget_type(kinds):
    """Return the argparse type of NAME=NUMBER.

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
    """Add --budget, for any budget.

    Parameters
    ----------
    parser : ArgumentParser, or a group of one
    note : str
        Help text before the list of names.
    """
    parser.add_argument(
        "--budget",
        type=budget_type(BUDGETS | COST_BUDGETS),
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=f"{note}; may be repeated, all are met: {', '.join(BUDGETS)}; and for a "
        f"deployment {', '.join(COST_BUDGETS)} (`selective-query list budgets`)",
    )


def joined(budgets, deployment):
    """Combine several budgets; those of costs use the result of `deployment()`."""
    if any(map(callable, budgets)):
        costs = deployment()
        budgets = [b(costs) if callable(b) else b for b in budgets]
    if len(budgets) == 1:
        return budgets[0]
    return import_module("selective_query.budgets").All(*budgets)
