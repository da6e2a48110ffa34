"""The library's server: its answers, and how requests share the model."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from selective_query import HybridClassifier, save
from selective_query.serving import (
    CallableClassifier,
    Journal,
    Limits,
    RemoteClassifier,
    application,
)
from tests.serving.messages import infer, tensor
from tests.serving.running import Running
from tests.serving.servers import free_port

pytest.importorskip("starlette")
pytest.importorskip("prometheus_client")
pytest.importorskip("uvicorn")
httpx2 = pytest.importorskip("httpx2")
NAMES = np.array([f"digit {i}" for i in range(10)])


@pytest.fixture(scope="module")
def model(digits):
    return LogisticRegression(max_iter=300).fit(digits[0][:600], digits[1][:600])


@pytest.fixture(scope="module")
def running(model):
    with Running(application(model)) as found:
        yield found


@pytest.fixture
def client():
    with httpx2.Client(trust_env=False) as found:
        yield found


@pytest.mark.parametrize("binary", [True, False])
def test_answers_are_those_of_the_model_bit_for_bit(running, model, digits, binary):
    X = digits[0][600:800]
    with RemoteClassifier(running.url, binary=binary) as remote:
        assert np.array_equal(remote.predict_proba(X), model.predict_proba(X))
        assert (remote.classes_ == model.classes_).all()
    with RemoteClassifier(running.url, binary=binary, method="predict") as remote:
        assert (remote.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("binary", [True, False])
def test_another_client_of_the_protocol(running, model, digits, binary):
    triton = pytest.importorskip("tritonclient.http")
    X = digits[0][600:650]
    client = triton.InferenceServerClient(running.root.removeprefix("http://"))
    try:
        assert client.is_server_live() and client.is_model_ready("model")
        asked = triton.InferInput("input-0", list(X.shape), "FP64")
        asked.set_data_from_numpy(X, binary_data=binary)
        outputs = [triton.InferRequestedOutput("predict_proba", binary_data=binary)]
        found = client.infer("model", [asked], outputs=outputs)
        assert np.array_equal(found.as_numpy("predict_proba"), model.predict_proba(X))
    finally:
        client.close()


def test_text_labels_and_models_without_probabilities(digits):
    model = LinearSVC(max_iter=200).fit(digits[0][:300], NAMES[digits[1][:300]])
    with (
        Running(application(model, "names"), "names") as running,
        RemoteClassifier(running.url, method="predict") as remote,
    ):
        found = remote.predict(digits[0][300:350])
    assert (found == model.predict(digits[0][300:350])).all()


@pytest.mark.filterwarnings("error:X does not have valid feature names")
def test_models_that_were_fitted_on_columns_by_name(digits):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(digits[0][:300]).add_prefix("pixel ")
    scaled = ColumnTransformer(
        [("some", StandardScaler(), ["pixel 20", "pixel 21"])], remainder="passthrough"
    )
    model = make_pipeline(scaled, GaussianNB(var_smoothing=0.01))
    model.fit(X, digits[1][:300])
    with (
        Running(application(model)) as running,
        RemoteClassifier(running.url) as remote,
    ):
        assert (remote.predict_proba(X) == model.predict_proba(X)).all()


class Bright:
    classes_ = np.array([0, 1])

    def predict(self, X):
        return (X.reshape(len(X), -1).mean(axis=1) > 127).astype(int)


class Long:
    classes_ = np.array(["long", "short"])

    def predict(self, X):
        return np.where([len(x) > 4 for x in X], "long", "short")


PICTURES = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "model, takes, payload, X",
    [
        (Bright(), "pictures", "png", PICTURES),
        (Long(), "text", "text", ["eins", "zwölf", "два"]),
    ],
)
def test_pictures_and_text(model, takes, payload, X):
    pytest.importorskip("PIL")
    with (
        Running(application(model, takes=takes)) as running,
        RemoteClassifier(running.url, method="predict", payload=payload) as remote,
    ):
        assert (remote.predict(X) == model.predict(X)).all()
        refused = remote.set_params(payload=None).ask_rows(np.zeros((2, 3)))
        assert [error.status for error in refused.failure] == [400, 400]


def test_what_the_protocol_asks_for(running, client):
    assert client.get(f"{running.root}/v2").json()["extensions"]
    assert client.get(f"{running.root}/v2/health/live").json() == {"live": True}
    for path in ("/v2/health/ready", "/v2/models/model/ready"):
        assert client.get(running.root + path).json()["ready"] is True
    told = client.get(running.url).json()
    assert told["inputs"][0]["shape"] == [-1, 64]
    assert told["parameters"]["classes"] == list(range(10))
    assert client.get(f"{running.root}/v2/models/other").status_code == 404
    message = infer(tensor(data=[[0.5] * 64]), id="seven")
    found = client.post(running.url + "/infer", content=message).json()
    assert found["id"] == "seven" and found["model_name"] == "model"
    assert [o["name"] for o in found["outputs"]] == ["predict_proba", "predict"]


class Counting:
    """A model that records its calls, and fails on rows of ones."""

    classes_ = np.array([0, 1])

    def __init__(self, delay_s=0.0):
        self.delay_s, self.calls = delay_s, []

    def predict(self, X):
        self.calls.append(len(X))
        time.sleep(self.delay_s)
        if (X == 1).all(axis=1).any():
            raise ZeroDivisionError("rows of ones: 1 1 1")
        return (X[:, 0] > 0).astype(int)


def ask_together(running, rows):
    """Return replies to batches sent at the same time, each by its own client."""
    found, usual = [None] * len(rows), {"attempts": 1, "deadline_ms": 5000}

    def ask(number):
        with RemoteClassifier(
            running.url, classes=[0, 1], input_name="x", method="predict", **usual
        ) as remote:
            found[number] = remote.ask_rows(rows[number])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_requests_that_wait_are_answered_together_each_by_its_own():
    model, rng = Counting(0.2), np.random.default_rng(0)
    rows = [rng.normal(size=(n, 3)) for n in (1, 2, 3, 4, 5, 6, 7, 8)]
    with Running(application(model)) as running:
        found = ask_together(running, rows)
    for each, X in zip(found, rows, strict=True):
        assert (each.values == (X[:, 0] > 0)).all()
    assert sum(model.calls) == 36 and len(model.calls) < 8


def test_a_failing_request_does_not_affect_others():
    rows = [np.zeros((2, 3)), np.ones((1, 3)), np.zeros((3, 3)), np.zeros((1, 3))]
    limits = Limits(batch_wait_ms=300)
    with Running(application(Counting(0.05), limits=limits)) as running:
        found = ask_together(running, rows)
    assert [each.came.all() for each in found] == [True, False, True, True]
    error = found[1].failure[0]
    assert error.status == 500 and "ones" not in str(error)


def test_a_wrong_number_of_answers_is_sent_to_no_client():
    class Forgetful(Counting):
        def predict(self, X):
            return super().predict(X)[1:]

    rows = [np.full((n, 3), 0.5) for n in (2, 3, 4)]
    with Running(application(Forgetful(0.1))) as running:
        found = ask_together(running, rows)
    assert {error.status for each in found for error in each.failure} == {500}


def test_requests_beyond_the_queue_are_rejected():
    limits = Limits(max_waiting_rows=4, max_batch_rows=2)
    with Running(application(Counting(0.2), limits=limits)) as running:
        found = ask_together(running, [np.zeros((2, 3))] * 6)
    status = [getattr(each.failure[0], "status", 200) for each in found]
    assert set(status) == {200, 503}


def test_a_hybrid_tells_who_answered_and_metrics_count(tmp_path, digits, model, client):
    X, y = digits
    state = {"up": True}

    def ask(rows):
        if not state["up"]:
            raise ConnectionError
        return model.predict_proba(rows)

    global_ = CallableClassifier(
        ask, classes=range(10), method="predict_proba", batch_rows=500
    )
    hybrid = HybridClassifier(
        FrozenEstimator(GaussianNB(var_smoothing=0.1).fit(X[:600], y[:600])),
        global_,
        coverage=0.7,
        on_unavailable="base",
    ).fit(X[600:1200], y[600:1200])
    message = infer(tensor(shape=[100, 64], data=X[1200:1300].ravel().tolist()))
    expected = hybrid.predict_detailed(X[1200:1300])
    journal = Journal(tmp_path / "journal", escalates=True)
    with Running(application(hybrid, journal=journal)) as running:
        found = client.post(running.url + "/infer", content=message).json()["outputs"]
        found = {output["name"]: output["data"] for output in found}
        state["up"] = False
        later = client.post(running.url + "/infer", content=message).json()["outputs"]
        metrics = client.get(running.root + "/metrics").text
    assert found["predict"] == expected.label.tolist()
    assert found["answered_by"] == expected.answered_by.tolist()
    assert found["score"] == expected.score.tolist()
    assert set(later[2]["data"]) == {"", "unreachable"}
    n_queried = int(expected.queried.sum())
    line = 'rows_total{answered_by="base",failure="unreachable",model="model"}'
    assert f"{line} {n_queried}.0" in metrics
    assert 'requests_total{model="model",status="200"} 2.0' in metrics
    recorded = journal.decisions()
    journal.close()
    assert len(recorded) == 200
    assert {row["threshold"] for row in recorded} == {hybrid.operating_point_.threshold}
    assert sum(row["failure"] == "unreachable" for row in recorded) == n_queried


def test_an_answer_is_given_also_where_the_journal_fails(
    tmp_path, digits, frozen_pair, client, caplog
):
    hybrid = HybridClassifier(*frozen_pair, router="margin", coverage=0.7)
    hybrid.fit(digits[0][600:1200], digits[1][600:1200])
    journal = Journal(tmp_path / "journal")
    journal.close()
    with Running(application(hybrid, journal=journal)) as running:
        found = client.post(running.url + "/infer", content=infer(tensor()))
    assert found.status_code == 200
    assert "The journal failed: ProgrammingError" in caplog.text


def started(arguments, root, client):
    """Start a serving process and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "selective_query", *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    end = time.monotonic() + 60
    while True:
        try:
            if client.get(f"{root}/v2/health/ready").status_code == 200:
                return process
        except httpx2.HTTPError:
            time.sleep(0.1)
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(process.stderr.read().decode())


@pytest.mark.parametrize("command", ["serve-global", "serve-edge"])
def test_the_commands_serve_a_file_and_end_in_good_order(
    tmp_path, digits, model, client, command
):
    pytest.importorskip("skops")
    X, y = digits
    hybrid = HybridClassifier(
        FrozenEstimator(GaussianNB(var_smoothing=0.1).fit(X[:600], y[:600])),
        FrozenEstimator(model),
        coverage=0.7,
    ).fit(X[600:1200], y[600:1200])
    path, port = tmp_path / "hybrid.skops", free_port()
    save(hybrid, path)
    arguments = [command, str(path), "--port", str(port), "--name", "m"]
    if command == "serve-edge":
        arguments += ["--journal", str(tmp_path / "journal")]
    root = f"http://127.0.0.1:{port}"
    process = started([*arguments, "--set", "max_rows=50"], root, client)
    try:
        with RemoteClassifier(
            f"{root}/v2/models/m", method="predict", batch_rows=50
        ) as remote:
            served = model if command == "serve-global" else hybrid
            assert (remote.predict(X[1200:1300]) == served.predict(X[1200:1300])).all()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
        said = process.stderr.read().decode()
        kind = "LogisticRegression" if command == "serve-global" else "HybridClassifier"
        first, last = said.splitlines()
        assert first.startswith(f"Serving {kind} (classes 0, 1, 2, 3, ")
        assert f" at {root}/v2/models/m (limits max_body_bytes=1e+07, " in first
        assert "max_rows=50" in first
        assert last == "Stopped. All pending requests were answered."
    finally:
        process.kill()
        process.stderr.close()
        process.wait(5)
    if command == "serve-edge":
        with Journal(tmp_path / "journal") as journal:
            assert len(journal.decisions()) == 100
