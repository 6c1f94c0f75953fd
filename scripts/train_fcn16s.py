"""Trains FCN-16s on records that convert_pascal_voc.py or convert_dataset.py wrote."""

from tf_image_segmentation.cli import command_line, train_fcn16s

if __name__ == "__main__":
    command_line.run(train_fcn16s.main)
