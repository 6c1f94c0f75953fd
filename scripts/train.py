"""Trains a model on records that convert_dataset.py or convert_pascal_voc.py wrote."""

from tf_image_segmentation.cli import command_line, train

if __name__ == "__main__":
    command_line.run(train.main)
