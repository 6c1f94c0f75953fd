"""Downloads VOC 2012, Berkeley SBD and VGG-16 for the PASCAL VOC experiments."""

from tf_image_segmentation.cli import command_line, download_pascal_voc

if __name__ == "__main__":
    command_line.run(download_pascal_voc.main)
