"""Draws the toy dataset `shapes`."""
