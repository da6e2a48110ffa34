"""The folder of an exported decision: sources, test vectors, what runs them."""

import json
from pathlib import Path

import numpy as np

from selective_query.export._c.model_source import (
    model_header,
    model_source,
    threshold_header,
)
from selective_query.export._c.source import C_NAMES, array
from selective_query.export._c.toolchain import template

FORMAT = 1
MANIFEST = "artefact.json"
COPIED = ("sq_ops.h", "sq_ops.c", "main.c", "Makefile")
N_VECTORS = 16


def write_project(folder, decision, *, title, classes, metadata):
    """Write all but the test vectors.

    Parameters
    ----------
    folder : Path
    decision : Decision
    title : str
    classes : ndarray or None
    metadata : dict
        Plain values beside what a reader of the folder must know.
    """
    for name in COPIED:
        (folder / name).write_text(template(name))
    (folder / "sq_model.h").write_text(model_header(decision, title, classes))
    (folder / "sq_model.c").write_text(model_source(decision))
    write_threshold(folder, decision)
    labels = None if classes is None else np.asarray(classes).tolist()
    manifest = {
        "format": FORMAT,
        "classes": labels,
        "n_classes": decision.n_classes,
        "inputs": [list(pair) for pair in decision.inputs],
        "groups": [g for g, _ in decision.cuts] if decision.group == "input" else None,
        "reads_local": decision.reads_local,
        **metadata,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def write_threshold(folder, decision):
    """Write the one file that an operating point is in."""
    (folder / "sq_threshold.h").write_text(threshold_header(decision))


def read_manifest(folder):
    """What `write_project` said of a folder.

    Raises
    ------
    ValueError
        When it is none, or of another format.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is no folder that export_c wrote: {error}."
        ) from error
    if manifest.get("format") != FORMAT:
        raise ValueError(
            f"{path} must be of format {FORMAT}. Got {manifest.get('format')!r}. Read "
            "it with the version of selective_query that wrote it."
        )
    return manifest


def write_vectors(folder, decision, parts, decided, group=None, local=None):
    """Write the first rows and what is decided on them.

    Parameters
    ----------
    folder : Path
    decision : Decision
    parts : dict of str to ndarray
    decided : dict of str to ndarray
        What ``Decision.run`` says of these rows.
    group, local : ndarray of shape (n_samples,), optional
    """
    n = min(N_VECTORS, len(decided["score"]))
    arrays, arguments = [], []
    for part, width in decision.inputs:
        name = f"sq_vectors_{C_NAMES.get(part, part)}"
        arrays.append(array(name, np.float32(parts[part][:n])))
        arguments.append(f"{name} + {width} * (row)")
    for name, values in (("group", group), ("must_stay", local)):
        if values is not None:
            arrays.append(array(f"sq_vectors_{name}", np.int32(values[:n])))
            arguments.append(f"sq_vectors_{name}[row]")
    label = decided.get("label", np.zeros(n))
    arrays += [
        array("sq_expected_label", np.int32(label[:n])),
        array("sq_expected_queried", np.int32(decided["queried"][:n])),
        array("sq_expected_score", np.float32(decided["score"][:n])),
    ]
    has_label = int("label" in decided)
    text = "\n".join(arrays)
    (folder / "sq_vectors.h").write_text(
        "/* Inputs, and what is decided on them. */\n#include <math.h>\n"
        f"#include <stdint.h>\n\n#define SQ_N_VECTORS {n}\n#define SQ_HAS_LABEL "
        f"{has_label}\n#define SQ_DECIDE(row, answer) "
        f"sq_decide({', '.join([*arguments, 'answer'])})\n\n{text}\n"
    )
