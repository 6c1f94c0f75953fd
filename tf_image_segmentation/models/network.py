"""Hosts a slim model function under TensorFlow 2."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.description import Color, describe
from tf_image_segmentation.models.registry import MODELS, ModelFunction, check_images, spec_of

COMPUTE_DTYPES = ("float32", "bfloat16")


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
        palette: their colors, RGB in 0..255; likewise.
    """

    def __init__(
        self,
        model: ModelFunction,
        num_classes: int,
        compute_dtype: str = "float32",
        **model_options: Any,
    ) -> None:
        """Creates the variables, in the current ``tf.distribute`` scope if there is one.

        Args:
            model: ``fcn_32s``, ``fcn_16s``, ``fcn_8s``, or a slim function of the same form.
            num_classes: number of classes, at least 2.
            compute_dtype: type of the convolutions, "float32" or "bfloat16"; variables, logits and
                loss are float32 with both.
            **model_options: passed to the model function, for example ``width_multiplier=0.25``.
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
        self.num_classes = num_classes
        self.compute_dtype = compute_dtype
        self.model_options = dict(model_options)
        self.class_names: tuple[str, ...] | None = None
        self.palette: tuple[Color, ...] | None = None
        self.variables_by_name: dict[str, tf.Variable] = {}
        # Tracing creates the variables; the sizes are unknown, so that one trace serves all.
        self._predict = tf.function(
            self._infer,
            input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
            autograph=False,  # slim functions are graph code already
        )
        self._predict.get_concrete_function()

    @classmethod
    def from_checkpoint(cls, path: str | Path, model: str | None = None) -> Network:
        """Returns the network that a checkpoint holds, ready to predict.

        Options come from what `save` wrote beside the checkpoint, or from the shapes in it.

        Args:
            path: as for `restore`.
            model: the name that the model must have; None takes what is there.

        Raises:
            DataError: there is no such checkpoint, it holds another model, or lacks variables:
                random weights never predict.
        """
        found = describe(path)
        if model not in (None, found.model):
            raise DataError(f"{path}: holds {found.model}, not {model}; leave out --model")
        network = cls(
            MODELS[found.model].function,
            found.num_classes,
            found.compute_dtype,
            **found.model_options,
        )
        network.class_names, network.palette = found.class_names, found.palette
        report = network.restore(path)
        if report.initialized:
            raise DataError(
                f"{path}: lacks {', '.join(report.initialized)}, so it cannot predict; train it "
                "first"
            )
        return network

    def _get_variable(
        self, getter: Any, name: str, shape: Any, dtype: Any, initializer: Any, **_: Any
    ) -> tf.Tensor | tf.Variable:
        if name not in self.variables_by_name:
            with tf.init_scope():
                self.variables_by_name[name] = tf.Variable(
                    lambda: initializer(shape, dtype=tf.float32), name=name, dtype=tf.float32
                )
        variable = self.variables_by_name[name]
        return variable if dtype == tf.float32 else tf.cast(variable, dtype)

    def _call_model(self, images: tf.Tensor, is_training: bool, **options: Any) -> Any:
        with (
            warnings.catch_warnings(),
            tf.compat.v1.variable_scope(
                tf.compat.v1.get_variable_scope(), custom_getter=self._get_variable
            ),
        ):
            # tf-slim calls Keras layers by names that Keras has deprecated.
            warnings.filterwarnings("ignore", message=".*`layer\\.(apply|updates)`")
            return self.model(
                images,
                self.num_classes,
                is_training,
                compute_dtype=self.compute_dtype,
                **self.model_options,
                **options,
            )

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
            images: [batch, height, width, 3], RGB, 0..255, any numeric dtype, sides of 32s.
            is_training: whether dropout is active.
            dropout_seed: int32 [2]; with it, dropout follows from the seed alone.

        Raises:
            ValueError: a side is not a multiple of 32; the message says what to pad to.
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
        self, path: str | Path, new_layers: tuple[str, ...] = ()
    ) -> checkpoints.RestoreReport:
        """Fills the variables from a checkpoint; nothing is changed if anything is wrong.

        Args:
            path: a slim VGG-16 checkpoint (either format), an FCN checkpoint of the same or a
                coarser stride, a folder that holds checkpoints, or an ``.npz`` keyed by slim names.
            new_layers: layers such as ``"fc6"`` that may stay as initialized, where the file lacks
                them or has them in another shape. Skip layers that a coarser FCN lacks, and fc8 of
                a VGG-16 for other classes or without fc8, need not be named.

        Returns:
            What was restored, what stayed as initialized, what the file holds besides.

        Raises:
            DataError: the file is no such checkpoint, or variables are missing or of another
                shape; the message lists all of them.
        """
        return checkpoints.restore(
            self.variables_by_name, self.model_name, Path(path), tuple(new_layers)
        )

    def save(self, path: str | Path, info: dict[str, Any] | None = None) -> None:
        """Writes a name-based checkpoint, and beside it ``<path>.json`` with the model's options.

        Args:
            path: prefix of the files, read back by `restore` and ``tf.train.load_checkpoint``.
            info: further JSON fields to keep with the model, such as the dataset's classes.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        description = {
            "model": self.model_name,
            "num_classes": self.num_classes,
            "compute_dtype": self.compute_dtype,
            "model_options": self.model_options,
            **(info or {}),
        }
        checkpoints.description_path(path).write_text(json.dumps(description, indent=2) + "\n")
        checkpoints.write(path, self.variables_by_name)
