"""Whether something fits a device: each limit, what is used, what is left."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """One limit of a device.

    Parameters
    ----------
    name : str
    used, allowed : float
    """

    name: str
    used: float
    allowed: float

    @property
    def headroom(self):
        """What is left; below zero where the limit is exceeded."""
        return self.allowed - self.used

    def __str__(self):
        share = f"{self.used:,.0f} of {self.allowed:,.0f} {self.name}"
        if self.headroom < 0:
            return f"{share}: {-self.headroom:,.0f} too many"
        return f"{share}: {self.headroom:,.0f} left"


@dataclass(frozen=True)
class FitReport:
    """All limits of a device; true where every one is kept.

    Parameters
    ----------
    device : str
    limits : tuple of Limit
    assumptions : str, default=""
    """

    device: str
    limits: tuple
    assumptions: str = ""

    def __bool__(self):
        return all(limit.headroom >= 0 for limit in self.limits)

    @property
    def excess(self):
        """What is exceeded, in words; None where all fits."""
        exceeded = [str(limit) for limit in self.limits if limit.headroom < 0]
        return f"{self.device}: {'; '.join(exceeded)}" if exceeded else None

    def __str__(self):
        head = f"{self.device}, {self.assumptions}" if self.assumptions else self.device
        return "\n".join([head, *(f"  {limit}" for limit in self.limits)])
