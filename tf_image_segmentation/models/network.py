"""Hosts a slim model function under TensorFlow 2."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.description import (
    Description,
    describe,
    description_path,
    plugin_of,
)
from tf_image_segmentation.models.registry import (
    MODELS,
    ModelFunction,
    Shapes,
    check_images,
    check_output,
    spec_of,
)
from tf_image_segmentation.models.restoring import RestoreReport, restore
from tf_image_segmentation.models.threshold import Threshold
from tf_image_segmentation.structs import Color, ComputeDtype, Range

COMPUTE_DTYPES = get_args(ComputeDtype)


class Network(tf.Module):
    """A slim model function with its variables.

    The function is called inside a variable scope whose getter hands out ``tf.Variable`` objects
    kept by name, so that gradients, distribution strategies, ``tf.train.Checkpoint`` and SavedModel
    see plain TensorFlow 2 variables, named as in published checkpoints.

    Example::

        network = Network(fcn_8s, num_classes=21)
        network.restore("fcn_8s.ckpt")
        logits = network(images)              # float32 [batch, height, width, 21]

    Attributes:
        spec: what the registry says about the model.
        variables_by_name: every variable by its checkpoint name, always float32.
        class_names: what the classes are, where `from_checkpoint` found it, else None.
        palette: their colors, RGB in 0..255, or None.
        intensity_range: what 16-bit images were mapped with in training, see `decode_image`, or
            None.
        threshold: decides between two classes where `from_checkpoint` found one, else None.
    """

    def __init__(
        self,
        model: ModelFunction,
        num_classes: int,
        compute_dtype: str = "float32",
        *,
        shapes: Shapes | None = None,
        **model_options: Any,
    ) -> None:
        """Creates the variables, in the current ``tf.distribute`` scope if there is one.

        Args:
            model: ``fcn_32s``, ``fcn_16s``, ``fcn_8s``, or a slim function of the same form; see
                `register_model`.
            num_classes: number of classes, at least 2.
            compute_dtype: type of the convolutions, "float32" or "bfloat16"; variables, logits and
                loss are float32 with both.
            shapes: what the variables must have, by name; None takes all. A variable that has
                another shape or is not there is refused before it takes memory.
            **model_options: passed to the model function, for example ``width_multiplier=0.25``.

        Raises:
            ValueError: an argument is out of bounds.
            DataError: a variable does not fit ``shapes``, or the model takes no ``compute_dtype``.
        """
        super().__init__(name=getattr(model, "__name__", None))
        if compute_dtype not in COMPUTE_DTYPES:
            raise ValueError(
                f"unknown compute_dtype {compute_dtype!r}; choose from {COMPUTE_DTYPES}"
            )
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        self.model = model
        self.spec = spec_of(model)
        self.model_name = self.spec.name
        if compute_dtype != "float32" and "compute_dtype" not in self.spec.keywords:
            raise DataError(
                f"{self.model_name} computes in float32 alone, because its function has no "
                f"parameter compute_dtype; add one, or leave out {compute_dtype}"
            )
        self.num_classes = num_classes
        self.compute_dtype = compute_dtype
        self.model_options = dict(model_options)
        self.class_names: tuple[str, ...] | None = None
        self.palette: tuple[Color, ...] | None = None
        self.intensity_range: Range | None = None
        self.threshold: Threshold | None = None
        self.variables_by_name: dict[str, tf.Variable] = {}
        self._shapes = shapes
        # Tracing creates the variables; the sizes are unknown, so that one trace serves all.
        self._predict = tf.function(
            self._infer,
            input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
            autograph=False,  # slim functions are graph code already
        )
        self._predict.get_concrete_function()
        self._shapes = None

    @classmethod
    def from_checkpoint(cls, path: str | Path, model: str | None = None) -> Network:
        """Returns the network that a checkpoint holds, ready to predict.

        Options come from what `save` wrote beside the checkpoint, or from the shapes in it.

        Args:
            path: as for `restore`.
            model: the name that the model must have; see `describe`.

        Raises:
            DataError: there is no such checkpoint, it holds another model, or lacks variables:
                random weights never predict.
        """
        found = describe(path, model)
        network = cls._described(found, checkpoints.open_weights(Path(path)))
        network.class_names = found.dataset.class_names or None
        network.palette = found.dataset.palette or None
        network.intensity_range = found.intensity_range
        network.threshold = found.threshold
        report = network.restore(path)
        if report.initialized:
            raise DataError(
                f"{path}: lacks {', '.join(report.initialized)}, so it cannot predict; train it "
                "first"
            )
        return network

    @classmethod
    def _described(cls, description: Description, weights: checkpoints.Weights) -> Network:
        """Builds a network that fits a checkpoint, before it takes memory for one that does not."""
        scope = f"{MODELS[description.model].scope}/"
        shapes = dict(weights.shapes)
        if not any(name.startswith(scope) for name in shapes):  # or the model has no scope either
            shapes |= {scope + name: shape for name, shape in shapes.items()}
        try:
            return cls(
                MODELS[description.model].function,
                description.num_classes,
                description.compute_dtype,
                shapes=shapes,
                **description.model_options,
            )
        except (TypeError, ValueError, OverflowError, tf.errors.OpError) as error:
            raise DataError(
                f"{weights.path}: {description.model} of {description.num_classes} classes with "
                f"options {description.model_options} does not fit it: {error}"
            ) from error

    @property
    def trainable_variables_by_name(self) -> dict[str, tf.Variable]:
        """The variables that gradients and weight decay go to; not moving averages."""
        return {name: v for name, v in self.variables_by_name.items() if v.trainable}

    def _get_variable(
        self,
        getter: Any,
        name: str,
        shape: Any = None,
        dtype: Any = tf.float32,
        initializer: Any = None,
        trainable: bool | None = None,
        **_: Any,
    ) -> tf.Tensor | tf.Variable:
        if name not in self.variables_by_name:
            value = _initial_value(initializer, shape)
            self._check_shape(name, shape if callable(value) else value.shape)
            with tf.init_scope():
                self.variables_by_name[name] = tf.Variable(
                    value, trainable=trainable is not False, name=name, dtype=tf.float32
                )
        variable = self.variables_by_name[name]
        return variable if dtype == tf.float32 else tf.cast(variable, dtype)

    def _check_shape(self, name: str, shape: Any) -> None:
        if self._shapes is None:
            return
        wanted, found = tf.TensorShape(shape).as_list(), self._shapes.get(name)
        if found is None:
            raise DataError(f"{name} is missing, {wanted} wanted")
        if list(found) != wanted:
            raise DataError(f"{name} is {list(found)} in the file, {wanted} wanted")

    def _call_model(self, images: tf.Tensor, is_training: bool, **options: Any) -> Any:
        with (
            warnings.catch_warnings(),
            tf.compat.v1.variable_scope(
                tf.compat.v1.get_variable_scope(), custom_getter=self._get_variable
            ),
        ):
            # tf-slim calls Keras layers by names that Keras has deprecated.
            warnings.filterwarnings("ignore", message=".*`layer\\.(apply|updates)`")
            options["compute_dtype"] = self.compute_dtype
            taken = {name: options[name] for name in options if name in self.spec.keywords}
            output = self.model(
                images, self.num_classes, is_training, **self.model_options, **taken
            )
        # What is not registered may be a part of a model, such as a backbone.
        if self.spec.is_registered:
            return check_output(self.model_name, output, self.num_classes)
        return output

    def _infer(self, images: tf.Tensor) -> tf.Tensor:
        return self._call_model(images, is_training=False)[0]

    @tf.function(autograph=False)
    def _train_eagerly(self, images: tf.Tensor, dropout_seed: tf.Tensor | None) -> tf.Tensor:
        return self._call_model(images, is_training=True, dropout_seed=dropout_seed)[0]

    def __call__(
        self, images: tf.Tensor, is_training: bool = False, dropout_seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the logits, float32 [batch, height, width, num_classes].

        Args:
            images: [batch, height, width, 3], RGB, 0..255, any numeric dtype; height and width
                multiples of ``spec.size_divisor``.
            is_training: whether dropout is active.
            dropout_seed: int32 [2]; with it, dropout follows from the seed alone.

        Raises:
            ValueError: a side is no such multiple; the message says what to pad to.
        """
        images = tf.convert_to_tensor(images)
        check_images(images.shape, self.spec.size_divisor)
        if not tf.executing_eagerly():
            options = {"dropout_seed": dropout_seed} if is_training else {}
            return self._call_model(images, is_training, **options)[0]
        if is_training:
            return self._train_eagerly(images, dropout_seed)
        return self._predict(tf.cast(images, tf.float32))

    def end_points(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs of all layers by scoped name (``"fcn_8s/vgg_16/pool4"``)."""
        infer = tf.function(
            lambda batch: self._call_model(batch, is_training=False)[1], autograph=False
        )
        return infer(tf.convert_to_tensor(images))

    def restore(
        self, path: str | Path, new_layers: tuple[str, ...] = (), *, new_head: bool = False
    ) -> RestoreReport:
        """Fills the variables from a checkpoint; nothing is changed if anything is wrong.

        Args:
            path: a checkpoint of the same model, or of what ``spec.starts_from`` names: for the
                FCNs, a slim VGG-16 (either format) or an FCN of a coarser stride. A folder means
                its newest checkpoint; an ``.npz`` is keyed by slim names.
            new_layers: layers such as ``"fc6"`` that may stay as initialized, where the file lacks
                them or has them in another shape. Those that ``spec.starts_from`` lists, such as
                fc8 of a VGG-16 for other classes, need not be named.
            new_head: whether layers may stay as initialized whose outputs are the classes, where
                the description beside the file has another number of classes.

        Returns:
            What was restored, what stayed as initialized, what the file holds besides.

        Raises:
            DataError: the file is no such checkpoint, or variables are missing or of another
                shape; the message lists all of them.
        """
        classes = self.num_classes if new_head else None
        return restore(self.variables_by_name, self.spec, Path(path), tuple(new_layers), classes)

    def save(self, path: str | Path, info: dict[str, Any] | None = None) -> None:
        """Writes a name-based checkpoint, and beside it ``<path>.json`` with the model's options.

        Args:
            path: prefix of the files, read back by `restore` and ``tf.train.load_checkpoint``.
            info: further JSON fields to keep with the model, such as the dataset's classes.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        plugin = plugin_of(self.spec)
        description = {
            "model": self.model_name,
            "num_classes": self.num_classes,
            "compute_dtype": self.compute_dtype,
            "model_options": self.model_options,
            **({} if plugin is None else {"plugin": msgspec.to_builtins(plugin)}),
            **(info or {}),
        }
        description_path(path).write_text(json.dumps(description, indent=2) + "\n")
        checkpoints.write(path, self.variables_by_name)


def _initial_value(initializer: Any, shape: Any) -> Any:
    """Returns the value of a new variable or a function that computes it, as v1 variables do."""
    if inspect.isclass(initializer):
        initializer = initializer()
    if initializer is None:
        initializer = tf.compat.v1.glorot_uniform_initializer()
    if callable(initializer):
        return lambda: initializer(shape, dtype=tf.float32)
    constant = tf.get_static_value(initializer) if tf.is_tensor(initializer) else initializer
    if constant is None:
        raise ValueError(f"{initializer}: a variable starts from a constant or an initializer")
    return np.asarray(constant, np.float32)
