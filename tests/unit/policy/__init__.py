"""Evaluation of images, module by module."""
