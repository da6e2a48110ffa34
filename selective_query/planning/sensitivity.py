"""Sensitivity of a plan to assumed constants, each varied to both ends."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query.costs.gateway import Gateway

# The true value of an assumed constant may be half or twice the assumption.
FACTORS = (0.5, 2.0)
PROFILES = ("device", "link", "cloud")
# Parameters of the deployment that users often leave at their defaults.
CHOICES = ("timeout_ms", "retries")
SHARES = ("duty_cycle", "usable_share")


@dataclass(frozen=True)
class Variation:
    """A varied constant, with the resulting deployments.

    Parameters
    ----------
    constant : str
        Such as ``"link.energy_mj_per_wake_up"``.
    value : float or tuple
        Assumed value.
    ends : (object, object)
        Half and twice the value; for an availability, twice and half the outage; for
        cycles per operation, the device's fastest and slowest; for retries, one fewer
        and one more.
    deployments : (Deployment or None, Deployment or None)
        None for an invalid end.
    """

    constant: str
    value: object
    ends: tuple
    deployments: tuple


@dataclass(frozen=True)
class Sensitivity:
    """Effect of a constant on the plan at both of its ends.

    Parameters
    ----------
    constant : str
        Such as ``"link.energy_mj_per_wake_up"``.
    value : float or tuple
        Assumed value.
    ends : (object, object)
        Half and twice the value; for an availability, twice and half the outage; for
        cycles per operation, the device's fastest and slowest; for retries, one fewer
        and one more.
    coverages, accuracies : (float, float)
        Coverage and accuracy of the plan at these ends; nan if it is infeasible there.
    """

    constant: str
    value: object
    ends: tuple
    coverages: tuple
    accuracies: tuple

    @property
    def swing(self):
        """Difference between both accuracies; inf if one plan is infeasible."""
        if np.isnan(self.accuracies).any():
            return np.inf
        return abs(self.accuracies[1] - self.accuracies[0])

    def moves(self, coverage, accuracy):
        """Return whether the plan differs at one of the ends.

        Parameters
        ----------
        coverage, accuracy : float
            Coverage and accuracy of the plan with the assumed value.

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
    """Yield each assumed constant of a deployment, varied on its own.

    Timeout and retries are varied too, retries by one. Both latencies of a cloud are
    varied together. The cycles of a device are always a range, and are varied if a time
    is estimated from them.

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
    """Yield timeout halved and doubled, and retries minus and plus one."""
    retries = deployment.retries
    for name, ends in (
        ("timeout_ms", tuple(f * deployment.timeout_ms for f in FACTORS)),
        ("retries", (max(retries - 1, 0), retries + 1)),
    ):
        made = tuple(_replaced(deployment, **{name: end}) for end in ends)
        yield Variation(name, getattr(deployment, name), ends, made)


def _of_profile(profile, deployment):
    """Yield name, value, ends, and the corresponding changes of the profile."""
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
    """Return the deployment with a changed profile; None if that is invalid."""
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
