"""Read zip archives of arrays without trusting their own headers."""

import math
import zipfile
from contextlib import contextmanager

from numpy.lib import format as npy

from selective_query.outcomes._tables import opened_source
from selective_query.outcomes.probabilities import MAX_CLASSES

PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# Predictions and labels compress to a tenth, seldom to a hundredth; a zip bomb
# compresses to a thousandth.
USUAL_BYTES = 2**28
USUAL_RATIO = 100


def usual_size(n_bytes):
    """Plausible uncompressed size of a compressed file of `n_bytes`."""
    return max(USUAL_BYTES, USUAL_RATIO * n_bytes)


@contextmanager
def opened(file, max_bytes):
    """Open a zip archive whose members have at most `max_bytes` in total.

    No more than the declared size of a member is ever read, so the sum of these sizes
    is a reliable bound.

    Parameters
    ----------
    file : binary file or path-like
    max_bytes : int

    Yields
    ------
    zipfile.ZipFile

    Raises
    ------
    ValueError
        If the members are too large or encrypted, or use an unsupported compression.
    zipfile.BadZipFile
        If it is not a zip archive.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len({member.filename for member in members}) < len(members):
            raise ValueError("two of its members have the same name")
        encrypted = [m.filename for m in members if m.flag_bits & 1]
        if encrypted:
            raise ValueError(f"{encrypted[0]} is encrypted; write it without password")
        if not {member.compress_type for member in members} <= PLAIN:
            raise ValueError("its compression is neither none nor deflate")
        size = sum(member.file_size for member in members)
        if size > max_bytes:
            raise ValueError(
                f"unpacked it would take {size} bytes, more than the {max_bytes} that "
                "are allowed; write it without compression"
            )
        yield archive


def read_member(archive, name):
    """Read the array in a member of an archive; object arrays are refused.

    Raises
    ------
    ValueError
        If the header does not match the content of the member.
    """
    member = archive.getinfo(name)
    with archive.open(member) as file:
        _check_header(file, member)
        file.seek(0)
        return npy.read_array(file, allow_pickle=False)


def _check_header(file, member):
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"{member.filename} is of npy format {version}")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds objects, not plain numbers or text")
    if min(shape, default=0) < 0 or (dtype.itemsize == 0 and math.prod(shape)):
        raise ValueError(f"{member.filename} has shape {shape} of dtype {dtype}")
    if not math.prod(shape) and max(shape, default=0) > MAX_CLASSES:
        raise ValueError(f"{member.filename} has shape {shape}, which nothing fills")
    held = member.file_size - file.tell()
    if math.prod(shape) * dtype.itemsize != held:
        raise ValueError(
            f"{member.filename} holds {held} bytes, not an array of shape {shape} and "
            f"dtype {dtype}"
        )


def read_npz(path):
    """Read the arrays of an npz file, by name.

    Parameters
    ----------
    path : path-like or binary file

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If it is not an npz file, or is damaged, encrypted, too large, or holds objects.
    OSError
        If the file cannot be opened.
    """
    with opened_source(path) as file:
        n_bytes = file.seek(0, 2)
        file.seek(0)
        start = file.read(2)
        file.seek(0)
        try:
            if start == b"\x93N":
                raise ValueError("a single array, not an archive of named ones")
            if start != b"PK":
                raise ValueError("neither npz nor npy")
            with opened(file, usual_size(n_bytes)) as archive:
                return {
                    name.removesuffix(".npy"): read_member(archive, name)
                    for name in archive.namelist()
                }
        except Exception as error:
            # zipfile, zlib and numpy report damage with many different errors:
            # zlib.error, NotImplementedError, MemoryError, TokenError ...
            raise ValueError(
                f"{path} is not a readable npz file of plain arrays ({error})."
            ) from error
