"""What queries that get lost on the way do to accuracy."""

from dataclasses import replace

from selective_query._utils.numbers import check_number


def with_lost_queries(outcomes, chance_lost):
    """The outcomes where the base answers the queries that get lost.

    Parameters
    ----------
    outcomes : Outcomes
        With a global.
    chance_lost : float
        That no attempt of a query gets through, as of a :class:`Deployment`.

    Returns
    -------
    Outcomes
        Whose utility of the global is what a query is expected to bring.
    """
    check_number(chance_lost, "chance_lost", 0, 1)
    expected = (
        1 - chance_lost
    ) * outcomes.global_utility + chance_lost * outcomes.base_utility
    return replace(outcomes, global_utility=expected)
