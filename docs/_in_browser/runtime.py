"""onnxruntime-web as one script that a page can load without a server."""

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = "1.30.0"
SCRIPT = f"onnxruntime-web-{VERSION}.js"
SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
# The smallest build: WebAssembly only, no GPU.
PARTS = {
    "module": "package/dist/ort.wasm.bundle.min.mjs",
    "wasm": "package/dist/ort-wasm-simd-threaded.wasm",
}
NOTICE = (
    f"/*! ONNX Runtime Web v{VERSION}. Copyright (c) Microsoft Corporation. All "
    "rights reserved. Licensed under the MIT License. */"
)


class NoRuntimeError(Exception):
    """npm or the network is missing."""


def bring_runtime(folder):
    """Fetch the runtime from npm, unless it is already in the folder.

    If a page was opened as a file, browsers load neither modules nor WebAssembly from
    files beside it. Both are therefore packed into a plain script, a third of their
    size.

    Parameters
    ----------
    folder : Path
        Where the runtime is stored between builds.

    Returns
    -------
    Path

    Raises
    ------
    NoRuntimeError
        If npm or the network is missing.
    ValueError
        If npm delivers another file than expected.
    """
    script = folder / SCRIPT
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as scratch:
            part = Path(scratch) / SCRIPT
            part.write_text(_packed(_fetched(Path(scratch))))
            part.replace(script)
    return script


def _fetched(folder):
    npm = shutil.which("npm")
    if npm is None:
        raise NoRuntimeError("npm is not installed.")
    package = f"onnxruntime-web@{VERSION}"
    done = subprocess.run(
        [npm, "pack", package, "--fetch-retries=0", "--fetch-timeout=60000"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NoRuntimeError(f"npm pack {package} failed: {done.stderr[:300]}")
    archive = folder / f"onnxruntime-web-{VERSION}.tgz"
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != SHA512:
        raise ValueError(f"{archive} must have the SHA-512 {SHA512}. Got {found}.")
    return archive


def _packed(archive):
    with tarfile.open(archive) as files:
        parts = {n: files.extractfile(path).read() for n, path in PARTS.items()}
    packed = {
        name: base64.b64encode(gzip.compress(content, mtime=0)).decode()
        for name, content in parts.items()
    }
    return f"{NOTICE}\nwindow.onnxruntimeParts = {json.dumps(packed)};\n"
