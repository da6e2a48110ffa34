"""Cost models: from coverage to price, latency, energy and battery life."""

from selective_query._utils import publish
from selective_query.costs.cost_model import ConstantCosts, CostModel
from selective_query.costs.deployment import Deployment
from selective_query.costs.devices import (
    DEVICES,
    ESP32_S3,
    PHONE,
    RASPBERRY_PI,
    SERVER,
    STM32F746,
    STM32H743,
    STM32L4R5,
    STM32U575,
    Device,
)
from selective_query.costs.gateway import Gateway
from selective_query.costs.host_latency import HostLatency, measure_latency
from selective_query.costs.links import (
    BLE,
    CLOUD,
    FIVE_G,
    LINKS,
    LORAWAN,
    LTE,
    LTE_M,
    NB_IOT,
    WIFI,
    WIRED,
    Cloud,
    Link,
)
from selective_query.costs.provenance import Source
from selective_query.costs.tiers import tier_costs

__all__ = [
    "BLE",
    "CLOUD",
    "DEVICES",
    "ESP32_S3",
    "FIVE_G",
    "LINKS",
    "LORAWAN",
    "LTE",
    "LTE_M",
    "NB_IOT",
    "PHONE",
    "RASPBERRY_PI",
    "SERVER",
    "STM32F746",
    "STM32H743",
    "STM32L4R5",
    "STM32U575",
    "WIFI",
    "WIRED",
    "Cloud",
    "ConstantCosts",
    "CostModel",
    "Deployment",
    "Device",
    "Gateway",
    "HostLatency",
    "Link",
    "Source",
    "measure_latency",
    "tier_costs",
]

publish(globals())
