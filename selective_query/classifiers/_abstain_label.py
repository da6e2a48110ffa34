"""The label for an abstention: of the same kind as the classes, but not one of them."""

import numpy as np

from selective_query._utils.numbers import is_number


def check_abstain_label(label, classes):
    """Raise for a label that equals a class or is of another kind than the classes.

    Parameters
    ----------
    label : object
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
    """
    classes_are_text = isinstance(classes[0], str)
    fits = (
        isinstance(label, str)
        if classes_are_text
        else is_number(label)
        and np.isfinite(label)
        and (classes.dtype.kind == "f" or float(label).is_integer())
    )
    if not fits:
        kind = "text" if classes_are_text else f"numbers ({classes.dtype})"
        example = "unknown" if classes_are_text else -1
        raise ValueError(
            f"abstain_label must be of the kind of the classes, {kind}. Got "
            f"{label!r}. Choose for example {example!r}."
        )
    if label in classes:
        raise ValueError(
            f"abstain_label={label!r} is one of the classes "
            f"{classes[:10].tolist()}, so an answer and an abstention would look "
            "alike. Choose another label."
        )


def abstaining(labels, where, label):
    """The labels, replaced by the abstention label in some rows.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    where : ndarray of shape (n_samples,), bool
    label : object

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    # Assigning into the classes' own dtype would cut "unknown" to "unkno".
    labels = labels.astype(np.result_type(labels, np.asarray(label)))
    labels[where] = label
    return labels
