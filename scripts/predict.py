"""Predicts the classes of the pixels of images, and shows them."""

from tf_image_segmentation.cli import command_line, predict

if __name__ == "__main__":
    command_line.run(predict.main)
