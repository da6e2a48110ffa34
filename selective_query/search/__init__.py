"""Search for the base whose hybrid is best, among candidates or in a space."""

from selective_query._utils import publish
from selective_query.search.hybrid_search import HybridSearchCV
from selective_query.search.space import SearchSpace

__all__ = ["HybridSearchCV", "SearchSpace"]

publish(globals())
