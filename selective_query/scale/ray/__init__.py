"""Hybrids on several machines, with Ray Data and Ray Serve. Requires Ray."""

try:
    import ray.data
    import ray.serve  # noqa: F401
except ImportError as error:
    raise ImportError(
        "selective_query.scale.ray needs Ray with its parts for data and serving "
        f"({error}). Install them with pip install 'selective-query[ray]'."
    ) from error

from selective_query._utils import publish
from selective_query.scale.ray.routing import route_dataset
from selective_query.scale.ray.serving import hybrid_app, saved_app

__all__ = ["hybrid_app", "route_dataset", "saved_app"]

publish(globals())
