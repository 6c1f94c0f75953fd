"""Evaluates a checkpoint on records: every image at its own size, one confusion matrix for all."""

from tf_image_segmentation.cli import command_line, evaluate

if __name__ == "__main__":
    command_line.run(evaluate.main)
