"""Outputs of fitted models: answers, layer outputs and cross-fitted answers."""
