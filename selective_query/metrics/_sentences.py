"""Sentences that summarise an operating point, for plots and reports."""

import math


def percent(share, digits=1):
    """A share as a percentage, without decimals if they are all zero."""
    text = f"{100 * share:.{digits}f}"
    return f"{text.removesuffix('.' + digits * '0') if digits else text} %"


def of_hybrid(coverage, accuracy, base_accuracy, global_accuracy=math.nan, ends=""):
    """Summarise an operating point, with its share of the global's gain.

    `ends` is the interval of the coverage, in brackets.
    """
    kept = f"{percent(coverage)} {ends}".strip()
    said = f"The base answers {kept}; the pair reaches {percent(accuracy)}"
    gain = global_accuracy - base_accuracy
    if gain > 0 and accuracy > base_accuracy:
        share = percent((accuracy - base_accuracy) / gain, 0)
        said += f", {share} of the global's gain"
    return said


def of_abstention(coverage, accuracy, ends="", *, is_graded=False):
    """Summarise an operating point of a classifier that may abstain."""
    kept = f"{percent(coverage)} {ends}".strip()
    if is_graded:
        return f"{kept} are answered, with a mean grade of {percent(accuracy)}"
    return f"{kept} are answered, {percent(accuracy)} of them correctly"
