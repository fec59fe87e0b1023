"""The folder of --out."""

from pathlib import Path

from flanjax import storage


def made_folder(out: str | Path) -> Path:
    """Returns the folder, made if there is none. Raises ValueError if a file is in its place, or it is in an object store."""
    if storage.is_remote(out):
        raise ValueError(f"--out {out} is in an object store; name one on a local disk, where files can grow and be locked")
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"--out {out} is a file, or would lie in one; name a folder") from error
    return Path(out)
