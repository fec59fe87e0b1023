"""Weights and configs in Hugging Face's layout, read and written."""
