"""Files and folders that are there as a whole, or as they were before."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def replace_files(files):
    """Write files that take the place of others once all are written.

    Parameters
    ----------
    files : dict of Path to bytes
        In one folder.
    """
    with TemporaryDirectory(dir=next(iter(files)).parent) as beside:
        for path, data in files.items():
            (Path(beside) / path.name).write_bytes(data)
        for path in files:
            (Path(beside) / path.name).replace(path)


@contextmanager
def replacing(folder):
    """An empty folder that takes the place of another once all has gone well.

    Parameters
    ----------
    folder : Path
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as beside:
        made = Path(beside) / "made"
        made.mkdir()
        yield made
        if folder.exists():
            folder.rename(Path(beside) / "replaced")
        made.rename(folder)
