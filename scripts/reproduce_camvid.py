"""Trains FCN-32s, FCN-16s and FCN-8s on CamVid and shows the result."""

from tf_image_segmentation.cli import command_line, reproduce_camvid

if __name__ == "__main__":
    command_line.run(reproduce_camvid.main)
