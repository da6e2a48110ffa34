"""Steps: a program while it is being written."""

from selective_query.routers.program import Program, Step


class Steps(list):
    """Steps that are being written; ``add`` says at which place each one stands.

    Parameters
    ----------
    iterable : iterable of Step, default=()
        Steps to start from.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import Steps
    >>> steps = Steps()
    >>> largest = steps.add("top", steps.read("base_proba"), k=1)
    >>> steps.add("apply", largest, function="complement")
    2
    >>> steps.program("mine").run(Evidence(base_proba=[[0.75, 0.25]]))
    array([0.25])
    """

    def read(self, part, width=None):
        """Append the reading of a part of the evidence.

        Parameters
        ----------
        part : {"base_proba", "base_logits", "base_features", "X"}
        width : int or None, default=None
            How many columns it must have; None takes it as it comes.

        Returns
        -------
        int
            Place of the step.
        """
        return self.add("read", part=part, width=width)

    def add(self, op, *inputs, **parameters):
        """Append an operation on earlier steps.

        Parameters
        ----------
        op : str
            A name of the table in :class:`Program`.
        *inputs : int
            Places of the steps whose tables it takes.
        **parameters : object
            What the operation knows beside them: numbers, words and arrays.

        Returns
        -------
        int
            Place of the step.
        """
        self.append(Step(op, inputs, parameters))
        return len(self) - 1

    def program(self, router):
        """The program of these steps.

        Parameters
        ----------
        router : str
            Whose score it is, for messages.

        Returns
        -------
        Program
        """
        return Program(tuple(self), router)
