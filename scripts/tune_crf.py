"""Searches for the dense CRF's parameters that suit a checkpoint and its images."""

from tf_image_segmentation.cli import command_line, tune_crf

if __name__ == "__main__":
    command_line.run(tune_crf.main)
