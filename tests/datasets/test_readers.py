import gzip
import io
import json
import os
import struct

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from selective_query import TopKProba
from selective_query.datasets import DATASETS, load_dataset

ENVIRONMENT = "SELECTIVE_QUERY_DATA"
needs_data = pytest.mark.skipif(
    not os.environ.get(ENVIRONMENT), reason=f"{ENVIRONMENT} names no data folder"
)
LOCAL = sorted(set(DATASETS) - {"digits"})


def test_digits_need_no_folder(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    data = load_dataset("digits")
    assert data.X.shape == (1797, 64)
    assert set(data.y) == set(range(10))


@pytest.mark.parametrize("name", ["lettr", "", None, ["letter"]])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ValueError, match=r"digits, letter, .*routellm\. Got"):
        load_dataset(name)


@pytest.mark.parametrize("name", LOCAL)
def test_without_a_folder_both_ways_to_name_one_are_told(name, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(ValueError, match=f"data_home=.* {ENVIRONMENT}"):
        load_dataset(name)


@pytest.mark.parametrize("name", LOCAL)
def test_a_missing_file_is_told_with_both_ways_out(name, tmp_path):
    with pytest.raises(FileNotFoundError) as found:
        load_dataset(name, data_home=tmp_path)
    message = str(found.value)
    for part in (name, str(tmp_path), "data_home=", ENVIRONMENT):
        assert part in message
    assert any(suffix in message for suffix in (".npz", ".gz"))


@pytest.fixture
def home(tmp_path):
    for folder in (
        "tabular", "fashion_mnist", "cifar10_images", "imagenet_val_top5", "routellm"
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
    return tmp_path


def write_letter(home):
    X = np.arange(48, dtype=np.int8).reshape(3, 16)
    np.savez(home / "tabular" / "letter.npz", X=X, y=np.array([3, 25, 0], np.int8))
    return X


def test_letter(home):
    X = write_letter(home)
    data = load_dataset("letter", data_home=str(home))
    assert data.X.dtype == np.float32
    assert_array_equal(data.X, X)
    assert_array_equal(data.y, [3, 25, 0])


def test_the_environment_names_the_folder_and_the_argument_goes_first(
    home, tmp_path_factory, monkeypatch
):
    write_letter(home)
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.setenv(ENVIRONMENT, str(home))
    assert len(load_dataset("letter").y) == 3
    with pytest.raises(FileNotFoundError):
        load_dataset("letter", data_home=empty)
    monkeypatch.setenv(ENVIRONMENT, str(empty))
    assert len(load_dataset("letter", data_home=home).y) == 3


def test_covertype_has_one_column_for_each_category(home):
    np.savez(
        home / "tabular" / "covertype_93k.npz",
        num=np.array([[0.5, 0.1], [0.2, 0.3], [0.9, 0.4]], np.float32),
        wilderness=[1, 4, 1],
        soil=[7, 2, 40],
        y=[1, 7, 2],
    )
    data = load_dataset("covertype", data_home=home)
    expected = [
        [0.5, 0.1, 1, 0, 0, 1, 0],
        [0.2, 0.3, 0, 1, 1, 0, 0],
        [0.9, 0.4, 1, 0, 0, 0, 1],
    ]
    assert_allclose(data.X, expected)
    assert_array_equal(data.y, [1, 7, 2])


def test_fashion_mnist(home):
    rng = np.random.default_rng(0)
    written = {}
    for part, n in (("train", 5), ("t10k", 2)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        written[part] = images, labels
        for name, header, content in (
            ("images-idx3", struct.pack(">4i", 2051, n, 28, 28), images),
            ("labels-idx1", struct.pack(">2i", 2049, n), labels),
        ):
            packed = gzip.compress(header + content.tobytes())
            (home / "fashion_mnist" / f"{part}-{name}-ubyte.gz").write_bytes(packed)
    data = load_dataset("fashion_mnist", data_home=home)
    for part, suffix in (("train", ""), ("t10k", "_test")):
        assert_array_equal(data["X" + suffix], written[part][0])
        assert_array_equal(data["y" + suffix], written[part][1])


def test_cifar10_decodes_each_image(home):
    Image = pytest.importorskip("PIL.Image")
    colours = {"train": [(200, 30, 60), (10, 220, 90)], "test": [(40, 50, 240)]}
    arrays = {}
    for part, fills in colours.items():
        blobs = []
        for fill in fills:
            buffer = io.BytesIO()
            Image.new("RGB", (32, 32), fill).save(buffer, "JPEG", quality=95)
            blobs.append(buffer.getvalue())
        arrays[f"{part}_bytes"] = np.frombuffer(b"".join(blobs), np.uint8)
        arrays[f"{part}_offsets"] = np.cumsum([0, *map(len, blobs)])
        arrays[f"{part}_label"] = np.arange(len(fills))
    np.savez(home / "cifar10_images" / "cifar10_jpeg.npz", **arrays)
    data = load_dataset("cifar10", data_home=home)
    for part, suffix in (("train", ""), ("test", "_test")):
        images = data["X" + suffix]
        assert images.dtype == np.uint8
        assert images.shape == (len(colours[part]), 32, 32, 3)
        expected = np.array(colours[part])[:, None, None, :]
        assert np.abs(images.astype(int) - expected).max() <= 4
        assert_array_equal(data["y" + suffix], np.arange(len(colours[part])))


def write_imagenet(home):
    proba = np.array(
        [[[0.5, 0.3, 0.1, 0.05, 0.04]] * 2, [[0.9, 0.05, 0.03, 0.01, 0.01]] * 2]
    )
    np.savez(
        home / "imagenet_val_top5" / "imagenet_val_top5_half.npz",
        models=["small", "large"],
        top5=[[[7, 1, 2, 3, 4], [5, 6, 7, 8, 9]], [[7, 1, 2, 3, 4], [999, 6, 7, 8, 9]]],
        nll=-np.log(proba).astype(np.float16),
        label=[7, 999],
    )
    return proba


def test_imagenet_gives_outcomes_of_any_two_models(home):
    proba = write_imagenet(home)
    data = load_dataset("imagenet_val_top5", data_home=home)
    assert data.models == ["small", "large"]
    outcomes = data.outcomes("small", "large")
    assert isinstance(outcomes.base_proba, TopKProba)
    assert outcomes.base_proba.shape == (2, 1000)
    assert_allclose(outcomes.base_proba.proba, proba[0], rtol=2e-3)
    assert_array_equal(outcomes.base_utility, [1, 0])
    assert_array_equal(outcomes.global_utility, [1, 1])
    assert_array_equal(data.outcomes("large", "small").benefit, [0, -1])


def test_imagenet_names_an_unknown_model(home):
    write_imagenet(home)
    data = load_dataset("imagenet_val_top5", data_home=home)
    with pytest.raises(ValueError, match=r"among small, large\. Got 'tiny'"):
        data.outcomes("tiny", "large")


def test_routellm_keeps_mmlu_with_its_texts(home):
    np.savez(
        home / "routellm" / "routellm_correct.npz",
        benchmark=["gsm8k", "mmlu", "mmlu"],
        domain=["maths", "law", "art"],
        weak_correct=[True, False, True],
        strong_correct=[True, True, False],
    )
    lines = "".join(json.dumps({"prompt": p}) + "\n" for p in ("sum", "Recht ä", "oil"))
    packed = gzip.compress(lines.encode())
    (home / "routellm" / "prompts.jsonl.gz").write_bytes(packed)
    data = load_dataset("routellm", data_home=home)
    assert data.texts == ["Recht ä", "oil"]
    assert_array_equal(data.domain, ["law", "art"])
    assert_array_equal(data.base_utility, [0.0, 1.0])
    assert_array_equal(data.global_utility, [1.0, 0.0])


@needs_data
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("letter", (20_000, 16), range(26)),
        ("covertype", (92_962, 53), range(1, 8)),
        ("fashion_mnist", (60_000, 28, 28), range(10)),
    ],
)
def test_real_arrays(name, shape, classes):
    data = load_dataset(name)
    assert data.X.shape == shape
    assert len(data.y) == len(data.X)
    assert set(data.y.tolist()) == set(classes)


@needs_data
def test_real_fashion_mnist_is_balanced():
    data = load_dataset("fashion_mnist")
    assert_array_equal(np.bincount(data.y), 6000)
    assert_array_equal(np.bincount(data.y_test), 1000)


@needs_data
@pytest.mark.slow
def test_real_cifar10_is_balanced():
    pytest.importorskip("PIL.Image")
    data = load_dataset("cifar10")
    assert data.X.shape == (50_000, 32, 32, 3)
    assert data.X_test.shape == (10_000, 32, 32, 3)
    assert_array_equal(np.bincount(data.y), 5000)
    assert_array_equal(np.bincount(data.y_test), 1000)


@needs_data
@pytest.mark.parametrize(
    ("model", "accuracy"),
    [("keras/mobilenetV2", 0.7038), ("keras/nasnetlarge", 0.8101)],
)
def test_real_imagenet_accuracies(model, accuracy):
    data = load_dataset("imagenet_val_top5")
    outcomes = data.outcomes(model, "keras/nasnetlarge")
    assert outcomes.n_rows == 25_000
    assert outcomes.base_utility.mean() == pytest.approx(accuracy, abs=5e-4)


@needs_data
def test_real_imagenet_models_are_all_readable():
    data = load_dataset("imagenet_val_top5")
    assert len(data.models) == 24
    for model in data.models:
        assert 0.5 < data.outcomes(model, model).base_utility.mean() < 0.85


@needs_data
def test_real_routellm_shares():
    data = load_dataset("routellm")
    base, global_ = data.base_utility, data.global_utility
    assert len(data.texts) == len(data.domain) == len(base) == 14_042
    assert_allclose([base.mean(), global_.mean()], [0.6808, 0.8058], atol=5e-5)
    only_one_right = [(base > global_).mean(), (global_ > base).mean()]
    assert_allclose(only_one_right, [0.0528, 0.1778], atol=5e-5)
