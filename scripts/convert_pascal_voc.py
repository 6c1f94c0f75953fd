"""Converts PASCAL VOC 2012 and Berkeley SBD to files of records."""

from tf_image_segmentation.cli import command_line, convert_pascal_voc

if __name__ == "__main__":
    command_line.run(convert_pascal_voc.main)
