import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.warehouse import segments
from archiver.warehouse.segments import COLUMNS, MAX_DEPTH, write_segment
from archiver.warehouse.shredding import MAX_FIELDS, choose

INSTANT = pa.timestamp("us", "UTC")
TYPES = {
    **dict.fromkeys(COLUMNS, pa.string()),
    "record_number": pa.int64(),
    **dict.fromkeys(COLUMNS[8:13], INSTANT),
    "received_date": pa.date32(),
    "value": pa.decimal128(38, 18),
    "payload": pa.large_string(),
}
SCHEMA = pa.schema(list(TYPES.items()))


def events(*payloads: str | None, **columns: list[object]) -> pa.Table:
    given_columns = {
        "record_number": list(range(len(payloads))),
        "payload": list(payloads),
        **columns,
    }
    nothing = [None] * len(payloads)
    return pa.table(
        {name: pa.array(given_columns.get(name, nothing), type_) for name, type_ in TYPES.items()}
    )


def rows(query: str, *paths: Path) -> list[tuple[object, ...]]:
    files = ", ".join(f"'{path}'" for path in paths)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        view = f"SELECT * FROM read_parquet([{files}], union_by_name => true)"
        return connection.execute(f"WITH events AS ({view}) {query}").fetchall()


def bodies(*paths: Path) -> list[object]:
    texts = rows("SELECT body::JSON::VARCHAR FROM events ORDER BY file_id, record_number", *paths)
    return [None if text is None else json.loads(str(text)) for (text,) in texts]


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> str:
    return opening * levels + "1" + closing * levels


def test_columns_keep_their_types_and_rows_stand_by_time(tmp_path: Path) -> None:
    noon, one = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 1, 15, 13, tzinfo=UTC)
    table = events(
        *['{"total":1.5}'] * 4,
        event_time=[one, None, noon, noon],
        file_id=["a", "a", "b", "a"],
        value=[Decimal("12.10"), None, None, Decimal("-0.000000000000000001")],
    )
    segment = write_segment(table, tmp_path / "one.parquet")
    assert (segment.rows, segment.bytes) == (4, segment.path.stat().st_size)
    in_file_order = rows("SELECT event_time, file_id, value FROM events", segment.path)
    assert [row[:2] for row in in_file_order] == [
        (noon, "a"), (noon, "b"), (one, "a"), (None, "a")
    ]  # fmt: skip
    assert in_file_order[2][2] == Decimal("12.10")
    described = rows("SELECT column_name FROM (DESCRIBE FROM events)", segment.path)
    assert [name for (name,) in described] == [*COLUMNS, "body"]


def test_equal_input_gives_equal_bytes_and_nothing_else_in_the_folder(tmp_path: Path) -> None:
    table = events(*(f'{{"total":{n / 4},"n":{n}}}' for n in range(5_000)))
    first = write_segment(table, tmp_path / "first.parquet").path.read_bytes()
    second = write_segment(table.to_batches(max_chunksize=999), tmp_path / "first.parquet")
    assert second.path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [second.path]


@pytest.mark.parametrize(
    "payload",
    [
        '{"":1}',
        '{"a":{"":{"b":1}}}',
        '{"A":1,"a":2}',
        '{"p":{"A":1,"a":{"b":2}}}',
        '{"a.b":1,"a b":2,"a\\"b":3,"it\'s":4,"select":5,"0":6,"%":7,";--":8}',
        '{"value":1,"typed_value":2,"metadata":3,"list":[1],"element":{"value":{"list":1}}}',
        '{"é":1,"É":2,"日本":{"ß":"😀"},"\\u00a0":3}',
        '{"a\\u0000b":"x\\u0000y","a\\nb":1}',
        '{"a":-9223372036854775808,"b":9223372036854775807,"c":1e-400,"d":1E2}',
        '{"a":[],"b":{},"c":[[1],["x"],null,[{"d":[{"e":1.5}]}]],"f":null,"g":true}',
        '{"s":"\\"total\\":7, [{\\\\\\" 9223372036854775808,"}',
        nested(MAX_DEPTH),
        f'{{"a":{nested(MAX_DEPTH - 1, "[", "]")}}}',
        json.dumps({f"key {n}": n for n in range(5_000)}),
        json.dumps({"many": [{"a": n} for n in range(600)]}),
    ],
)
def test_a_payload_reads_back_as_it_was(tmp_path: Path, payload: str) -> None:
    segment = write_segment(events(payload, '{"other":1}'), tmp_path / "one.parquet")
    assert bodies(segment.path) == [json.loads(payload), {"other": 1}]


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ("not json", None),
        (None, None),
        ('{"a":"\\ud800"}', None),
        ('{"\\udc00":1}', None),
        (nested(MAX_DEPTH + 1), None),
        (nested(100_000, "[", "]"), None),
        (nested(100_000), None),
        ('{"a":1,"a":{"b":2}}', {"a": {"b": 2}}),
        ('{"a":18446744073709551615,"b":[ 9223372036854775808 ]}', {"a": 2.0**64, "b": [2.0**63]}),
        ('{"a":-9223372036854775809,"b":' + "9" * 400 + "}", {"a": -(2.0**63), "b": math.inf}),
        ('{"a":1e400}', {"a": math.inf}),
    ],
)
def test_what_duckdb_cannot_hold_is_null_or_the_nearest_and_harms_no_other_row(
    tmp_path: Path, payload: str | None, body: object
) -> None:
    table = events('{"a":1.5}', payload, '{"a":"x"}')
    segment = write_segment(table, tmp_path / "one.parquet")
    assert bodies(segment.path) == [{"a": 1.5}, body, {"a": "x"}]


def test_integers_and_fractions_under_one_key_share_a_column(tmp_path: Path) -> None:
    payloads = [f'{{"properties":{{"total":{total}}}}}' for total in ("20", "1.5", "-3", " 7 ")]
    segment = write_segment(events(*payloads), tmp_path / "one.parquet")
    assert rows("SELECT SUM(body.properties.total::DOUBLE) FROM events", segment.path) == [(25.5,)]
    assert remainders(segment.path, "properties", "total") == 0


def test_integers_have_a_column(tmp_path: Path) -> None:
    segment = write_segment(events('{"n":1}', '{"n":-5}'), tmp_path / "one.parquet")
    assert remainders(segment.path, "n") == 0
    assert rows("SELECT body.n::VARCHAR FROM events", segment.path) == [("1",), ("-5",)]


def test_a_field_without_a_single_type_leaves_its_siblings_in_their_columns(
    tmp_path: Path,
) -> None:
    payloads = [f'{{"total":1.5,"odd":{odd}}}' for odd in ('"x"', "1", "[1]", "null", '{"a":1}')]
    segment = write_segment(events(*payloads), tmp_path / "one.parquet")
    assert remainders(segment.path) == 0
    assert remainders(segment.path, "total") == 0


def test_a_case_twin_first_seen_after_the_sample_is_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("archiver.warehouse.shredding.SAMPLE_ROWS", 2)
    payloads = ['{"Total":1,"p":{"a":1}}', '{"total":2,"p":{"A":2}}'] * 2
    segment = write_segment(events(*payloads), tmp_path / "one.parquet")
    assert bodies(segment.path) == [json.loads(payload) for payload in payloads]
    assert rows("SELECT SUM(body.total::INT), SUM(body.p.A::INT) FROM events", segment.path) == [
        (4, 4)
    ]


def test_segments_with_different_shredding_are_read_together(tmp_path: Path) -> None:
    segments_payloads = [
        ['{"p":{"total":1.5}}'],
        ['{"p":{"total":"2.5"}}'],
        ['{"p":{"total":3}}', '{"p":{"total":0.5}}'],
        ['{"p":{"total":4}}'],
        ['{"p":"text"}', '{"P":{"Total":9}}'],
        ['{"":1}'],
        [],
    ]
    paths = [
        write_segment(
            events(*payloads, file_id=[str(n)] * len(payloads)), tmp_path / f"{n}.parquet"
        ).path
        for n, payloads in enumerate(segments_payloads)
    ]
    assert bodies(*paths) == [json.loads(text) for texts in segments_payloads for text in texts]
    total = "SUM(TRY_CAST(body.p.total AS DOUBLE))"
    for order in (paths, paths[::-1]):
        assert rows(f"SELECT {total}, COUNT(*) FROM events", *order) == [(11.5, 8)]
    assert rows("SELECT body FROM events", paths[-1]) == []


def test_at_most_so_many_fields_and_the_frequent_ones_first() -> None:
    payloads = [json.dumps({"type": "track", f"key_{n}": n}) for n in range(MAX_FIELDS + 50)]
    shredded = choose(pa.chunked_array([pa.array(payloads, pa.large_string())])).type
    assert shredded is not None
    assert '"type" VARCHAR' in shredded
    assert shredded.count("BIGINT") == MAX_FIELDS - 1


def test_a_refused_payload_alone_loses_its_body(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(segments, "holdable", lambda payload: payload)  # lets 2^63 through
    table = events('{"a":1}', '{"a":9223372036854775808}', '{"b":2}')
    segment = write_segment(table, tmp_path / "one.parquet")
    assert bodies(segment.path) == [{"a": 1}, None, {"b": 2}]


def remainders(path: Path, *keys: str) -> int:
    """How many rows keep something in the remainder of the field, which makes it slow to read."""
    fields = ", ".join(["body", *(part for key in keys for part in ("typed_value", key)), "value"])
    with duckdb.connect() as connection:
        counted = connection.execute(
            "SELECT SUM(num_values - stats_null_count)::BIGINT FROM parquet_metadata($path)"
            " WHERE path_in_schema = $fields",
            {"path": str(path), "fields": fields},
        ).fetchone()
    assert counted is not None
    return int(counted[0])


KEYS = st.sampled_from(["", "a", "A", "b", "total", "Total", "a.b", "value", '"', "é", "É", "0"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(['"total":7,', "9223372036854775808,", "\\", "[{"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS | st.text(max_size=3), VALUES, max_size=5)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OBJECTS, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_any_json_objects_read_back_as_duckdb_can_hold_them(
    tmp_path: Path, objects: list[dict[str, object]], ascii_only: bool, spaced: bool
) -> None:
    separators = (" , ", " : ") if spaced else (",", ":")
    payloads = [json.dumps(o, ensure_ascii=ascii_only, separators=separators) for o in objects]
    segment = write_segment(events(*payloads), tmp_path / "any.parquet")
    assert bodies(segment.path) == [held(event) for event in objects]
    for event, (total,) in zip(
        objects, rows("SELECT body.total::JSON::VARCHAR FROM events", segment.path), strict=True
    ):
        assert (None if total is None else json.loads(str(total))) == held(event.get("total"))


def held(value: object) -> object:
    """The value as DuckDB holds it: what does not fit 64 bits is floating point."""
    if isinstance(value, dict):
        return {key: held(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [held(inner) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value
