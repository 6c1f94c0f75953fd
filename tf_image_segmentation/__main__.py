"""Lets ``python -m tf_image_segmentation`` run the commands."""

from tf_image_segmentation.cli.main import main

if __name__ == "__main__":
    main()
