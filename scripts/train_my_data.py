"""Trains a model on a labeling tool's export, from its layout to a report, with one command."""

from tf_image_segmentation.cli import command_line, train_my_data

if __name__ == "__main__":
    command_line.run(train_my_data.main)
