"""Semantic segmentation for people who work in TensorFlow and TF-Slim.

Importing this package prints nothing and loads neither TensorFlow nor any device: import the
subpackage that you need (``datasets``, ``tfrecords``, ``models``, ``training``, ``evaluation``).
"""

__version__ = "0.1.0"
