"""Replace files and folders only once all of their content is written."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def replace_files(files):
    """Write files, and replace existing ones once all are written.

    Parameters
    ----------
    files : dict of Path to bytes
        Content by path, all in one folder.
    """
    with TemporaryDirectory(dir=next(iter(files)).parent) as beside:
        for path, data in files.items():
            (Path(beside) / path.name).write_bytes(data)
        for path in files:
            (Path(beside) / path.name).replace(path)


@contextmanager
def replacing(folder):
    """Yield an empty folder that replaces `folder` if no error is raised.

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
