"""Small nets for the edge, and early-exit nets. Needs torch."""

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "selective_query.nets needs torch. Install it with pip install torch."
    ) from error

from selective_query._utils import publish
from selective_query.nets.exits import EarlyExitNet, SplitNet
from selective_query.nets.images import ConvNet, MobileNet
from selective_query.nets.signals import SignalNet

__all__ = ["ConvNet", "EarlyExitNet", "MobileNet", "SignalNet", "SplitNet"]

publish(globals())
