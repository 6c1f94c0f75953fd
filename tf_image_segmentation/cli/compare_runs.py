"""Compares training runs: the settings that differ, a table of how they did, and their curves.

Finished, stopped and running ones may be mixed. The settings are those of config.json, with the
versions of the packages, the git commit, the seed and what tells the datasets apart.
"""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.cli import command_line


def main() -> None:
    """Parses the command line, reads the runs, prints both tables and draws the curves."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, such as runs/fcn_32s")
    add("--picture", type=Path, default="runs.png", metavar="FILE.png", help="the curves")
    add("--smoothing", type=int, default=50, metavar="STEPS", help="of the loss; 1 for none")
    add(
        "--group",
        action="store_true",
        help="a row for the runs that differ only in the seed: mean and standard deviation of the "
        "last validations",
    )
    args = parser.parse_args()

    from rich.console import Console

    from tf_image_segmentation.errors import DataError
    from tf_image_segmentation.reports.run_comparison import difference_table, summary_table
    from tf_image_segmentation.reports.run_curves import save_curves
    from tf_image_segmentation.reports.run_groups import group_by_seed, markdown_table
    from tf_image_segmentation.training.run_files import read_runs

    if args.smoothing < 1:
        raise DataError(f"--smoothing must be at least 1, got {args.smoothing}")
    runs = read_runs(args.runs)
    console = Console(highlight=False, markup=False)  # names of folders are no markup
    if len(runs) > 1:
        console.print(difference_table(runs) or "the runs have the same settings")
    groups = {run.name: [run] for run in runs}
    if args.group:
        groups = group_by_seed(runs)
        print(markdown_table(groups))
    else:
        console.print(summary_table(runs, args.smoothing))
    save_curves(groups, args.picture, args.smoothing)
    print(f"drew {args.picture}")
