"""The order of the gallery: common tasks first, then special questions."""

from sphinx_gallery.sorting import FunctionSortKey

ORDER = [
    "hybrid_digits",
    "saved_predictions",
    "language_models",
    "microcontroller",
    "abstention",
    "remote_global",
    "compare_routers",
    "where_accuracy_goes",
    "coverage_and_certificate",
    "certify_error",
    "group_coverage",
    "battery_life",
    "device_limit",
    "three_tiers",
    "int8_drift",
    "outage",
    "stream",
    "in_the_browser",
]


def place(name):
    """Return the position of a file in the gallery."""
    return ORDER.index(name.removeprefix("plot_").removesuffix(".py"))


by_task = FunctionSortKey(place, r="the order of _gallery_order.py")
