"""Run an ONNX file with onnxruntime. Needs nothing else but NumPy."""

from pathlib import Path

import numpy as np

from selective_query.export._format import check_classes
from selective_query.export._inputs import Inputs
from selective_query.export._onnx.metadata import facts_of
from selective_query.export._onnx.packages import package
from selective_query.export._runner import Runner

# Some operations create a whole table per row.
ROWS_AT_ONCE = 4096


class OnnxRunner(Runner):
    """Runs an ONNX file on rows.

    Parameters
    ----------
    source : str, path-like or bytes
        Path of a file, or its content.
    n_threads : int
        Threads per operation. Small models are fastest with one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, was not written by export_onnx, or onnxruntime refuses it.
    """

    def __init__(self, source, n_threads=1):
        runtime = package("onnxruntime", "Running an ONNX file")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        is_data = isinstance(source, bytes)
        name = "this model" if is_data else str(source)
        if not is_data and not Path(source).is_file():
            raise FileNotFoundError(f"There is no file {source}.")
        try:
            self.session = runtime.InferenceSession(
                source if is_data else str(source),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:
            # onnxruntime's errors have no common base class.
            raise ValueError(
                f"onnxruntime cannot run {name}: {str(error)[:400]}. If the file is "
                "damaged, export it again. Texts with non-ASCII letters need the "
                "locale en_US.UTF-8."
            ) from error
        properties = self.session.get_modelmeta().custom_metadata_map
        facts = facts_of(properties, name)
        given, outputs = facts["inputs"], self.session.get_outputs()
        widths = {output.name: output.shape[-1] for output in outputs}
        if "probabilities" in widths:
            check_classes(facts, name, widths["probabilities"])
        super().__init__(
            name,
            facts,
            None if given is None else Inputs.from_dict(given),
            list(widths),
            {entry.name for entry in self.session.get_inputs()},
        )

    def run(self, X, group=None, local_only=None):
        """Return all outputs for these rows by name; see `Runner.run`."""
        tensors = self.inputs.tensors(X)
        n_rows = len(next(iter(tensors.values())))
        return self.run_tensors({**tensors, **self.asked(n_rows, group, local_only)})

    def run_tensors(self, tensors):
        """Run the graph on its input tensors."""
        n_rows = len(next(iter(tensors.values())))
        if n_rows <= ROWS_AT_ONCE:
            answers = self.session.run(None, tensors)
        else:
            parts = []
            for start in range(0, n_rows, ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                part = {name: values[rows] for name, values in tensors.items()}
                parts.append(self.session.run(None, part))
            answers = map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(self.outputs, answers, strict=True))

    def asked(self, n_rows, group, local_only):
        """Return the additional columns with the dtypes of the graph."""
        made = super().asked(n_rows, group, local_only)
        if "group" in made:
            labels = np.asarray(self.facts["groups"])
            text = labels.dtype.kind == "U"
            kind = object if text else group_dtype(labels)
            made["group"] = made["group"].astype(kind)
        return made


def group_dtype(labels):
    """Return the numeric dtype that an artefact uses for these group labels."""
    return np.int64 if np.asarray(labels).dtype.kind in "iub" else np.float32
