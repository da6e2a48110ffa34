"""Small nets for the edge, and nets with exits on the way. Needs torch."""

from selective_query._utils import publish
from selective_query.nets.exits import EarlyExitNet, SplitNet
from selective_query.nets.images import ConvNet, MobileNet
from selective_query.nets.signals import SignalNet

__all__ = ["ConvNet", "EarlyExitNet", "MobileNet", "SignalNet", "SplitNet"]

publish(globals())
