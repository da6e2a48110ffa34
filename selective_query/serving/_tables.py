"""The tables of a journal, in one SQLite file of bounded size."""

import sqlite3
import threading
from pathlib import Path

FORMAT = 1
TABLES = {
    "decision": "digest BLOB, time REAL, score REAL, threshold REAL, queried INTEGER, "
    "answered_by TEXT, failure TEXT, latency_ms REAL, attempts INTEGER, cost REAL",
    "kept": "digest BLOB, time REAL, probability REAL, score REAL, answered_by TEXT, "
    "label TEXT, content BLOB",
    "escalation": "digest BLOB, time REAL, failure TEXT, given TEXT, late TEXT, "
    "content BLOB",
}
# Rows inserted between two checks of the table size.
STEP = 1000


class Tables:
    """Tables that drop their oldest rows when full.

    Parameters
    ----------
    path : path-like
    most : int
        Maximum rows per table; exceeded by at most `STEP`.

    Raises
    ------
    OSError, ValueError
        When the file cannot be created, is not a journal, or has another format.
    """

    def __init__(self, path, most):
        self._most, self._since = most, dict.fromkeys(TABLES, 0)
        self._lock = threading.RLock()
        # It may contain inputs and the key of its digests, so only its owner may read
        # it.
        Path(path).touch(mode=0o600)
        try:
            self._file = sqlite3.connect(path, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise OSError(f"{path}: {error}.") from error
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._file.close()
            raise ValueError(f"{path} is not a journal: {error}.") from error
        except ValueError as error:
            self._file.close()
            raise ValueError(f"{path} {error}") from None

    def _prepare(self):
        with self._lock, self._file as file:
            (found,) = file.execute("PRAGMA user_version").fetchone()
            (tables,) = file.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if found != FORMAT and (found or tables):
                raise ValueError(
                    f"must be a journal of format {FORMAT}. Got {found}. Give the path "
                    "of a new file."
                )
            file.execute(f"PRAGMA user_version = {FORMAT}")
            file.execute("CREATE TABLE IF NOT EXISTS secret (salt BLOB)")
            for name, columns in TABLES.items():
                file.execute(
                    f"CREATE TABLE IF NOT EXISTS {name} "
                    f"(id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})"
                )
                self._drop_oldest(file, name)
        # A crash of the machine may lose the last rows but never corrupts the file.
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")

    def salt(self, fresh):
        """Return the salt of this file, first storing `fresh` if it has none."""
        with self._lock, self._file as file:
            found = file.execute("SELECT salt FROM secret").fetchone()
            if found is None:
                file.execute("INSERT INTO secret VALUES (?)", (fresh,))
            return fresh if found is None else found[0]

    def put(self, rows_of):
        """Insert rows into tables in one transaction.

        Parameters
        ----------
        rows_of : dict of str to list of tuple
        """
        with self._lock, self._file as file:
            for table, rows in rows_of.items():
                marks = ", ".join("?" * (TABLES[table].count(",") + 1))
                file.executemany(f"INSERT INTO {table} VALUES (NULL, {marks})", rows)
                self._since[table] += len(rows)
                if self._since[table] >= min(STEP, self._most):
                    self._since[table] = 0
                    self._drop_oldest(file, table)

    def _drop_oldest(self, file, table):
        file.execute(
            f"DELETE FROM {table} WHERE id <= "
            f"(SELECT id FROM {table} ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (self._most,),
        )

    def read(self, table, columns, where="1", values=(), most=-1):
        """Return rows of a table as tuples, oldest first."""
        with self._lock:
            return self._file.execute(
                f"SELECT {', '.join(columns)} FROM {table} WHERE {where} "
                "ORDER BY id LIMIT ?",
                (*values, most),
            ).fetchall()

    def change(self, statement, rows):
        """Run a statement for each row; return how many table rows changed."""
        with self._lock, self._file as file:
            return file.executemany(statement, rows).rowcount

    def close(self):
        """Close the file."""
        with self._lock:
            self._file.close()
