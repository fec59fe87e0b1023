"""lm-evaluation-harness: our models for its tasks, and our tasks for its models. Needs the extra [lm-eval]."""
