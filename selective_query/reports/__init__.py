"""How a hybrid or abstaining classifier did on new rows: figures, text, HTML."""

from selective_query._utils import publish
from selective_query.reports.routing_report import RoutingReport

__all__ = ["RoutingReport"]

publish(globals())
