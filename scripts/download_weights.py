"""Downloads a published checkpoint, unpacks it and prints the command that uses it."""

from tf_image_segmentation.cli import command_line, download_weights

if __name__ == "__main__":
    command_line.run(download_weights.main)
