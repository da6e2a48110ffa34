"""Base class of what runs an artefact on this machine."""

import numpy as np


class Runner:
    """An open artefact. Subclasses implement `run`.

    Parameters
    ----------
    name : str
        Its file or folder, for messages.
    facts : dict
        Its metadata.
    inputs : Inputs or None
        Its inputs; None for a rule alone.
    outputs : list of str
        Names of its outputs.
    read : collection of {"group", "local_only"}
        Additional columns that a decision needs.
    """

    def __init__(self, name, facts, inputs, outputs, read):
        self.name, self.facts, self.inputs = name, facts, inputs
        self.outputs = outputs
        self._read = frozenset(read)

    def run(self, X, group=None, local_only=None):
        """Return all outputs for these rows by name.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        group, local_only : array-like of shape (n_samples,) or None
            Required for decisions if the rule reads them. None is fine for outputs that
            do not depend on them.

        Returns
        -------
        dict of str to ndarray
            Keys are the names in `outputs`.
        """
        raise NotImplementedError

    def reads(self, name):
        """Whether a decision needs this column."""
        return name in self._read

    def asked(self, n_rows, group, local_only):
        """Return the additional columns that the rule reads, validated.

        Raises
        ------
        ValueError
            If there is not one entry per row, a group is unknown, or an entry of
            `local_only` is neither true nor false.
        """
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
            made["group"] = group
        if self.reads("local_only"):
            local = np.zeros(n_rows, bool) if local_only is None else local_only
            made["local_only"] = _flags(np.asarray(local), "local_only")
            _check_length(made["local_only"], n_rows, "local_only")
        return made


def _flags(values, name):
    if values.dtype != bool and not all(v in (0, 1) for v in values.ravel().tolist()):
        raise ValueError(
            f"{name} must hold True or False for each row. Got {values.ravel()[:5]}."
        )
    return values.astype(bool)


def _check_length(values, n_rows, name):
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} must be of shape ({n_rows},), one entry per row. Got "
            f"{values.shape}."
        )
