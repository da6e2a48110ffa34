"""Tables in files, CSV or parquet: columns by name, read and written."""

import csv
import io
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from selective_query._utils.frames import column_names

DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = b"PAR1"
TABLES = frozenset({".parquet", *DELIMITERS})


class Table:
    """Columns of text or numbers by name, to be read as those of a data frame."""

    def __init__(self, columns):
        self._columns = columns
        self.column_names = list(columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __len__(self):
        return len(next(iter(self._columns.values())))


@contextmanager
def opened_source(source):
    """A binary file of a path, or of one that is open, at its beginning."""
    if hasattr(source, "read"):
        source.seek(0)
        yield source
    else:
        with open(source, "rb") as file:
            yield file


def read_table(source, labels=()):
    """The columns of a CSV or parquet file.

    Parameters
    ----------
    source : path-like or binary file
    labels : collection of str
        Columns of a CSV that hold labels: whole numbers, or else text as it stands.
        Any other is one of floats where all its cells are numbers, else text.

    Returns
    -------
    Table, or one of pyarrow

    Raises
    ------
    ValueError
        When it is no such file, or a line has more or fewer cells than the header.
    ImportError
        When it is a parquet file and pyarrow is not installed.
    """
    with opened_source(source) as file:
        is_parquet = file.read(len(PARQUET)) == PARQUET
        file.seek(0)
        if is_parquet:
            return _read_parquet(file, source)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            return _read_csv(text, source, labels)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{source} is no CSV file ({error}).") from error
        finally:
            text.detach()


def _pyarrow(path):
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            f"{path} needs pyarrow: pip install selective-query[frame]. Or use CSV."
        ) from error
    return pa, parquet


def _read_parquet(file, path):
    pa, parquet = _pyarrow(path)
    try:
        return parquet.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} is no readable parquet file ({error}).") from error


def _read_csv(text, path, labels):
    header = text.readline()
    delimiter = max(",;\t", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    if len(set(names)) < len(names) or not names:
        raise ValueError(
            f"{path} must begin with a line that gives each column a name of its own. "
            f"Got {header[:80].strip()!r}."
        )
    rows = []
    reader = csv.reader(text, delimiter=delimiter)
    for row in reader:
        if len(row) != len(names) and row:
            raise ValueError(
                f"{path} has {len(row)} cells in line {reader.line_num + 1}, and "
                f"{len(names)} columns."
            )
        if row:
            rows.append(row)
    cells = zip(*rows, strict=True) if rows else ([] for _ in names)
    return Table(
        {
            name: (as_labels if name in labels else _as_cells)(list(column))
            for name, column in zip(names, cells, strict=True)
        }
    )


def as_labels(texts):
    """Whole numbers where all are written as such, else the text itself."""
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        return np.array(texts, dtype=object)
    if any(str(number) != text for number, text in zip(numbers, texts, strict=True)):
        return np.array(texts, dtype=object)
    return np.array(numbers, dtype=int if texts else float)


def _as_cells(texts):
    try:
        return np.array(texts, dtype=float)
    except ValueError:
        return np.array(texts, dtype=object)


def numbers_of(table, name, path):
    """One column of numbers.

    Raises
    ------
    ValueError
        When there is no such column, or a cell is no number.
    """
    if name not in column_names(table):
        raise ValueError(
            f"{path} has no column {name!r}. It has {', '.join(column_names(table))}."
        )
    column = np.asarray(table[name])
    if column.dtype.kind in "fiub":
        return column
    for row, cell in enumerate(column):
        try:
            float(cell)
        except (TypeError, ValueError):
            raise ValueError(
                f"{path}: column {name!r} must hold numbers. Got {cell!r} in row {row}."
            ) from None
    return column.astype(float)


def write_table(path, columns):
    """Write columns as CSV or parquet, as the name ends.

    Parameters
    ----------
    path : path-like, or text file for CSV
    columns : dict of str to ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        When the name ends otherwise.
    ImportError
        When it is a parquet file and pyarrow is not installed.
    """
    if hasattr(path, "write"):
        return _write_csv(path, columns, ",")
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        pa, parquet = _pyarrow(path)
        return parquet.write_table(pa.table(columns), path)
    if suffix not in DELIMITERS:
        raise ValueError(
            f"A table is written to a name that ends in .csv, .tsv or .parquet. Got "
            f"{path}."
        )
    with open(path, "w", newline="", encoding="utf-8") as file:
        _write_csv(file, columns, DELIMITERS[suffix])


def _write_csv(file, columns, delimiter):
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    values = (np.asarray(column).tolist() for column in columns.values())
    writer.writerows(zip(*values, strict=True))
