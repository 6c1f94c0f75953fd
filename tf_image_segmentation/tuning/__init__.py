"""Searches for the dense CRF's parameters that suit a network and its images."""
