"""Downloads what the PASCAL VOC experiments start from: VOC 2012, Berkeley SBD and slim's VGG-16.

About 4 GB come in and as much again is unpacked. An interrupted download goes on where it stopped
when the script is run again, if the server allows that. What is there already is left alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tf_image_segmentation.cli import command_line


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

    from tf_image_segmentation.datasets.sets import berkeley_sbd, pascal_voc
    from tf_image_segmentation.download.fetching import mirror_url, obtain, product_path
    from tf_image_segmentation.zoo.published import published_model

    (voc,), (sbd,) = pascal_voc.SOURCE.archives, berkeley_sbd.SOURCE.archives
    archives = {"voc": voc, "sbd": sbd, "vgg": published_model("vgg_16").archive}
    for name in [arguments.only] if arguments.only else archives:
        url = getattr(arguments, f"{name}_url")
        if url is None and arguments.base_url:
            url = mirror_url(archives[name], arguments.base_url)
        obtain(archives[name], arguments.output_dir, url, mirror_option=f"--{name}-url URL")
    voc_root, sbd_root = (product_path(a, arguments.output_dir) for a in (voc, sbd))
    if voc_root.exists() and sbd_root.exists():
        print(
            "\nConvert it:\n"
            f"{command_line.typed('convert_pascal_voc')} --voc-root {voc_root} "
            f"--sbd-root {sbd_root} "
            f"--output-dir {arguments.output_dir / 'pascal_voc_sbd'}"
        )
