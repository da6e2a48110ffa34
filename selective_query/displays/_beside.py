"""Labels placed beside their lines where there is room, instead of a legend."""

import numpy as np

from selective_query._utils.ink import ink

PLACES = 61  # candidate positions along a line
CLEAR_PX = 3  # minimum gap between a label and all lines
FAR_PX = 60  # beyond this distance, other lines do not matter
# Position of a text relative to its anchor: right (1) or left, above (1) or below.
OVER_LINE = ((0, 1), (0, -1))
BESIDE_POINT = ((1, 0), (-1, 0), *OVER_LINE, (1, -1), (-1, 1), (1, 1), (-1, -1))
HA, VA = {1: "left", 0: "center", -1: "right"}, {1: "bottom", 0: "center", -1: "top"}


def name_lines(ax, lines, *, fontsize=9):
    """Label each line beside it, clear of every other line and text.

    A label without room goes into a legend to the right of the axes, never over the
    lines.

    Parameters
    ----------
    ax : matplotlib Axes
        With everything drawn in it and with its final limits.
    lines : sequence of matplotlib lines
        Functions of x, or single points.
    fontsize : float, default=9
    """
    whole = ax.figure.canvas.figure  # the whole figure, even for a subfigure
    whole.draw_without_rendering()  # axes have no size before this
    paths = {id(line): _pixels(line) for line in ax.lines}
    taken = [text.get_window_extent().padded(2) for text in ax.texts]
    left = []
    for line in lines:
        text = ax.annotate(
            line.get_label(),
            (0, 0),
            xytext=(0, 0),
            textcoords="offset points",
            annotation_clip=False,
            ha="center",
            color=ink(line.get_color()),
            fontsize=fontsize,
        )
        size = text.get_window_extent()
        others = [path for key, path in paths.items() if key != id(line)]
        clear = CLEAR_PX + (line.get_markersize() / 2 if _is_marked(line) else 0)
        found = _best(ax.bbox, paths[id(line)], others, taken, size, clear)
        if found is None:
            text.remove()
            left.append(line)
            continue
        anchor, (right, up), box = found
        text.xy = ax.transData.inverted().transform(anchor)
        text.set(ha=HA[right], va=VA[up])
        text.set_position(np.array([right, up]) * clear * 72 / whole.dpi)
        taken.append(box)
    if left:
        ax.legend(
            handles=left,
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            borderaxespad=0,
            frameon=False,
            fontsize=fontsize,
        )


def _is_marked(line):
    return line.get_marker() not in ("None", "none", "", " ", None)


def _pixels(line):
    """Points of a line in screen coordinates, sorted by x."""
    points = line.get_transform().transform(line.get_xydata())
    points = points[np.isfinite(points).all(axis=1)]
    return points[np.argsort(points[:, 0], kind="stable")]


def _best(axes, path, others, taken, size, clear_px):
    """Anchor, side and box of the clearest position along a path, or None."""
    best, most = None, 0.0
    inside = axes.padded(-CLEAR_PX)
    for x in _places(path, size.width):
        own = _heights(path, x, size.width)
        for right, up in BESIDE_POINT if len(path) == 1 else OVER_LINE:
            y = own.min() if up < 0 else own.max()
            box = _box(x, y, right, up, size, clear_px)
            whole = inside.contains(*box.min) and inside.contains(*box.max)
            if not whole or any(map(box.overlaps, taken)):
                continue
            clear = min((_gap(other, box) for other in others), default=FAR_PX)
            # A label on a steep line ends up far from it.
            clear -= 0.5 * (own.max() - own.min())
            if clear > most + 1:
                best, most = ((x, y), (right, up), box), clear
    return best


def _box(x, y, right, up, size, clear_px):
    from matplotlib.transforms import Bbox

    left = x + right * clear_px - (1 - right) / 2 * size.width
    low = y + up * clear_px - (1 - up) / 2 * size.height
    return Bbox.from_bounds(left, low, size.width, size.height)


def _places(path, width):
    """Centres of a text along a path, those nearest to the path's middle first."""
    if len(path) < 2:
        return path[:, 0]
    margin = width / 2 + 2 * CLEAR_PX
    found = np.linspace(path[0, 0] + margin, path[-1, 0] - margin, PLACES)
    if found[0] > found[-1]:
        return found[:0]
    return found[np.argsort(abs(found - path[:, 0].mean()), kind="stable")]


def _heights(path, x, width):
    """Heights of a path across the width of a text; empty where it does not reach."""
    if len(path) < 2:
        near = len(path) and abs(path[0, 0] - x) <= width / 2 + 2 * CLEAR_PX
        return path[:, 1] if near else np.array([])
    xs = np.linspace(x - width / 2, x + width / 2, 9)
    xs = xs[(xs >= path[0, 0]) & (xs <= path[-1, 0])]
    within = (path[:, 0] >= x - width / 2) & (path[:, 0] <= x + width / 2)
    return np.append(np.interp(xs, *path.T), path[within, 1])


def _gap(path, box):
    """Pixels between a box and the nearest part of a path; 0 if they cross."""
    heights = _heights(path, (box.x0 + box.x1) / 2, box.width)
    if not len(heights):
        return FAR_PX
    apart = max(box.y0 - heights.max(), heights.min() - box.y1, 0.0)
    return min(float(apart), FAR_PX)
