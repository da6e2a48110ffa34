"""A router that reads the input alone and decides before the base has run."""

from sklearn.base import clone

from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes.evidence import Evidence
from selective_query.outcomes.outcomes import Outcomes
from selective_query.routers._scores import scores_of
from selective_query.routers._table import check_transformer, numeric_inputs
from selective_query.routers.base import BaseRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.supervision.named import supervise


class PreRouter(BaseRouter):
    r"""Decide on the input alone, so that the base does not run on queried inputs.

    .. math:: s(x) = \text{router}(\varphi(x))

    A router that reads the base's outputs has more information, but then every input
    costs a run of the base. This router needs the base only for the inputs that the
    base answers, which pays off if the base is expensive relative to a query, for
    example if both run on one machine. Use ``ConstantCosts(router_first=True)`` for its
    costs.

    Parameters
    ----------
    router : BaseRouter or None, default=None
        Learns only from the columns of X; it is cloned. None means a
        :class:`BenefitRouter`.
    features : transformer or None, default=None
        Converts X to numeric columns, for example ``TfidfVectorizer()`` for texts; it
        is cloned, and fitted without labels. None uses a numeric X of shape (n_samples,
        n_columns), dense or sparse, unchanged.
    supervision : str or callable, default="benefit"
        As in :class:`BenefitRouter`.

    Attributes
    ----------
    router_ : BaseRouter
    features_ : transformer or None

    Raises
    ------
    TypeError
        In `fit`, if `router` is not a router or `features` not a transformer.
    MissingEvidenceError
        In `fit`, if the router reads more than X, or X is not a table of numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> from selective_query.routers import PreRouter
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(), ExtraTreesClassifier(random_state=0), router=PreRouter()
    ... ).fit(X[:1200], y[:1200])
    >>> hybrid.policy_.router_.needs_base
    False
    """

    learns = True
    required_evidence = ("X",)
    needs_base = False

    def __init__(self, router=None, features=None, supervision="benefit"):
        self.router = router
        self.features = features
        self.supervision = supervision

    @property
    def in_benefit_units(self):
        inner = BenefitRouter() if self.router is None else self.router
        taught = BenefitRouter(supervision=self.supervision)
        return inner.in_benefit_units and taught.in_benefit_units

    def check_before_fit(self, X):
        self._check_params()
        if self.features is None:
            inner = BenefitRouter() if self.router is None else self.router
            inner.check_before_fit(X)
            if inner._reads_columns:
                numeric_inputs(X, "PreRouter needs")

    def fit(self, outcomes):
        self._new_router().fit(self._inputs_alone(outcomes))
        return self

    def fit_score(self, outcomes):
        return self._new_router().fit_score(self._inputs_alone(outcomes))

    def query_score(self, evidence):
        self._check_fitted()
        return scores_of(self.router_, Evidence(X=self._columns(evidence)))

    def program(self):
        self._check_fitted()
        if self.features_ is not None:
            raise TypeError(
                "PreRouter has no program: features="
                f"{type(self.features_).__name__} turns X into columns. Do that before "
                "and give a numeric X, with features=None."
            )
        return self.router_.program()

    def decision_cost(self, evidence):
        """Cost of the inner router; the conversion of X to columns is not included.

        Parameters
        ----------
        evidence : Evidence
            With the kinds and widths of a decision; one row is enough.

        Returns
        -------
        DecisionCost
        """
        self._check_fitted()
        return self.router_.decision_cost(Evidence(X=self._columns(evidence)))

    def _check_params(self):
        if self.features is not None:
            check_transformer(self.features, "PreRouter", ", or None")
        if self.router is None:
            return
        if not isinstance(self.router, BaseRouter):
            raise TypeError(
                "PreRouter takes as router an instance of a BaseRouter subclass, such "
                f"as BenefitRouter(), or None. Got {self.router!r}."
            )
        unknown = [name for name in self.router.required_evidence if name != "X"]
        if unknown:
            raise MissingEvidenceError(
                "PreRouter hands its router the columns of X and nothing else, but "
                f"{type(self.router).__name__} needs {', '.join(unknown)}. Choose one "
                "that reads X: BenefitRouter(), KNNBenefitRouter(space='X'), "
                "LearnedRouter(...)."
            )

    def _new_router(self):
        self._check_params()
        self.router_ = BenefitRouter() if self.router is None else clone(self.router)
        return self.router_

    def _inputs_alone(self, outcomes):
        X = outcomes.require("X", "PreRouter")
        self.features_ = None if self.features is None else clone(self.features).fit(X)
        taught = supervise(outcomes, self.supervision)
        return Outcomes(
            X=self._columns(outcomes),
            base_utility=taught.base_utility,
            global_utility=taught.query_utility,
            sample_weight=outcomes.sample_weight,
            fold=outcomes.fold,
        )

    def _columns(self, evidence):
        X = evidence.require("X", "PreRouter")
        return X if self.features_ is None else self.features_.transform(X)
