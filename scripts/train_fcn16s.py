"""Trains FCN-16s on records that convert_pascal_voc.py or convert_dataset.py wrote."""

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.training import main

if __name__ == "__main__":
    command_line.run(lambda: main("fcn_16s", __doc__))
