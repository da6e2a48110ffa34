"""Published architectures and their published figures.

Blocks, resolution, operations, parameters, activations and the figures of TinyEngine
come from the model zoo of Lin et al., "MCUNet: Tiny Deep Learning on IoT Devices",
NeurIPS 2020: https://github.com/mit-han-lab/tinyml, folder ``mcunet``, files
``assets/configs/*_imagenet.json`` and ``README.md``, as of commit e899b1bec086.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A net and its published figures, kilobytes being 1,024 bytes.

    ``blocks`` are (kernel, expansion, channels, stride) of each inverted residual
    block; ``activations_kb`` is the largest sum of a layer's input and output, with the
    input of a skip connection; ``sram_kb`` and ``flash_kb`` were measured on the board
    with TinyEngine.
    """

    resolution: int
    stem: int
    blocks: tuple
    last: int | None
    macs_m: float
    parameters_m: float
    activations_kb: int
    sram_kb: int
    flash_kb: int


ZOO = {
    "in3": Published(
        176, 16,
        ((3, 1, 8, 1), (7, 3, 16, 2), (3, 5, 16, 1), (7, 5, 16, 1), (5, 4, 16, 1),
         (5, 5, 24, 2), (5, 5, 24, 1), (5, 5, 24, 1), (3, 5, 40, 2), (7, 6, 40, 1),
         (5, 4, 40, 1), (5, 5, 48, 1), (7, 5, 48, 1), (3, 5, 48, 1), (3, 6, 96, 2),
         (7, 5, 96, 1), (3, 4, 96, 1), (7, 5, 160, 1)),
        None, 81.8, 0.74, 333, 293, 897,
    ),
    "256kb": Published(
        160, 16,
        ((3, 1, 8, 1), (5, 3, 16, 2), (7, 6, 16, 1), (3, 5, 16, 1), (5, 5, 16, 1),
         (3, 5, 24, 2), (7, 6, 24, 1), (5, 6, 24, 1), (7, 4, 40, 2), (5, 5, 40, 1),
         (3, 5, 48, 1), (5, 5, 48, 1), (3, 4, 48, 1), (5, 6, 96, 2), (5, 4, 96, 1),
         (5, 3, 96, 1), (3, 4, 96, 1), (5, 5, 160, 1)),
        None, 67.3, 0.73, 325, 242, 878,
    ),
    "512kb": Published(
        160, 32,
        ((3, 1, 16, 1), (7, 3, 24, 2), (3, 5, 24, 1), (5, 4, 24, 1), (7, 5, 40, 2),
         (3, 4, 40, 1), (7, 4, 40, 1), (7, 3, 80, 2), (3, 3, 80, 1), (7, 3, 80, 1),
         (3, 4, 96, 1), (5, 3, 96, 1), (5, 3, 96, 1), (7, 4, 192, 2), (7, 3, 192, 1),
         (5, 3, 192, 1), (5, 4, 320, 1)),
        None, 125.9, 1.73, 413, 456, 1876,
    ),
    "5fps": Published(
        96, 16,
        ((3, 1, 8, 1), (3, 4, 16, 2), (3, 3, 16, 1), (7, 3, 24, 2), (3, 5, 24, 1),
         (3, 5, 40, 2), (7, 4, 40, 1), (5, 4, 48, 1), (3, 3, 48, 1), (3, 4, 48, 1),
         (7, 5, 96, 2), (5, 4, 96, 1), (5, 4, 96, 1), (3, 6, 160, 1)),
        None, 12.8, 0.64, 90, 107, 770,
    ),
    "10fps": Published(
        48, 24,
        ((3, 1, 16, 1), (5, 4, 16, 2), (3, 3, 16, 1), (3, 4, 16, 1), (7, 5, 24, 2),
         (5, 4, 24, 1), (5, 5, 24, 1), (7, 5, 48, 2), (5, 4, 48, 1), (3, 5, 56, 1),
         (5, 4, 56, 1), (3, 5, 56, 1), (3, 6, 112, 2), (5, 4, 112, 1),
         (3, 6, 192, 1)),
        None, 6.4, 0.75, 45, 54, 889,
    ),
    "mbv2-w0.35": Published(
        144, 16,
        ((3, 1, 8, 1), (3, 6, 8, 2), (3, 6, 8, 1), (3, 6, 16, 2), (3, 6, 16, 1),
         (3, 6, 16, 1), (3, 6, 24, 2), (3, 6, 24, 1), (3, 6, 24, 1), (3, 6, 24, 1),
         (3, 6, 32, 1), (3, 6, 32, 1), (3, 6, 32, 1), (3, 6, 56, 2), (3, 6, 56, 1),
         (3, 6, 56, 1), (3, 6, 112, 1)),
        448, 23.5, 0.75, 303, 308, 862,
    ),
}  # fmt: skip
