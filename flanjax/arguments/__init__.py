"""The options of each command, with their defaults. `flanjax.commands` makes the parser of them."""
