"""Texts and scores of a model."""
