"""The base whose hybrid is best, among candidates or in a space of them."""

from selective_query._utils import publish
from selective_query.search.base_search import BaseSearchCV
from selective_query.search.space import SearchSpace

__all__ = ["BaseSearchCV", "SearchSpace"]

publish(globals())
