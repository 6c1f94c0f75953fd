"""Downloads a published checkpoint, unpacks it and prints the command that uses it.

An interrupted download goes on where it stopped when the script is run again, if the server allows
that; what is there already is left alone. A PyTorch file is read without unpickling and becomes an
.npz. list_models.py lists the names.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.zoo.published import (
    DOWNLOADS,
    PublishedModel,
    published_model,
    published_models,
)


def main() -> None:
    """Parses the command line, downloads, and prints what to run next."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("name", metavar="NAME", help="what to fetch, one of: " + ", ".join(published_models()))
    add("--output-dir", type=Path, default=DOWNLOADS, help="folder to fill")
    add("--url", help="other address of the file")
    args = parser.parse_args()

    from tf_image_segmentation.zoo.obtaining import obtain_model

    model = published_model(args.name)
    print(f"{args.name}\npage: {model.page}\nlicense: {model.license}\n", flush=True)
    checkpoint = obtain_model(model, args.output_dir, args.url)
    print(f"\n{_next_command(model, checkpoint)}")


def _next_command(model: PublishedModel, checkpoint: Path) -> str:
    """Returns what to run next, under a title."""
    taker, others = model.models[0], model.models[1:]
    if model.use == "predict":
        words: list[object] = ["photo.jpg", "--checkpoint", checkpoint, "--model", taker]
        words += [] if model.dataset is None else ["--dataset", model.dataset]
        return _titled("Predict with it", "predict", words)
    words = ["--model", taker, "--tfrecords", "RECORDS", "--init-checkpoint", checkpoint]
    for option, value in model.model_options.items():
        words += ["--set", f"models.{taker}.{option}={value}"]
    also = f" (or {', '.join(others)})" if others else ""
    return _titled(f"Train {taker}{also} from it", "train", [*words, "--run-dir", f"runs/{taker}"])


def _titled(title: str, command: str, words: Sequence[object]) -> str:
    return f"{title}:\n{command_line.typed(command)} {shlex.join(map(str, words))}"
