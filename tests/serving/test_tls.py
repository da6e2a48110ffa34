"""Certificates are checked, always."""

import shutil
import ssl
import subprocess

import pytest

from selective_query.exceptions import UnreachableError
from selective_query.serving import RemoteClassifier
from tests.serving.servers import LOOPBACK, FaultyServer

pytest.importorskip("httpx2")
OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl")


@pytest.fixture
def certificate(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", key, "-out", certificate, "-subj", "/CN=test"]
    command += ["-addext", f"subjectAltName=IP:{LOOPBACK}"]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def server(frozen_pair, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FaultyServer(frozen_pair[1].predict_proba) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        yield running


def test_a_server_is_trusted_by_its_certificate_alone(server, certificate, digits):
    url = server.url.replace("http:", "https:")
    options = {"classes": range(10), "input_name": "x", "deadline_ms": 5000}
    with RemoteClassifier(url, **options) as stranger:
        failure = stranger.ask_rows(digits[0][:2]).failure[0]
        assert type(failure) is UnreachableError
        assert "certificate" in str(failure).lower()
    assert server.n_requests == 0
    with RemoteClassifier(url, ca_file=str(certificate[0]), **options) as known:
        assert known.ask_rows(digits[0][:2]).came.all()
    elsewhere = url.replace(LOOPBACK, "localhost")
    with RemoteClassifier(elsewhere, ca_file=str(certificate[0]), **options) as wrong:
        assert not wrong.ask_rows(digits[0][:2]).came.any()
