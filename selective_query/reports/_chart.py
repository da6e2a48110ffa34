"""The curve of a report as SVG, for wide and narrow screens."""

import json
from dataclasses import dataclass

import numpy as np

from selective_query.reports._markup import element

TICKS, FEW_TICKS = 5, 3
BAND_FROM = 0.25


@dataclass(frozen=True)
class Scale:
    """Maps shares to positions in a drawing.

    Parameters
    ----------
    width, height : float
    left : float
        Coverage at the left edge.
    low, high : float
        Accuracies at the bottom and the top.
    """

    width: float
    height: float
    left: float
    low: float
    high: float

    MARGIN = {"top": 22, "right": 14, "bottom": 46, "left": 52}

    @property
    def bottom(self):
        return self.height - self.MARGIN["bottom"]

    @property
    def right(self):
        return self.width - self.MARGIN["right"]

    @property
    def lines(self):
        """Both axes as linear functions, for the script that moves the point."""
        start, top = self.MARGIN["left"], self.MARGIN["top"]
        dx = (self.right - start) / (1 - self.left)
        dy = -(self.bottom - top) / (self.high - self.low)
        ends = {"x0": start - dx * self.left, "dx": dx}
        return {**ends, "y0": self.bottom - dy * self.low, "dy": dy}

    def x(self, coverage):
        """Pixels from the left edge."""
        return self.lines["x0"] + self.lines["dx"] * coverage

    def y(self, accuracy):
        """Pixels from the top edge."""
        return self.lines["y0"] + self.lines["dy"] * accuracy


def charts(report):
    """The drawings of a report's curve for wide and narrow screens.

    Parameters
    ----------
    report : RoutingReport

    Returns
    -------
    list of Markup
    """
    return [_chart(report, 720, 400, "sq-wide"), _chart(report, 360, 340, "sq-narrow")]


def _chart(report, width, height, kind):
    curve = report.curve
    sides = {"base alone": report.base_accuracy, "global alone": report.global_alone}
    sides = {name: value for name, value in sides.items() if np.isfinite(value)}
    # A band around few answers says little and would take up all the space.
    told = curve.coverage >= BAND_FROM * (1 if report.is_abstention else 0)
    band = curve.low[told], curve.high[told]
    drawn = [*band, curve.accuracy, curve.oracle, list(sides.values())]
    values = np.concatenate([np.asarray(v, float) for v in drawn])
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.06 * max(high - low, 0.02)
    left = float(curve.coverage[0])
    left = 0.0 if left < 0.02 else min(left, 0.98)
    scale = Scale(width, height, left, max(low - room, 0), min(high + room, 1.0 + room))
    parts = [
        *_axes(scale, report.is_abstention, report.rows.measure),
        *_sides(scale, sides, report.is_abstention),
        *_curves(scale, curve, report.is_abstention),
        *_points(scale, report),
    ]
    return element(
        "svg",
        *parts,
        class_=f"sq-chart {kind}",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=_described(report),
        data_scale=json.dumps({**scale.lines, "bottom": scale.bottom}),
    )


def _described(report):
    """Text alternative of the drawing, for screen readers."""
    curve = report.curve
    told = "; ".join(
        f"{100 * curve.accuracy[i]:.1f} % at coverage {100 * curve.coverage[i]:.0f} %"
        for i in np.linspace(0, len(curve.coverage) - 1, 5).astype(int)
    )
    return f"{report.rows.measure} over coverage: {told}. {report.verdict}"


def _axes(scale, is_abstention, measure):
    yield element(
        "line", x1=scale.x(scale.left), x2=scale.right, y1=scale.bottom,
        y2=scale.bottom, class_="sq-axis",
    )  # fmt: skip
    for share in _ticks(scale.left, 1, TICKS if scale.width > 500 else FEW_TICKS):
        anchor = "end" if share == 1 else "middle"
        yield _text(
            scale.x(share), scale.bottom + 18, f"{100 * share:g} %", anchor=anchor
        )
    for share in _ticks(scale.low, min(scale.high, 1)):
        at = scale.x(scale.left) - 8, scale.y(share) + 4
        yield _text(*at, f"{100 * share:g} %", anchor="end")
    middle = (scale.x(scale.left) + scale.right) / 2
    share = "answered" if is_abstention else "that the base answers"
    yield _text(middle, scale.height - 8, f"Share {share}", anchor="middle")
    what = f"{measure} on answered inputs" if is_abstention else measure
    yield _text(4, 12, what)


def _ticks(low, high, most=TICKS):
    """Round shares between two values."""
    steps = np.outer([0.001, 0.01, 0.1], [1, 2, 5]).ravel()
    step = next((s for s in steps if (high - low) / s <= most), 0.5)
    first = np.ceil(low / step - 1e-9)
    return [
        abs(round(float(step * n), 6)) for n in np.arange(first, high / step + 1e-9)
    ]


def _sides(scale, sides, is_abstention):
    start, end = scale.x(scale.left), scale.right
    for name, value in sides.items():
        y = scale.y(value)
        yield element("line", x1=start, x2=end, y1=y, y2=y, class_="sq-side")
        below = name == "base alone"
        name = "without abstaining, or at random" if is_abstention else name
        # On the left, below the line: there the curve is far above it.
        at = (start + 6, y + 16, "start") if below else (end, y - 6, "end")
        yield _text(at[0], at[1], name, anchor=at[2])


def _curves(scale, curve, is_abstention):
    x = scale.x(curve.coverage)
    ends = np.append(curve.high, curve.low[::-1])
    band = np.append(x, x[::-1]), scale.y(np.clip(ends, scale.low, scale.high))
    yield element("polygon", points=_path(*band), class_="sq-band")
    bounds = [("random order", "random", curve.random), ("perfect order", "oracle",
              curve.oracle)]  # fmt: skip
    known = [b for b in bounds[is_abstention:] if np.isfinite(b[2]).all()]
    for _, kind, values in known:
        looks = f"sq-bound sq-{kind}"
        points = _path(x, scale.y(values))
        yield element("polyline", points=points, class_=looks)
    yield element(
        "polyline", points=_path(x, scale.y(curve.accuracy)), class_="sq-curve"
    )
    for name, kind, values in known:
        place = int(len(x) * (0.35 if kind == "random" else 0.55))
        below = kind == "random"
        anchor, down = ("end", 18) if below else ("middle", -7)
        yield _text(x[place], scale.y(values[place]) + down, name, anchor=anchor)


def _points(scale, report):
    kept, right = report.coverage, report.accuracy
    if np.isnan(right):
        kept, right = report.curve.coverage[0], report.curve.accuracy[0]
    x, y = scale.x(kept), scale.y(right)
    yield element("line", x1=x, x2=x, y1=y, y2=scale.bottom, class_="sq-drop")
    yield element("circle", cx=x, cy=y, r=8, class_="sq-in-use")
    yield element("circle", cx=x, cy=y, r=6, class_="sq-point")
    to_left = x > scale.width / 2
    at = x - 14 if to_left else x + 14, y + 5
    anchor = "end" if to_left else "start"
    yield _text(*at, "in use", anchor=anchor, class_="sq-name")


def _path(x, y):
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _text(x, y, text, anchor="start", class_=None):
    at = {"x": f"{x:.1f}", "y": f"{y:.1f}"}
    return element("text", text, **at, text_anchor=anchor, class_=class_)
