"""The steps from a perfect system down to a hybrid, as a table and in words."""

from dataclasses import dataclass, field

import numpy as np

from selective_query.metrics._gap_advice import advice

COLUMNS = ("step", "loss", "low", "high", "accuracy")


@dataclass(frozen=True)
class GapStep:
    """One step down.

    Attributes
    ----------
    loss : float
        Accuracy that is lost in this step; negative where it is gained.
    low, high : float
        Interval of the loss; nan without a bootstrap.
    accuracy : float
        What is left after the step.
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
        From a perfect system, accuracy 1, down to the hybrid.
    coverage : float
        The share that the base was asked to answer.
    realised_coverage : float
        The share of the test rows that it answered.
    accuracy : float
        Of the hybrid on the test rows: one minus the sum of all losses.
    base_accuracy, global_accuracy : float
        Of each side alone, on the test rows.
    parts_of_shift : dict of str to float
        How much more each step before the shift loses on the test rows than on the
        calibration rows; adds up to the shift. Empty without calibration rows.
    would_gain : dict of str to float
        What the accuracy at the asked coverage of the test rows would gain if one
        thing alone were changed: ``"a perfect order"`` of the rows, ``"a perfect
        global"`` asked in the router's order, ``"more queries"`` by five points of
        coverage.
    recovered : float
        Share of what a perfect order gains over a random one that the router's order
        gains, at the asked coverage of the test rows; nan where nothing is to gain.
    n : int
        Number of test rows.
    confidence : float
        Of the intervals.
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
    _replicates: np.ndarray = field(repr=False)

    def __getitem__(self, name):
        """The step of this name.

        Raises
        ------
        KeyError
            When there is none.
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
        """The steps that lose most, by falling loss, and whether the first is sure.

        Returns
        -------
        steps : list of GapStep
        sure : bool
            Whether the first loses more than the second in the paired interval. False
            without a bootstrap or a second step.
        """
        order = np.argsort([-step.loss for step in self.steps], kind="stable")
        sure = False
        if len(order) > 1 and len(self._replicates):
            lead = self._replicates[:, order[0]] - self._replicates[:, order[1]]
            sure = bool(np.quantile(lead, (1 - self.confidence) / 2) > 0)
        return [self.steps[i] for i in order], sure

    def advice(self):
        """What the steps say about where to work next, in words.

        Returns
        -------
        str
            A sentence or several a line.
        """
        return advice(self)

    def to_frame(self):
        """The steps as a pandas DataFrame.

        Returns
        -------
        DataFrame
            ``step``, ``loss``, ``low``, ``high``, ``accuracy`` left after the step.

        Raises
        ------
        ImportError
            When pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas: pip install pandas. The same rows are in "
                ".steps."
            ) from error
        rows = [(s.name, s.loss, s.low, s.high, s.accuracy) for s in self.steps]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def __str__(self):
        lines = [
            f"{self.n} test rows; coverage {self.coverage:.3f} asked, "
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
