"""A hybrid behind Ray Serve: base with router, and global, with separate replicas."""

import numpy as np
from ray import serve
from starlette.responses import JSONResponse

from selective_query._models.replies import REASON
from selective_query.persistence import load
from selective_query.scale._stages import BaseStage, GlobalStage


def hybrid_app(hybrid, *, trusted=(), base_options=None, global_options=None):
    """Build an application for ``serve.run``.

    A request is a JSON object ``{"inputs": [[...], ...]}``; the response is
    ``{"labels": [...], "queried": [...], "failure": [...]}``. ``queried`` is true where
    the rule queries the global, and ``failure`` is the reason if the global did not
    answer; the hybrid's ``on_unavailable`` then determines the label. In Python,
    ``handle.route.remote(X)`` accepts any rows and returns the same as arrays.

    Parameters
    ----------
    hybrid : HybridClassifier, str or path-like
        Fitted; or a file written by :func:`~selective_query.save`, which each replica
        reads itself: recommended unless the models are small.
    trusted : sequence of str, default=()
        For :func:`~selective_query.load`.
    base_options, global_options : dict, optional
        For ``Deployment.options``: ``num_replicas``, ``ray_actor_options`` (with
        ``num_cpus`` and ``num_gpus``), ``autoscaling_config`` ...

    Returns
    -------
    ray.serve.Application
        With the deployments ``Base``, which receives the requests, and ``Global``.

    Raises
    ------
    TypeError
        If `hybrid` has no global.
    """
    if hasattr(hybrid, "predict"):
        base, global_ = BaseStage(hybrid), GlobalStage(hybrid)
    else:
        base = global_ = str(hybrid)
    answerer = Global.options(**(global_options or {})).bind(global_, tuple(trusted))
    return Base.options(**(base_options or {})).bind(base, tuple(trusted), answerer)


def saved_app(args):
    """Build the application of a saved hybrid, for the command line and config files.

    Use ``serve run selective_query.scale.ray:saved_app path=hybrid.skops``. Replicas
    and resources are set in a config file, for the deployments ``Base`` and ``Global``.

    Parameters
    ----------
    args : dict
        ``path``, and ``trusted``, a list, as in :func:`hybrid_app`.

    Returns
    -------
    ray.serve.Application

    Raises
    ------
    ValueError
        If there is no ``path``, or an unknown key.
    """
    if "path" not in args or not {"path", "trusted"}.issuperset(args):
        raise ValueError(
            "saved_app takes path=, the file of a saved hybrid, and trusted=. Got "
            f"{', '.join(sorted(args)) or 'nothing'}."
        )
    return hybrid_app(args["path"], trusted=args.get("trusted", ()))


@serve.deployment
class Base:
    """Base and router of a hybrid; receives requests and may forward rows."""

    def __init__(self, source, trusted, global_):
        self.stage, self.global_ = _loaded(BaseStage, source, trusted), global_

    async def route(self, X):
        """Labels, and whether the global was queried for them.

        Parameters
        ----------
        X : array-like of length n_samples

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
            ``labels``, ``queried``, and ``failure``: why the global gave no answer; ""
            where it answered or was not queried.
        """
        routed = self.stage.route(X)
        labels, failure = routed.label, np.full(len(routed.label), "", dtype=REASON)
        if not routed.kept.all():
            answered = await self.global_.answer.remote(routed.asked)
            labels, failure = routed.joined(*answered)
        return {"labels": labels, "queried": ~routed.kept, "failure": failure}

    async def __call__(self, request):
        """Answer an HTTP request."""
        try:
            X = np.asarray((await request.json())["inputs"])
            found = await self.route(X)
        except (KeyError, TypeError, ValueError) as error:
            text = (
                'A request is a JSON object {"inputs": [[...], ...]}, a list of rows '
                f"of one length. {type(error).__name__}: {error}"
            )
            return JSONResponse({"error": text}, status_code=400)
        return {name: values.tolist() for name, values in found.items()}


@serve.deployment
class Global:
    """The global of a hybrid."""

    def __init__(self, source, trusted):
        self.stage = _loaded(GlobalStage, source, trusted)

    def answer(self, X):
        """Labels of rows, and reasons for missing ones, both of shape (n_samples,)."""
        return self.stage.answer(X)


def _loaded(kind, source, trusted):
    """The stage of this kind from a file; or the source itself, if it is a stage."""
    return source if isinstance(source, kind) else kind(load(source, trusted))
