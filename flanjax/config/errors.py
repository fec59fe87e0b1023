"""What is raised for a config that cannot be."""


class ConfigError(ValueError):
    """A config names something unknown, gives a value of the wrong kind, or contradicts itself."""
