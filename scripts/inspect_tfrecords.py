"""Shows what files of records hold, checks them, and draws a sheet of images with their masks."""

from tf_image_segmentation.cli import command_line, inspect_tfrecords

if __name__ == "__main__":
    command_line.run(inspect_tfrecords.main)
