"""Systems side by side: on the device, in the cloud, and between, at what cost."""

from selective_query.systems.curve import SystemCurve
from selective_query.systems.early_exit import early_exit
from selective_query.systems.one_sided import on_cloud, on_device
from selective_query.systems.point import SystemPoint
from selective_query.systems.routed import routed
from selective_query.systems.within import best_within

__all__ = [
    "SystemCurve",
    "SystemPoint",
    "best_within",
    "early_exit",
    "on_cloud",
    "on_device",
    "routed",
]
