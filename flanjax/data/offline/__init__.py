"""Packed rows read from files instead of made while training."""
