"""More rows than memory holds: predictions, reports and curves, chunk by chunk."""

from selective_query.chunks.judging import curve_in_chunks, report_in_chunks
from selective_query.chunks.npy_files import write_npy
from selective_query.chunks.predicting import predict_in_chunks

__all__ = ["curve_in_chunks", "predict_in_chunks", "report_in_chunks", "write_npy"]
