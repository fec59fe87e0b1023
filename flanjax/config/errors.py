"""The error of an invalid config."""


class ConfigError(ValueError):
    """A config names something unknown, has a value of the wrong type, or contradicts itself."""
