"""Made-up runs."""

from __future__ import annotations

from tf_image_segmentation.training.run_files import Run


def make_run(name: str, steps: int = 40, validate: bool = True, **config: object) -> Run:
    lines: list[dict] = []
    for step in range(1, steps + 1):
        lines.append({"step": step, "loss": 4 / step, "learning_rate": 1e-3 / step})
        if validate and step % 10 == 0:
            accuracy = 1 - 1 / step
            lines.append(
                {"step": step, "val_mean_iou": accuracy / 2, "val_pixel_accuracy": accuracy}
            )
    return Run(name, {"recipe": {"steps": 40}, **config}, lines)
