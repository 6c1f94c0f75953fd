"""Plans how a model is trained on records on this machine, and writes it down as a recipe."""

from tf_image_segmentation.cli import command_line, plan

if __name__ == "__main__":
    command_line.run(plan.main)
