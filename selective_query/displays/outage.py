"""OutageDisplay: effects of a cloud outage, by availability."""

from selective_query._utils.validation import check_choice
from selective_query.displays._beside import name_lines
from selective_query.displays._display import Display, line_styles

LABELS = {
    "accuracy": "Accuracy of what is answered",
    "abstained": "Share without an answer",
    "by_global": "Share that the global answers",
    "mean_ms": "Mean time to an answer (ms)",
    "p50_ms": "Median time to an answer (ms)",
    "p95_ms": "95th percentile of the time to an answer (ms)",
    "p99_ms": "99th percentile of the time to an answer (ms)",
    "price": "Price per input",
}


class OutageDisplay(Display):
    """Plot of one column of an :class:`~selective_query.serving.OutageReport`.

    Parameters
    ----------
    rows : list of dict
        With keys ``availability``, ``deadline_ms`` and the column.
    value : str, default="accuracy"
        One of accuracy, abstained, by_global, mean_ms, p50_ms, p95_ms, p99_ms, price.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
    lines_ : list of Line2D
        One for each deadline.
    """

    def __init__(self, rows, *, value="accuracy"):
        check_choice(value, "value", LABELS)
        self.rows, self.value = list(rows), value

    def _draw(self, ax, **line_kwargs):
        self.lines_ = []
        deadlines = sorted({row["deadline_ms"] for row in self.rows})
        styles = line_styles([f"deadline {ms:g} ms" for ms in deadlines])
        for ms, (label, style) in zip(deadlines, styles.items(), strict=True):
            points = sorted(
                (row["availability"], row[self.value])
                for row in self.rows
                if row["deadline_ms"] == ms
            )
            style = {"label": label, **style, "marker": "o", **line_kwargs}
            self.lines_ += ax.plot(*zip(*points, strict=True), **style)
        ax.set(xlabel="Share of the time that the cloud is well")
        ax.set(ylabel=LABELS[self.value])
        ax.margins(y=0.08)
        ax.spines[["top", "right"]].set_visible(False)
        name_lines(ax, self.lines_)
