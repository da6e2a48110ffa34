"""Training targets of routers: functions from outcomes to outcomes."""

from selective_query._utils import publish
from selective_query.routers.supervision.concatenation import concatenate_outcomes
from selective_query.routers.supervision.labels import (
    diff_prob_outcomes,
    max_prob_outcomes,
    proxy_outcomes,
    win_outcomes,
)
from selective_query.routers.supervision.named import list_supervisions, supervise
from selective_query.routers.supervision.privileged import privileged_outcomes
from selective_query.routers.supervision.soft import mixed_outcomes, soft_outcomes
from selective_query.routers.supervision.temperature import fit_temperature, tempered

__all__ = [
    "concatenate_outcomes",
    "diff_prob_outcomes",
    "fit_temperature",
    "list_supervisions",
    "max_prob_outcomes",
    "mixed_outcomes",
    "privileged_outcomes",
    "proxy_outcomes",
    "soft_outcomes",
    "supervise",
    "tempered",
    "win_outcomes",
]

publish(globals())
