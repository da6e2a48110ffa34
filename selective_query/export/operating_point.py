"""set_operating_point: change the threshold of an artefact without exporting again."""

from pathlib import Path


def set_operating_point(path, classifier_or_policy, *, example=None):
    """Change the threshold of an artefact of `export_onnx` or `export_c`.

    Nothing is converted again: only the initializer ``threshold`` of an ONNX file
    changes, or ``sq_threshold.h`` of a folder of C.

    Parameters
    ----------
    path : str or path-like
        The ONNX file, or the folder of C.
    classifier_or_policy : the type that was exported
        The same classifier at another operating point, such as ``hybrid.at(0.8)``; or
        the classifier with the artefact as its base,
        ``hybrid.with_base(EdgeClassifier(path), X, y)``, whose threshold was fitted and
        certified on the artefact's outputs. Its score program must be the one in the
        artefact, and its threshold must come from the same calibration scores, which
        identify the base. A rule whose threshold was set by hand has no such scores;
        for it, only the program is compared.
    example : array-like, data frame, list of texts or Evidence, or None
        Rows on which both are compared; the report is rewritten.

    Returns
    -------
    ExportReport

    Raises
    ------
    ValueError
        If neither function wrote `path`.
    ExportError
        If the artefact contains another rule, or that of another base, or its
        decisions differ from the classifier's. It is left unchanged then.
    """
    # Each needs packages that the other does not.
    if Path(path).is_dir():
        from selective_query.export.c_folder import move_folder as move
    else:
        from selective_query.export.onnx_file import move_file as move
    return move(path, classifier_or_policy, example=example)


__all__ = ["set_operating_point"]
