"""Compares training runs: the settings that differ, a table of how they did, and their curves."""

from tf_image_segmentation.cli import command_line, compare_runs

if __name__ == "__main__":
    command_line.run(compare_runs.main)
