"""One step of training: forward, loss, backward, update, on one device or many."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.training.losses.total import TotalLoss


class TrainingStep:
    """One optimizer step over a global batch, on every replica of a strategy.

    The loss is divided by the weight of the labeled pixels of the global batch, so that replicas
    together compute what one device computes.

    Args:
        network: what is trained; made in the scope of the current strategy, as the optimizer is.
        optimizer: built for ``variables``.
        loss: see `losses.total.make_loss`.
        variables: what is trained, by name; None trains all trainable variables.
        weight_decay: factor of the L2 penalty ``sum(w ** 2) / 2`` over weights, not biases.
        accumulate: micro batches that each replica's part of a batch is computed in, one after the
            other, to save memory. Gradients are those of the whole batch for losses that are means
            over pixels; losses over an image set, and moments of a batch normalization that is
            trained, see one micro batch at a time.
        seed: of dropout.
    """

    def __init__(
        self,
        network: Network,
        optimizer: keras.optimizers.Optimizer,
        loss: TotalLoss,
        variables: Mapping[str, tf.Variable] | None = None,
        weight_decay: float = 0.0,
        accumulate: int = 1,
        seed: int = 0,
    ) -> None:
        self._network, self._optimizer, self._loss = network, optimizer, loss
        trained = network.trainable_variables_by_name if variables is None else variables
        self._by_name, self._variables = trained, list(trained.values())
        self._weight_decay, self._accumulate, self._seed = weight_decay, accumulate, seed
        self._strategy = tf.distribute.get_strategy()

    @tf.function(autograph=False)
    def __call__(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """Takes a (distributed) batch and returns its loss, a float32 scalar."""
        losses = self._strategy.run(self._replica_step, args=(images, masks))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _replica_step(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        if self._accumulate == 1:
            loss, gradients = self._gradients(images, masks, 0)
        else:
            loss, gradients = self._accumulated_gradients(images, masks)
        self._optimizer.apply(gradients, self._variables)
        return loss

    def _gradients(
        self, images: tf.Tensor, masks: tf.Tensor, number: int, share: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns loss and gradients of micro batch ``number``, which has a share in the whole."""
        with tf.GradientTape() as tape:
            seed = self._dropout_seed(number)
            logits = self._network(images, is_training=True, dropout_seed=seed)
            loss = self._loss(logits, masks, sum_over_replicas)
            if share is not None:
                loss *= share
            if self._weight_decay and number == 0:
                replicas = self._strategy.num_replicas_in_sync
                loss += self._weight_decay * l2_penalty(self._by_name) / replicas
        # Sums need a tensor even of a variable that has no part in the loss.
        unconnected = "none" if share is None else "zero"
        return loss, tape.gradient(loss, self._variables, unconnected_gradients=unconnected)

    def _accumulated_gradients(
        self, images: tf.Tensor, masks: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns loss and gradients of a batch that is computed in parts."""
        if (masks.shape[0] or 0) % self._accumulate:
            raise DataError(
                f"a batch of {masks.shape[0]} a device does not divide into {self._accumulate} "
                "micro batches; make batch_size a multiple of accumulate times the devices"
            )
        parts = list(zip(*(tf.split(x, self._accumulate) for x in (images, masks)), strict=True))
        # A loss is a mean, so the sum over the whole batch weighs it by its labeled pixels.
        weights = [self._loss.weight(part, self._network.num_classes) for _, part in parts]
        weights = tf.unstack(sum_over_replicas(tf.stack(weights)), self._accumulate)
        whole = tf.add_n(weights)
        loss = tf.constant(0.0)
        gradients: list[tf.Tensor] = []
        for number, (some_images, some_masks) in enumerate(parts):
            # One after the other, so that only one holds its activations.
            with tf.control_dependencies(gradients):
                some_images = tf.identity(some_images)
            share = tf.math.divide_no_nan(weights[number], whole)
            more_loss, more = self._gradients(some_images, some_masks, number, share)
            loss += more_loss
            gradients = list(map(tf.add, gradients, more)) if gradients else more
        return loss, gradients

    def _dropout_seed(self, number: int) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        step = tf.cast(self._optimizer.iterations, tf.int32)
        draw = step * context.num_replicas_in_sync + context.replica_id_in_sync_group
        if self._accumulate > 1:
            draw = draw * self._accumulate + number
        return tf.stack([tf.constant(self._seed, tf.int32), draw])


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the sum of every replica's ``value``, on all of them; gradients are summed, too."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def l2_penalty(variables_by_name: Mapping[str, tf.Variable]) -> tf.Tensor:
    """Returns ``sum(w ** 2) / 2`` over all weights; biases are left out."""
    weights = [v for name, v in variables_by_name.items() if name.endswith("/weights")]
    return tf.add_n([tf.nn.l2_loss(w) for w in weights]) if weights else tf.constant(0.0)
