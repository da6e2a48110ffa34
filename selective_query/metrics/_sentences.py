"""What figures say, as a sentence that a picture or a report begins with."""

import math


def percent(share, digits=1):
    """A share as a percentage, without a decimal where it is a whole one."""
    text = f"{100 * share:.{digits}f}"
    return f"{text.removesuffix('.' + digits * '0') if digits else text} %"


def of_hybrid(coverage, accuracy, base_accuracy, global_accuracy=math.nan, ends=""):
    """What an operating point gives, and how much of the global's gain that is.

    `ends` is an interval of the coverage in brackets.
    """
    kept = f"{percent(coverage)} {ends}".strip()
    said = f"The base answers {kept}; the pair reaches {percent(accuracy)}"
    gain = global_accuracy - base_accuracy
    if gain > 0 and accuracy > base_accuracy:
        share = percent((accuracy - base_accuracy) / gain, 0)
        said += f", {share} of the global's gain"
    return said


def of_abstention(coverage, accuracy, ends=""):
    """What an operating point of a classifier that may abstain gives."""
    kept = f"{percent(coverage)} {ends}".strip()
    return f"{kept} are answered, {percent(accuracy)} of them rightly"
