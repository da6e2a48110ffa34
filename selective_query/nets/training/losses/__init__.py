"""Losses from the literature to train a base for a hybrid, by name."""

from sklearn.base import clone

from selective_query._utils import publish
from selective_query.nets.training.losses.abstention import (
    DeepGamblers,
    SelectiveNet,
    SelfAdaptive,
)
from selective_query.nets.training.losses.base import HybridLoss
from selective_query.nets.training.losses.deferral import (
    DeferralCrossEntropy,
    DeferralOneVsAll,
    DeferralRealizable,
)
from selective_query.nets.training.losses.plain import (
    CrossEntropy,
    DeepSupervision,
    Distillation,
    Gatekeeper,
    OneSidedPrediction,
)
from selective_query.nets.training.losses.selective_query import SelectiveQuery

__all__ = [
    "CrossEntropy",
    "DeepGamblers",
    "DeepSupervision",
    "DeferralCrossEntropy",
    "DeferralOneVsAll",
    "DeferralRealizable",
    "Distillation",
    "Gatekeeper",
    "HybridLoss",
    "OneSidedPrediction",
    "SelectiveNet",
    "SelectiveQuery",
    "SelfAdaptive",
    "list_losses",
    "make_loss",
]

_LOSSES = {
    "cross_entropy": CrossEntropy,
    "distillation": Distillation,
    "selective_query": SelectiveQuery,
    "gatekeeper": Gatekeeper,
    "one_sided": OneSidedPrediction,
    "deferral_lce": DeferralCrossEntropy,
    "deferral_ova": DeferralOneVsAll,
    "deferral_realizable": DeferralRealizable,
    "selective_net": SelectiveNet,
    "deep_gamblers": DeepGamblers,
    "self_adaptive": SelfAdaptive,
    "deep_supervision": DeepSupervision,
}


def list_losses():
    """Return the names that the parameter `loss` accepts.

    Returns
    -------
    list of str
    """
    return list(_LOSSES)


def make_loss(loss, coverage=None):
    """Create a loss from a name or a copy of a loss, and set its open coverage.

    Parameters
    ----------
    loss : str or HybridLoss
        Name of a loss, or a loss, which is copied.
    coverage : float or None
        Used if the loss has a coverage and leaves it None.

    Returns
    -------
    HybridLoss

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a loss.
    """
    if isinstance(loss, str):
        if loss not in _LOSSES:
            raise ValueError(
                f"loss={loss!r} is not known. Choose one of {', '.join(_LOSSES)}, or "
                "pass a HybridLoss."
            )
        made = _LOSSES[loss]()
    elif isinstance(loss, HybridLoss):
        made = clone(loss)
    else:
        raise TypeError(
            f"loss must be a name ({', '.join(_LOSSES)}) or a HybridLoss. Got {loss!r}."
        )
    if "coverage" in made.get_params() and made.coverage is None:
        made.set_params(coverage=coverage)
    return made


publish(globals())
