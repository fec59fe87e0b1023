"""What a run minimises, made from its config."""

from flanjax.config import ConfigError, RunConfig
from flanjax.data.preferences import REFERENCE
from flanjax.train.objective import CrossEntropy, Objective
from flanjax.train.pairwise import Pairwise


def objective_of(config: RunConfig, num_tasks: int, given: Objective | None = None) -> Objective:
    """The objective of the config, or the one given in Python. Raises ConfigError if the config asks for pairs all the same."""
    if given and config.objective.of_pairs:
        raise ConfigError(f"objective.name={config.objective.name} and an objective given in Python: leave one of them out")
    if given:
        return given
    if config.objective.of_pairs:
        return Pairwise(config.objective.beta, num_tasks, config.train.loss.chunk)
    return CrossEntropy(config.train.loss, num_tasks)


def numbers_of(config: RunConfig) -> tuple[str, ...]:
    """The names of the numbers that each example carries for the config's objective."""
    return (REFERENCE,) if config.objective.of_pairs else ()
