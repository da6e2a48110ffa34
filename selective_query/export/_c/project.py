"""Write the folder of an exported decision: sources, test vectors, build files."""

import hashlib
import json

import numpy as np

from selective_query.export._c.model_source import (
    model_header,
    model_source,
    threshold_header,
)
from selective_query.export._c.runtime import MANIFEST
from selective_query.export._c.source import C_NAMES, array
from selective_query.export._c.toolchain import template

COPIED = ("sq_ops.h", "sq_ops.c", "main.c", "Makefile")
N_VECTORS = 16


def write_project(folder, decision, facts):
    """Write everything except the test vectors.

    Parameters
    ----------
    folder : Path
    decision : Decision
    facts : dict
        Metadata of the folder as plain values.
    """
    title = f"Answers of a base, and when to query the global, by a {facts['router']}."
    for name in COPIED:
        (folder / name).write_text(template(name))
    header = model_header(decision, title, facts["classes"])
    (folder / "sq_model.h").write_text(header)
    (folder / "sq_model.c").write_text(model_source(decision))
    readme = _readme(decision, title, facts["groups"])
    (folder / "README.md").write_text(readme, "utf-8")
    handed = {
        "inputs": [list(pair) for pair in decision.inputs],
        "n_classes": decision.n_classes,
        "told": decision.told_widths,
        "has_group": decision.group == "input",
        "reads_local": decision.reads_local,
    }
    facts = {**facts, "handed": handed, "artefact": _digest(folder), "files": []}
    write_operating_point(folder, decision.thresholds, decision.group, facts)


def _digest(folder):
    """Return a digest that identifies an artefact, regardless of its threshold."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.[ch]")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def write_operating_point(folder, thresholds, group, facts):
    """Write the threshold and the metadata of the folder."""
    header = threshold_header(thresholds, group, facts)
    (folder / "sq_threshold.h").write_text(header, "utf-8")
    write_facts(folder, facts)


def write_facts(folder, facts):
    """Write the metadata of the folder."""
    (folder / MANIFEST).write_text(json.dumps(facts, indent=1) + "\n")


def _readme(decision, title, groups):
    arguments = ["input"]
    beside = []
    if decision.group == "input":
        arguments.append("group")
        listed = ", ".join(f"{i}: {g}" for i, g in enumerate(groups))
        beside.append(f"`group` is the index of a group: {listed}.")
    if decision.reads_local:
        arguments.append("must_stay")
        beside.append("`must_stay` is 1 for an input that the global must not see.")
    call = f"sq_decide({', '.join([*arguments, '&answer'])})"
    said = {"TITLE": title, "CALL": call, "BESIDE": "\n".join(["", *beside])}
    text = template("README.md")
    for name, value in said.items():
        text = text.replace(f"@{name}@", value)
    return text


def write_vectors(folder, decision, parts, decided, group=None, local=None):
    """Write the first rows with their expected labels and scores.

    Parameters
    ----------
    folder : Path
    decision : Decision
    parts : dict of str to ndarray
    decided : dict of str to ndarray
        Result of ``Decision.run`` on these rows.
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
        array("sq_expected_score", np.float32(decided["score"][:n])),
    ]
    has_label = int("label" in decided)
    text = "\n".join(arrays)
    (folder / "sq_vectors.h").write_text(
        "/* Inputs with their labels and scores, for any threshold. */\n"
        "#include <math.h>\n"
        f"#include <stdint.h>\n\n#define SQ_N_VECTORS {n}\n#define SQ_HAS_LABEL "
        f"{has_label}\n#define SQ_DECIDE(row, answer) "
        f"sq_decide({', '.join([*arguments, 'answer'])})\n\n{text}\n"
    )
