"""Read and write tables in CSV or parquet files, with columns by name."""

import csv
import gzip
import io
import re
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from selective_query._utils.frames import column_names

DELIMITERS = {".csv": ",", ".tsv": "\t", ".csv.gz": ",", ".tsv.gz": "\t"}
PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?(e[+-]?\d+)?", re.IGNORECASE)
TABLES = frozenset({".parquet", *DELIMITERS})


class Table:
    """Columns of text or numbers by name, with the interface of a data frame."""

    def __init__(self, columns):
        self._columns = columns
        self.column_names = list(columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __len__(self):
        return len(next(iter(self._columns.values())))


def suffix_of(path):
    """Suffix of a name in lower case; that of a compressed table has two parts."""
    suffixes = [suffix.lower() for suffix in Path(str(path)).suffixes]
    both = "".join(suffixes[-2:])
    return both if both in DELIMITERS else "".join(suffixes[-1:])


@contextmanager
def opened_source(source):
    """Open a path as a binary file, or rewind a file that is already open."""
    if hasattr(source, "read"):
        source.seek(0)
        yield source
    else:
        with open(source, "rb") as file:
            yield file


def read_table(source, labels=()):
    """Read the columns of a CSV or parquet file.

    Parameters
    ----------
    source : path-like or binary file
    labels : collection of str
        Columns of a CSV file that hold labels: integers if possible, otherwise text as
        it stands. Any other column is read as floats if all cells are numbers,
        otherwise as text.

    Returns
    -------
    Table, or one of pyarrow

    Raises
    ------
    ValueError
        If the file has another format, or a line has more or fewer cells than the
        header.
    ImportError
        If it is a parquet file and pyarrow is not installed.
    """
    with opened_source(source) as file:
        start = file.read(len(PARQUET))
        file.seek(0)
        if start == PARQUET:
            return _read_parquet(file, source)
        if start.startswith(GZIP):
            file = gzip.GzipFile(fileobj=file)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            return _read_csv(text, source, labels)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{source} is not a UTF-8 CSV file ({error}).") from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{source} is damaged ({error}).") from error
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
        raise ValueError(f"{path} is not a readable parquet file ({error}).") from error


def _read_csv(text, path, labels):
    header = text.readline()
    delimiter = max(",;\t", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    if len(set(names)) < len(names) or not names:
        raise ValueError(
            f"{path} must begin with a line that gives each column a name of its own. "
            f"Got {header[:80].strip()!r}."
        )
    if "" in names:
        raise ValueError(
            f"{path} has a column without a name, as pandas writes its index. Write it "
            "with index=False, or name that column by index_label=."
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
            name: as_labels(list(column))
            if name in labels
            else _as_cells(list(column), delimiter)
            for name, column in zip(names, cells, strict=True)
        }
    )


def as_labels(texts):
    """Integers if all labels are written as such, otherwise the text itself."""
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        return np.array(texts, dtype=object)
    if any(str(number) != text for number, text in zip(numbers, texts, strict=True)):
        return np.array(texts, dtype=object)
    return np.array(numbers, dtype=int if texts else float)


def _as_cells(texts, delimiter):
    if delimiter != "," and all(map(DECIMAL_COMMA.fullmatch, texts)):
        texts = [text.replace(",", ".") for text in texts]
    try:
        return np.array(texts, dtype=float)
    except ValueError:
        return np.array(texts, dtype=object)


def numbers_of(table, name, path):
    """A column of numbers.

    Raises
    ------
    ValueError
        If there is no such column, or a cell is not a number.
    """
    if name not in column_names(table):
        raise ValueError(
            f"{path} has no column {name!r}. It has {', '.join(column_names(table))}."
        )
    column = np.asarray(table[name])
    if column.dtype.kind in "fiub":
        return column
    row = first_without_number(column)
    if row is not None:
        raise ValueError(
            f"{path}: column {name!r} must hold numbers. Got {column[row]!r} in row "
            f"{row}."
        )
    return column.astype(float)


def first_without_number(cells):
    """Index of the first cell that cannot be read as a number, or None."""
    for row, cell in enumerate(cells):
        try:
            float(cell)
        except (TypeError, ValueError):
            return row
    return None


def write_table(path, columns):
    """Write columns as CSV or parquet, depending on the suffix.

    Parameters
    ----------
    path : path-like, or text file for CSV
    columns : dict of str to ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If the suffix is of neither format.
    ImportError
        If it is a parquet file and pyarrow is not installed.
    """
    if hasattr(path, "write"):
        return _write_csv(path, columns, ",")
    suffix = suffix_of(path)
    if suffix == ".parquet":
        pa, parquet = _pyarrow(path)
        return parquet.write_table(pa.table(columns), path)
    if suffix not in DELIMITERS:
        raise ValueError(
            "A table is written to a name that ends in .csv, .tsv (and .gz) or "
            f".parquet. Got {path}."
        )
    opener = gzip.open if suffix.endswith(".gz") else open
    with opener(path, "wt", newline="", encoding="utf-8") as file:
        _write_csv(file, columns, DELIMITERS[suffix])


def _write_csv(file, columns, delimiter):
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    values = (np.asarray(column).tolist() for column in columns.values())
    writer.writerows(zip(*values, strict=True))
