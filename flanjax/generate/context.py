"""How a model that only reads and writes is computed on a mesh."""

from flanjax.models import functional
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.choice import unproven
from flanjax.models.attention.proof import prove
from flanjax.models.context import Context
from flanjax.parallel.sharding import Mesh, constrain, is_here, platform, shard


def context_on(config: functional.Config, mesh: Mesh) -> Context:
    """Returns the context of a forward pass that no gradient follows."""
    # An attention kernel that training asked for by name may not be available here.
    backend = "xla" if config.attention == "xla" else "auto"
    proof = prove if is_here(mesh) else unproven
    return Context(
        constrain=constrain(mesh), attend=make_attend(backend, platform=platform(mesh), shard=shard(mesh), prove=proof)
    )
