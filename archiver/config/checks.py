"""Values that have the right type and can still not be meant: each is refused by its name."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from archiver.config.housekeeping_checks import check_housekeeping
from archiver.config.night_checks import check_alerts, check_night
from archiver.config.request_checks import check_requests
from archiver.config.rule_checks import check_selection, check_zone
from archiver.config.settings import Config, DestinationSettings, SourceSettings
from archiver.config.totals_settings import TotalsFeed
from archiver.destinations import DESTINATIONS, api_log_reader
from archiver.destinations import destination as known_destination
from archiver.destinations.base import rules_of
from archiver.errors import ConfigError
from archiver.inbound.formats import FORMATS as INBOUND_FORMATS
from archiver.nearest import nearest
from archiver.receipts import FORMATS as RECEIPTS_FORMATS
from archiver.receipts.api_log import ApiLog
from archiver.receipts.base import COLUMNS, OUTCOMES
from archiver.receipts.totals import TOTAL_COLUMNS, TOTALS_FORMATS

# The table log takes paths for addresses (% \ | ^ and control characters), Parquet readers take
# them for globs (* ? [ ]) and for partitions (=).
_SPECIAL = re.compile(r"[%\\|^*?\[\]=\x00-\x1f\x7f\ud800-\udfff]")

_SHARE_HINT = "it is a share: write 0.02 for 2 %"


def own_folder(key: str, value: str, file: Path, doing: str) -> Path:
    """The absolute path of a folder that the archiver fills and empties as it needs.

    Args:
        key: its key, for messages.
        value: as the configuration has it.
        file: the configuration file, absolute.
        doing: for messages.
    """
    if not value.strip():
        raise ConfigError(doing, f"{key} is empty", "name a folder of its own")
    folder = Path(os.path.abspath(file.parent / os.path.expanduser(value)))
    special = _SPECIAL.search(str(folder))
    if special is not None:
        raise ConfigError(
            doing,
            f"{key} is {str(folder)!r}, and {special[0]!r} in a path means something else to the "
            "table log or to Parquet readers",
            "choose another folder",
        )
    if _is_inside(file.parent, folder):
        raise ConfigError(
            doing, f"{key} is {folder}, which holds the configuration", "name a folder of its own"
        )
    return folder


def check(config: Config, doing: str) -> None:
    """Check all that takes more than one key to judge, or what the parts of the archiver know."""
    if os.path.realpath(config.archive_root) == os.path.realpath(config.warehouse_path):
        raise ConfigError(
            doing,
            f"archive.root and warehouse.path are the same folder, {config.archive_root}",
            "name two folders",
        )
    if not all(pattern.strip() for pattern in config.erased):
        raise ConfigError(doing, "privacy.erased has an empty path", "name a file or a glob")
    _check_patterns("privacy.erased", config.erased, config, doing)
    for name, source in config.sources.items():
        _check_source(f"sources.{name}", source, config, doing)
    for name, destination in config.destinations.items():
        _check_destination(f"destinations.{name}", destination, config, doing)
        check_requests(f"destinations.{name}", destination, doing)
        _check_receipts(f"destinations.{name}", destination, config, doing)
    check_night(config, doing)
    check_alerts(config, doing)
    check_housekeeping(config, doing)


def _check_source(where: str, source: SourceSettings, config: Config, doing: str) -> None:
    _check_patterns(f"{where}.paths", source.paths, config, doing)
    formats = ["auto", *(known.name for known in INBOUND_FORMATS)]
    _check_known(f"{where}.format", source.format, formats, doing)
    if not 0 <= source.max_bad_ratio <= 1:
        raise ConfigError(doing, f"{where}.max_bad_ratio must lie between 0 and 1", _SHARE_HINT)


def _check_destination(
    where: str, destination: DestinationSettings, config: Config, doing: str
) -> None:
    types = [known.type for known in DESTINATIONS]
    if destination.type not in types:
        raise ConfigError(
            doing, f"{where}.type: there is no {destination.type!r}", f"known: {', '.join(types)}"
        )
    kind = known_destination(destination.type)
    if destination.preset not in kind.presets:
        raise ConfigError(
            doing,
            f"{where}.preset is {destination.preset!r}, which {destination.type} does not know",
            f"known: {', '.join(kind.presets)}",
        )
    check_zone(f"{where}.account_timezone", destination.account_timezone, doing)
    rules = rules_of(kind, destination.preset, destination.event_source)
    try:
        kind.limits(destination.event_source)
    except ValueError as error:
        raise ConfigError(doing, f"{where}.event_source: {error}") from None
    check_selection(where, destination, rules, doing)
    if kind.takes_pixel(destination.event_source) and destination.pixel is None:
        raise ConfigError(
            doing,
            f"{where}.pixel is missing: an event that the API never got may have been counted "
            "through the browser",
            'say what the site\'s pixel does: "none", "same_id" or "other_id"',
        )
    for source in destination.sources:
        _check_known(f"{where}.sources", source, config.sources, doing)
    for key in ("max_gap_ratio", "totals_tolerance"):
        if not 0 <= getattr(destination, key) <= 1:
            raise ConfigError(doing, f"{where}.{key} must lie between 0 and 1", _SHARE_HINT)
    if destination.min_gap < 0 or destination.incident_min < 1:
        raise ConfigError(doing, f"{where}.min_gap and incident_min must be positive")


def _check_receipts(
    where: str, destination: DestinationSettings, config: Config, doing: str
) -> None:
    formats = ["auto", *(known.name for known in RECEIPTS_FORMATS)]
    _check_patterns(f"{where}.receipts", destination.receipts, config, doing)
    _check_known(f"{where}.receipts_format", destination.receipts_format, formats, doing)
    if destination.receipts_format == ApiLog.name and api_log_reader(destination.type) is None:
        raise ConfigError(
            doing,
            f"{where}.receipts_format is {ApiLog.name!r}, and type {destination.type} has no "
            "reader for its API log",
            "bring the outcomes in a generic feed, or in a format of RudderStack or Segment",
        )
    for column in destination.receipts_columns:
        _check_known(f"{where}.receipts_columns", column, COLUMNS, doing)
    for word, outcome in destination.receipts_outcomes.items():
        _check_known(f"{where}.receipts_outcomes.{word}", outcome, OUTCOMES, doing)
    for index, feed in enumerate(destination.totals):
        _check_totals(f"{where}.totals[{index}]", feed, config, doing)


def _check_totals(where: str, feed: TotalsFeed, config: Config, doing: str) -> None:
    formats = ["auto", *(known.name for known in TOTALS_FORMATS)]
    _check_patterns(f"{where}.paths", feed.paths, config, doing)
    _check_known(f"{where}.format", feed.format, formats, doing)
    for column in feed.columns:
        _check_known(f"{where}.columns", column, TOTAL_COLUMNS, doing)


def _check_known(key: str, name: str, known: Iterable[str], doing: str) -> None:
    if name not in known:
        raise ConfigError(doing, f"{key}: there is no {name!r}", nearest(name, known))


def _check_patterns(key: str, patterns: list[str], config: Config, doing: str) -> None:
    for pattern in patterns:
        fixed = takewhile(lambda part: not glob.has_magic(part), pattern.split("/"))
        start = config.folder / os.path.expanduser("/".join(fixed))
        for folder in config.own_folders:
            if _is_inside(start, folder):
                raise ConfigError(
                    doing,
                    f"{key} has {pattern!r}, which lies inside {folder}, where the archiver writes",
                    "keep files that it reads in a folder of their own",
                )


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or lies below it, whatever links lead there."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
