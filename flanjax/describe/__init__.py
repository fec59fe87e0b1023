"""Describes a mixture as Python values: its plan, its lengths, its bad rows with reasons, and its examples as text."""
