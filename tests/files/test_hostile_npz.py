"""npz files that are damaged, have false headers, or would fill the memory."""

import gzip
import io
import re
import struct
import zipfile

import numpy as np
import pytest

from selective_query import Outcomes, TopKProba
from selective_query.cli import main
from selective_query.datasets import load_dataset

PROBA = np.tile([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], (40, 1))
Y = np.tile([0, 1, 1], 40)
CENTRAL = b"PK\x01\x02"  # start of a member's entry in the directory of a zip archive


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def headed(descr="<f8", shape=(120, 2), body=bytes(1920), version=(1, 0)):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text.encode("latin1") + body


def archived(*members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def with_proba(data, **options):
    return archived(("base_proba", data), ("y", npy(Y)), **options)


def patched(archive, offset, value):
    """Replace bytes at an offset in the first member's directory entry."""
    at = archive.index(CENTRAL) + offset
    return archive[:at] + value + archive[at + len(value) :]


def flipped(archive):
    """Return a compressed archive whose first stream is invalid."""
    at = archive.index(b".npy") + 4
    return archive[:at] + b"\xff" * 40 + archive[at + 40 :]


DEFLATED = {"compression": zipfile.ZIP_DEFLATED}
GOOD = with_proba(npy(PROBA), **DEFLATED)
FILES = {
    "nothing": b"",
    "text": b"base_proba,y",
    "no_archive": b"PK but no archive",
    "cut": GOOD[:-30],
    "cut_half": GOOD[: len(GOOD) // 2],
    "stream": flipped(GOOD),
    "encrypted": patched(GOOD, 8, b"\x01\x00"),
    "size_less": patched(GOOD, 24, struct.pack("<I", 60)),
    "size_more": patched(GOOD, 24, struct.pack("<I", 10**5)),
    "size_huge": patched(GOOD, 24, struct.pack("<I", 2**31)),
    "sum_of_contents": patched(GOOD, 16, bytes(4)),
    "place": patched(GOOD, 42, struct.pack("<I", 10**6)),
    "method": patched(GOOD, 10, b"\x63\x00"),
    "bzip2": with_proba(npy(PROBA), compression=zipfile.ZIP_BZIP2),
    "no_array": with_proba(b"text"),
    "objects": with_proba(npy(np.array([[0.9, 0.1]] * 120, dtype=object))),
    "objects_inside": with_proba(headed([("a", "|O")], (120,), bytes(960))),
    "shape_more": with_proba(headed(shape=(10**12, 2))),
    "shape_less": with_proba(headed(shape=(3, 2))),
    "shape_negative": with_proba(headed(shape=(-120, -2))),
    "shape_overflow": with_proba(headed(shape=(2**62, 4), body=b"")),
    "shape_empty": with_proba(headed(shape=(0, 10**15), body=b"")),
    "no_bytes": with_proba(headed("|S0", (10**15,), b"")),
    "void": with_proba(headed("|V0", (10**15,), b"")),
    "dtype": with_proba(headed("what")),
    "dtype_list": with_proba(headed([["a"]])),
    "deep": with_proba(b"\x93NUMPY\x01\x00\x00\x20" + b"(" * 0x2000),
    "format_3": with_proba(headed(version=(3, 0))),
    "format_9": with_proba(headed(version=(9, 9))),
    "long_header": with_proba(headed(shape=(120, 2, *[1] * 9000))),
}


@pytest.mark.parametrize("name", FILES)
def test_an_unreadable_file_is_named(name, tmp_path, capsys):
    path = tmp_path / "hostile.npz"
    path.write_bytes(FILES[name])
    expected = (
        r"hostile\.npz is not a readable npz file .*numpy.savez\(path, base_proba"
    )
    with pytest.raises(ValueError, match=f"(?s){expected}"):
        Outcomes.from_file(path)
    assert main(["compare", str(path)]) == 2
    assert re.search(expected, capsys.readouterr().err, re.DOTALL)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name(tmp_path):
    path = tmp_path / "twice.npz"
    path.write_bytes(archived(("y", npy(Y)), ("y", npy(Y))))
    with pytest.raises(ValueError, match="two of its members have the same name"):
        Outcomes.from_file(path)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"base_proba": PROBA.astype(str)}, ""),
        ({"base_proba": PROBA.astype(complex)}, ""),
        ({"base_proba": PROBA[:, 0]}, "base_proba must be of shape"),
        ({"base_proba": np.zeros((0, 2)), "y": Y[:0]}, None),
        ({"base_proba": PROBA, "y": Y.astype("M8[s]")}, ""),
        ({"base_proba": PROBA, "y": Y[:5]}, "same number of rows"),
        ({"base_proba": PROBA, "classes": np.array([[1]])}, "classes"),
        ({"base_proba": PROBA, "sample_weight": np.array("x")}, "sample_weight"),
        ({"base_proba": PROBA, "fold": np.full(120, 0.5)}, "fold"),
    ],
)
def test_arrays_of_another_kind_are_told_with_the_file(arrays, expected, tmp_path):
    path = tmp_path / "odd.npz"
    np.savez(path, **{"y": Y, **arrays})
    if expected is None:
        assert Outcomes.from_file(path).n_rows == 0
        return
    with pytest.raises(ValueError, match=rf"odd\.npz: .*{expected}"):
        Outcomes.from_file(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    path.write_bytes(with_proba(bytes(2**21), **DEFLATED))
    monkeypatch.setattr("selective_query.outcomes._archives.USUAL_BYTES", 2**20)
    with pytest.raises(ValueError, match="unpacked it would take 209.* are allowed"):
        Outcomes.from_file(path)


def test_a_file_of_repetitions_is_read_without_compression(tmp_path, monkeypatch):
    path = tmp_path / "flat.npz"
    n = 20_000
    arrays = {"base_proba": np.full((n, 2), 0.5), "y": np.zeros(n, int)}
    np.savez_compressed(path, **arrays)
    monkeypatch.setattr("selective_query.outcomes._archives.USUAL_BYTES", 2**10)
    with pytest.raises(ValueError, match="write it without compression"):
        Outcomes.from_file(path)
    np.savez(path, **arrays)
    assert Outcomes.from_file(path).n_rows == n


@pytest.mark.parametrize("n_classes", [2**24 + 1, 2**31, 2**63 - 1])
def test_more_classes_than_memory_holds(n_classes, tmp_path):
    top = {"classes": [[1, 0]], "proba": [[0.6, 0.2]], "n_classes": n_classes}
    expected = r"n_classes must be at most 16777216"
    with pytest.raises(ValueError, match=expected):
        TopKProba(**top)
    path = tmp_path / "many.npz"
    np.savez(
        path,
        base_topk_classes=top["classes"],
        base_topk_proba=top["proba"],
        n_classes=n_classes,
        y=[1],
    )
    with pytest.raises(ValueError, match=f"many.npz: .*{expected}"):
        Outcomes.from_file(path)


HOMES = {
    "letter": "tabular/letter.npz",
    "covertype": "tabular/covertype_93k.npz",
    "cifar10": "cifar10_images/cifar10_jpeg.npz",
    "spoken_digits": "fsdd/fsdd_logmel.npz",
    "imagenet_val_top5": "imagenet_val_top5/imagenet_val_top5_half.npz",
    "routellm": "routellm/routellm_correct.npz",
}


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize(
    "content",
    [b"", b"text", GOOD[:-30], flipped(GOOD), GOOD],
    ids=["nothing", "text", "cut", "stream", "others"],
)
def test_damaged_datasets_are_told(name, content, tmp_path):
    if name == "cifar10":
        pytest.importorskip("PIL")
    path = tmp_path / HOMES[name]
    path.parent.mkdir()
    path.write_bytes(content)
    if name == "routellm":
        (path.parent / "prompts.jsonl.gz").write_bytes(gzip.compress(b"{}"))
    with pytest.raises(ValueError, match=f"files of {name} in .* Download them again"):
        load_dataset(name, data_home=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        gzip.compress(b"short"),
        gzip.compress(bytes(800))[:-5],
        gzip.compress(bytes(17)),
    ],
    ids=["nothing", "text", "short", "cut", "odd"],
)
def test_damaged_images_are_told(content, tmp_path):
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match="The files of fashion_mnist in"):
        load_dataset("fashion_mnist", data_home=tmp_path)
