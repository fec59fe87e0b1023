"""Turns a mixture into batches, in numpy: plan -> features -> packing -> pipeline. Each stage is a pure function of indices."""
