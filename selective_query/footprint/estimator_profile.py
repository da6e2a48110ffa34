"""EstimatorProfile: operations and memory of an estimator other than a net."""

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
    """Operations and memory of an estimator for one input.

    Parameters
    ----------
    macs : int
        Multiply-accumulates; a single addition, subtraction or product counts as one. A
        final softmax, logistic function or logarithm is not counted.
    comparisons : int, default=0
        Maximum, along the longest path of each tree.
    mean_comparisons : float or None, default=None
        Mean over the rows of the fit; None uses ``comparisons``.
    weights : int
        Stored numbers whose size depends on the bits.
    constants : int, default=0
        Stored numbers of 4 bytes each: biases, scales, shifts.
    index_bytes : int, default=0
        Bytes of indices: columns, children, labels.
    peak_elements : int
        Numbers alive at once, including the input.
    n_outputs : int or None, default=None
        Number of output columns, for the next step of a pipeline.
    is_bound : bool, default=False
        Whether these are upper bounds, as for a tree that is not fitted yet.
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
        """Return the stored bytes, with weights of the given bits.

        Constants stay at 4 bytes, and indices are unchanged.

        Parameters
        ----------
        bits : int, default=32
            Bits per weight.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        stored = -(-self.weights * bits // 8)
        return stored + BYTES_OF_CONSTANT * self.constants + self.index_bytes

    def sram_bytes(self, bits=32):
        """Return the bytes of the numbers that are alive at once.

        Parameters
        ----------
        bits : int, default=32
            Bits per number.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        return -(-self.peak_elements * bits // 8)

    def fits(self, device, *, bits=32, reserved_bytes=RESERVED_BYTES):
        """Report whether the estimator fits a device, and how much memory is left.

        Parameters
        ----------
        device : Device
        bits : int, default=32
            Bits per number; 32 unless you quantise the estimator.
        reserved_bytes : int, default=32768
            Bytes of each memory reserved for the program and everything else.

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
        """Return the profile of this step followed by another, in a pipeline.

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
        """Return the profile of another step followed by this one.

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
        """Return the profile of both on the same input, with their outputs added up.

        The sum stays in memory while the other runs.

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
        """Return the profile of the mean of two runs on two views of an input.

        The input stays in memory.

        Parameters
        ----------
        n_inputs : int
            Number of elements of the input.

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
