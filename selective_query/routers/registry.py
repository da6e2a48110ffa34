"""Names of routers: each entry here is listed, tested and documented."""

from difflib import get_close_matches

from sklearn.base import clone

from selective_query.exceptions import BoundRouterError
from selective_query.routers.agreement import AgreementRouter
from selective_query.routers.appeal import AppealRouter
from selective_query.routers.auto import AutoRouter
from selective_query.routers.base import BaseRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.boosted_benefit import BoostedBenefitRouter
from selective_query.routers.class_doubt import ClassDoubtRouter
from selective_query.routers.confidence import (
    EntropyRouter,
    MarginRouter,
    MaxLogitRouter,
    MaxProbabilityRouter,
)
from selective_query.routers.constrained import ConstrainedRouter
from selective_query.routers.deferral_surrogates import (
    CrossEntropyDeferralRouter,
    OneVsAllDeferralRouter,
)
from selective_query.routers.energy import EnergyRouter
from selective_query.routers.kernel_benefit import KernelBenefitRouter
from selective_query.routers.mahalanobis import MahalanobisRouter
from selective_query.routers.neighbours import KNNBenefitRouter, KNNDistanceRouter
from selective_query.routers.proxy_logistic import ProxyLogisticRouter
from selective_query.routers.realizable import RealizableDeferralRouter
from selective_query.routers.trivial import (
    AlwaysBaseRouter,
    AlwaysGlobalRouter,
    OracleRouter,
    RandomRouter,
)
from selective_query.routers.two_stage import TwoStageRouter

ROUTERS = {
    "auto": AutoRouter,
    "max_probability": MaxProbabilityRouter,
    "margin": MarginRouter,
    "entropy": EntropyRouter,
    "max_logit": MaxLogitRouter,
    "benefit": BenefitRouter,
    "class_doubt": ClassDoubtRouter,
    "kernel_benefit": KernelBenefitRouter,
    "boosted_benefit": BoostedBenefitRouter,
    "proxy_logistic": ProxyLogisticRouter,
    "two_stage": TwoStageRouter,
    "deferral_lce": CrossEntropyDeferralRouter,
    "deferral_ova": OneVsAllDeferralRouter,
    "deferral_realizable": RealizableDeferralRouter,
    "constrained": ConstrainedRouter,
    "appeal": AppealRouter,
    "energy": EnergyRouter,
    "mahalanobis": MahalanobisRouter,
    "knn_distance": KNNDistanceRouter,
    "knn_benefit": KNNBenefitRouter,
    "agreement": AgreementRouter,
    "random": RandomRouter,
    "always_base": AlwaysBaseRouter,
    "always_global": AlwaysGlobalRouter,
    "oracle": OracleRouter,
}


# For comparison: none of them beat the default on any dataset of
# benchmarks/router_quality.py. They may still suit other data, for example under a
# shift.
BASELINES = frozenset(
    {
        "deferral_realizable",
        "energy",
        "entropy",
        "knn_benefit",
        "knn_distance",
        "mahalanobis",
        "random",
    }
)


def list_routers(bounds=False, *, baselines=True, without_program=True):
    """Names that the parameter `router` accepts.

    Parameters
    ----------
    bounds : bool, default=False
        Whether to list the bounds too (``always_base``, ``always_global``, ``oracle``):
        they are for comparison, and cannot route.
    baselines : bool, default=True
        Whether to list routers that are mainly for comparison. False lists only the
        recommended ones.
    without_program : bool, default=True
        Whether to list routers whose score is not a program, so that they cannot be
        exported from Python; see :meth:`BaseRouter.program`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from selective_query import list_routers
    >>> "entropy" in list_routers(), "oracle" in list_routers()
    (True, False)
    >>> "entropy" in list_routers(baselines=False)
    False
    """
    return [
        name
        for name, cls in ROUTERS.items()
        if (bounds or not cls.is_bound)
        and (baselines or name not in BASELINES)
        and (without_program or cls.has_program())
    ]


def make_router(router, *, target_coverage=None, random_state=None, name="router"):
    """A new router from a name or a router, with open parameters filled in.

    Parameters
    ----------
    router : str or BaseRouter
        A name from :func:`list_routers`, or a router, which is cloned.
    target_coverage : float, optional
        For routers with a ``target_coverage`` of None.
    random_state : int, RandomState instance or None
        For routers with a ``random_state`` of None.
    name : str, default="router"
        Name of the parameter, for messages.

    Returns
    -------
    BaseRouter

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a router.
    """
    if isinstance(router, str):
        if router not in ROUTERS:
            close = get_close_matches(router, ROUTERS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"{name}={router!r} is not known. Choose one of "
                f"{', '.join(list_routers())}, or pass a router object.{hint}"
            )
        made = ROUTERS[router]()
    elif isinstance(router, BaseRouter):
        made = clone(router)
    else:
        raise TypeError(
            f"{name} must be a name ({', '.join(list_routers())}) or an instance of a "
            f"BaseRouter subclass. Got {router!r}."
        )
    open_params = made.get_params(deep=False)
    for param, value in (
        ("target_coverage", target_coverage),
        ("random_state", random_state),
    ):
        if value is not None and open_params.get(param, value) is None:
            made.set_params(**{param: value})
    return made


def router_name(router):
    """The registry's name of a router, or its class name."""
    if isinstance(router, str):
        return router
    for name, cls in ROUTERS.items():
        if type(router) is cls:
            return name
    return type(router).__name__


def refuse_bound(router):
    """Raise BoundRouterError for a router that cannot route new inputs."""
    if router.is_bound:
        raise BoundRouterError(
            f"router={router_name(router)!r} is a bound to compare with, not a rule "
            f"for unseen inputs. Choose one of {', '.join(list_routers())}; "
            "compare_routers shows bounds beside them."
        )
