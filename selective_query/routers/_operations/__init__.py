"""The operations of a program: what each makes of tables, how wide, at what cost."""

from selective_query.routers._operations.landmarks import Kernel
from selective_query.routers._operations.plain import (
    Affine,
    Apply,
    Centre,
    ClassEffect,
    Columns,
    Combine,
    Concatenate,
    Constant,
    Doubt,
    Log,
    Pairs,
    Peak,
    Read,
    Reduce,
    Scale,
    SoftMax,
    Top,
)
from selective_query.routers._operations.trees import Trees

OPERATIONS = {
    "read": Read(),
    "top": Top(),
    "doubt": Doubt(),
    "columns": Columns(),
    "concatenate": Concatenate(),
    "log": Log(),
    "apply": Apply(),
    "scale": Scale(),
    "affine": Affine(),
    "centre": Centre(),
    "combine": Combine(),
    "reduce": Reduce(),
    "peak": Peak(),
    "soft_max": SoftMax(),
    "pairs": Pairs(),
    "class_effect": ClassEffect(),
    "kernel": Kernel(),
    "trees": Trees(),
    "constant": Constant(),
}
