"""Train nets for a hybrid: losses, a net classifier, joint training."""

try:
    import skorch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "selective_query.nets.training needs skorch. Install it with pip install "
        "skorch."
    ) from error

from selective_query._utils import publish
from selective_query.nets.training.joint import (
    AbstainingNetClassifier,
    HybridNetClassifier,
    NetRouter,
)
from selective_query.nets.training.losses import HybridLoss, list_losses, make_loss
from selective_query.nets.training.net_classifier import NetClassifier

__all__ = [
    "AbstainingNetClassifier",
    "HybridLoss",
    "HybridNetClassifier",
    "NetClassifier",
    "NetRouter",
    "list_losses",
    "make_loss",
]

publish(globals())
