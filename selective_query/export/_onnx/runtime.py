"""An ONNX file, run by onnxruntime. Needs numpy beside it and nothing else."""

from pathlib import Path

import numpy as np

from selective_query.export._onnx.inputs import Inputs
from selective_query.export._onnx.metadata import facts_of
from selective_query.export._onnx.packages import package


class OnnxRunner:
    """What a file answers about rows.

    Parameters
    ----------
    source : str, path-like or bytes
        A file, or what stands in it.
    n_threads : int
        Of one operation. Small models are quickest with one.
    """

    def __init__(self, source, n_threads=1):
        runtime = package("onnxruntime", "Running an ONNX file")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        is_data = isinstance(source, bytes)
        self.name = "this model" if is_data else str(source)
        if not is_data and not Path(source).is_file():
            raise FileNotFoundError(f"There is no file {source}.")
        self.session = runtime.InferenceSession(
            source if is_data else str(source),
            options,
            providers=["CPUExecutionProvider"],
        )
        properties = self.session.get_modelmeta().custom_metadata_map
        self.facts = facts_of(properties, self.name)
        self.outputs = [output.name for output in self.session.get_outputs()]
        self._asked = {entry.name: entry.type for entry in self.session.get_inputs()}
        given = self.facts["inputs"]
        self.inputs = None if given is None else Inputs.from_dict(given)

    def run(self, X, group=None, local_only=None):
        """Every output for these rows, by name.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        group, local_only : array-like of shape (n_samples,) or None
            Where the rule reads them. None leaves an answer open that only a decision
            needs.

        Returns
        -------
        dict of str to ndarray
        """
        tensors = self.inputs.tensors(X)
        n_rows = len(next(iter(tensors.values())))
        return self.run_tensors({**tensors, **self.asked(n_rows, group, local_only)})

    def run_tensors(self, tensors):
        """As `run`, of what is in the graph's own form."""
        return dict(zip(self.outputs, self.session.run(None, tensors), strict=True))

    def reads(self, name):
        """Whether a decision needs the group, or which rows must stay."""
        return name in self._asked

    def asked(self, n_rows, group, local_only):
        """The columns beside the inputs that the rule reads, checked."""
        made = {}
        if self.reads("group"):
            labels = np.asarray(self.facts["groups"])
            group = np.full(n_rows, labels[0]) if group is None else np.asarray(group)
            _check_length(group, n_rows, "group")
            strange = ~np.isin(group, labels)
            if strange.any():
                raise ValueError(
                    "Rows belong to groups that no calibration row belonged to: "
                    f"{group[strange][:5].tolist()}. Known groups: {labels.tolist()}."
                )
            text = labels.dtype.kind == "U"
            made["group"] = group.astype(object if text else group_dtype(labels))
        if self.reads("local_only"):
            local = np.zeros(n_rows, bool) if local_only is None else local_only
            made["local_only"] = np.asarray(local, dtype=bool)
            _check_length(made["local_only"], n_rows, "local_only")
        return made


def group_dtype(labels):
    """The type of numbers in which an artefact takes groups with such labels."""
    return np.int64 if np.asarray(labels).dtype.kind in "iub" else np.float32


def _check_length(values, n_rows, name):
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} must be of shape ({n_rows},), one entry a row. Got {values.shape}."
        )
