"""Draws the embedded dataset `shapes` in the layouts of VOC 2012 and Berkeley SBD."""

from tf_image_segmentation.cli import command_line, make_shapes

if __name__ == "__main__":
    command_line.run(make_shapes.main)
