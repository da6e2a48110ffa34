"""Program: a router's score as a short list of plain steps over evidence."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers._operations import OPERATIONS
from selective_query.routers._program_files import FORMAT, check_chain, checked_steps
from selective_query.routers._table import numeric_inputs
from selective_query.routers.decision_cost import cost_of

# Rows that are scored at a time: their numbers fit into the processor's cache, and
# scratch memory does not grow with the batch.
CHUNK = 2048


class Step(NamedTuple):
    """One operation of a program.

    Parameters
    ----------
    op : str
        Name of an operation in the table of :class:`Program`.
    inputs : tuple of int
        Places of the steps whose tables it takes, all before its own place.
    parameters : dict
        Further parameters of the operation: numbers, words and arrays.
    """

    op: str
    inputs: tuple[int, ...] = ()
    parameters: dict = {}


@dataclass(frozen=True, eq=False)
class Program:
    r"""A score as a list of steps over evidence: plain numbers without code.

    Each step computes one table of numbers, with a row for each input and a fixed
    number of columns, from tables of earlier steps. The last step of a router has a
    single column, the query score. numpy runs it here in the precision of evidence and
    arrays (mostly double); an interpreter on a device uses single precision and may
    differ by rounding.

    ====================  ===============================  =============================
    op                    parameters                       table
    ====================  ===============================  =============================
    ``read``              part, width (None: as it comes)  base_proba, base_logits,
                                                           base_features or a numeric X
    ``top``               k                                the k largest, falling; zeros
                                                           where there are fewer
    ``doubt``             k                                of the k largest: one minus
                                                           the first, roots of the rest
    ``columns``           start, stop                      these columns
    ``concatenate``                                        side by side
    ``log``               floor                            log(max(x, floor))
    ``apply``             function: complement, negative,  1 - x, -x, square root,
                          sqrt, sigmoid, tanh, relu,       1 / (1 + exp(-x)), tanh(x),
                          single                           max(x, 0), rounded to single
                                                           precision
    ``scale``             centre, scale                    (x - centre) / scale of each;
                                                           0 at an infinite scale
    ``affine``            weight (in, out), bias (out)     x @ weight + bias
    ``centre``                                             each row less its mean
    ``combine``           function: add, subtract,         entry by entry, or a single
                          cross_entropy                    column with each; minus the
                                                           sum of products of each row
    ``reduce``            function: max, min, norm2,       of each row; norm2 the sum of
                          entropy, agreement               squares; entropy in nats,
                                                           with 0 log 0 = 0; agreement
                                                           the commonest value's share
    ``peak``              order                            largest over p-norm, 0 where
                                                           that is 0; of two columns the
                                                           larger one alone
    ``log_sum_exp``       temperature t                    t log sum exp(x / t)
    ``softmax``                                            exp(x_i) / sum exp(x_j)
    ``normalise``                                          each row over its sum; equal
                                                           shares where that is 0
    ``pairs``                                              x_i - x_j for all i < j
    ``class_effect``      effects (n_classes)              that of the most probable one
    ``class_roots``       effects (n_classes), k           sum of the roots of the k
                                                           largest, each times the
                                                           effect of its class
    ``squared_distance``  centres (k, d), weights (k, d)   ``sum_j w_kj (x_j - c_kj)^2``
    ``kernel``            landmarks, weights, width h      ``sum_j w_j exp(-|x - l_j|^2
                                                           / (2 d h^2))``, d columns
    ``trees``             feature, threshold, children,    offset + sum of the leaves'
                          value (n_nodes, k), root,        values; the second child
                          depth, offset (k)                where x <= threshold
    ``constant``          value                            the same for each row
    ====================  ===============================  =============================

    Tables whose width depends on the evidence can only go to ``top``, ``doubt``,
    ``log``, ``apply``, ``centre``, ``reduce``, ``peak``, ``log_sum_exp``, ``softmax``
    and ``normalise``; all other operations need a known number of columns.

    Top-k probabilities (:class:`~selective_query.TopKProba`) are accepted if only
    ``top``, ``doubt``, ``class_effect``, ``class_roots``, ``single`` and ``entropy``
    use them; the last spreads the remaining mass evenly.

    Parameters
    ----------
    steps : tuple of Step
    router : str
        Name of the router, for messages.

    See Also
    --------
    selective_query.BaseRouter.program : The program of a fitted router.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import MarginRouter, Program
    >>> program = MarginRouter().program()
    >>> [step.op for step in program.steps]
    ['read', 'doubt', 'top', 'columns', 'combine']
    >>> again = Program.from_dict(program.to_dict())
    >>> again.run(Evidence(base_proba=[[0.5, 0.25, 0.25]]))
    array([0.75])
    """

    steps: tuple[Step, ...]
    router: str

    def run(self, evidence):
        """The query score of each row.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher means query first.

        Raises
        ------
        MissingEvidenceError
            If a part is missing, or only top-k probabilities are available where all
            are needed.
        ValueError
            If a part has another width, or the last step has several columns.
        """
        n_rows = evidence.n_rows
        if n_rows <= CHUNK:
            return self._score(evidence)
        scores = np.empty(n_rows)
        for start in range(0, n_rows, CHUNK):
            rows = slice(start, start + CHUNK)
            scores[rows] = self._score(evidence.view(rows))
        return scores

    def _score(self, evidence):
        table = self.table(evidence)
        if table.shape[1] != 1:
            self.check_is_score()
        return table[:, 0]

    def table(self, evidence):
        """The last step's table for all rows at once.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples, n_columns)

        Raises
        ------
        MissingEvidenceError
            If a part is missing, or only top-k probabilities are available where all
            are needed.
        """
        if isinstance(evidence.base_proba, TopKProba):
            self._refuse_top_k()
        tables = []
        for op, inputs, parameters in self.steps:
            if op == "read":
                tables.append(self._read(evidence, **parameters))
            elif len(inputs) == 1:
                tables.append(OPERATIONS[op].run(tables[inputs[0]], **parameters))
            elif inputs:
                taken = [tables[i] for i in inputs]
                tables.append(OPERATIONS[op].run(*taken, **parameters))
            else:
                tables.append(np.full((evidence.n_rows, 1), parameters["value"]))
        return tables[-1]

    def widths(self, evidence=None):
        """Number of columns of each step's table.

        Parameters
        ----------
        evidence : Evidence or None, default=None
            Provides the widths that depend on the evidence; None leaves them unknown.

        Returns
        -------
        list of (int or None)

        Raises
        ------
        ValueError
            If tables of these widths cannot be combined.
        """
        widths = []
        for place, (op, inputs, parameters) in enumerate(self.steps):
            try:
                if op == "read":
                    widths.append(self._width_read(evidence, **parameters))
                else:
                    found = OPERATIONS[op].width(
                        *[widths[i] for i in inputs], **parameters
                    )
                    widths.append(found)
            except MissingEvidenceError:
                raise
            except ValueError as error:
                raise ValueError(f"Step {place} ({op}): {error}") from None
        return widths

    def cost(self, evidence=None):
        """Cost of one decision on the device, after the base has run.

        Parameters
        ----------
        evidence : Evidence or None, default=None
            As in `widths`.

        Returns
        -------
        DecisionCost

        Raises
        ------
        ValueError
            If a width is unknown.
        """
        widths = self.widths(evidence)
        if None in widths:
            raise ValueError(
                f"The cost of {self.router} depends on how wide the evidence is. Give "
                "evidence=, one row of it will do."
            )
        macs = stored = 0
        for op, inputs, parameters in self.steps:
            operation = OPERATIONS[op]
            macs += operation.macs(*[widths[i] for i in inputs], **parameters)
            stored += operation.stored(**parameters)
        return cost_of(macs, stored=stored, scratch=self._most_held(widths))

    def _most_held(self, widths):
        """Peak count of numbers in memory; tables are dropped after their last use."""
        owners, last_use = [], {}
        for place, (op, inputs, parameters) in enumerate(self.steps):
            if op == "read":
                owner = None
            elif OPERATIONS[op].is_view(**parameters):
                owner = owners[inputs[0]]
            else:
                owner = place
            owners.append(owner)
            last_use |= dict.fromkeys((owners[i] for i in inputs), place)
        held = most = 0
        for place, (op, inputs, _) in enumerate(self.steps):
            operation = OPERATIONS[op]
            made = widths[place] if owners[place] == place else 0
            taken = {owners[i] for i in inputs} - {None, owners[place]}
            dropped = sum(widths[i] for i in taken if last_use[i] == place)
            reused = min(dropped, made) if operation.in_place else 0
            most = max(most, held + made - reused + operation.scratch)
            held += made - dropped
        return most

    def check_is_score(self):
        """Raise a ValueError unless the last step has a single column."""
        width = self.widths()[-1]
        if width != 1 or self.steps[-1].op == "read":
            raise ValueError(
                "The last step of a program must make one column, the score. Got "
                f"{self.steps[-1].op} of {width} columns."
            )

    def parts(self):
        """The kinds of evidence that it reads, and the required width of each.

        Returns
        -------
        dict of str to (int or None)
        """
        return {
            parameters["part"]: parameters.get("width")
            for op, _, parameters in self.steps
            if op == "read"
        }

    def to_dict(self):
        """The program as strings, numbers, lists and arrays.

        Returns
        -------
        dict
        """
        return {
            "format": FORMAT,
            "router": self.router,
            "steps": [
                {"op": op, "inputs": list(inputs), **parameters}
                for op, inputs, parameters in self.steps
            ],
        }

    @classmethod
    def from_dict(cls, data):
        """Rebuild the program that `to_dict` wrote, after checking every part.

        Parameters
        ----------
        data : dict

        Returns
        -------
        Program

        Raises
        ------
        ValueError
            If the format differs, an operation is unknown, a parameter is missing or
            out of range, a step uses a later one, shapes do not match, a tree has a
            cycle, or it would take too much memory. The message names the step.
        """
        steps, router = checked_steps(data)
        program = cls(tuple(Step(*step) for step in steps), router)
        check_chain(program)
        return program

    def _may_be_top_k(self, place):
        """Whether this table is base_proba itself, which may be top-k."""
        op, inputs, parameters = self.steps[place]
        if op == "read":
            return parameters["part"] == "base_proba"
        single = op == "apply" and parameters["function"] == "single"
        return single and self._may_be_top_k(inputs[0])

    def _refuse_top_k(self):
        for op, inputs, parameters in self.steps:
            takes = getattr(OPERATIONS[op], "takes_top_k", False)
            takes = takes or parameters.get("function") in ("entropy", "single")
            if not takes and any(map(self._may_be_top_k, inputs)):
                raise MissingEvidenceError(
                    f"{self.router} needs base_logits or the probabilities of all "
                    "classes, as in fit; top-k probabilities lack the rest. "
                    "Choose max_probability, margin or entropy, or fit on top-k "
                    "probabilities."
                )

    def _read(self, evidence, part, width=None):
        values = evidence.require(part, self.router)
        if part == "X":
            values = numeric_inputs(values, f"{self.router} needs")
        if width is not None and values.shape[1] != width:
            raise ValueError(
                f"{self.router} was fitted on other evidence: {part} with {width} "
                f"columns. Got {values.shape[1]}. Give the same kinds of evidence as "
                "in fit."
            )
        return values

    def _width_read(self, evidence, part, width=None):
        return width if evidence is None else self._read(evidence, part, width).shape[1]
