"""Steps: a program under construction."""

from selective_query.routers.program import Program, Step


class Steps(list):
    """A list of steps under construction; ``add`` returns the place of each new step.

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
        """Append a step that reads a part of the evidence.

        Parameters
        ----------
        part : {"base_proba", "base_logits", "base_features", "X"}
        width : int or None, default=None
            Required number of columns; None accepts any width.

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
            Name of an operation in the table of :class:`Program`.
        *inputs : int
            Places of the steps whose tables it takes.
        **parameters : object
            Further parameters of the operation: numbers, words and arrays.

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
            Name of the router, for messages.

        Returns
        -------
        Program
        """
        return Program(tuple(self), router)
