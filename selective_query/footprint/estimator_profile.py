"""What an estimator that is no net takes of a device, for one input."""

from dataclasses import dataclass, replace

from selective_query._utils.numbers import check_number, check_whole
from selective_query.footprint.report import RESERVED_BYTES, footprint_report

BYTES_OF_CONSTANT = 4
COUNTS = (
    "macs",
    "comparisons",
    "weights",
    "constants",
    "index_bytes",
    "peak_elements",
)


@dataclass(frozen=True, kw_only=True)
class EstimatorProfile:
    """What an estimator takes for one input.

    Parameters
    ----------
    macs : int
        Multiply-accumulates; an addition, subtraction or product on its own counts as
        one. A softmax, logistic or logarithm at the end is not counted.
    comparisons : int, default=0
        At most, along the longest path of each tree.
    mean_comparisons : float or None, default=None
        On average over the rows of the fit; as ``comparisons`` where None.
    weights : int
        Stored numbers that shrink with the bits.
    constants : int, default=0
        Stored numbers that stay at 4 bytes: biases, scales, shifts.
    index_bytes : int, default=0
        Of numbers of columns, places of children, labels.
    peak_elements : int
        Numbers alive at once, the input among them.
    n_outputs : int or None, default=None
        Columns of what comes out, for the next step of a pipeline.
    is_bound : bool, default=False
        Whether the fitted estimator may take less, as a tree that is not grown yet.
    """

    macs: int
    comparisons: int = 0
    mean_comparisons: float | None = None
    weights: int
    constants: int = 0
    index_bytes: int = 0
    peak_elements: int
    n_outputs: int | None = None
    is_bound: bool = False

    def __post_init__(self):
        for name in COUNTS:
            object.__setattr__(self, name, check_whole(getattr(self, name), name))
        if self.mean_comparisons is not None:
            check_number(self.mean_comparisons, "mean_comparisons")
        if self.mean_comparisons is None:
            object.__setattr__(self, "mean_comparisons", float(self.comparisons))

    @property
    def parameters(self):
        """Weights and constants."""
        return self.weights + self.constants

    @property
    def operations(self):
        """Multiply-accumulates and comparisons, for ``Deployment(base_macs=)``."""
        return self.macs + self.comparisons

    def flash_bytes(self, bits=32):
        """Bytes of what is stored, with weights at so many bits.

        Constants stay at 4 bytes, and numbers of columns and children as they are.

        Parameters
        ----------
        bits : int, default=32
            Of a weight.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        stored = -(-self.weights * bits // 8)
        return stored + BYTES_OF_CONSTANT * self.constants + self.index_bytes

    def sram_bytes(self, bits=32):
        """Bytes of the numbers that are alive at once.

        Parameters
        ----------
        bits : int, default=32
            Of a number.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        return -(-self.peak_elements * bits // 8)

    def fits(self, device, *, bits=32, reserved_bytes=RESERVED_BYTES):
        """Whether a device holds the estimator, and with how much room to spare.

        Parameters
        ----------
        device : Device
        bits : int, default=32
            As these estimators are compiled, unless you quantise them.
        reserved_bytes : int, default=32768
            Of each memory, for the program and all else.

        Returns
        -------
        FootprintReport
        """
        return footprint_report(
            device,
            self.flash_bytes(bits),
            self.sram_bytes(bits),
            bits=bits,
            reserved_bytes=reserved_bytes,
        )

    def then(self, other):
        """The two one after the other, in a pipeline.

        Parameters
        ----------
        other : EstimatorProfile
            The later step.

        Returns
        -------
        EstimatorProfile
        """
        return self._joined(
            other, max(self.peak_elements, other.peak_elements), other.n_outputs
        )

    def after(self, step):
        """The two the other way round.

        Parameters
        ----------
        step : EstimatorProfile
            The earlier step.

        Returns
        -------
        EstimatorProfile
        """
        return step.then(self)

    def beside(self, other):
        """The two on the same input, with their outputs added up.

        The sum is kept while the other runs.

        Parameters
        ----------
        other : EstimatorProfile

        Returns
        -------
        EstimatorProfile
        """
        kept = self.n_outputs or 0
        peak = max(self.peak_elements, kept + other.peak_elements)
        return self._joined(other, peak, self.n_outputs)

    def twice(self, n_inputs):
        """Two runs, on two views of an input that stays in memory, and their mean.

        Parameters
        ----------
        n_inputs : int
            Numbers of the input.

        Returns
        -------
        EstimatorProfile
        """
        kept = n_inputs + (self.n_outputs or 0)
        return replace(
            self,
            macs=2 * self.macs + (self.n_outputs or 0),
            comparisons=2 * self.comparisons,
            mean_comparisons=2 * self.mean_comparisons,
            peak_elements=self.peak_elements + kept,
        )

    def _joined(self, other, peak_elements, n_outputs):
        return EstimatorProfile(
            macs=self.macs + other.macs,
            comparisons=self.comparisons + other.comparisons,
            mean_comparisons=self.mean_comparisons + other.mean_comparisons,
            weights=self.weights + other.weights,
            constants=self.constants + other.constants,
            index_bytes=self.index_bytes + other.index_bytes,
            peak_elements=peak_elements,
            n_outputs=n_outputs,
            is_bound=self.is_bound or other.is_bound,
        )
