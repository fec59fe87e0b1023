"""What kind of failure an error is, by its type or its words: libraries raise them under many names."""

import errno

_TRANSIENT = {errno.EIO, errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}
_SAID = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a compiler, a device or numpy has run out of memory. jax raises some of its errors as ValueError."""
    # A CPU says INTERNAL: ... Out of memory allocating N bytes.
    return isinstance(error, MemoryError) or any(words in str(error) for words in ("RESOURCE_EXHAUSTED", "Out of memory"))


def is_transient(error: BaseException) -> bool:
    """Whether a storage does not answer for now: a connection, a time limit, credentials, or a disk that fails to read."""
    if isinstance(error, ConnectionError | TimeoutError | PermissionError):
        return True
    return (isinstance(error, OSError) and error.errno in _TRANSIENT) or any(words in str(error) for words in _SAID)


def is_no_damage(error: BaseException) -> bool:
    """Whether an error says nothing of what was read."""
    return is_out_of_memory(error) or is_transient(error)
