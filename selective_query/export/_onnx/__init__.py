"""Build and run an ONNX graph of base and rule on raw inputs."""
