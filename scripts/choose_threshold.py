"""Chooses the decision threshold of a model of two classes, and keeps it with the checkpoint."""

from tf_image_segmentation.cli import choose_threshold, command_line

if __name__ == "__main__":
    command_line.run(choose_threshold.main)
