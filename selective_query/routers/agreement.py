"""Agreement among the members of an ensemble base."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from selective_query._utils.validation import encode_labels
from selective_query.routers._operations.plain import agreement
from selective_query.routers.base import BaseRouter
from selective_query.routers.steps import Steps


def member_votes(fitted_base, X):
    """Predictions of each member of an ensemble, for use as ``base_features=``.

    Parameters
    ----------
    fitted_base : classifier
        A random forest, extra trees, bagging, voting or AdaBoost classifier of
        scikit-learn, which may be frozen or the last step of a Pipeline. For other
        ensembles, write a function of the same two arguments.
    X : array-like

    Returns
    -------
    ndarray of shape (n_samples, n_members)
        Position of the predicted class in ``fitted_base.classes_``.

    Raises
    ------
    TypeError
        If the base is not such an ensemble.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from selective_query.routers import member_votes
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(n_estimators=5, random_state=0).fit(X, y)
    >>> member_votes(forest, X[:1])
    array([[0., 0., 0., 0., 0.]])
    """
    # Importing ensembles takes as long as importing all other routers.
    from sklearn.ensemble import (
        AdaBoostClassifier,
        BaggingClassifier,
        ExtraTreesClassifier,
        RandomForestClassifier,
        VotingClassifier,
    )

    # Their members were fitted on class positions and predict these.
    votes_are_positions = (
        RandomForestClassifier,
        ExtraTreesClassifier,
        BaggingClassifier,
        VotingClassifier,
    )
    if isinstance(fitted_base, FrozenEstimator):
        return member_votes(fitted_base.estimator, X)
    if isinstance(fitted_base, Pipeline):
        *before, (_, last) = fitted_base.steps
        if before:
            X = fitted_base[:-1].transform(X)
        return member_votes(last, X)
    if not isinstance(fitted_base, (*votes_are_positions, AdaBoostClassifier)):
        raise TypeError(
            "member_votes knows the members of random forests, extra trees, bagging, "
            f"voting and AdaBoost classifiers. Got {type(fitted_base).__name__}. Give "
            "as base_features a function of the fitted base and X that returns one "
            "column of predicted class positions for each member."
        )
    if hasattr(X, "to_numpy") and not isinstance(fitted_base, VotingClassifier):
        # All except voting classifiers fit their members on plain arrays.
        X = X.to_numpy()
    columns = getattr(fitted_base, "estimators_features_", None)
    votes = []
    for i, member in enumerate(fitted_base.estimators_):
        vote = member.predict(X if columns is None else X[:, columns[i]])
        if isinstance(fitted_base, AdaBoostClassifier):
            vote = encode_labels(vote, fitted_base.classes_, "a member")
        votes.append(vote)
    return np.column_stack(votes).astype(float)


class AgreementRouter(BaseRouter):
    r"""Query where the members of the base disagree.

    .. math:: s(x) = 1 - \max_c \frac1M \sum_{m=1}^{M} 1\{b_m(x) = c\}

    that is, one minus the vote share of the most voted class among M members. It learns
    nothing. The votes are the base's features: pass ``base_features=member_votes`` to
    :class:`~selective_query.HybridClassifier`, with an ensemble as the base. A score
    takes at most M values, so coverage changes in steps: tied groups are kept as a
    whole.

    References
    ----------
    Kolawole, Dennis, Talwalkar and Smith, "Agreement-based cascading for efficient
    inference" (ABC), 2024, arXiv 2407.02348: an input is kept if the vote share of an
    ensemble reaches a threshold.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import AgreementRouter
    >>> votes = [[2, 2, 2, 2], [0, 1, 0, 2]]
    >>> AgreementRouter().query_score(Evidence(base_features=votes))
    array([0. , 0.5])
    """

    required_evidence = ("base_features",)

    def fit(self, outcomes):
        self._votes(outcomes)
        return self

    def query_score(self, evidence):
        return 1 - agreement(self._votes(evidence))[:, 0]

    def program(self):
        steps = Steps()
        votes = steps.read("base_features")
        share = steps.add("reduce", votes, function="agreement")
        steps.add("apply", share, function="complement")
        return steps.program("AgreementRouter")

    @staticmethod
    def _votes(evidence):
        votes = evidence.require("base_features", "AgreementRouter")
        if not votes.shape[1] or (votes != np.rint(votes)).any() or (votes < 0).any():
            raise ValueError(
                "AgreementRouter reads base_features as votes: one column for each "
                "member of the base, holding the position of the class that it "
                f"predicts. Got {votes.shape[1]} columns with other numbers. Give "
                "base_features=member_votes, with an ensemble as the base."
            )
        return votes
