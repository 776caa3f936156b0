"""Configuration (DESIGN §9): typed, unknown keys refused, environment, relative paths."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from support import CONFIG, Workspace

from archiver.config import Config, load_config
from archiver.errors import ConfigError


def read(workspace: Workspace, text: str, **environment: str) -> Config:
    workspace.configure(text)
    return load_config(workspace.config_path, environment)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[archiv]\n", "archive"),
        ('[archive]\nroots = "x"\n', "root"),
        ("[sources.web]\npath = []\n", "paths"),
        ("[sources.web]\nmax_bad_ration = 0.1\n", "max_bad_ratio"),
        (CONFIG + 'retry_windows = "4h"\n', "retry_window"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    workspace: Workspace, text: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{named}'"):
        read(workspace, text)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('retry_window = "4 hours"', "retry_window"),
        ("retry_window = 4", "retry_window"),
        ('retry_window = "-4h"', "retry_window"),
        ('pixel = "maybe"', "pixel"),
        ('reports = "some"', "reports"),
        ('coverage = "all"', "coverage"),
        ("max_gap_ratio = 1.5", "max_gap_ratio"),
        ("min_gap = -1", "min_gap"),
        ('min_gap = "5"', "min_gap"),
        ('account_timezone = "New York"', "IANA"),
        ('account_timezone = "../../etc/passwd"', "IANA"),
        ('sources = ["wep"]', "did you mean 'web'"),
        ('preset = "segmen"', "preset"),
        ('type = "tiktok"', "type"),
        ('account_timezone = "Nope/X"', "IANA"),
        ('retry_window = "9999999999d"', "retry_window is '9999999999d', over a century"),
        ('receipts_format = "generic_csv"', "did you mean 'generic-csv'"),
        ('receipts_columns = {event_idd = "id"}', "did you mean 'event_id'"),
        ('receipts_outcomes = {ok = "acepted"}', "receipts_outcomes.ok.*did you mean 'accepted'"),
        ('min_gap = "5"', "destinations.tiktok.min_gap: Expected int, got str"),
        ('receipts = ["a", 1]', r"destinations.tiktok.receipts\[1\]: Expected str, got int"),
        ('event_source = "fax"', "event_source"),
    ],
)
def test_a_bad_value_is_refused_and_named(workspace: Workspace, setting: str, told: str) -> None:
    key = setting.split(" =")[0]
    others = [line for line in CONFIG.splitlines() if not line.startswith(f"{key} ")]
    with pytest.raises(ConfigError, match=told):
        read(workspace, "\n".join([*others, setting]))


def test_a_web_destination_must_say_what_its_pixel_does(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="pixel is missing"):
        read(workspace, CONFIG.replace('pixel = "none"', ""))


def test_a_missing_key_is_named_with_its_destination(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match=r"destinations\.tiktok: .* required field type"):
        read(workspace, CONFIG.replace('type = "tiktok-events"', ""))


def test_an_unknown_format_of_a_source_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match=r"sources\.web\.format.*did you mean 'segment-s3'"):
        read(workspace, CONFIG.replace("[sources.web]", '[sources.web]\nformat = "segment-s4"'))


@pytest.mark.parametrize("key", ["root", "path"])
@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        (".", "holds the configuration"),
        ("data/..", "holds the configuration"),
        ("..", "holds the configuration"),
        ("/", "holds the configuration"),
        ("link", "holds the configuration"),
        ("data/100%", "'%' in a path"),
        ("source=x/a", "'=' in a path"),
        *((f"data/a{character}b", "in a path means something else") for character in "*?[]|^"),
        ("data/a\\nb", "in a path means something else"),
    ],
)
def test_a_folder_that_cannot_be_the_archivers_own_is_refused(
    workspace: Workspace, key: str, folder: str, told: str
) -> None:
    (workspace.folder / "link").symlink_to(workspace.folder.parent)
    others = [line for line in CONFIG.splitlines() if not line.startswith(f"{key} =")]
    section = "archive" if key == "root" else "warehouse"
    others.insert(others.index(f"[{section}]") + 1, f'{key} = "{folder}"')
    with pytest.raises(ConfigError, match=rf"{section}\.{key}.*{told}"):
        read(workspace, "\n".join(others))


def test_a_project_below_a_folder_with_such_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source=x").mkdir()
    with pytest.raises(ConfigError, match="'=' in a path"):
        read(Workspace(tmp_path / "source=x"), CONFIG)


def test_archive_and_warehouse_are_two_folders(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="are the same folder"):
        read(workspace, CONFIG.replace("data/warehouse", "data/../data/archive"))


@pytest.mark.parametrize(
    "pattern",
    [
        "data/archive",
        "data/archive/**/*.json",
        "data/warehouse/events/*",
        "data/../data/archive/x",
        "link/*.json",
    ],
)
@pytest.mark.parametrize("key", ["paths", "receipts"])
def test_a_pattern_inside_the_archivers_own_folders_is_refused(
    workspace: Workspace, key: str, pattern: str
) -> None:
    (workspace.folder / "link").symlink_to(workspace.folder / "data/archive/events")
    others = [line for line in CONFIG.splitlines() if not line.startswith(f"{key} =")]
    section = "[sources.web]" if key == "paths" else "[destinations.tiktok]"
    others.insert(others.index(section) + 1, f'{key} = ["{pattern}"]')
    with pytest.raises(ConfigError, match=rf"{key} has .* lies inside"):
        read(workspace, "\n".join(others))


@pytest.mark.parametrize("pattern", ["data/**/*.json", "data/archived/*", "data/archive*/*"])
def test_a_pattern_that_only_reaches_into_them_is_fine(workspace: Workspace, pattern: str) -> None:
    assert read(workspace, CONFIG.replace("inbound/web/**/*", pattern)).sources


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("4h", timedelta(hours=4)),
        ("1.5h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
    ],
)
def test_durations(workspace: Workspace, text: str, meant: timedelta) -> None:
    config = read(workspace, CONFIG + f'retry_window = "{text}"\n')
    assert config.destinations["tiktok"].retry_window == meant


def test_defaults_are_those_of_the_contract(workspace: Workspace) -> None:
    config = read(workspace, CONFIG)
    about = config.destinations["tiktok"]
    assert config.sources["web"].max_bad_ratio == 0.01
    assert (about.retry_window, about.provisional_after) == (
        timedelta(hours=4),
        timedelta(hours=72),
    )
    assert (about.reports, about.coverage, about.preset) == ("all", "infer", "segment")
    assert (about.max_gap_ratio, about.min_gap, about.incident_min) == (0.01, 5, 10)


@pytest.mark.parametrize(
    ("variable", "text", "read_back"),
    [
        ("ARCHIVER_ARCHIVE_ROOT", "/mnt/a", lambda c: c.archive_root == Path("/mnt/a")),
        ("ARCHIVER_WAREHOUSE_PATH", "w", lambda c: c.warehouse_path == c.folder / "w"),
        ("ARCHIVER_SOURCES_WEB_PATHS", '["x", "y"]', lambda c: c.sources["web"].paths[1] == "y"),
        ("ARCHIVER_SOURCES_WEB_MAX_BAD_RATIO", "0.5", lambda c: c.sources["web"].max_bad_ratio),
        (
            "ARCHIVER_DESTINATIONS_TIKTOK_RETRY_WINDOW",
            "6h",
            lambda c: c.destinations["tiktok"].retry_window == timedelta(hours=6),
        ),
        (
            "ARCHIVER_DESTINATIONS_TIKTOK_PIXEL",
            "same_id",
            lambda c: c.destinations["tiktok"].pixel == "same_id",
        ),
        (
            "ARCHIVER_DESTINATIONS_TIKTOK_EVENT_SOURCE_ID",
            "123",
            lambda c: c.destinations["tiktok"].event_source_id == "123",
        ),
        (
            "ARCHIVER_DESTINATIONS_TIKTOK_MIN_GAP",
            "7",
            lambda c: c.destinations["tiktok"].min_gap == 7,
        ),
    ],
)
def test_a_variable_overrides_its_key(
    workspace: Workspace, variable: str, text: str, read_back: object
) -> None:
    config = read(workspace, CONFIG, **{variable: text})
    assert callable(read_back)
    assert read_back(config)


def test_a_variable_that_names_no_key_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="did you mean ARCHIVER_ARCHIVE_ROOT"):
        read(workspace, CONFIG, ARCHIVER_ARCHIVE_ROUTE="x")


def test_a_variable_that_can_mean_two_keys_is_refused(workspace: Workspace) -> None:
    web = '[sources.{}]\npaths = ["x"]\n'
    text = CONFIG + web.format("a-b") + web.format("a_b")
    assert len(read(workspace, text).sources) == 3
    with pytest.raises(ConfigError, match=r"sources\.a-b\.paths or sources\.a_b\.paths"):
        read(workspace, text, ARCHIVER_SOURCES_A_B_PATHS='["y"]')


def test_other_variables_are_nobodys_business(workspace: Workspace) -> None:
    assert read(workspace, CONFIG, ARCHIVER_CORPORA="/x", HOME="/y").sources


def test_paths_are_relative_to_the_file_whatever_the_working_folder(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support import event

    workspace.write("inbound/web/a.ndjson", event())
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    workspace.done("ingest")
    assert (workspace.folder / "data/archive/events").is_dir()
    assert workspace.rows("inbound_files", "path") == [("inbound/web/a.ndjson",)]
