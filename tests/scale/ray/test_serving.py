"""A served hybrid agrees with the local one, and reports which rows were queried."""

import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from selective_query import save

pytest.importorskip("ray.serve")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::ray"),  # Ray's own, of its own calls
]
PORT = 18437


@pytest.fixture(scope="module")
def serve(ray_cluster):
    from ray import serve

    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    yield serve
    serve.shutdown()


def ask(content, path="/"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", json.dumps(content).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


OPTIONS = {"ray_actor_options": {"num_cpus": 0.5}}


def test_requests_and_handles(serve, digits, named_hybrid):
    from selective_query.scale.ray import hybrid_app

    app = hybrid_app(named_hybrid, base_options=OPTIONS, global_options=OPTIONS)
    handle = serve.run(app, name="digits", route_prefix="/digits")
    X = digits[0][900:940]
    found = ask({"inputs": X.tolist()}, "/digits")
    assert found["labels"] == named_hybrid.predict(X).tolist()
    assert found["queried"] == (~named_hybrid.predict_coverage(X)).tolist()
    found = handle.route.remote(X).result()
    np.testing.assert_array_equal(found["labels"], named_hybrid.predict(X))
    kept = X[named_hybrid.predict_coverage(X)]
    assert not any(ask({"inputs": kept.tolist()}, "/digits")["queried"])
    for wrong in ({"rows": []}, [1, 2], {"inputs": [[1.0, 2.0]]}):
        with pytest.raises(urllib.error.HTTPError) as error:
            ask(wrong, "/digits")
        assert error.value.code == 400
        assert "A request is a JSON object" in json.load(error.value)["error"]
    serve.delete("digits")


def test_a_saved_hybrid(serve, digits, named_hybrid, tmp_path):
    pytest.importorskip("skops")
    from selective_query.scale.ray import saved_app

    save(named_hybrid, tmp_path / "hybrid.skops")
    app = saved_app({"path": str(tmp_path / "hybrid.skops")})
    serve.run(app, name="saved", route_prefix="/saved")
    X = digits[0][900:940]
    found = ask({"inputs": X.tolist()}, "/saved")
    assert found["labels"] == named_hybrid.predict(X).tolist()
    serve.delete("saved")
    with pytest.raises(ValueError, match="saved_app takes path=.* Got model"):
        saved_app({"model": "x"})
