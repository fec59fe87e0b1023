"""Tasks as text: rows become prompts and targets here, and nothing here knows tokens, arrays or I/O."""
