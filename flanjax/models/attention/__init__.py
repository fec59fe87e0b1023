"""Attention: the reference, the kernels that stand in for it, and the choice between them."""
