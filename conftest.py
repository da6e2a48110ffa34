"""Examples that need what a machine may lack are left out there."""

import shutil
from importlib.util import find_spec

HAS_COMPILER = shutil.which("cc") is not None
HAS_ONNX = all(find_spec(name) for name in ("onnx", "onnxruntime", "skl2onnx"))

collect_ignore = []
if not HAS_COMPILER:
    collect_ignore += ["selective_query/export/c_folder.py"]
if not HAS_ONNX:
    collect_ignore += ["selective_query/export/onnx_file.py"]
if not (HAS_COMPILER and HAS_ONNX):
    collect_ignore += ["docs/guide/firmware.rst"]
