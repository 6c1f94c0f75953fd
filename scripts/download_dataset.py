"""Downloads a known dataset, or says what to fetch by hand and where to put it."""

from tf_image_segmentation.cli import command_line, download_dataset

if __name__ == "__main__":
    command_line.run(download_dataset.main)
