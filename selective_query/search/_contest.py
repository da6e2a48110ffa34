"""Compare bases on the same rows: on few rows first, the better ones on more."""

import numpy as np
from sklearn.utils.validation import check_memory

from selective_query._models.crossfit import fit_model
from selective_query._utils.labels import pick_rows
from selective_query._utils.parallel import in_parallel
from selective_query.footprint._device_check import device_report
from selective_query.routers.registry import make_router
from selective_query.search._hybrid_accuracy import (
    Judged,
    compared_coverage,
    judge_base,
)
from selective_query.search.space import SearchSpace

# Minimum number of rows of each class at the start, so that folds contain every class.
N_OF_EACH = 2


class Contest:
    """State of a search: candidates, exclusions, and each one's latest comparison.

    Parameters
    ----------
    search : HybridSearchCV
        Its parameters define the candidates and the schedule.
    X, y, weight
        The rows; the weight may be None.
    rng : numpy RandomState

    Attributes
    ----------
    bases : dict of str to estimator
        Candidates within all limits.
    left_out : dict of str to str
        The other candidates, and the limits that they exceed.
    judged : dict of str to Judged
        The latest comparison of each candidate.
    """

    def __init__(self, search, X, y, weight, rng):
        self.search = search
        self.X, self.y, self.weight, self.rng = X, y, weight, rng
        self.order = stratified_order(y, rng, N_OF_EACH)
        self.bases, self.left_out, self.judged = {}, {}, {}

    def finalists(self):
        """Names of the finalists, compared by the router on all rows, best first."""
        search, n_rows = self.search, self._n_first()
        names = self._enter(n_rows)
        while n_rows < len(self.y) and len(names) > search.n_finalists:
            n_left = max(search.n_finalists, len(names) // search.factor)
            names = self.ranked(names)[:n_left]
            n_rows = min(search.factor * n_rows, len(self.y))
            self._judge(names, n_rows)
        last = self.ranked(names)[: search.n_finalists]
        self._judge(last, len(self.y), learned=True)
        return sorted(last, key=lambda name: -self.judged[name].learned)

    def ranked(self, names):
        """Names by accuracy under the proxy, best first."""
        return sorted(names, key=lambda name: -self.judged[name].proxy)

    def _n_first(self):
        """Number of rows in the first comparison, which contain every class."""
        fewest = max(self.search.min_rows, N_OF_EACH * len(np.unique(self.y)))
        return min(fewest, len(self.y))

    def _enter(self, n_rows):
        """Names of the candidates within all limits, compared on `n_rows` rows."""
        candidates = self.search.candidates
        if isinstance(candidates, SearchSpace):
            return self._evolve(candidates, n_rows)
        names = [name for name, base in candidates.items() if self._admit(name, base)]
        self._refuse_none(names)
        self._judge(names, n_rows)
        return names

    def _evolve(self, space, n_rows):
        """Evolve generations from the better half, starting from random points."""
        points, size = {}, self.search.population
        for generation in range(self.search.n_generations):
            parents = self.ranked(points)[: max(1, size // 2)]
            wanted = min(size * (generation + 1), space.n_points)
            for _ in range(20 * size):
                if len(points) >= wanted:
                    break
                point = self._offspring(space, points, parents)
                name, base = space.candidate(point)
                known = name in points or name in self.left_out
                if not known and self._admit(name, base):
                    points[name] = point
            self._refuse_none(points)
            self._judge([name for name in points if name not in self.judged], n_rows)
        return list(points)

    def _offspring(self, space, points, parents):
        if not parents:
            return space.sample(self.rng)
        parent = parents[self.rng.randint(len(parents))]
        return space.mutate(points[parent], self.rng)

    def _admit(self, name, base):
        excess = self._excess(base)
        if excess is None:
            self.bases[name] = base
            return True
        self.left_out[name] = excess
        return False

    def _excess(self, base):
        """The limit that a candidate exceeds, in words; None if there is none."""
        search = self.search
        excess = None if search.excess is None else search.excess(base)
        if excess is not None or search.device is None:
            return excess
        return device_report(
            base,
            search.device,
            self.X,
            len(np.unique(self.y)),
            fit=lambda: fit_model(base, self.X, self.y, self.weight),
            router=make_router(search.router),
        ).excess

    def _refuse_none(self, names):
        if not names:
            shown = "; ".join(f"{n}: {why}" for n, why in self.left_out.items())
            raise ValueError(
                "Each candidate exceeds the device or excess=. Give smaller ones, or "
                f"another device. {shown}"
            )

    def _judge(self, names, n_rows, learned=False):
        search, rows = self.search, np.sort(self.order[:n_rows])
        judge = check_memory(search.memory).cache(judge_base)
        part = pick_rows(rows, self.X, self.y, self.weight)
        coverage = compared_coverage(search.coverage)
        settings = search.global_estimator, coverage, search.cv
        routers = search.proxy, search.router if learned else None
        found = in_parallel(
            judge,
            [(self.bases[name], *settings, *part, *routers) for name in names],
            search.n_jobs,
            label=f"{n_rows} rows",
            shown=search.verbose,
        )
        for name, accuracies in zip(names, found, strict=True):
            cost = (
                np.nan if search.cost is None else float(search.cost(self.bases[name]))
            )
            self.judged[name] = Judged(name, n_rows, *accuracies, cost)


def stratified_order(y, rng, n_of_each):
    """An order of the rows in which every prefix has the classes in proportion.

    The first rows include `n_of_each` of every class, so that none is missing.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    rng : numpy RandomState
    n_of_each : int

    Returns
    -------
    ndarray of shape (n_samples,), int
    """
    place = np.empty(len(y))
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        # Evenly spaced, with a separate offset for each class.
        place[rows] = (np.arange(len(rows)) + rng.uniform()) / len(rows)
        place[rows[:n_of_each]] = -1
    return np.argsort(place, kind="stable")
