"""A Ray dataset gets the labels that the hybrid gives, in order."""

import numpy as np
import pytest

from selective_query import AbstainingClassifier

pytest.importorskip("ray.data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::ray"),  # Ray's own, of its own calls
]


@pytest.fixture(scope="module", autouse=True)
def quiet(ray_cluster):
    context = ray_cluster.data.DataContext.get_current()
    context.enable_progress_bars = False


def columns(dataset):
    batches = list(dataset.iter_batches(batch_size=None, batch_format="numpy"))
    return {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}


@pytest.mark.parametrize("blocks", [1, 7])
def test_arrays(ray_cluster, digits, named_hybrid, blocks):
    from selective_query.scale.ray import route_dataset

    pool, X = ray_cluster.data.ActorPoolStrategy, digits[0][900:]
    rows = ray_cluster.data.from_items(
        [{"pixels": x, "row": i} for i, x in enumerate(X)], override_num_blocks=blocks
    )
    found = columns(
        route_dataset(
            named_hybrid,
            rows,
            "pixels",
            keep=["row"],
            with_score=True,
            batch_rows=64,
            base_options={"num_cpus": 0.5, "compute": pool(size=2)},
            global_options={"num_cpus": 0.5, "compute": pool(min_size=1, max_size=2)},
        )
    )
    np.testing.assert_array_equal(found["row"], np.arange(len(X)))
    np.testing.assert_array_equal(found["label"], named_hybrid.predict(X))
    np.testing.assert_array_equal(found["kept"], named_hybrid.predict_coverage(X))
    np.testing.assert_allclose(found["query_score"], named_hybrid.query_score(X))
    assert (
        not ray_cluster.data.DataContext.get_current().execution_options.preserve_order
    )


@pytest.mark.parametrize("coverage", [0.0, 1.0])
def test_frames_where_all_or_nothing_is_queried(
    ray_cluster, digits, named_hybrid, coverage
):
    pandas = pytest.importorskip("pandas")
    from selective_query.scale.ray import route_dataset

    names = [f"pixel {i}" for i in range(64)]
    frame = pandas.DataFrame(digits[0][900:1000], columns=names)
    model = named_hybrid.at(coverage)
    found = columns(route_dataset(model, ray_cluster.data.from_pandas(frame), names))
    assert set(found) == {"label", "kept", "failure"}
    np.testing.assert_array_equal(found["label"], model.predict(frame.to_numpy()))
    assert (found["kept"] == bool(coverage)).all()


def test_refusals(ray_cluster, digits, named_hybrid):
    from selective_query.scale.ray import route_dataset

    X, _ = digits
    alone = AbstainingClassifier(named_hybrid.base_estimator, router="margin")
    alone.fit(X[600:900], named_hybrid.predict(X[600:900]))
    rows = ray_cluster.data.range(3)
    with pytest.raises(TypeError, match="Two stages need .* Got AbstainingClassifier"):
        route_dataset(alone, rows, "id")
    with pytest.raises(ValueError, match=r"keep must not name .* Got \['label'\]"):
        route_dataset(named_hybrid, rows, "id", keep=["label"])
