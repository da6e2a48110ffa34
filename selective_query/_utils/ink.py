"""Colours that are safe for colour-blind readers and dark enough for text."""

# The Okabe-Ito palette, accent colour first.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
ACCENT = PALETTE[0]
QUIET = "#595959"  # contrast of 7 : 1 on white
DARKER = {"#D55E00": 0.82, "#009E73": 0.75, "#CC79A7": 0.68, "#56B4E9": 0.62}
DARKER["#E69F00"] = 0.62


def ink(color):
    """Darken a colour so that text in it is readable on white."""
    from matplotlib.colors import to_hex, to_rgb

    factor = DARKER.get(to_hex(color).upper(), 1)
    return QUIET if color == "grey" else tuple(factor * part for part in to_rgb(color))
