"""From a mixture to batches, in numpy: plan -> features -> packing -> pipeline. Every stage is a pure function of indices."""
