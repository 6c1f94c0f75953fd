"""Downloads what the PASCAL VOC experiments start from: VOC 2012, Berkeley SBD and slim's VGG-16.

About 4 GB come in and as much again is unpacked. An interrupted download goes on where it stopped
when the script is run again, if the server allows that. What is there already is left alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tf_image_segmentation.commands import command_line


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--output-dir", type=Path, default="data", help="folder to fill")
    parser.add_argument(
        "--only", choices=("voc", "sbd", "vgg"), help="fetch one of the three; all by default"
    )
    parser.add_argument("--base-url", help="folder on a mirror that holds all archives")
    for name in ("voc", "sbd", "vgg"):
        parser.add_argument(f"--{name}-url", help=f"other address of the {name} archive")
    return parser.parse_args()


def main() -> None:
    """Parses the command line, downloads, and prints what to run next."""
    arguments = parse_arguments()

    from tf_image_segmentation.downloads import RESOURCES, mirror_url, obtain

    for name in [arguments.only] if arguments.only else RESOURCES:
        url = getattr(arguments, f"{name}_url")
        if url is None and arguments.base_url:
            url = mirror_url(name, arguments.base_url)
        obtain(name, arguments.output_dir, url)
    voc, sbd = (arguments.output_dir / RESOURCES[name].product for name in ("voc", "sbd"))
    if voc.exists() and sbd.exists():
        print(
            "\nConvert it:\n"
            f"python scripts/convert_pascal_voc.py --voc-root {voc} --sbd-root {sbd} "
            f"--output-dir {arguments.output_dir / 'pascal_voc_sbd'}"
        )


if __name__ == "__main__":
    command_line.run(main)
