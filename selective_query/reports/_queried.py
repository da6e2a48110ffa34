"""Queries by class or group, and example rows that show what queries do."""

import numpy as np

EXAMPLES = {
    "repaired": "queried, and the global corrected the base",
    "harmed": "queried, although the base was right and the global is wrong",
    "in vain": "queried, and both are wrong",
    "missed": "kept, although the base is wrong",
}
OF_ABSTENTION = {
    "spared": "abstained, where the base would have been wrong",
    "lost": "abstained, where the base would have been right",
    "missed": "answered wrongly",
}

OF_GRADES = {
    "repaired": "queried, and the global's answer has the higher grade",
    "harmed": "queried, although the base's answer has the higher grade",
    "in vain": "queried, and both have the same grade, below 100 %",
    "missed": "kept, although the base's grade is below 100 %",
}
OF_GRADED_ABSTENTION = {
    "spared": "abstained, where the base's grade is below 100 %",
    "lost": "abstained, where the base's grade is 100 %",
    "missed": "answered with a grade below 100 %",
}
GLOBAL_IS_BETTER = "the global is right", "the global's is higher"


def by_part(rows):
    """Share of queries by group, or by class if there are no groups.

    Parameters
    ----------
    rows : DecidedRows

    Returns
    -------
    kind : str or None
        "group", "true class", "class by the base", or None if there is none of these.
    table : list of dict
        ``part``, ``n``, ``queried`` (share), ``base`` and ``pair`` (mean utility; with
        abstention, on answered rows); most queried first.
    """
    columns = {
        "group": rows.group,
        "true class": rows.truth,
        "class by the base": rows.said,
    }
    known = [kind for kind, column in columns.items() if column is not None]
    if not known:
        return None, []
    kind, column = known[0], columns[known[0]]
    parts, number = np.unique(column, return_inverse=True)
    weight = rows.weights
    counted = np.ones_like(rows.kept) if rows.has_global else rows.kept
    mass = np.bincount(number, weight, len(parts))
    answered = np.bincount(number, weight * counted, len(parts))
    with np.errstate(invalid="ignore"):
        queried = np.bincount(number, weight * ~rows.kept, len(parts)) / mass
        base = np.bincount(number, weight * rows.base_utility, len(parts)) / mass
        right = np.bincount(number, weight * counted * rows.utility, len(parts))
        pair = right / answered
    n = np.bincount(number, minlength=len(parts))
    table = [
        {
            "part": part, "n": int(n[i]), "queried": float(queried[i]),
            "base": float(base[i]), "pair": float(pair[i]),
        }
        for i, part in enumerate(_plain(parts))
        if mass[i] > 0
    ]  # fmt: skip
    return kind, sorted(table, key=lambda row: -row["queried"])


def examples(rows, n):
    """Example rows that show what queries do: counts and some names.

    Parameters
    ----------
    rows : DecidedRows
    n : int
        Maximum number of names of each kind: missed rows with the lowest scores first,
        other kinds with the highest scores first.

    Returns
    -------
    dict of str to dict
        ``what`` describes the kind, with ``count`` and ``names``; kinds without rows
        are omitted.
    """
    base, query, kept = rows.base_utility, rows.query_utility, rows.kept
    if rows.has_global:
        wrong = base < query
        of_kind = {
            "repaired": ~kept & wrong,
            "harmed": ~kept & (query < base),
            "in vain": ~kept & (query == base) & (base < 1),
            "missed": kept & (base < 1) & (wrong if rows.knows_all else True),
        }
        what = dict(OF_GRADES if rows.is_graded else EXAMPLES)
        if rows.knows_all:
            what["missed"] += f" and {GLOBAL_IS_BETTER[rows.is_graded]}"
    else:
        of_kind = {
            "spared": ~kept & (base < 1),
            "lost": ~kept & (base == 1),
            "missed": kept & (base < 1),
        }
        what = OF_GRADED_ABSTENTION if rows.is_graded else OF_ABSTENTION
    # The effect of a query that got no answer is unknown.
    counts, found = (rows.weights > 0) & ~rows.lost, {}
    for kind, mask in of_kind.items():
        places = np.flatnonzero(mask & counts)
        by = rows.score[places] if kind == "missed" else -rows.score[places]
        some = places[np.argsort(by, kind="stable")[:n]]
        if len(places):
            names = _plain(rows.names[some])
            found[kind] = {"what": what[kind], "count": len(places), "names": names}
    return found


def _plain(labels):
    """Labels as plain data; dates become text, because JSON has no dates."""
    return (labels.astype(str) if labels.dtype.kind in "mM" else labels).tolist()
