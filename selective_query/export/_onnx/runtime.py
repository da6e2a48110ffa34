"""An ONNX file, run by onnxruntime. Needs numpy beside it and nothing else."""

from pathlib import Path

import numpy as np

from selective_query.export._format import check_classes
from selective_query.export._inputs import Inputs
from selective_query.export._onnx.metadata import facts_of
from selective_query.export._onnx.packages import package
from selective_query.export._runner import Runner

# Some operations hold a table for each row.
ROWS_AT_ONCE = 4096


class OnnxRunner(Runner):
    """What a file answers about rows.

    Parameters
    ----------
    source : str, path-like or bytes
        A file, or what stands in it.
    n_threads : int
        Of one operation. Small models are quickest with one.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is damaged, export_onnx did not write it, or onnxruntime refuses it.
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
            # onnxruntime has errors of its own, of no common kind.
            raise ValueError(
                f"onnxruntime cannot run {name}: {str(error)[:400]}. Export a damaged "
                "file anew. Texts with letters beyond ASCII need the locale "
                "en_US.UTF-8."
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
        """Every output for these rows, by name; see `Runner.run`."""
        tensors = self.inputs.tensors(X)
        n_rows = len(next(iter(tensors.values())))
        return self.run_tensors({**tensors, **self.asked(n_rows, group, local_only)})

    def run_tensors(self, tensors):
        """Run on tensors in the form that the graph takes."""
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
        """The columns beside the inputs, as the graph takes them."""
        made = super().asked(n_rows, group, local_only)
        if "group" in made:
            labels = np.asarray(self.facts["groups"])
            text = labels.dtype.kind == "U"
            kind = object if text else group_dtype(labels)
            made["group"] = made["group"].astype(kind)
        return made


def group_dtype(labels):
    """The type of numbers in which an artefact takes groups with such labels."""
    return np.int64 if np.asarray(labels).dtype.kind in "iub" else np.float32
