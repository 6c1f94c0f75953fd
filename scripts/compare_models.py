"""Evaluates several checkpoints on the same records: one table, and one picture side by side."""

from tf_image_segmentation.cli import command_line, compare_models

if __name__ == "__main__":
    command_line.run(compare_models.main)
