"""The threshold of an artefact, moved without another export."""

from pathlib import Path


def set_operating_point(path, classifier_or_policy, *, example=None):
    """Move the threshold of what `export_onnx` or `export_c` wrote.

    Nothing is converted anew: of a file the initializer ``threshold`` changes, of a
    folder ``sq_threshold.h``.

    Parameters
    ----------
    path : str or path-like
        An ONNX file, or a folder of C.
    classifier_or_policy : the type that was exported
        The same classifier at another operating point, such as ``hybrid.at(0.8)``; or
        with the artefact as its base: the threshold of
        ``hybrid.with_base(EdgeClassifier(path), X, y)`` was learned, and certified, on
        what the artefact says. It must have the program of the score that is held, and
        be cut on the scores of the same calibration rows, which tell its base from
        another one; a rule that was cut by hand tells none, and of it the program
        alone is compared.
    example : array-like, data frame, list of texts or Evidence, or None
        Rows on which both are compared; the report is written anew.

    Returns
    -------
    ExportReport

    Raises
    ------
    ValueError
        When neither function wrote what is there.
    ExportError
        When it holds another rule, or that of another base, or it decides otherwise
        than the classifier. It is then left as it was.
    """
    # Each of both needs packages that the other does not.
    if Path(path).is_dir():
        from selective_query.export.c_folder import move_folder as move
    else:
        from selective_query.export.onnx_file import move_file as move
    return move(path, classifier_or_policy, example=example)


__all__ = ["set_operating_point"]
