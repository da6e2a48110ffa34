"""Predictions, reports and curves on data larger than memory, chunk by chunk."""

from selective_query._utils import publish
from selective_query.scale.evaluating import curve_in_chunks, report_in_chunks
from selective_query.scale.predicting import predict_in_chunks

__all__ = ["curve_in_chunks", "predict_in_chunks", "report_in_chunks"]

publish(globals())
