"""Which assumed constants a plan hangs on: each of them at both of its ends."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query.costs.gateway import Gateway

# An assumed constant may well be half or twice what it is taken for.
FACTORS = (0.5, 2.0)
PROFILES = ("device", "link", "cloud")
# Choices of the deployment itself, which users often leave at their defaults.
CHOICES = ("timeout_ms", "retries")
SHARES = ("duty_cycle", "usable_share")


@dataclass(frozen=True)
class Variation:
    """A constant that may be another, and the deployments that it then makes.

    Parameters
    ----------
    constant : str
        Such as ``"link.energy_mj_per_wake_up"``.
    value : float or tuple
        What it is taken for.
    ends : (object, object)
        Half and twice of it; of an availability, with twice and half the outage; of
        cycles per operation, the device's fastest and slowest; of retries, one fewer
        and one more.
    deployments : (Deployment or None, Deployment or None)
        None where an end makes no sense.
    """

    constant: str
    value: object
    ends: tuple
    deployments: tuple


@dataclass(frozen=True)
class Sensitivity:
    """What a constant does to the plan when it is at either of its ends.

    Parameters
    ----------
    constant : str
        Such as ``"link.energy_mj_per_wake_up"``.
    value : float or tuple
        What it is taken for.
    ends : (object, object)
        Half and twice of it; of an availability, with twice and half the outage; of
        cycles per operation, the device's fastest and slowest; of retries, one fewer
        and one more.
    coverages, accuracies : (float, float)
        Of the plan at these ends; nan where no operating point keeps to the budgets
        then.
    """

    constant: str
    value: object
    ends: tuple
    coverages: tuple
    accuracies: tuple

    @property
    def swing(self):
        """Difference between both accuracies; inf where one plan is infeasible."""
        if np.isnan(self.accuracies).any():
            return np.inf
        return abs(self.accuracies[1] - self.accuracies[0])

    def moves(self, coverage, accuracy):
        """Whether an end makes another plan than this one.

        Parameters
        ----------
        coverage, accuracy : float
            Of the plan with the constant as it is.

        Returns
        -------
        bool
        """
        same = np.array([coverage, accuracy])[:, None]
        return not np.allclose([self.coverages, self.accuracies], same, 0, 1e-9)

    def __str__(self):
        results = ", ".join(
            f"{_text(end)}: infeasible"
            if np.isnan(coverage)
            else f"{_text(end)}: {100 * accuracy:.2f} % at coverage {coverage:.3f}"
            for end, coverage, accuracy in zip(
                self.ends, self.coverages, self.accuracies, strict=True
            )
        )
        return f"{self.constant} = {_text(self.value)}; {results}"


def _text(value):
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    return f"{value:g}"


def variations(deployment):
    """Every assumed constant of a deployment, varied by itself.

    Timeout and retries, which are choices, are varied too, retries by one. Both
    latencies of a cloud are varied together. The cycles of a device are a range
    whoever they are from, and varied where a time is estimated by them.

    Parameters
    ----------
    deployment : Deployment

    Yields
    ------
    Variation
    """
    for name in PROFILES:
        profile = getattr(deployment, name)
        if isinstance(profile, Gateway):
            for inner in variations(profile.deployment):
                clouds = [
                    o and replace(profile, deployment=o) for o in inner.deployments
                ]
                yield replace(
                    inner,
                    constant=f"gateway.{inner.constant}",
                    deployments=tuple(
                        c and replace(deployment, cloud=c) for c in clouds
                    ),
                )
        elif profile is not None:
            for constant, value, ends, changes in _of_profile(profile, deployment):
                made = tuple(_with(deployment, name, change) for change in changes)
                yield Variation(f"{name}.{constant}", value, ends, made)
    if deployment.order != "same_device":
        yield from _of_choices(deployment)


def _of_choices(deployment):
    """Timeout halved and doubled, retries one fewer and one more."""
    retries = deployment.retries
    for name, ends in (
        ("timeout_ms", tuple(f * deployment.timeout_ms for f in FACTORS)),
        ("retries", (max(retries - 1, 0), retries + 1)),
    ):
        made = tuple(_replaced(deployment, **{name: end}) for end in ends)
        yield Variation(name, getattr(deployment, name), ends, made)


def _of_profile(profile, deployment):
    """Name, value, ends, and the changes of the profile that make these."""
    assumed = profile.assumed()
    if hasattr(profile, "cycles_per_mac") and deployment.estimates_time:
        ends = profile.cycles_per_mac
        changes = [{"cycles_per_mac": (cycles, cycles)} for cycles in ends]
        yield "cycles_per_mac", ends, ends, changes
    if {"median_ms", "p95_ms"} <= set(assumed):
        changes = [
            {"median_ms": f * profile.median_ms, "p95_ms": f * profile.p95_ms}
            for f in FACTORS
        ]
        ends = tuple(change["median_ms"] for change in changes)
        yield "median_ms, with p95_ms", profile.median_ms, ends, changes
        assumed = [name for name in assumed if name not in ("median_ms", "p95_ms")]
    for name in assumed:
        value = getattr(profile, name)
        if not isinstance(value, (int, float)) or not value:
            continue
        if name == "availability":
            ends = tuple(max(0.0, 1 - f * (1 - value)) for f in reversed(FACTORS))
        else:
            ends = tuple(f * value for f in FACTORS)
        if name in SHARES:
            ends = tuple(min(end, 1.0) for end in ends)
        if set(ends) != {value}:
            yield name, value, ends, [{name: end} for end in ends]


def _with(deployment, name, changes):
    """The deployment with another profile; None where that makes no sense."""
    try:
        changed = getattr(deployment, name).with_(**changes)
    except ValueError:
        return None
    return _replaced(deployment, **{name: changed})


def _replaced(deployment, **changes):
    try:
        return replace(deployment, **changes)
    except ValueError:
        return None
