"""Compiled programs, read from their text: what one execution computes, moves and sends."""
