"""Runs the whole pipeline on a built-in toy dataset: drawing, records, three stages, one table."""

from tf_image_segmentation.cli import command_line, demo

if __name__ == "__main__":
    command_line.run(demo.main)
