"""Export the device side of a fitted classifier to ONNX or C."""

from importlib import import_module
from typing import TYPE_CHECKING

from selective_query._utils.homes import missing

if TYPE_CHECKING:
    from selective_query.export.c_folder import export_c
    from selective_query.export.edge_classifier import EdgeClassifier
    from selective_query.export.onnx_file import export_onnx
    from selective_query.export.operating_point import set_operating_point
    from selective_query.export.report import ExportReport

# Names are imported on first access: EdgeClassifier runs without scikit-learn and
# torch.
_HOMES = {
    "EdgeClassifier": "edge_classifier",
    "ExportReport": "report",
    "export_c": "c_folder",
    "export_onnx": "onnx_file",
    "set_operating_point": "operating_point",
}

__all__ = [
    "EdgeClassifier",
    "ExportReport",
    "export_c",
    "export_onnx",
    "set_operating_point",
]


def __getattr__(name):
    if name not in _HOMES:
        raise missing(__name__, name)
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    found.__module__ = __name__
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *_HOMES})
