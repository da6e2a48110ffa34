"""Make a trained net smaller: quantisation and pruning. Needs torch."""

from selective_query._utils import publish
from selective_query.nets.compression.drift import (
    DriftReport,
    drift_report,
    rule_drift,
)
from selective_query.nets.compression.folding import fold_batch_norm
from selective_query.nets.compression.grids import Grid
from selective_query.nets.compression.integer_layers import IntegerLayer
from selective_query.nets.compression.pruning import keep_within, kept_channels, prune
from selective_query.nets.compression.quantising import integer_layers, quantise

__all__ = [
    "DriftReport",
    "Grid",
    "IntegerLayer",
    "drift_report",
    "fold_batch_norm",
    "integer_layers",
    "keep_within",
    "kept_channels",
    "prune",
    "quantise",
    "rule_drift",
]

publish(globals())
