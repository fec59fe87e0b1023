"""`flanjax doctor`: does a run's own mixture, tokenizer and weights do what they should? Looked at in minutes, before the days.

`patient.open_patient` opens all parts of a config or of a workdir as training would. `checks.CHECKS` is the table of what is
looked at: each check is a name, what it holds true, and a function of the patient. `examine.examine` runs them. Whatever a
check compares is computed in two ways that share as little as possible: a packed row beside the same examples alone and beside
the scorer, a row beside the examples that went into it, a resumed run beside one that was not stopped, logits beside torch's.
"""
