"""Lists the models that come with the package and the published checkpoints that it can fetch."""

from tf_image_segmentation.cli import command_line, list_models

if __name__ == "__main__":
    command_line.run(list_models.main)
