"""Converts a dataset to files of records: a published one, or custom data."""

from tf_image_segmentation.cli import command_line, convert_dataset

if __name__ == "__main__":
    command_line.run(convert_dataset.main)
