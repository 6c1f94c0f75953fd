"""Packs a trained checkpoint into one small file, as those that come with the package."""

from tf_image_segmentation.cli import command_line, pack_model

if __name__ == "__main__":
    command_line.run(pack_model.main)
