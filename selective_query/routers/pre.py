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
    r"""Decide on the input alone, so that queried inputs cost the base nothing.

    .. math:: s(x) = \text{router}(\varphi(x))

    A router that reads what the base said knows more, but every input then costs a run
    of the base. This one needs the base only for the inputs that it answers, which pays
    where the base costs much beside a query, as when both run on one machine.
    Charge it with ``ConstantCosts(router_first=True)``.

    Parameters
    ----------
    router : BaseRouter or None, default=None
        Learns from the columns of X and nothing else; it is cloned. None is a
        :class:`BenefitRouter`.
    features : transformer or None, default=None
        Turns X into columns of numbers, for example ``TfidfVectorizer()`` for texts;
        cloned, and fitted without labels. None takes a numeric X of shape (n_samples,
        n_columns), dense or sparse, as it is.
    supervision : str or callable, default="benefit"
        As in :class:`BenefitRouter`.

    Attributes
    ----------
    router_ : BaseRouter
    features_ : transformer or None

    Raises
    ------
    TypeError
        In `fit`, when `router` is no router or `features` no transformer.
    MissingEvidenceError
        In `fit`, when the router reads more than X, or X is no table of numbers.

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
        """Cost of the inner router; what turns X into columns is not counted.

        Parameters
        ----------
        evidence : Evidence
            Of the kinds and widths that it decides on; one row will do.

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
