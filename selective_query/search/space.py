"""A space of bases that differ in parameters, for an evolutionary search."""

from dataclasses import dataclass

from sklearn.utils import check_random_state


@dataclass(frozen=True)
class SearchSpace:
    """Bases that differ in some parameters, each with a list of values.

    Parameters
    ----------
    make : callable
        Called with one keyword argument for each parameter; returns an estimator.
    choices : dict of str to list
        Values of each parameter, ordered so that neighbours are similar.

    Raises
    ------
    ValueError
        If there is nothing to choose.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from selective_query import SearchSpace
    >>> space = SearchSpace(DecisionTreeClassifier, {"max_depth": [2, 4, 8]})
    >>> space.n_points
    3
    """

    make: object
    choices: dict

    def __post_init__(self):
        if not callable(self.make):
            raise ValueError(
                f"make must be a callable that returns an estimator. Got {self.make!r}."
            )
        empty = [name for name, values in self.choices.items() if not len(values)]
        if not self.choices or empty:
            raise ValueError(
                "choices must list at least one value for at least one parameter. Got "
                f"{self.choices!r}."
            )

    @property
    def n_points(self):
        """Number of bases in the space."""
        n = 1
        for values in self.choices.values():
            n *= len(values)
        return n

    def sample(self, random_state):
        """Draw a point at random.

        Parameters
        ----------
        random_state : int, RandomState instance or None

        Returns
        -------
        tuple of int
            For each parameter, the index of its value in ``choices``.
        """
        rng = check_random_state(random_state)
        return tuple(rng.randint(len(values)) for values in self.choices.values())

    def mutate(self, point, random_state):
        """A neighbouring point: one parameter moved by one place, up or down.

        Parameters
        ----------
        point : tuple of int
            As from :meth:`sample`.
        random_state : int, RandomState instance or None

        Returns
        -------
        tuple of int
            The same point if no parameter has a second value.
        """
        rng = check_random_state(random_state)
        sizes = [len(values) for values in self.choices.values()]
        movable = [place for place, size in enumerate(sizes) if size > 1]
        if not movable:
            return point
        place = movable[rng.randint(len(movable))]
        moved = point[place] + (1 if rng.randint(2) else -1)
        moved = 1 if moved < 0 else sizes[place] - 2 if moved >= sizes[place] else moved
        return (*point[:place], moved, *point[place + 1 :])

    def params(self, point):
        """Parameter values at a point, by name.

        Parameters
        ----------
        point : tuple of int

        Returns
        -------
        dict
        """
        return {
            name: values[place]
            for (name, values), place in zip(self.choices.items(), point, strict=True)
        }

    def candidate(self, point):
        """Name and estimator at a point.

        Parameters
        ----------
        point : tuple of int

        Returns
        -------
        name : str
            The parameters and their values.
        estimator : estimator
            Not fitted.
        """
        params = self.params(point)
        name = ", ".join(f"{key}={value!r}" for key, value in params.items())
        return name, self.make(**params)
