"""Reports on a hybrid, an abstaining classifier or a chain on new rows."""

from selective_query._utils import publish
from selective_query.reports.chain_report import ChainReport
from selective_query.reports.routing_report import RoutingReport

__all__ = ["ChainReport", "RoutingReport"]

publish(globals())
