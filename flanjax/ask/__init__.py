"""Asking a model from the terminal: texts after prompts, files of prompts, and chat."""
