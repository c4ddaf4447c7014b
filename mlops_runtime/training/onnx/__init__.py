"""Builders of `model.onnx`: plain operators only, so that the same graph loads in every ONNX runtime."""
