"""The global as a server, and what happens when it is slow, wrong, or not there."""

from selective_query._utils import publish
from selective_query.serving.functions import CallableClassifier
from selective_query.serving.journal import Journal
from selective_query.serving.keeping import Keep
from selective_query.serving.outages import Outage, OutageReport, simulate_outages
from selective_query.serving.remote import RemoteClassifier
from selective_query.serving.secret import Secret
from selective_query.serving.server import (
    Limits,
    application,
    serve,
    serve_edge,
    serve_global,
)

__all__ = [
    "CallableClassifier",
    "Journal",
    "Keep",
    "Limits",
    "Outage",
    "OutageReport",
    "RemoteClassifier",
    "Secret",
    "application",
    "serve",
    "serve_edge",
    "serve_global",
    "simulate_outages",
]

publish(globals())
