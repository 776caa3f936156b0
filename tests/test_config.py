"""Configuration (DESIGN §9): typed, unknown keys refused, environment, relative paths."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import CONFIG, Workspace

from archiver.account_days import Zone
from archiver.cli.init import TEMPLATE
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
        ('[privacy]\nerase = ["x"]\n', "erased"),
        (CONFIG + 'match_keys = [{ pth = "messageId" }]\n', "path"),
        (CONFIG + 'match_keys = [{ path = "a", transforms = "trim" }]\n', "transform"),
        (CONFIG + 'filter = [{ path = "a", is_nt = 1 }]\n', "is_not"),
        (CONFIG + "account_timezone_before = [{ untl = 2026-02-01T00:00:00Z }]\n", "until"),
        (CONFIG + '[[destinations.tiktok.rules]]\nevents = "A"\n', "event"),
        (CONFIG + "[[destinations.tiktok.rules]]\nfilter = [{ pat = 1 }]\n", "path"),
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
        ('pixel = "maybe"', "tiktok.pixel: .*'maybe' .known: none, same_id, other_id"),
        ("pixel = 1", "tiktok.pixel: .* .known: none, same_id, other_id"),
        ('reports = "total"', "tiktok.reports: .*'total' .known: all, failures, totals"),
        ('coverage = "full"', "tiktok.coverage: .*'full' .known: infer, daily, complete"),
        (
            'totals = [{ kind = "sent" }]',
            r"totals\[0\].kind: .*'sent' .known: delivered, received, attributed",
        ),
        ("max_gap_ratio = 1.5", "max_gap_ratio must lie between 0 and 1 .it is a share"),
        ("min_gap = -1", "min_gap"),
        ('min_gap = "5"', "min_gap"),
        ('account_timezone = "New York"', "IANA"),
        ('account_timezone = "../../etc/passwd"', "IANA"),
        ('sources = ["wep"]', "did you mean 'web'"),
        ('preset = "segmen"', "preset"),
        ('type = "tiktok"', "type: there is no 'tiktok' .known: tiktok-events, meta-capi, google-"),
        ('account_timezone = "Nope/X"', "IANA"),
        ('retry_window = "9999999999d"', "retry_window is '9999999999d', over a century"),
        ('receipts_format = "generic_csv"', "did you mean 'generic-csv'"),
        ('receipts_columns = {event_idd = "id"}', "did you mean 'event_id'"),
        ('receipts_outcomes = {ok = "acepted"}', "receipts_outcomes.ok.*did you mean 'accepted'"),
        ('min_gap = "5"', "destinations.tiktok.min_gap: Expected int, got str"),
        ('receipts = ["a", 1]', r"destinations.tiktok.receipts\[1\]: Expected str, got int"),
        ('event_source = "fax"', "event_source"),
        (
            "totals_tolerance = 1.5",
            "tiktok.totals_tolerance must lie between 0 and 1 .it is a share",
        ),
        ("totals_tolerance = nan", "totals_tolerance must lie between 0 and 1"),
        ('consent_categories = [" "]', r"tiktok.consent_categories\[0\] is empty"),
        *(
            (f"filter = [{{ {condition} }}]", rf"destinations.tiktok.filter\[0\]{told}")
            for condition, told in [
                ('path = "a"', " has no test.*exactly one of is, is_not, matches, exists"),
                ('path = "a", is = 1, exists = true', " has is and exists .*exactly one"),
                ('path = "", is = 1', ".path is '', which has an empty name"),
                ('path = "a..b", is = 1', r".path is 'a\.\.b', which has an empty name"),
                ('path = "$.a", is = 1', r".path begins with '\$'"),
                ("path = [], is = 1", ".path is '', which has an empty name"),
                ('path = ["a", ""], is = 1', ".path is 'a.', which has an empty name"),
                ("is = 1", ": .*required field path"),
                ('path = "a", is = []', ".is is an empty list"),
                ('path = "a", is_not = []', ".is_not is an empty list"),
                ('path = "a", is = nan', ".is has nan, which is no number"),
                ('path = "a", is = [1, inf]', ".is has inf, which is no number"),
                ('path = "a", is = 2026-01-01', ".is: Expected bool"),
                ('path = "a", matches = "("', r".matches is '\(', which is no regular expression"),
                ('path = "a", at_least = "x"', ".at_least is 'x', which is no number"),
                ('path = "a", less_than = "1,2"', ".less_than is '1,2', which is no number"),
                ('path = "a", more_than = inf', ".more_than is inf, which is no number"),
                ('path = "a", at_most = true', ".at_most: Expected int"),
                ('path = "a", exists = 1', ".exists: Expected bool"),
            ]
        ),
        ('test_events = [{ path = "a" }]', r"test_events\[0\] has no test"),
        ('match_keys = [{ path = "" }]', r"match_keys\[0\].path is '', which has an empty name"),
        (
            'match_keys = [{ path = "messageId" }, { path = "a", transform = ["trim", "sha265"] }]',
            r"tiktok.match_keys\[1\].transform: there is no 'sha265' .did you mean 'sha256'",
        ),
        ('match_keys = [{ transform = "trim" }]', r"match_keys\[0\]: .*required field path"),
        ('match_keys = { path = "a" }', r"match_keys must be a list of tables .write \[\[dest"),
        *(
            (
                f'account_timezone_before = [{{ until = {until}, zone = "UTC" }}]',
                r"tiktok.account_timezone_before\[0\].until is '.*', which is no instant with",
            )
            for until in [
                "2026-02-01",
                "2026-02-01T00:00:00",
                "00:00:00",
                '"2026-02-01"',
                '"2026-02-01T00:00:00"',
                '"2026-02-30T00:00:00Z"',
                "0001-01-01T00:00:00+05:00",
                "1769904000",
                "true",
            ]
        ),
        (
            "account_timezone_before = "
            '[{ until = 2026-02-01T00:00:00Z, zone = "UTC" }, '
            '{ until = 2026-02-01T01:00:00+01:00, zone = "Asia/Tokyo" }]',
            r"account_timezone_before\[1\].until is 2026-02-01T00:00:00\+00:00, like that",
        ),
        (
            'account_timezone_before = [{ until = 2026-02-01T00:00:00Z, zone = "Paris" }]',
            r"account_timezone_before\[0\].zone is 'Paris', which is no IANA zone",
        ),
        (
            'account_timezone_before = [{ until = 2026-02-01T00:00:00Z, zone = "localtime" }]',
            r"account_timezone_before\[0\].zone is 'localtime', which is no IANA zone",
        ),
        ('account_timezone_before = [{ zone = "UTC" }]', "required field until"),
    ],
)
def test_a_bad_value_is_refused_and_named(workspace: Workspace, setting: str, told: str) -> None:
    key = setting.split(" =")[0]
    others = [line for line in CONFIG.splitlines() if not line.startswith(f"{key} ")]
    with pytest.raises(ConfigError, match=told):
        read(workspace, "\n".join([*others, setting]))


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (['event = ""'], r"rules\[0\].event is empty .leave it out"),
        (['type = " "'], r"rules\[0\].type is empty"),
        (['event = "A"\nname = ""'], r"rules\[0\].name is empty"),
        (['event = "A"', "ignore = true", 'event = "A"\nname = "B"'], r"rules\[2\] is for"),
        (['type = "tracks"'], r"rules\[0\].type: there is no 'tracks' .did you mean 'track'"),
        (["", 'type = "Page"'], r"rules\[1\].type: there is no 'Page' .did you mean 'page'"),
        (['type = "x"'], r"no 'x' .known: alias, group, identify, page, screen, track"),
        (["", 'type = "track"'], r"rules\[1\] is for the same type and event as .*rules\[0\]"),
        (['event = "A"\nname = "B"\nignore = true'], r"rules\[0\] has ignore = true, and"),
        (['filter = [{ path = "a", is = 1 }]\nignore = true'], r"rules\[0\] has ignore = true"),
        (['filter = [{ path = "a" }]'], r"rules\[0\].filter\[0\] has no test"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_and_named(workspace: Workspace, own: list[str], told: str) -> None:
    tables = [f"[[destinations.tiktok.rules]]\n{text}" for text in own]
    with pytest.raises(ConfigError, match=told):
        read(workspace, "\n".join([CONFIG, *tables]))


def test_rules_in_one_table_are_told_how_to_write_them(workspace: Workspace) -> None:
    with pytest.raises(
        ConfigError, match=r"rules must be a list of tables \(write \[\[destinations"
    ):
        read(workspace, CONFIG + '[destinations.tiktok.rules]\nevent = "A"\n')


@pytest.mark.parametrize("own", ["", '[[destinations.tiktok.rules]]\nevent = "A"\nignore = true\n'])
def test_a_destination_for_which_nothing_is_selected_is_refused(
    workspace: Workspace, own: str
) -> None:
    text = CONFIG.replace("tiktok-events", "custom")
    with pytest.raises(
        ConfigError, match=r"tiktok has no rule .*\[\[destinations.tiktok.rules\]\]"
    ):
        read(workspace, text + own)
    assert read(workspace, text + '[[destinations.tiktok.rules]]\nevent = "A"\n').destinations


def test_what_selects_conversions_is_read(workspace: Workspace) -> None:
    about = read(
        workspace,
        CONFIG
        + """
match_keys = [{ path = "properties.id", transform = "trim" }, { path = ["a.b", "c"] }]
filter = [{ path = "properties.plan", is = ["pro", 1, 1.5, true] }]
[[destinations.tiktok.rules]]
event = "Plan Upgraded"
filter = [{ path = "properties.n", at_least = "12345678901234567.89" }]
[[destinations.tiktok.rules]]
type = "page"
ignore = true
""",
    ).destinations["tiktok"]
    assert [(key.names, key.steps) for key in about.match_keys] == [
        (("properties", "id"), ("trim",)),
        (("a.b", "c"), ()),
    ]
    assert about.filter[0].tests == {"is": ["pro", 1, 1.5, True]}
    upgraded, page = about.rules
    assert (upgraded.type, upgraded.event, upgraded.name) == ("track", "Plan Upgraded", None)
    assert upgraded.filter[0].tests == {"at_least": "12345678901234567.89"}
    assert (page.type, page.event, page.ignore) == ("page", None, True)


def test_an_account_that_moved_has_a_history_of_zones(workspace: Workspace) -> None:
    config = read(
        workspace,
        CONFIG
        + """
account_timezone_before = [
  { until = 2026-02-01T00:00:00-05:00, zone = "Africa/Cairo" },
  { until = "2025-07-01T00:00:00Z", zone = "Asia/Tokyo" },
]
""",
    )
    july = datetime(2025, 7, 1, tzinfo=UTC)
    february = datetime(2026, 2, 1, 5, tzinfo=UTC)
    assert config.destinations["tiktok"].zones == [
        Zone(None, july, "Asia/Tokyo"),
        Zone(july, february, "Africa/Cairo"),
        Zone(february, None, "America/New_York"),
    ]
    assert read(workspace, CONFIG).destinations["tiktok"].zones == [
        Zone(None, None, "America/New_York")
    ]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (" ", "privacy.erased has an empty path"),
        ("data/archive/x.txt", "privacy.erased has .* insi"),
    ],
)
def test_a_bad_path_of_erased_ids_is_refused(workspace: Workspace, pattern: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read(workspace, f'[privacy]\nerased = ["{pattern}"]\n{CONFIG}')


def test_what_stands_in_the_template_as_a_comment_can_be_used(workspace: Workspace) -> None:
    uncommented = re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", TEMPLATE)
    about = read(workspace, uncommented).destinations["tiktok"]
    assert len(about.rules) == len(about.match_keys) == 2
    assert about.filter and about.test_events and about.account_timezone_before


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
    assert (about.totals_tolerance, about.rules, about.match_keys) == (0.02, [], [])
    assert (about.filter, about.test_events, about.consent_categories) == ([], [], [])
    assert config.erased == []


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
        ("ARCHIVER_PRIVACY_ERASED", '["a.txt"]', lambda c: c.erased == ["a.txt"]),
        (
            "ARCHIVER_DESTINATIONS_TIKTOK_MATCH_KEYS",
            '[{ path = "properties.id" }]',
            lambda c: c.destinations["tiktok"].match_keys[0].names == ("properties", "id"),
        ),
        (
            "ARCHIVER_DESTINATIONS_TIKTOK_REPORTS",
            "totals",
            lambda c: c.destinations["tiktok"].reports == "totals",
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
