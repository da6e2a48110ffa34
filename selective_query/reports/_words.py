"""A report as text: sentences and short tables."""

import math

import numpy as np

from selective_query.costs._percentiles import hides_queries
from selective_query.metrics._sentences import of_abstention, of_hybrid, percent
from selective_query.reports._verdict import scatter, shown

FEW = 5
TIES = 0.01  # share of the rows from which ties are mentioned
OFF = 0.005
COST_WORDS = {
    "latency_ms": ("mean time to an answer", "ms"),
    "p95_latency_ms": ("95 % answered within", "ms"),
    "energy_mj": ("energy of the device", "mJ"),
    "bytes": ("bytes sent", ""),
    "price": ("price", ""),
    "battery_days": ("battery lasts", "days"),
}
FIGURES = {
    "base alone": "base_accuracy",
    "global alone": "global_accuracy",
    "pair": "accuracy",
    "base on kept rows": "base_accuracy_on_kept",
    "global on queried rows": "global_accuracy_on_queried",
}
WHERE_SOME_STAY = "global alone", "global on rows that may leave"
OF_ABSTENTION = {
    "all rows, without abstaining": "base_accuracy",
    "on answered rows": "accuracy",
}


def interval(ends):
    """An interval in brackets, as percentages."""
    low, high = (f"{100 * end:.1f}" for end in ends)
    return f"[{low}, {high}]"


def number(value):
    """A cost with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def tabled(share):
    """A share as it is printed in tables."""
    return f"{100 * share:.1f} %"


def operating_point(report, coverage, accuracy, ends=""):
    """A point of a report's curve in words, without a full stop."""
    if not report.is_abstention:
        sides = report.base_accuracy, report.global_alone
        return of_hybrid(coverage, accuracy, *sides, ends)
    if math.isnan(accuracy):
        return f"None of the {report.n:,} rows is answered"
    return of_abstention(coverage, accuracy, ends, is_graded=report.rows.is_graded)


def verdict(report):
    """The first sentence of a report."""
    if not report.n:
        return "There are no rows to report on."
    ends = interval(report.intervals["coverage"])
    said = operating_point(report, report.coverage, report.accuracy, ends)
    if report.is_abstention:
        return f"{said}."
    lead = report.leads["base alone"]
    if shown(lead) == 0:
        said += "; a gain over the base alone is not shown"
    elif shown(lead) < 0:
        said += ", which is worse than the base alone"
    if report.global_alone <= report.base_accuracy:
        said += "; the global alone is no better than the base alone"
    return f"{said}."


def conclusion(report):
    """Whether the pair, the base alone or the global alone is the better system."""
    lines = _held_back(report)
    if report.routing_verdict is not None:
        return [*str(report.routing_verdict).splitlines(), *lines]
    for name, lead in report.leads.items():
        points = abs(100 * lead.difference)
        ends = sorted((100 * lead.low, 100 * lead.high))
        between = f"interval {ends[0]:+.1f} to {ends[1]:+.1f}"
        if shown(lead):
            more = lead.difference > 0
            how = f"{'more' if more else 'less'} accurate than the {name}"
            if report.rows.is_graded:
                how = f"{'above' if more else 'below'} the {name} in mean grade"
            lines.append(f"The pair is {points:.1f} points {how} ({between}).")
        else:
            lines.append(f"No significant difference to the {name} ({between} points).")
    if report.n_unavailable:
        lines.append(
            f"The global gave no answer about {report.n_unavailable:,} rows. Queried "
            "rows among them are counted at the mean accuracy of the others."
        )
    elif not report.is_abstention and not report.knows_all:
        lines.append(
            "The global answered only the queried rows; query_all=True also shows "
            "what it gains, and where accuracy is lost."
        )
    return lines


def _held_back(report):
    """Explain the global alone if some rows must stay."""
    share = report.rows.share_that_stays
    if not share or "global alone" not in {*report.leads, *(report.costs or ())}:
        return []
    return [
        f"With the global alone, the base answers the {percent(share)} of the rows "
        "that must stay, and all others are sent."
    ]


def coverage_lines(report):
    """Requested and realised coverage, with reasons for a difference."""
    point, rows = report.operating_point, report.rows
    if point is None or not report.n:
        return []
    asked, here = point.asked_coverage, report.coverage
    # On the calibration rows, where a threshold may keep more than requested.
    learned = min(max(point.coverage, 0.0), 1.0)
    lines = [
        f"Coverage: {percent(asked)} requested, {percent(learned)} on the calibration "
        f"rows, {percent(here)} {interval(report.intervals['coverage'])} on these."
    ]
    if point.budget is None:
        lines = [
            f"Coverage: {percent(here)} {interval(report.intervals['coverage'])}; "
            "queried where the router expects a gain."
        ]
    if learned - asked > OFF and rows.kept.any():
        edge = rows.score[rows.kept].max()
        tied = float(np.average(rows.score == edge, weights=rows.weights))
        if tied > TIES:
            lines.append(
                f"{percent(tied)} of these rows score exactly the threshold; ties stay "
                "together, so no threshold gives the requested coverage."
            )
    by_chance = scatter(learned, rows, max(point.certificate.n, 1))
    if abs(here - learned) > max(by_chance, OFF):
        lines.append(
            f"That is {100 * abs(here - learned):.1f} points off the calibration rows, "
            f"where chance explains {100 * by_chance:.1f}: these rows differ from the "
            "calibration rows, or the models were refitted."
        )
    return lines


def spending_lines(report):
    """Costs incurred, and whether they are within the budget."""
    return [f"Budget {of['budget']}: {_spent(of, report.n)}." for of in report.spending]


def _spent(of, n):
    if of["spent"] is None:
        return "unknown, because these rows have no query costs"
    found = f"{of['spent']:.4g} {of['unit']}".rstrip()
    if of["total"] is not None:
        thousand, total = f"{1000 * of['spent']:.4g}", f"{of['total']:.4g}"
        found += f" an input, {thousand} for 1,000 and {total} for these {n:,} rows"
    return f"{found}, which {'keeps' if of['is_kept'] else 'does not keep'} to it"


def accuracy_table(report):
    """Name, value and interval of each known accuracy."""
    names = OF_ABSTENTION if report.is_abstention else FIGURES
    if report.rows.holds_some_back:
        names = {name.replace(*WHERE_SOME_STAY): key for name, key in names.items()}
    return [
        (name, report[key], report.intervals[key])
        for name, key in names.items()
        if not math.isnan(report[key])
    ]


def cost_table(report):
    """Name and unit of each cost, with one value for each system."""
    costs = report.costs or {}
    first = next(iter(costs.values()), {})
    return [(*COST_WORDS[name], [of[name] for of in costs.values()]) for name in first]


def text(report):
    """Everything that is quick to compute, as plain text."""
    blocks = [[verdict(report)]]
    if report.n:
        blocks += [
            _accuracies(report),
            conclusion(report),
            [
                *coverage_lines(report),
                *_certificate(report),
                *spending_lines(report),
            ],
            _costs(report),
            _advice(report),
            _who(report),
            _examples(report),
        ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _accuracies(report):
    on = f"on {report.n:,} rows, {percent(report.confidence)} intervals"
    head = f"{report.rows.measure} {on}"
    table = accuracy_table(report)
    width = max((len(name) for name, *_ in table), default=0)
    return [head] + [
        f"  {name:{width}}  {tabled(value):>7}  {interval(ends)}"
        for name, value, ends in table
    ]


def _certificate(report):
    point = report.operating_point
    if point is None:
        return []
    certificate = str(point.certificate)
    return [f"Certificate: {certificate}."]


def _costs(report):
    if not report.costs:
        return []
    head = "".join(f"{name:>14}" for name in report.costs)
    lines = [f"{'Costs of an input':34}{head}"]
    for name, unit, values in cost_table(report):
        label = f"  {name} ({unit})" if unit else f"  {name}"
        lines.append(f"{label:34}" + "".join(f"{number(v):>14}" for v in values))
    if hides_queries(report.deployment, report.coverage):
        lines.append(
            "  fewer than 5 % are queried: the 95 % time does not describe them"
        )
    lost = report.deployment.chance_lost
    if lost > TIES / 10:
        lines.append(f"  {percent(lost)} of the queries are lost; the base answers.")
    return lines


def _advice(report):
    return [] if report.gap is None else report.gap.advice().splitlines()


def _who(report):
    kind, table = report.who_is_queried()
    told = [row for row in table if row["queried"] > 0]
    if len(table) < 2 or not told:
        return []
    verb = "abstained on" if report.is_abstention else "queried"
    width = max(len(f"{row['part']}") for row in told[:FEW])
    return [f"Most {verb}, by {kind}"] + [
        f"  {row['part']!s:{width}}  {tabled(row['queried']):>7} of {row['n']:,} rows"
        for row in told[:FEW]
    ]


def _examples(report):
    found = report.examples(FEW)
    return ["Examples"] * bool(found) + [
        f"  {of['count']:,} {of['what']}: {', '.join(map(str, of['names']))}"
        + (", ..." if of["count"] > len(of["names"]) else "")
        for of in found.values()
    ]
