"""Exports a checkpoint as SavedModel, TFLite or ONNX, to run without this package."""

from tf_image_segmentation.cli import command_line, export_model

if __name__ == "__main__":
    command_line.run(export_model.main)
