"""Trained models: those that come with the package, and published checkpoints to fetch.

A model that ships is two files in this folder, ``NAME.npz`` and ``NAME.npz.json``, which
``pack_model.py`` writes. A published checkpoint is a table in ``models.toml``.
"""
