"""Build the deployment from a command's options."""

from selective_query.cli._budgets import COST_BUDGETS
from selective_query.costs import CLOUD, DEVICES, LINKS, Deployment


def deployment_of(args):
    """Return the deployment that the options describe.

    Parameters
    ----------
    args : Namespace
        With the options of ``add_deployment``.

    Returns
    -------
    Deployment

    Raises
    ------
    ValueError
        If a constant is unknown or out of range.
    """
    profiles = {
        "device": DEVICES[args.device], "link": LINKS[args.link], "cloud": CLOUD,
    }  # fmt: skip
    for name, constant, value in args.set:
        profile = profiles[name]
        if constant not in profile.constants() and not profile._may_lack(constant):
            raise ValueError(
                f"--set {name}.{constant}: {profile.name} has "
                f"{', '.join(profile.constants())}."
            )
        profiles[name] = profile.with_(**{constant: value})
    deployment = Deployment(
        **profiles,
        order=args.order,
        base_ms=0.0 if _needs_no_time(args) else args.base_ms,
        base_macs=args.base_macs,
        global_ms=args.global_ms,
        global_macs=args.global_macs,
        payload_bytes=args.payload_bytes,
        timeout_ms=args.timeout_ms,
        retries=args.retries,
        inputs_per_day=args.inputs_per_day,
    )
    if "max_price" in _asked(args) and not deployment.price(0.0):
        raise ValueError(
            "A budget on the price needs the price of a query, which is 0 unless you "
            "set it: --set cloud.price_per_query=0.004."
        )
    return deployment


def _asked(args):
    """Return the names of the budgets of costs in the options."""
    asked = {name for name in COST_BUDGETS if getattr(args, name, None) is not None}
    return asked | {b.name for b in getattr(args, "budget", ()) if callable(b)}


def _needs_no_time(args):
    """Whether the time of the base is not given and not needed."""
    said = args.base_ms is not None or args.base_macs is not None
    return not said and set() < _asked(args) <= {"max_price", "max_bytes"}
