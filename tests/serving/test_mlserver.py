"""MLServer answers our client; needs `mlserver` and its sklearn runtime."""

import json
import shutil
import subprocess
import time

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selective_query.exceptions import UnreachableError
from selective_query.serving import RemoteClassifier
from tests.serving.servers import LOOPBACK, free_port

pytest.importorskip("httpx2")
MLSERVER = shutil.which("mlserver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MLSERVER is None, reason="needs the command mlserver"),
]


@pytest.fixture(scope="module")
def model(digits):
    return LogisticRegression(max_iter=300).fit(digits[0][:600], digits[1][:600])


@pytest.fixture(scope="module")
def url(tmp_path_factory, model):
    folder, port = tmp_path_factory.mktemp("mlserver"), free_port()
    joblib.dump(model, folder / "model.joblib")
    settings = {
        "host": LOOPBACK,
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
    }
    described = {
        "name": "digits",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(described))
    process = subprocess.Popen(
        [MLSERVER, "start", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{LOOPBACK}:{port}/v2/models/digits"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("method", ["predict_proba", "predict"])
def test_mlserver_answers(url, model, digits, method):
    X, end = digits[0][600:700], time.monotonic() + 60
    options = {"classes": range(10), "method": method, "failures_to_open": None}
    with RemoteClassifier(url, deadline_ms=10_000, **options) as remote:
        while True:
            try:
                found = getattr(remote, method)(X)
                break
            except UnreachableError:
                assert time.monotonic() < end
                time.sleep(0.5)
    np.testing.assert_allclose(found, getattr(model, method)(X), rtol=1e-12)
