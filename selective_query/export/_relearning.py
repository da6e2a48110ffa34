"""A threshold learned on what an artefact itself says."""

from dataclasses import replace

from sklearn.base import clone

from selective_query.routers import ProgramRouter, Steps


def relearned(classifier, subject, answers, X, y):
    """The subject, cut anew by the scores of an artefact.

    Parameters
    ----------
    classifier : HybridClassifier or AbstainingClassifier
        Asked for what the global says, where its budget needs that.
    subject : Subject
        Of the classifier.
    answers : dict of str to ndarray
        ``probabilities`` and ``score`` of the artefact on X, no row being held local.
    X, y : array-like
        Rows that nothing was fitted on, neither models, nor router, nor ranges.

    Returns
    -------
    subject : Subject
    policy : RoutingPolicy
        Of the artefact's scores.
    """
    outcomes = classifier.outcomes(X, y)
    known = replace(
        outcomes,
        base_proba=_normalised(answers["probabilities"]),
        base_logits=None,
        base_features=answers["score"].astype(float)[:, None],
    )
    # Its program scores by the one feature there is: the artefact's own score.
    steps = Steps()
    steps.add("columns", steps.read("base_features", 1), start=0, stop=1)
    program = steps.program(subject.program.router)
    router = ProgramRouter(program, subject.rule.router.in_benefit_units)
    policy = clone(classifier.policy_).set_params(router=router, calibration=None)
    policy.fit(known)
    return subject.cut(policy.operating_point_), policy


def _normalised(proba):
    """Probabilities of single precision, as sums to 1 of double."""
    proba = proba.astype(float)
    return proba / proba.sum(axis=1, keepdims=True)
