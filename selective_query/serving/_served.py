"""What a server serves: a classifier, or a hybrid or chain with its decisions."""

import io
import logging
import sqlite3

import numpy as np

from selective_query._utils.validation import check_choice, check_instance
from selective_query.classifiers import CascadeClassifier, HybridClassifier
from selective_query.serving._payloads import PICTURES, TEXT
from selective_query.serving._protocol import BYTES, DATATYPES, as_text
from selective_query.serving.journal import Journal

logger = logging.getLogger("selective_query.serving")

# Models that answer locally and may query a remote model.
EDGES = HybridClassifier, CascadeClassifier
NUMBERS = "numbers"
TAKES = NUMBERS, TEXT, "pictures"
MOST_PIXELS = 20_000_000
PLAIN_MODES = "L", "RGB"  # in other modes, such as palettes, pixels are indices


class TooManyRowsError(Exception):
    """A request has more rows than the server accepts."""


class Served:
    """A fitted classifier behind named tensors.

    Parameters
    ----------
    model : classifier
        Fitted.
    name : str
        Name of the model.
    takes : {"numbers", "text", "pictures"}
        Kind of rows. Pictures come as JPEG or PNG, all of one size in a request.
    journal : Journal or None
        Records the decisions of a hybrid.
    """

    def __init__(self, model, name, takes=NUMBERS, journal=None):
        check_choice(takes, "takes", TAKES)
        if journal is not None:
            check_instance(journal, "journal", Journal)
            check_instance(
                model, "model", HybridClassifier, "A journal records a hybrid."
            )
        self.model, self.name, self.takes = model, name, takes
        self.journal = journal
        self.classes = np.asarray(model.classes_)
        if isinstance(model, EDGES):
            self.outputs = ["predict", "answered_by", "failure", "score"]
        elif hasattr(model, "predict_proba"):
            self.outputs = ["predict_proba", "predict"]
        else:
            self.outputs = ["predict"]

    @property
    def metadata(self):
        """Metadata of the protocol, with the labels among the parameters."""
        width = getattr(self.model, "n_features_in_", -1)
        is_bytes = self.takes != NUMBERS
        shape = [-1] if is_bytes else [-1, width]
        label = DATATYPES.get(self.classes.dtype, BYTES)
        text = dict.fromkeys(("answered_by", "failure"), BYTES)
        datatypes = {"predict": label, "predict_proba": "FP64", "score": "FP64", **text}
        shapes = {"predict_proba": [-1, len(self.classes)]}
        return {
            "name": self.name,
            "versions": [],
            "platform": "selective_query",
            "inputs": [
                {
                    "name": "input-0",
                    "datatype": BYTES if is_bytes else "FP64",
                    "shape": shape,
                }
            ],
            "outputs": [
                {
                    "name": name,
                    "datatype": datatypes[name],
                    "shape": shapes.get(name, [-1]),
                }
                for name in self.outputs
            ],
            "parameters": {"classes": self.classes.tolist()},
        }

    def rows_of(self, tensors, most):
        """Return the one input tensor as rows for the model.

        Raises
        ------
        TooManyRowsError
            If there are more than `most`.
        ValueError
            If the input is anything else.
        """
        if len(tensors) != 1:
            raise ValueError(f"inputs must be one tensor. Got {len(tensors)}.")
        ((name, rows),) = tensors.items()
        if len(rows) > most:  # before any of them is unpacked
            raise TooManyRowsError(f"At most {most} rows. Got {len(rows)}.")
        if (rows.dtype.kind == "O") != (self.takes != NUMBERS):
            raise ValueError(f"{name!r:.60} must hold {self.takes}.")
        if not rows.size:
            raise ValueError(f"{name!r:.60} must not be empty.")
        if self.takes == NUMBERS:
            width = getattr(self.model, "n_features_in_", None)
            if width is not None and rows.shape[1:] != (width,):
                raise ValueError(
                    f"{name!r:.60} must be of shape [n, {width}]. Got "
                    f"{list(rows.shape)}."
                )
            return rows
        if rows.ndim != 1:
            raise ValueError(f"{name!r:.60} must be of shape [n].")
        return as_text(rows) if self.takes == TEXT else _pictures(rows)

    def answers(self, rows):
        """Return a dict of arrays by output name."""
        if isinstance(self.model, EDGES):
            return self._with_reasons(rows)
        rows = self._with_names(rows)
        if "predict_proba" not in self.outputs:
            return {"predict": np.asarray(self.model.predict(rows))}
        proba = np.asarray(self.model.predict_proba(rows), dtype=float)
        if not np.isfinite(proba).all():
            raise ValueError("The model's probabilities are not finite.")
        labels = self.classes[proba.argmax(axis=1)]
        return {"predict_proba": proba, "predict": labels}

    def _with_reasons(self, rows):
        found = self.model.predict_detailed(self._with_names(rows))
        if self.journal is not None:
            self._record(found, rows)
        return {
            "predict": found.label,
            "answered_by": found.answered_by,
            "failure": found.failure,
            "score": np.clip(found.score, -1e300, 1e300),  # -inf: never queried
        }

    def _with_names(self, rows):
        """Return a data frame if the model was fitted on one, else the rows."""
        names = getattr(self.model, "feature_names_in_", None)
        if names is None or self.takes != NUMBERS:
            return rows
        try:
            import pandas as pd
        except ImportError:  # columns by position then, with scikit-learn's warning
            return rows
        return pd.DataFrame(rows, columns=names)

    def _record(self, found, rows):
        """Write to the journal; a failure to write does not withhold the answer."""
        threshold = self.model.operating_point_.threshold
        try:
            self.journal.record(
                found, rows, threshold=threshold if np.ndim(threshold) == 0 else None
            )
        except (OSError, TypeError, ValueError, sqlite3.Error) as error:
            logger.error("The journal failed: %s", type(error).__name__)


def _pictures(rows):
    """Decode pictures to pixels, after checking their size."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pictures need pillow: pip install 'selective-query[remote]'."
        ) from error
    found = []
    for row in rows:
        if not isinstance(row, bytes):
            raise ValueError("A picture must come as bytes.")
        try:
            picture = Image.open(io.BytesIO(row), formats=PICTURES)
            if picture.mode not in PLAIN_MODES:
                raise ValueError("A picture must be grey or RGB, 8 bits per channel.")
            if picture.width * picture.height * len(rows) > MOST_PIXELS:
                raise ValueError(f"Pictures of more than {MOST_PIXELS} pixels.")
            found.append(np.asarray(picture))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError("A picture must be JPEG or PNG.") from error
    if len({each.shape for each in found}) > 1:
        raise ValueError("Pictures of a request must be of one size.")
    return np.stack(found)
