"""Tells which change of a recipe helps: trains the base and each change with the same seeds."""

from tf_image_segmentation.cli import command_line, study

if __name__ == "__main__":
    command_line.run(study.main)
