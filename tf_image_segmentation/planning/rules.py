"""The rules of a plan: pure functions from fingerprints to the fields of a recipe.

`decide` reads from top to bottom. Each rule returns a `Choice`, whose reason becomes the comment in
the recipe file. The numbers are rules of thumb, tried with DeepLabv3+ on MobileNetV2 on two CPU
cores; GPUs get larger batches. docs/how_to/custom_data.md shows how to use the plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tf_image_segmentation.planning.families import Family, family_of
from tf_image_segmentation.planning.fingerprint import (
    DataFingerprint,
    MachineFingerprint,
    ModelFacts,
)

MINUTES = 30.0
"""Of training, unless asked otherwise."""

VALIDATION_SHARE = 0.1
"""Share of the time that validations may take."""

_BATCH = {False: 8, True: 16}  # on CPU and GPU
_SIDES = (193, 225, 257, 289, 321, 385, 449, 513)  # of crops, smallest first
_ENOUGH_STEPS = 700  # before crops become larger
_FEW_STEPS = 300  # below which batches become smaller
_STEPS_FOR_DETAIL = 1500  # on usual crops, before a model gets a finer stride
_USUAL_PIXELS = 257**2
_MOST_EPOCHS, _MOST_STEPS, _LEAST_STEPS = 300, 100_000, 20
_FEW_IMAGES = 1000  # learned by heart without changed colors
_MEMORY_SHARE = 0.5
_PREDICTION_COST = 0.4  # of a validation, in training steps on as many pixels
_THIN = 6.0  # pixels


class Choice(NamedTuple):
    """The value of one field of a recipe, and why."""

    value: Any
    reason: str


class Facts(NamedTuple):
    """All that rules look at."""

    data: DataFingerprint
    machine: MachineFingerprint
    model: ModelFacts
    minutes: float

    @property
    def family(self) -> Family:
        """How such models are fine-tuned."""
        return family_of(self.model.name)

    @property
    def step_seconds(self) -> float:
        """The seconds that all steps together may take, of which one validation is not skipped."""
        budget = max(1.0, 60 * self.minutes - self.machine.first_seconds)
        spent = max(VALIDATION_SHARE * budget, self.validation_seconds)
        return budget - min(spent, budget / 2)

    @property
    def validation_seconds(self) -> float:
        """The seconds that a validation takes."""
        megapixels = self.data.val_images * self.data.image_megapixels
        return megapixels * self.machine.seconds_per_megapixel * _PREDICTION_COST

    def cost(self, chosen: Mapping[str, Choice]) -> float:
        """Returns seconds per megapixel with the options that were chosen."""
        factor = self.family.fine_cost if _is_fine(self, chosen) else 1.0
        return self.machine.seconds_per_megapixel * factor


def decide(facts: Facts, fixed: Mapping[str, Any]) -> dict[str, Choice]:
    """Returns the fields of the recipe by name, in the order in which they are decided.

    Args:
        facts: fingerprints, model and minutes for training.
        fixed: fields that the user has set.
    """
    chosen: dict[str, Choice] = {}
    for name, rule in RULES.items():
        if name in fixed:
            chosen[name] = Choice(fixed[name], "set by hand")
        elif (choice := rule(facts, chosen)) is not None:
            chosen[name] = choice
    return chosen


def _init(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    model = facts.model
    if not model.init:
        return Choice("", "random weights: no checkpoint of this model ships or was named")
    return Choice(model.init, "random weights would need many more images and steps")


def _new_layers(facts: Facts, chosen: Mapping[str, Choice]) -> Choice | None:
    layers = facts.model.new_layers
    return Choice(list(layers), "the checkpoint has other classes") if layers else None


def _model_options(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    options = {**facts.model.options, **facts.family.options}
    reasons = ["those of the checkpoint" if facts.model.options else "usual for this model"]
    if facts.data.train_images < 4 and facts.family.few_images_options:
        options |= facts.family.few_images_options
        reasons.append("batch normalization is frozen, because batches are too small for moments")
    data, thinnest = facts.data, facts.data.thinnest
    thickness = data.thickness[thinnest] if data.thickness else _THIN
    if facts.family.fine_options and thickness < _THIN and _has_time_for_detail(facts):
        options |= facts.family.fine_options
        reasons.append(
            f"a finer stride, because regions of {data.class_names[thinnest]!r} are "
            f"{thickness:.1f} pixels thick"
        )
    return Choice(options, "; ".join(reasons))


def _has_time_for_detail(facts: Facts) -> bool:
    megapixels = _BATCH[facts.machine.is_gpu] * _USUAL_PIXELS / 1e6
    seconds = facts.machine.seconds_per_megapixel * facts.family.fine_cost * megapixels
    return facts.step_seconds >= _STEPS_FOR_DETAIL * seconds


def _is_fine(facts: Facts, chosen: Mapping[str, Choice]) -> bool:
    fine = facts.family.fine_options
    options = chosen["model_options"].value if "model_options" in chosen else {}
    return bool(fine) and all(options.get(name) == value for name, value in fine.items())


def _compute_dtype(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    if facts.machine.has_bfloat16:
        return Choice("bfloat16", f"{facts.machine.device} computes faster in it")
    return Choice("float32", f"{facts.machine.device} has no instructions for bfloat16")


def _batch_size(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    usual, images = _BATCH[facts.machine.is_gpu], facts.data.train_images
    if images < usual:
        return Choice(max(1, images), f"no more than the {images} training images")
    pixels = _crop_pixels(facts, _SIDES[0])
    size = usual
    while size > 1 and not _fits_memory(facts, size, pixels):
        size //= 2
    if size < usual:
        return Choice(size, f"what fits into {_gigabytes(facts.machine.memory)} of memory")
    seconds = facts.cost(chosen) * pixels / 1e6
    if size > 4 and facts.step_seconds < _FEW_STEPS * size * seconds:
        return Choice(4, "small, for more steps in little time")
    return Choice(size, f"enough for batch normalization; usual on a {_kind(facts)}")


def _crop_pixels(facts: Facts, side: int) -> int:
    sides = (facts.data.heights[1], facts.data.widths[1])
    height, width = _crop(sides, side, facts.model.size_divisor)
    return height * width


def _fits_memory(facts: Facts, batch: int, pixels: int) -> bool:
    needed = batch * pixels / 1e6 * facts.machine.bytes_per_megapixel
    return needed <= _MEMORY_SHARE * facts.machine.memory


def _crop_size(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    batch, cost = chosen["batch_size"].value, facts.cost(chosen)
    sides = (facts.data.heights[1], facts.data.widths[1])
    best, limit = _crop(sides, _SIDES[0], facts.model.size_divisor), "time"
    for side in _SIDES[1:]:
        crop = _crop(sides, side, facts.model.size_divisor)
        pixels = crop[0] * crop[1]
        if not _fits_memory(facts, batch, pixels):
            limit = "memory"
            break
        if facts.step_seconds < _ENOUGH_STEPS * cost * batch * pixels / 1e6:
            break
        best = crop
    else:
        limit = "the size that the model looks at"
    whole = all(crop >= side - 16 for crop, side in zip(best, sides, strict=True))
    found = f"images are {sides[0]} x {sides[1]}; "
    return Choice(best, found + ("seen whole" if whole else f"limited by {limit}"))


def _crop(sides: tuple[int, int], limit: int, divisor: int) -> list[int]:
    """Returns height and width of at most ``limit``, in sizes that the model takes.

    A model that takes any size is given multiples of 16 and one, which keep corners aligned.
    """
    step, more = (16, 1) if divisor == 1 else (divisor, 0)
    crop = []
    for side in sides:
        bound = min(side, limit)
        steps = (bound - more) / step
        # Down, so that little is padded; up where little would be left.
        crop.append(max(1, int(steps) if bound >= 128 else -int(-steps // 1)) * step + more)
    return crop


def _steps(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    batch = chosen["batch_size"].value
    height, width = _sides(chosen["crop_size"].value)
    seconds = facts.cost(chosen) * batch * height * width / 1e6
    affordable = max(_LEAST_STEPS, int(facts.step_seconds / seconds))
    most = max(1500, _MOST_EPOCHS * facts.data.train_images // batch)
    steps = min(affordable, most, _MOST_STEPS)
    epochs = steps * batch / max(1, facts.data.train_images)
    reason = f"{seconds:.2f} s a step; {epochs:.0f} epochs"
    if affordable > steps:
        return Choice(steps, f"{reason}; more would learn the images by heart")
    return Choice(steps, f"{reason} in {facts.minutes:g} minutes with validations")


def _sides(crop: Any) -> tuple[int, int]:
    return (crop, crop) if isinstance(crop, int) else (crop[0], crop[1])


def _optimizer(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    few = facts.data.train_images < _FEW_IMAGES
    decay, why = (0.02, "stronger decay for few images") if few else (0.01, "usual")
    return Choice({"name": "adamw", "weight_decay": decay}, why)


def _learning_rate(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    rate, batch = facts.family.learning_rate, chosen["batch_size"].value
    if batch >= 8:
        return Choice(rate, f"found for {facts.family.pattern} with batches of 8")
    smaller = float(f"{rate * (batch / 8) ** 0.5:.2g}")
    return Choice(smaller, f"{rate:g} for batches of 8, less by the root for {batch}")


def _schedule(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    return Choice({"name": "poly", "power": 0.9}, "ends at 0, so that the last model is the best")


def _warmup_steps(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    steps = min(100, chosen["steps"].value // 10)
    return Choice(steps, "a tenth of the steps, at most 100, while the new layers are random")


def _learning_rate_factors(facts: Facts, chosen: Mapping[str, Choice]) -> Choice | None:
    if not facts.family.factors or not facts.model.init:
        return None
    return Choice(dict(facts.family.factors), "the backbone keeps more of what it has learned")


def _class_balancing(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    data = facts.data
    imbalance = data.imbalance
    name = data.class_names[data.rarest]
    if imbalance <= 3:
        return Choice(0.0, "classes have similar numbers of pixels")
    exponent = 0.15 if imbalance < 30 else 0.25
    return Choice(exponent, f"{name!r} has {imbalance:.0f} times fewer pixels than the median")


def _repeat_threshold(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    data = facts.data
    rare = [n for n in data.present if 0 < data.class_images[n] < 0.1]
    if data.train_images < 20 or not rare:
        return Choice(0.0, "no class is in fewer than a tenth of the images")
    names = ", ".join(data.class_names[number] for number in rare[:3])
    return Choice(0.1, f"images with {names} are seen more often: few show them")


def _augmentations(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    parts: list[Any] = []
    reasons = []
    if any(re.search(r"\b(left|right)\b", re.sub(r"[_-]", " ", n)) for n in _lower_names(facts)):
        reasons.append("no flip, because class names tell left from right")
    else:
        parts.append("flip")
    few = facts.data.train_images < _FEW_IMAGES
    if few and facts.data.deviation >= 10:
        parts.append({"name": "color", "mode": "fast"} if facts.data.is_gray else "color")
        reasons.append("colors change, because images are few")
    elif few:
        reasons.append("colors stay, because images have little contrast")
    parts.append({"name": "scale", "range": _scale_range(facts)})
    if _needs_rare_crops(facts, chosen):
        parts.append({"name": "rare_class_crop", "probability": 0.5})
        reasons.append(
            f"half of the crops show {facts.data.class_names[facts.data.rarest]!r} or "
            "another rare class, which most crops of such images miss"
        )
    low, high = _scale_range(facts)
    reasons.append(f"sizes vary from {low:g} to {high:g}{_scale_reason(facts)}")
    return Choice(parts, "; ".join(reasons))


def _lower_names(facts: Facts) -> list[str]:
    return [name.lower() for name in facts.data.class_names]


def _scale_range(facts: Facts) -> list[float]:
    data = facts.data
    if max(data.heights[1], data.widths[1]) < 128:
        return [0.9, 1.25]
    if data.thickness and data.thickness[data.thinnest] < _THIN:
        return [0.75, 1.8]
    return [0.6, 1.6]


def _scale_reason(facts: Facts) -> str:
    data = facts.data
    if max(data.heights[1], data.widths[1]) < 128:
        return ", because images are small already"
    if data.thickness and data.thickness[data.thinnest] < _THIN:
        return f", upward, because {data.class_names[data.thinnest]!r} is thin"
    return ""


def _needs_rare_crops(facts: Facts, chosen: Mapping[str, Choice]) -> bool:
    data = facts.data
    height, width = _sides(chosen["crop_size"].value)
    shown = height * width / 1e6 / data.image_megapixels
    return shown < 0.25 and bool(data.present) and data.class_pixels[data.rarest] < 0.02


def _ema(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    steps = chosen["steps"].value
    decay = min(0.998, round(1 - 5 / steps, 3)) if steps >= 50 else 0.0
    if not decay:
        return Choice(0.0, "too few steps to average over")
    return Choice(decay, f"averages the weights over about {1 / (1 - decay):.0f} steps")


def _validation_interval(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    steps, images, seconds = chosen["steps"].value, facts.data.val_images, facts.validation_seconds
    if not images:
        return Choice(steps, "no validation images")
    times = max(1, min(10, int(60 * facts.minutes * VALIDATION_SHARE / seconds)))
    return Choice(
        -(-steps // times), f"{times} validations of {images} images, about {seconds:.0f} s each"
    )


def _checkpoint_interval(facts: Facts, chosen: Mapping[str, Choice]) -> Choice:
    return Choice("2m", "what a stopped run loses at most")


def _kind(facts: Facts) -> str:
    return "GPU" if facts.machine.is_gpu else "CPU"


def _gigabytes(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"


Rule = Callable[[Facts, Mapping[str, Choice]], Choice | None]
RULES: dict[str, Rule] = {
    "init": _init,
    "new_layers": _new_layers,
    "model_options": _model_options,
    "compute_dtype": _compute_dtype,
    "batch_size": _batch_size,
    "crop_size": _crop_size,
    "steps": _steps,
    "optimizer": _optimizer,
    "learning_rate": _learning_rate,
    "schedule": _schedule,
    "warmup_steps": _warmup_steps,
    "learning_rate_factors": _learning_rate_factors,
    "class_balancing": _class_balancing,
    "repeat_threshold": _repeat_threshold,
    "augmentations": _augmentations,
    "ema": _ema,
    "validation_interval": _validation_interval,
    "checkpoint_interval": _checkpoint_interval,
}
"""What decides each field, in the order in which one needs the other."""
