"""The exact names that a file may use; prefixes do not count."""

from functools import cache

import numpy as np
from scipy import special
from sklearn.base import ClusterMixin, OutlierMixin
from sklearn.utils import all_estimators

from selective_query import budgets
from selective_query.routers.registry import ROUTERS

# The object in a file must be one of these, or of a derived class.
ROOTS = frozenset(
    f"selective_query.{name}"
    for name in (
        "classifiers.AbstainingClassifier",
        "classifiers.CascadeClassifier",
        "classifiers.HybridClassifier",
        "policy.RoutingPolicy",
        "routers.BaseRouter",
        "rule.Rule",
        "tiers.CascadePolicy",
        "tiers.CascadeRoutingPolicy",
        "tiers.CascadeRule",
        "tiers.ModelChoicePolicy",
    )
)

# Budgets and operating points, without their abstract base classes.
_BUDGETS = {
    kind
    for kind in vars(budgets).values()
    if isinstance(kind, type) and kind.__name__ in budgets.__all__
} - {budgets.Budget, budgets.Limit, budgets.Floor, budgets.RowBudget}
# Parts of policies, classifiers and routers of this library; never functions or
# modules. Tests save one of every router and budget.
OWN = frozenset(
    f"selective_query.{folder}.{name}"
    for folder, names in {
        "budgets._columns": ("RowColumns",),
        "classifiers": (
            "AbstainingClassifier",
            "AlternatingAdaptation",
            "CascadeClassifier",
            "HybridClassifier",
            "SecondLook",
        ),
        "costs": (
            "Cloud",
            "ConstantCosts",
            "Deployment",
            "Device",
            "Gateway",
            "Link",
            "Source",
        ),
        "costs._query": ("Query",),
        "footprint": ("FootprintReport",),
        "footprint.report": ("MemoryUse",),
        "outcomes": ("ChainOutcomes", "Evidence", "Outcomes", "TopKProba"),
        "policy": ("RoutingPolicy",),
        "rule": ("Rule",),
        "routers": ("FeatureRouter", "LearnedRouter", "PreRouter"),
        "routers._logistic": ("LogisticRouter",),
        "tiers": (
            "CascadeOperatingPoint",
            "CascadePolicy",
            "CascadeRoutingPolicy",
            "CascadeRule",
            "ModelChoicePolicy",
        ),
        "tiers._doubts": ("Doubts",),
        "tiers._sweeps": ("LearnedTier",),
    }.items()
    for name in names
).union(f"{kind.__module__}.{kind.__name__}" for kind in (*_BUDGETS, *ROUTERS.values()))

# Parts of estimators that are plain Python.
_PARTS = frozenset(
    f"sklearn.{module}.{name}"
    for module, names in {
        "_loss.link": (
            "HalfLogitLink",
            "IdentityLink",
            "Interval",
            "LogLink",
            "LogitLink",
            "MultinomialLogit",
        ),
        "_loss.loss": (
            "AbsoluteError",
            "ExponentialLoss",
            "HalfBinomialLoss",
            "HalfGammaLoss",
            "HalfMultinomialLoss",
            "HalfPoissonLoss",
            "HalfSquaredError",
            "HuberLoss",
            "PinballLoss",
        ),
        "calibration": ("_CalibratedClassifier", "_SigmoidCalibration"),
        "ensemble._hist_gradient_boosting.binning": ("_BinMapper",),
        "neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    }.items()
    for name in names
)
LOSSES = frozenset(
    f"sklearn.{module}.{name}"
    for module, names in {
        "_loss._loss": (
            "CyAbsoluteError",
            "CyExponentialLoss",
            "CyHalfBinomialLoss",
            "CyHalfGammaLoss",
            "CyHalfMultinomialLoss",
            "CyHalfPoissonLoss",
            "CyHalfSquaredError",
            "CyHalfTweedieLoss",
            "CyHalfTweedieLossIdentity",
            "CyHuberLoss",
            "CyPinballLoss",
        ),
        "linear_model._sgd_fast": (
            "EpsilonInsensitive",
            "Hinge",
            "Huber",
            "Log",
            "ModifiedHuber",
            "SquaredEpsilonInsensitive",
            "SquaredHinge",
            "SquaredLoss",
        ),
    }.items()
    for name in names
)
# Built and checked by `compiled`.
TREE = "sklearn.tree._tree.Tree"
TREE_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
KD_TREE = "sklearn.neighbors._kd_tree.KDTree"
EUCLIDEAN = "sklearn.metrics._dist_metrics.EuclideanDistance64"

DICTS = frozenset(
    {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}
)
SPARSE = frozenset(
    f"scipy.sparse._{kind}.{kind}_{form}"
    for kind in ("csc", "csr")
    for form in ("array", "matrix")
)


@cache
def array_types():
    """Return the names of arrays and of scalars of numbers, text or dates."""
    scalars = set(np.sctypeDict.values()) - {np.object_, np.void}
    return frozenset(
        {"numpy.ndarray", *(f"{kind.__module__}.{kind.__name__}" for kind in scalars)}
    )


@cache
def value_types():
    """Return the names of the types that a file may refer to, for example for keys."""
    plain = bool, dict, float, int, list, set, str, tuple
    return array_types().union(f"builtins.{kind.__name__}" for kind in plain)


@cache
def element_functions():
    """Return the names of element-wise functions of arrays (ufuncs)."""
    homes = {
        np: ("numpy", "numpy._core._multiarray_umath"),
        special: (
            "scipy.special",
            "scipy.special._special_ufuncs",
            "scipy.special._ufuncs",
        ),
    }
    return frozenset(
        f"{module}.{name}"
        for home, modules in homes.items()
        for name, value in vars(home).items()
        if isinstance(value, np.ufunc)
        for module in modules
    )


@cache
def object_types():
    """Return the names of the classes that are restored from their attributes."""
    # Clusterings and outlier detectors index their arrays in compiled code without
    # checks.
    estimators = {
        f"{kind.__module__}.{kind.__name__}"
        for _, kind in all_estimators()
        if kind.__module__.startswith("sklearn.")
        and not issubclass(kind, (ClusterMixin, OutlierMixin))
    }
    return estimators | OWN | _PARTS | {TREE_PREDICTOR, KD_TREE, EUCLIDEAN}
