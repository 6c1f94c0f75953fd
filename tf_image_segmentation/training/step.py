"""One step of training: forward, loss, backward, update, on one device or many."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_image_segmentation.models.network import Network
from tf_image_segmentation.training.loss import l2_penalty, mean_cross_entropy


class TrainingStep:
    """One optimizer step over a global batch, on every replica of a strategy.

    The loss is divided by the weight of the labeled pixels of the global batch, so that replicas
    together compute what one device computes.
    """

    def __init__(
        self,
        network: Network,
        optimizer: keras.optimizers.Optimizer,
        ignore_label: int | None,
        weight_decay: float = 0.0,
        weights: tuple[float, ...] | None = None,
        seed: int = 0,
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._ignore_label, self._class_weights = ignore_label, weights
        self._weight_decay, self._seed = weight_decay, seed
        self._strategy = tf.distribute.get_strategy()
        self._variables = list(network.trainable_variables_by_name.values())

    def _replica_step(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        step = tf.cast(self._optimizer.iterations, tf.int32)
        number = step * replicas + context.replica_id_in_sync_group
        dropout_seed = tf.stack([tf.constant(self._seed, tf.int32), number])
        with tf.GradientTape() as tape:
            logits = self._network(images, is_training=True, dropout_seed=dropout_seed)
            loss = mean_cross_entropy(
                logits,
                masks,
                self._ignore_label,
                self._class_weights,
                lambda weight: context.all_reduce(tf.distribute.ReduceOp.SUM, weight),
            )
            if self._weight_decay:
                loss += (
                    self._weight_decay
                    * l2_penalty(self._network.trainable_variables_by_name)
                    / replicas
                )
        gradients = tape.gradient(loss, self._variables)
        self._optimizer.apply(gradients, self._variables)
        return loss

    @tf.function(autograph=False)
    def __call__(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """Takes a (distributed) batch and returns its loss, a float32 scalar."""
        losses = self._strategy.run(self._replica_step, args=(images, masks))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)
