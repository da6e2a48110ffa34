"""simulate_outages: the effect of a cloud outage, simulated in advance."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.frozen import FrozenEstimator

from selective_query._utils.numbers import (
    check_number,
    check_positive,
    check_whole,
    random_state_of,
)
from selective_query._utils.validation import check_choice, check_instance
from selective_query.classifiers.hybrid import HybridClassifier
from selective_query.costs import Deployment
from selective_query.displays.outage import OutageDisplay
from selective_query.serving._asking import Patience
from selective_query.serving._elsewhere import AnsweringElsewhere
from selective_query.serving._outage_stream import (
    ANSWER,
    BAD,
    REFUSED,
    STALE,
    UNREACHABLE,
    Draws,
    run_stream,
)

KINDS = "refusing", "silent", "slow", "overloaded", "lying", "stale"


@dataclass(frozen=True)
class Outage:
    """How a cloud fails, and for what share of the time.

    In each cycle the cloud works for the first share `availability` of the time, then
    fails.

    Parameters
    ----------
    kind : {"refusing", "silent", "slow", "overloaded", "lying", "stale"}
        How attempts fail: "refusing" breaks the connection after a round trip;
        "silent" never answers; "slow" takes `factor` times as long; "overloaded"
        refuses half of them and is slow for the rest; "lying" returns an invalid answer
        (NaN, another shape); "stale" answers with another model, which cannot be
        detected.
    availability : float, default=0.5
        Share of the time that the cloud works, in [0, 1].
    cycle_s : float, default=60
        Length of a cycle: one working and one failing period. A cycle longer than the
        stream models a cloud that fails once and stays down; short cycles model a cloud
        that flaps.
    share : float, default=1
        Share of attempts that fail during a failing period, in [0, 1].
    factor : float, default=10
        Factor on the computing time of a slow cloud.
    stale_accuracy : float, default=0.5
        Accuracy of the stale model on queried inputs.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    kind: str
    availability: float = 0.5
    cycle_s: float = 60.0
    share: float = 1.0
    factor: float = 10.0
    stale_accuracy: float = 0.5

    def __post_init__(self):
        check_choice(self.kind, "kind", KINDS)
        for name in ("availability", "share", "stale_accuracy"):
            check_number(getattr(self, name), name, 0, 1)
        check_positive(self.cycle_s, "cycle_s")
        check_number(self.factor, "factor", 1)

    def fails_at(self, ms):
        """Return whether the cloud is failing at a given time.

        Parameters
        ----------
        ms : float
            Time since the start of the stream.

        Returns
        -------
        bool
        """
        return (ms / 1000) % self.cycle_s >= self.availability * self.cycle_s

    def reply(self, ms, round_trip_ms, cloud_ms, chance):
        """Return the outcome of an attempt.

        Parameters
        ----------
        ms : float
            Time of the attempt, since the start of the stream.
        round_trip_ms, cloud_ms : float
            Times in normal operation.
        chance : float
            Uniform in [0, 1).

        Returns
        -------
        outcome : str
            "", "stale", or the reason why there is no answer.
        ms : float
            Time until the outcome is known; infinite if it never is.
        worked : bool
            Whether the cloud processed the attempt.
        """
        usual = round_trip_ms + cloud_ms
        if chance >= self.share or not self.fails_at(ms):
            return ANSWER, usual, True
        refuses = self.kind == "overloaded" and chance < self.share / 2
        if refuses or self.kind == "refusing":
            return (REFUSED if refuses else UNREACHABLE), round_trip_ms, False
        if self.kind == "silent":
            return UNREACHABLE, np.inf, False
        if self.kind == "lying":
            return BAD, usual, True
        if self.kind == "stale":
            return STALE, usual, True
        return ANSWER, round_trip_ms + self.factor * cloud_ms, True


@dataclass(frozen=True, eq=False)
class OutageReport:
    """Effect of outages, one row for each availability and deadline.

    Attributes
    ----------
    rows : list of dict
        ``availability`` and ``deadline_ms``; ``accuracy`` on the answered inputs; as
        shares of all inputs, ``abstained`` (or raised), ``queried`` (by the rule) and
        ``by_global`` (answered by the global); ``p50_ms``, ``p95_ms``, ``p99_ms`` and
        ``mean_ms`` of the latency; ``attempts``, the mean per query; ``price``, the
        mean per input; and, as shares of the queries, ``unreachable``, ``timeout``,
        ``refused``, ``bad answer``, ``not asked`` and ``stale``.
    """

    rows: list

    def to_frame(self):
        """The rows as a pandas DataFrame.

        Returns
        -------
        DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas: pip install pandas. The same rows are in .rows."
            ) from error
        return pd.DataFrame(self.rows)

    def plot(self, ax=None, *, value="accuracy"):
        """Plot a column against availability, with one line per deadline.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        value : str, default="accuracy"
            Name of the column.

        Returns
        -------
        OutageDisplay
        """
        return OutageDisplay(self.rows, value=value).plot(ax)


def simulate_outages(
    hybrid,
    X,
    y,
    deployment,
    outage,
    *,
    client=None,
    availability=None,
    deadline_ms=None,
    n_inputs=10_000,
    every_ms=0.0,
    random_state=None,
):
    """Simulate accuracy, latency and cost of a hybrid whose cloud fails.

    Inputs are drawn from the rows and answered one at a time, with the hybrid's
    ``on_unavailable`` and the same circuit breaker. Times come from the deployment. An
    input for which the hybrid would raise counts as an abstention.

    Parameters
    ----------
    hybrid : HybridClassifier
        Fitted. Its global must be available now: it is asked about every row that may
        be sent. Rows without an answer are left out, with a warning.
    X, y : array-like
        Rows that neither the models nor the router have seen.
    deployment : Deployment
        With order "base_first"; provides the time of the base, the link, the cloud and
        the payload. The client's timeout and retries replace those of the deployment.
    outage : Outage
    client : RemoteClassifier, CallableClassifier or None, default=None
        Provides deadline, attempts and breaker. None takes the hybrid's global.
    availability : sequence of float or None, default=None
        Values to simulate in place of the outage's own.
    deadline_ms : sequence of float or None, default=None
        Values to simulate in place of the client's own.
    n_inputs : int, default=10_000
        Number of simulated inputs.
    every_ms : float, default=0
        Interval between inputs; 0 starts each as soon as the last is answered.
    random_state : int, RandomState instance or None, default=None
        All rows of the report use the same draws.

    Returns
    -------
    OutageReport

    Raises
    ------
    TypeError, ValueError
        When a parameter is out of range, or there is no client.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
    >>> from selective_query.serving import Outage, RemoteClassifier, simulate_outages
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(), ExtraTreesClassifier(random_state=0), coverage=0.8,
    ...     on_unavailable="base",
    ... ).fit(X[:1200], y[:1200])
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
    ... )
    >>> found = simulate_outages(
    ...     hybrid, X[1200:], y[1200:], costs, Outage("silent"),
    ...     client=RemoteClassifier("https://models.example.org/v2/models/digits"),
    ...     availability=[1, 0], n_inputs=2000, random_state=0,
    ... )
    >>> well, dead = found.rows
    >>> well["accuracy"] > dead["accuracy"]
    True
    >>> dead["by_global"], dead["p50_ms"] < 10
    (0.0, True)
    """
    check_instance(hybrid, "hybrid", HybridClassifier)
    check_instance(outage, "outage", Outage)
    check_instance(deployment, "deployment", Deployment)
    if deployment.order != "base_first":
        raise ValueError(
            f"deployment must be of order 'base_first'. Got {deployment.order!r}."
        )
    patience = _patience_of(hybrid if client is None else client)
    check_whole(n_inputs, "n_inputs", 1)
    check_number(every_ms, "every_ms")
    rng = random_state_of(random_state)
    rng = np.random.default_rng(rng.randint(2**31))
    outcomes = hybrid.outcomes(X, y)
    known = np.flatnonzero(outcomes.weight)
    drawn = known[rng.integers(len(known), size=n_inputs)]
    kept = hybrid.rule_.decide(outcomes.evidence)[drawn]
    right = outcomes.base_utility[drawn], outcomes.query_utility[drawn]
    draws = Draws.of(deployment, n_inputs, patience.attempts, rng)
    here_ms = deployment.base_time_ms + deployment.router_time_ms
    rows = []
    for share in [outage.availability] if availability is None else availability:
        case = replace(outage, availability=share)
        for end in [patience.deadline_ms] if deadline_ms is None else deadline_ms:
            patient = replace(patience, deadline_ms=check_positive(end, "deadline_ms"))
            stream = run_stream(kept, here_ms, every_ms, draws, case, patient)
            row = {"availability": float(share), "deadline_ms": float(end)}
            falls_back = hybrid.on_unavailable == "base"
            answers = _answers(stream, kept, right, case, falls_back, rng)
            rows.append({**row, **answers, **_costs(stream, kept, deployment)})
    return OutageReport(rows)


def _patience_of(client):
    if isinstance(client, HybridClassifier):
        client = client.global_estimator_
    if isinstance(client, FrozenEstimator):
        client = client.estimator
    check_instance(
        client,
        "client",
        AnsweringElsewhere,
        "Give client=RemoteClassifier(...), as it will ask the cloud.",
    )
    return Patience(**{n: getattr(client, n) for n in Patience.__dataclass_fields__})


def _answers(stream, kept, right, outage, falls_back, rng):
    base_right, global_right = right
    asked = ~kept
    by_global = asked & np.isin(stream.outcome, (ANSWER, STALE))
    stale = rng.random(len(kept)) < outage.stale_accuracy
    correct = np.where(by_global, global_right, base_right)
    correct = np.where(asked & (stream.outcome == STALE), stale, correct)
    answered = kept | by_global | falls_back
    shares = {
        reason: float((stream.outcome[asked] == reason).mean()) if asked.any() else 0.0
        for reason in (UNREACHABLE, "timeout", REFUSED, BAD, "not asked", STALE)
    }
    return {
        "accuracy": float(correct[answered].mean()) if answered.any() else np.nan,
        "abstained": float(1 - answered.mean()),
        "queried": float(asked.mean()),
        "by_global": float(by_global.mean()),
        **shares,
    }


def _costs(stream, kept, deployment):
    sent = stream.attempts * deployment.link.price(deployment.payload_bytes)
    worked = stream.replies * deployment.cloud.price_per_query
    percentiles = np.percentile(stream.latency_ms, (50, 95, 99))
    names = ("p50_ms", "p95_ms", "p99_ms")
    return {
        **{name: float(ms) for name, ms in zip(names, percentiles, strict=True)},
        "mean_ms": float(stream.latency_ms.mean()),
        "attempts": float(stream.attempts[~kept].mean()) if (~kept).any() else 0.0,
        "price": float((sent + worked).mean()),
    }
