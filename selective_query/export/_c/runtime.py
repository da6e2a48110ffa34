"""Run a folder of C on this machine. Needs only NumPy and a C compiler."""

import json
from pathlib import Path

import numpy as np

from selective_query.export._c.host import HostModel
from selective_query.export._format import check_classes, checked_facts
from selective_query.export._inputs import Inputs
from selective_query.export._runner import Runner

MANIFEST = "artefact.json"
OWN = {"handed": dict, "files": list, "is_same_model": bool}


class CRunner(Runner):
    """Runs the C code of a folder on rows.

    Parameters
    ----------
    folder : str or path-like

    Raises
    ------
    RuntimeError
        If there is no C compiler, or compilation fails.
    ValueError
        If export_c did not write the folder.
    """

    def __init__(self, folder):
        facts = facts_of_folder(folder)
        handed, given = facts["handed"], facts["inputs"]
        columns = {"group": handed["has_group"], "local_only": handed["reads_local"]}
        super().__init__(
            str(folder),
            facts,
            None if given is None else Inputs.from_dict(given),
            ["label", "probabilities", *handed["told"], "queried", "score"],
            {name for name, is_read in columns.items() if is_read},
        )
        if given is not None:
            check_classes(facts, folder, handed["n_classes"])
        self._model = HostModel(folder, **handed)

    def run(self, X, group=None, local_only=None):
        """Return the answers of ``sq_decide`` for these rows; see `Runner.run`."""
        X = self.inputs.tensors(X)["X"]
        asked = self.asked(len(X), group, local_only)
        made = self._model.run(
            {"X": X.reshape(len(X), -1)},
            self._places(asked.get("group")),
            asked.get("local_only"),
        )
        made["label"] = np.array(self.facts["classes"])[made["label"]]
        return made

    def _places(self, group):
        if group is None:
            return None
        place = {label: i for i, label in enumerate(self.facts["groups"])}
        return np.array([place[label] for label in group.tolist()])


def facts_of_folder(folder):
    """Return the metadata of a folder.

    Raises
    ------
    ValueError
        If it was not written by export_c, is damaged, or has another format.
    """
    path = Path(folder) / MANIFEST

    def read():
        return json.loads(path.read_text("utf-8")) if path.is_file() else {}

    return checked_facts(read, folder, "a folder that export_c wrote", OWN)
