"""People who asked to be forgotten: their ids come from files, and are never stored elsewhere."""

from __future__ import annotations

import glob
import hashlib
import os

import duckdb
import pyarrow as pa

from archiver import resources
from archiver.config import Config
from archiver.errors import ConfigError

_DOING = "reading the erased ids of [privacy]"
_HINT = "correct privacy.erased; nothing is reconciled or sent without it"


def erased_ids(config: Config) -> list[str]:
    """The ids in the files of `[privacy] erased`: `userId`, `anonymousId` or `messageId`.

    Files are UTF-8 with one id per line; white space around it, blank lines and lines that begin
    with `#` are ignored.

    Returns:
        Each id once, sorted.

    Raises:
        ConfigError: a file that is named is missing, or one cannot be read. A glob may match none.
    """
    ids: set[str] = set()
    for pattern in config.erased:
        path = os.path.join(config.folder, os.path.expanduser(pattern))
        if os.path.exists(path) or not glob.has_magic(pattern):
            ids.update(_ids_in(path))
            continue
        inside = os.path.join(glob.escape(str(config.folder)), os.path.expanduser(pattern))
        for match in sorted(glob.glob(inside, recursive=True)):
            if not os.path.isdir(match):
                ids.update(_ids_in(match))
    return sorted(ids)


def erased_fingerprint(config: Config) -> str:
    """SHA-256 over the sorted erased ids, hex: it changes whenever the list does.

    It may go into other hashes. It is not to be stored itself: the hash of a single short id can
    be guessed.

    Raises:
        ConfigError: as for `erased_ids`.
    """
    return hashlib.sha256("\n".join(erased_ids(config)).encode()).hexdigest()


def bind_erased(connection: duckdb.DuckDBPyConnection, config: Config) -> None:
    """Make the table `erased_records`; of the ids nothing stays in the database.

    Args:
        connection: has event_segments.
        config: where the ids are.

    Raises:
        ConfigError: as for `erased_ids`.
    """
    ids = erased_ids(config)
    connection.register("erased_ids", pa.table({"id": pa.array(ids, pa.string())}))
    # Without an id there is nothing to look for in the events.
    limit = "" if ids else " LIMIT 0"
    query = resources.sql("load/erased_records")
    connection.execute(f"CREATE TABLE erased_records AS SELECT * FROM ({query}){limit}")
    connection.unregister("erased_ids")


def _ids_in(path: str) -> set[str]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = {line.strip() for line in file}
    except UnicodeDecodeError as error:
        raise ConfigError(_DOING, f"{path} is not UTF-8 at byte {error.start}", _HINT) from None
    except OSError as error:
        raise ConfigError(_DOING, f"{path}: {error.strerror or error}", _HINT) from None
    return {line for line in lines if line and not line.startswith("#")}
