"""The steps from a perfect system down to a pair, as a table and in words."""

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class GapStep:
    """One step of the attribution.

    Attributes
    ----------
    loss : float
        Accuracy that is lost in this step; negative for a gain.
    low, high : float
        Confidence interval of the loss; nan without a bootstrap.
    accuracy : float
        Accuracy left after the step.
    name : str
        base, global, ranking, shift or threshold.
    """

    loss: float
    low: float
    high: float
    accuracy: float
    name: str


@dataclass(frozen=True, eq=False)
class GapAttribution:
    """Result of :func:`gap_attribution`, which defines the steps.

    Attributes
    ----------
    steps : tuple of GapStep
        From a perfect system, accuracy 1, down to the pair.
    coverage : float
        Requested share of inputs for the base to answer.
    realised_coverage : float
        Share of the test rows that the base answered.
    accuracy : float
        Accuracy of the pair on the test rows: one minus the sum of all losses.
    base_accuracy, global_accuracy : float
        Accuracy of each side alone, on the test rows.
    parts_of_shift : dict of str to float
        How much more each step before the shift loses on the test rows than on the
        calibration rows; the values add up to the shift. Empty without calibration
        rows.
    would_gain : dict of str to float
        Gain in accuracy, at the requested coverage of the test rows, from a single
        change: ``"a perfect order"`` of the rows, ``"a perfect global"`` queried in the
        router's order, or ``"more queries"``, by five points of coverage.
    recovered : float
        Gain of the router's order over a random order, as a share of the gain of a
        perfect order, at the requested coverage of the test rows; nan if a perfect
        order gains nothing.
    n : int
        Number of test rows.
    confidence : float
        Confidence of the intervals.
    replicates : ndarray of shape (n_bootstrap, n_steps)
        Losses of the steps in each resample.
    """

    steps: tuple
    coverage: float
    realised_coverage: float
    accuracy: float
    base_accuracy: float
    global_accuracy: float
    parts_of_shift: dict
    would_gain: dict
    recovered: float
    n: int
    confidence: float
    replicates: np.ndarray = field(repr=False)

    @property
    def system(self):
        """What the steps lead down to: "pair", or "classifier" if it abstains."""
        return self._words["system"]

    def __getitem__(self, name):
        """The step with this name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(
            f"There is no step {name!r}; there are "
            f"{', '.join(step.name for step in self.steps)}."
        )

    def __contains__(self, name):
        return any(step.name == name for step in self.steps)

    def largest(self):
        """The steps by decreasing loss, and whether the first is clearly the largest.

        Returns
        -------
        steps : list of GapStep
        sure : bool
            Whether the first loses more than the second according to the paired
            interval. False without a bootstrap or a second step.
        """
        order = np.argsort([-step.loss for step in self.steps], kind="stable")
        sure = False
        if len(order) > 1 and len(self.replicates):
            lead = self.replicates[:, order[0]] - self.replicates[:, order[1]]
            sure = bool(np.quantile(lead, (1 - self.confidence) / 2) > 0)
        return [self.steps[i] for i in order], sure

    def advice(self):
        """Suggest in words what to improve next.

        Returns
        -------
        str
            Each line holds one or more sentences: on the whole gap, on its largest part
            and what reduces it, and on shift and threshold if they differ clearly from
            zero.
        """
        (first, *others), sure = self.largest()
        if first.loss <= 0:
            return f"At coverage {self.coverage:.1%} no step loses anything."
        lines = [
            f"At coverage {self.coverage:.1%} the {self.system} loses "
            f"{_points(1 - self.accuracy)}: {_listing(self)}."
        ]
        tied = others[:1] if not sure and not math.isnan(first.low) else []
        named = "the largest part"
        if tied:
            named += f", though not significantly larger than {tied[0].name}"
        subject = _SUBJECT[first.name].replace("queries", self._words["queries"])
        lines.append(f"{subject} {_points(first.loss)}, {named}.")
        said = [step.name for step in (first, *tied)]
        lines += [_REMEDY[name](self) for name in said]
        for name in ("shift", "threshold"):
            if name in self and name not in said:
                step = self[name]
                if step.low > 0 or step.high < 0:
                    verb = "loses" if step.loss > 0 else "gains"
                    lines.append(
                        f"{name.capitalize()} {verb} {_points(abs(step.loss))}."
                    )
                    lines.append(_REMEDY[name](self))
        return "\n".join(lines)

    @property
    def _words(self):
        """Words for the system, its queries and the verb, depending on abstention."""
        if "a perfect global" in self.would_gain:
            return {"system": "pair", "queries": "queries", "queried": "queried"}
        return {
            "system": "classifier",
            "queries": "abstentions",
            "queried": "abstained",
        }

    def to_frame(self):
        """The steps as a pandas DataFrame.

        Returns
        -------
        DataFrame
            ``step``, ``loss``, ``low``, ``high``, ``accuracy`` left after the step.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas: pip install pandas. The same rows are in "
                ".steps."
            ) from error
        rows = [(s.name, s.loss, s.low, s.high, s.accuracy) for s in self.steps]
        return pd.DataFrame(rows, columns=["step", "loss", "low", "high", "accuracy"])

    def __str__(self):
        lines = [
            f"{self.n} test rows; coverage {self.coverage:.3f} requested, "
            f"{self.realised_coverage:.3f} realised; losses in points of accuracy",
            f"{'step':12}{'loses':>8}{'interval':>20}{'leaves':>10}",
            f"{'perfect':12}{'':>28}{100:>10.2f}",
        ]
        for step in self.steps:
            between = ""
            if not np.isnan(step.low):
                between = f"{100 * step.low:.2f} to {100 * step.high:.2f}"
            lines.append(
                f"{step.name:12}{100 * step.loss:>8.2f}{between:>20}"
                f"{100 * step.accuracy:>10.2f}"
            )
            if step.name == "shift":
                lines += [
                    f"  {name:10}{100 * part:>8.2f}"
                    for name, part in self.parts_of_shift.items()
                ]
        total = 100 * (1 - self.accuracy)
        lines.append(f"{'all':12}{total:>8.2f}{'':>20}{100 * self.accuracy:>10.2f}")
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
        "A better base helps, or a lower coverage: five points more "
        f"{gap._words['queries']} would gain "
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
    if round(gap.recovered, 2) < 0:
        text += (
            " The router orders the rows worse than chance: queries of random rows "
            "would gain more."
        )
    elif not math.isnan(gap.recovered):
        text += (
            f" The router gains {max(gap.recovered, 0):.0%} of what a perfect order "
            "gains over a random one; no router gains all of it."
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
        "changed, and calibrate on recent rows."
    )


def _of_threshold(gap):
    kept = (
        f"It kept {gap.realised_coverage:.1%} of the test rows where "
        f"{gap.coverage:.1%} was requested"
    )
    if gap.realised_coverage > gap.coverage:
        return (
            f"{kept}, so it {gap._words['queried']} less than allowed. More "
            "calibration rows, a score with fewer ties or a lower confidence= bring it "
            "closer."
        )
    if gap.realised_coverage < gap.coverage:
        return (
            f"{kept}: more {gap._words['queries']} than requested. More calibration "
            "rows, or recent ones, bring it closer, and confidence= makes it keep at "
            "least the requested share."
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
