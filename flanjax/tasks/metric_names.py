"""The names of the metrics that a task may ask for. flanjax.evaluate.metrics computes exactly these."""

METRIC_NAMES = (
    "accuracy",
    "bleu",
    "exact_match",
    "macro_f1",
    "number_match",
    "rouge1",
    "rouge2",
    "rougeL",
    "token_f1",
)
