"""Read saved predictions from a file, two tables, or standard input."""

import io
import sys

from selective_query._utils.frames import column_names
from selective_query.outcomes import Outcomes
from selective_query.outcomes._files import LABELS, NUMBERS, WIDE, is_table
from selective_query.outcomes._tables import as_labels, read_table


class _StandardInput(io.BytesIO):
    """The content of standard input, which can be read repeatedly."""

    name = ""

    def __str__(self):
        return "standard input"


def source_of(path):
    """Return the path, or standard input for a dash."""
    return _StandardInput(sys.stdin.buffer.read()) if str(path) == "-" else path


def read_known(kind, path, args, classes=None):
    """Read Outcomes or Evidence from a file according to the options.

    Parameters
    ----------
    kind : {Outcomes, Evidence}
    path : str
    args : Namespace
        With ``global_file``, ``id``, ``y`` and ``classes``.
    classes : ndarray of shape (n_classes,) or None
        Classes that a policy knows.

    Raises
    ------
    ValueError
        If the file is malformed, or an option does not apply to it.
    """
    source = source_of(path)
    classes = classes if args.classes is None else as_labels(args.classes)
    table = is_table(source)
    if not table:
        for option in ("global_file", "id", "y", "classes"):
            if getattr(args, option) is not None:
                raise ValueError(
                    f"--{option.removesuffix('_file')} is for tables only. {source} is "
                    "an npz file with named arrays: leave the option out."
                )
        return kind.from_file(source, classes=classes)
    labels = {*LABELS, args.id, args.y}
    read = read_table(source, labels)
    if args.global_file is None and _says_what_columns_are(read):
        return kind.from_file(source, classes=classes, y=args.y, id=args.id)
    options = {"classes": classes, "id": args.id}
    if kind is not Outcomes:
        return kind.from_frames(read, **options)
    other = args.global_file
    other = None if other is None else read_table(source_of(other), labels)
    return Outcomes.from_frames(read, other, y=args.y, **options)


def _says_what_columns_are(table):
    names = (*(f"{name}_" for name in WIDE), *NUMBERS)
    return any(column.startswith(names) for column in column_names(table))
