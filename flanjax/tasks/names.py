"""`nearest` under the name by which tasks and their users import it."""

from flanjax.names import nearest

__all__ = ["nearest"]
