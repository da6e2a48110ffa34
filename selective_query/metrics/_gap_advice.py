"""What an attributed gap says about where to work next, in words."""

import math


def advice(gap):
    """Advice on a gap.

    Parameters
    ----------
    gap : GapAttribution

    Returns
    -------
    str
        Lines: the whole gap, its largest part and what goes at it, and those of shift
        and threshold that are told apart from zero.
    """
    (first, *others), sure = gap.largest()
    if first.loss <= 0:
        return f"At coverage {gap.coverage:.1%} no step loses anything."
    lines = [
        f"At coverage {gap.coverage:.1%} the hybrid loses "
        f"{_points(1 - gap.accuracy)}: {_listing(gap)}."
    ]
    tied = others[:1] if not sure and not math.isnan(first.low) else []
    named = "the largest part"
    if tied:
        named += f", though these rows cannot tell it from {tied[0].name}"
    lines.append(f"{_SUBJECT[first.name]} {_points(first.loss)}, {named}.")
    said = [step.name for step in (first, *tied)]
    lines += [_REMEDY[name](gap) for name in said]
    for name in ("shift", "threshold"):
        if name in gap and name not in said:
            step = gap[name]
            if step.low > 0 or step.high < 0:
                verb = "loses" if step.loss > 0 else "gains"
                lines.append(f"{name.capitalize()} {verb} {_points(abs(step.loss))}.")
                lines.append(_REMEDY[name](gap))
    return "\n".join(lines)


_SUBJECT = {
    "base": "Errors of the base beyond the number of queries cost",
    "global": "The global's own errors cost",
    "ranking": "Ranking loses",
    "shift": "Shift from calibration to test rows loses",
    "threshold": "The threshold loses",
}


def _of_base(gap):
    return (
        "A better base helps, or a lower coverage: five points more queries would gain "
        f"{_points(gap.would_gain['more queries'])} in this order."
    )


def _of_global(gap):
    return (
        "A better global helps: a perfect one would gain "
        f"{_points(gap.would_gain['a perfect global'])} in this order, and a perfect "
        f"order of the rows {_points(gap.would_gain['a perfect order'])} with this "
        "global."
    )


def _of_ranking(gap):
    order = gap.would_gain["a perfect order"]
    text = "More evidence for the router (base_features=) or a router that learns helps"
    rival = gap.would_gain.get("a perfect global")
    if rival is None:
        text += "."
    elif order > rival:
        text += (
            f" more than a better global: on the test rows a perfect order would gain "
            f"{_points(order)}, a perfect global in this order {_points(rival)}."
        )
    else:
        text += (
            f"; but on the test rows a perfect global in this order would gain "
            f"{_points(rival)}, a perfect order with this global {_points(order)}."
        )
    if not math.isnan(gap.recovered):
        text += (
            f" The router gains {gap.recovered:.0%} of what a perfect order gains over "
            "a random one; no router gains all of it."
        )
    return text


def _of_shift(gap):
    if gap["shift"].loss <= 0:
        return (
            "The test rows are easier than the calibration rows, or were answered by "
            "models fitted on more rows."
        )
    part = max(gap.parts_of_shift, key=gap.parts_of_shift.get)
    return (
        f"Most of it is in {part} ({_points(gap.parts_of_shift[part])}). Check what "
        "changed, and calibrate on rows of today."
    )


def _of_threshold(gap):
    kept = (
        f"It kept {gap.realised_coverage:.1%} of the test rows where "
        f"{gap.coverage:.1%} was asked"
    )
    if gap.realised_coverage > gap.coverage:
        return (
            f"{kept}, so it queried less than was allowed. More calibration rows, a "
            "score with fewer ties or less confidence brings it closer."
        )
    if gap.realised_coverage < gap.coverage:
        return (
            f"{kept}: more queries than were asked for. More calibration rows, or "
            "rows of today, bring it closer, and confidence= makes it keep at least "
            "what is asked."
        )
    return f"{kept}."


_REMEDY = {
    "base": _of_base,
    "global": _of_global,
    "ranking": _of_ranking,
    "shift": _of_shift,
    "threshold": _of_threshold,
}


def _points(share):
    value = 100 * share
    digits = 2 if 0 < abs(value) < 0.1 else 1
    return f"{value:.{digits}f} {'point' if f'{value:.1f}' == '1.0' else 'points'}"


def _listing(gap):
    return ", ".join(
        f"{step.name} {100 * step.loss:.1f}" for step in gap.steps if step.loss
    )
