"""An ONNX graph of raw inputs, base and rule, and what runs it."""
