"""Searches for the dense CRF's parameters that suit a network and its images.

The network predicts each image once; its predictions are kept on disk (`predictions`). Worker
processes refine them with one parameter set after the other (`refining`, `search`). Each finished
trial is a line of a file, from which a stopped search goes on.
"""
