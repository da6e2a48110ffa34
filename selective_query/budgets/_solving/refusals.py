"""Budgets that make no sense for the router or the models at hand."""

from selective_query.budgets.combined import floors_of


def refuse_without_global(budget):
    """Raise ValueError for a floor on quality that compares with a global."""
    for floor in floors_of(budget):
        if floor.needs_global:
            raise ValueError(
                f"{floor!r} is about a base and a global, and there is no global. Ask "
                "for MinSelectiveAccuracy, the accuracy on what is answered."
            )


def refuse_other_order(budget, router):
    """Raise ValueError for costs that charge the base less than the router lets it run.

    Parameters
    ----------
    budget : Budget
    router : BaseRouter
        Fitted.
    """
    for part in budget.parts:
        costs = getattr(part, "costs", None)
        if getattr(costs, "router_first", False) and router.needs_base:
            raise ValueError(
                f"The costs of {part} are those of a router that decides before the "
                f"base has run, and {type(router).__name__} reads what the base says "
                "about every input. Use costs of the order in which things run "
                "(ConstantCosts(router_first=False), Deployment(order='base_first')), "
                "or a PreRouter."
            )
