"""Daily load: whether a day's inputs can be processed, and battery life."""

import math

from selective_query.costs.cost_model import (
    MILLIJOULES_PER_MILLIWATT_HOUR,
    SECONDS_PER_DAY,
    check_share,
)
from selective_query.exceptions import OverloadError


class Daily:
    """Methods of a deployment that depend on ``inputs_per_day``."""

    def battery_days(self, coverage):
        """Return the battery life in days.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
            inf if nothing draws power.

        Raises
        ------
        ValueError
            If the device has no battery, or ``inputs_per_day`` was not given.
        OverloadError
            If the device cannot compute, or the link may not send, that many inputs
            per day.
        """
        check_share(coverage)
        charge = self.device.battery_mwh
        if charge is None or self.inputs_per_day is None:
            missing = "inputs_per_day" if charge is not None else "a battery"
            raise ValueError(f"Battery life needs {missing}. Got None.")
        self.check_load(coverage)
        busy_s = self._busy_s(coverage)
        spent = self.inputs_per_day * self.energy_mj(
            coverage
        ) + self.device.sleep_power_mw * (SECONDS_PER_DAY - busy_s)
        total = charge * MILLIJOULES_PER_MILLIWATT_HOUR
        return total / spent if spent else math.inf

    def check_load(self, coverage):
        """Refuse more inputs per day than the device or the link can handle.

        Nothing is refused if ``inputs_per_day`` was not given.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Raises
        ------
        OverloadError
            If there are more.
        """
        check_share(coverage)
        overload = "" if self.inputs_per_day is None else self._overload(coverage)
        if overload:
            raise OverloadError(
                f"inputs_per_day={self.inputs_per_day:g} at coverage {coverage:g} take "
                f"{overload}. Give fewer inputs, a higher coverage, or another device "
                "or link."
            )

    def _busy_s(self, coverage):
        """Return the seconds per day that the device computes."""
        busy = self.router_time_ms + self.base_time_ms * self._base_share(coverage)
        if self.order == "same_device":
            busy += (1 - coverage) * float(self._query.sorted_ms[0])
        return self.inputs_per_day * busy / 1000

    def _overload(self, coverage):
        """Describe what exceeds a day; empty if nothing does."""
        busy_s, allowed_s = self._busy_s(coverage), SECONDS_PER_DAY
        if busy_s > allowed_s:
            return f"{busy_s:.0f} s a day to compute, and there are {allowed_s}"
        if self.order == "same_device":
            return ""
        on_air = self.attempts * self.link.on_air_ms(self.payload_bytes) / 1000
        sending_s = self.inputs_per_day * (1 - coverage) * on_air
        allowed_s *= self.link.duty_cycle
        if sending_s > allowed_s:
            return (
                f"{sending_s:.0f} s a day to send over {self.link.name}, and there are "
                f"{allowed_s:.0f}"
            )
        return ""
