"""Checks that every router must pass, for routers of this library and of users."""

from functools import partial

from selective_query.routers.checks._fitting import (
    check_abstention,
    check_base_that_is_always_right_or_wrong,
    check_clone_keeps_parameters,
    check_fit_leaves_parameters_alone,
    check_fit_returns_the_router,
    check_fit_score_also_fits,
    check_inputs_are_left_alone,
    check_integer_weights_are_repeated_rows,
    check_names_of_the_classes_do_not_matter,
    check_order_in_fit_does_not_matter,
    check_pickles,
    check_single_precision_in_fit_agrees_with_double,
    check_two_fits_give_equal_scores,
    check_unfitted_router_says_so,
)
from selective_query.routers.checks._scoring import (
    check_a_row_scores_alone_as_in_a_batch,
    check_cost_is_counted,
    check_doubt_scores_higher_than_certainty,
    check_last_digits_do_not_matter,
    check_missing_evidence_is_named,
    check_nan_is_refused,
    check_order_of_a_batch_does_not_matter,
    check_other_evidence_is_refused,
    check_program_scores_alike,
    check_score_needs_no_outcome,
    check_scores_are_finite_numbers_one_a_row,
    check_scoring_leaves_the_router_alone,
    check_single_precision_agrees_with_double,
    check_topk_evidence,
    check_zero_rows,
)
from selective_query.routers.checks.samples import fields_of, sample_outcomes

__all__ = ["fields_of", "sample_outcomes", "yield_router_checks"]

CHECKS = (
    check_scores_are_finite_numbers_one_a_row,
    check_zero_rows,
    check_a_row_scores_alone_as_in_a_batch,
    check_last_digits_do_not_matter,
    check_order_of_a_batch_does_not_matter,
    check_doubt_scores_higher_than_certainty,
    check_single_precision_agrees_with_double,
    check_nan_is_refused,
    check_missing_evidence_is_named,
    check_other_evidence_is_refused,
    check_topk_evidence,
    check_program_scores_alike,
    check_score_needs_no_outcome,
    check_scoring_leaves_the_router_alone,
    check_cost_is_counted,
    check_fit_returns_the_router,
    check_two_fits_give_equal_scores,
    check_order_in_fit_does_not_matter,
    check_names_of_the_classes_do_not_matter,
    check_single_precision_in_fit_agrees_with_double,
    check_base_that_is_always_right_or_wrong,
    check_pickles,
    check_clone_keeps_parameters,
    check_fit_leaves_parameters_alone,
    check_inputs_are_left_alone,
    check_abstention,
    check_fit_score_also_fits,
)
CHECKS_OF_LEARNING = (
    check_integer_weights_are_repeated_rows,
    check_unfitted_router_says_so,
)


def yield_router_checks(router, make_outcomes=sample_outcomes):
    """Yield the checks that a router must pass, as names and functions.

    Each check works on clones, leaves the router unchanged, and raises an
    AssertionError that explains the failure.

    Parameters
    ----------
    router : BaseRouter
        Not yet fitted.
    make_outcomes : callable, default=sample_outcomes
        Makes the outcomes for the checks, for routers that need special evidence. It
        takes the arguments of :func:`sample_outcomes`, and its outcomes must have the
        same fields.

    Yields
    ------
    name : str
        Such as ``"check_pickles"``.
    check : callable
        Without arguments.

    Examples
    --------
    >>> from selective_query.routers import MarginRouter
    >>> from selective_query.routers.checks import yield_router_checks
    >>> for name, check in yield_router_checks(MarginRouter()):
    ...     check()
    """
    for check in (*CHECKS, *(CHECKS_OF_LEARNING if router.learns else ())):
        yield check.__name__, partial(check, router, make_outcomes)
