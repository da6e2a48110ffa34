"""Cost of a query, and the effect of lost queries on accuracy."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query._utils.numbers import check_number

N_DRAWS = 20_000


@dataclass(frozen=True)
class Query:
    """Time and energy of a query on the device, and its probability of being lost.

    Parameters
    ----------
    sorted_ms : ndarray of shape (n_draws,)
        Drawn times in increasing order.
    chance_lost : float
        Probability that no attempt gets through in time.
    attempts : float
        Mean number of attempts.
    energy_mj : float
        Mean energy.
    """

    sorted_ms: np.ndarray
    chance_lost: float
    attempts: float
    energy_mj: float


def draw_query(link, cloud, payload_bytes, timeout_ms, retries, fallback_ms):
    """Simulate queries with a fixed seed.

    An attempt is lost if one of its messages is not delivered, or if it takes longer
    than the timeout.

    Parameters
    ----------
    link : Link
    cloud : Cloud or Gateway
    payload_bytes, timeout_ms : float
    retries : int
    fallback_ms : float
        Time of the answer on the device if all attempts are lost.

    Returns
    -------
    Query
    """
    rng = np.random.default_rng(0)
    shape = N_DRAWS, retries + 1
    n_drawn = N_DRAWS * (retries + 1)
    sending = link.transfer_ms(payload_bytes)
    waiting = link.draw_round_trip_ms(rng, n_drawn) + cloud.draw_ms(rng, n_drawn)
    waiting = waiting.reshape(shape)
    in_time = sending + waiting <= timeout_ms
    delivered = link.availability ** link.n_messages(payload_bytes)
    through = in_time & (rng.random(shape) < delivered)
    answered = through.any(axis=1)
    n_lost = np.where(answered, through.argmax(axis=1), retries + 1)
    last = np.minimum(n_lost, retries)[:, None]
    answer = np.take_along_axis(waiting, last, axis=1)[:, 0]

    ms = n_lost * timeout_ms + np.where(answered, sending + answer, fallback_ms)
    waited = n_lost * (timeout_ms - sending) + np.where(answered, answer, 0)
    chance = delivered * in_time.mean()
    attempts = sum((1 - chance) ** number for number in range(retries + 1))
    energy = attempts * link.send_energy_mj(payload_bytes)
    energy += link.waiting_power_mw * float(waited.mean()) / 1000
    lost = (1 - chance) ** (retries + 1)
    return Query(np.sort(ms), float(lost), float(attempts), float(energy))


def with_lost_queries(outcomes, chance_lost):
    """Return the outcomes when the base answers lost queries.

    Parameters
    ----------
    outcomes : Outcomes
        With a global.
    chance_lost : float
        Probability that no attempt of a query gets through, as in a
        :class:`Deployment`.

    Returns
    -------
    Outcomes
        Their utility of the global is the expected utility of a query.
    """
    check_number(chance_lost, "chance_lost", 0, 1)
    expected = (
        1 - chance_lost
    ) * outcomes.global_utility + chance_lost * outcomes.base_utility
    return replace(outcomes, global_utility=expected)
