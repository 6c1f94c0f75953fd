"""Shows what a dataset on disk holds, and what is wrong with it, before it is converted."""

from tf_image_segmentation.cli import command_line, inspect_dataset

if __name__ == "__main__":
    command_line.run(inspect_dataset.main)
