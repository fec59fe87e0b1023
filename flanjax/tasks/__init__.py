"""Tasks as text: turns rows into prompts and targets. Nothing here knows tokens, arrays or I/O."""
