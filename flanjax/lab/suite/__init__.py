"""`flanjax suite`: a published set of tasks by its own protocol, beside what others scored; and baselines without a model."""
