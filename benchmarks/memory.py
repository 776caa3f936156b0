"""Peak memory of `archiver ingest` on a smaller and a larger file: it must not grow with the file.

    python benchmarks/memory.py [--json-gb 0.25 2.5] [--shape array] [--container zstd]
    python benchmarks/memory.py --json-gb 2 20 --no-other
    python benchmarks/memory.py --json-gb 0.02 0.2 --shape record --load --most-mib 1000

Each file is generated, imported in a process of its own, and removed. Beside it DuckDB's COPY of
the same columns, as in `ingest.py`, for the shapes that it reads. Ends with exit code 1 where an
import needs more than `--most-mib`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from generate import CONTAINERS, SHAPES
from ingest import CONFIG, COPY, COUNT, HERE, Measured, measured

PYTHON = sys.executable
ARCHIVER = [PYTHON, "-m", "archiver", "--config", "archiver.toml"]
OTHER = "DuckDB COPY"
LINES_READER = "read_ndjson_objects('inbound/*.gz', filename = true)"
# What DuckDB reads: no lines ended by CR, no object over 16 MiB.
READERS = {
    "lines": "read_ndjson_objects('inbound/*', filename = true)",
    "array": "read_json_objects('inbound/*', format = 'array', filename = true)",
}


@dataclass(frozen=True)
class File:
    """One generated file.

    Attributes:
        events: in it.
        json_bytes: decompressed size.
        file_bytes: size on the disk.
    """

    events: int
    json_bytes: int
    file_bytes: int


def generated(folder: Path, json_gb: float, shape: str, container: str) -> File:
    """Write a file into `folder`/inbound, in a process of its own: this one must stay small."""
    command = [PYTHON, str(HERE / "generate.py"), "inbound", "--json-gb", str(json_gb)]
    command += ["--shape", shape, "--container", container]
    told = subprocess.check_output(command, cwd=folder, text=True).split()
    (path,) = (folder / "inbound").iterdir()
    return File(int(told[0]), int(told[2]), path.stat().st_size)


def check_space(folder: Path, json_gb: float, container: str, ways: int) -> None:
    """Refuse a size for which the disk has no room: the file, and a copy for each way."""
    needed = json_gb * ((1 if container == "none" else 0.3) + 0.4 * ways) + 1
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed:
        raise SystemExit(
            f"{json_gb:g} GB of JSON need {needed:.0f} GB in {folder}, where {free:.0f} GB are "
            "free: set TMPDIR to a folder on another disk, or measure less"
        )


def measure(
    folder: Path, json_gb: float, options: argparse.Namespace
) -> tuple[File, list[Measured]]:
    """Generate one file and run every way on it; each must hold every event."""
    reader = None if options.no_other else READERS.get(options.shape)
    check_space(folder, json_gb, options.container, 1 + options.load + (reader is not None))
    (folder / "archiver.toml").write_text(CONFIG.replace("*.gz", "*"), encoding="utf-8")
    file = generated(folder, json_gb, options.shape, options.container)
    ways = [("archiver ingest", [*ARCHIVER, "ingest"], "archive/events")]
    if options.load:
        ways.append(("archiver load", [*ARCHIVER, "load"], "archive/events"))
    if reader is not None:
        copy = COPY.replace(LINES_READER, reader)
        ways.append((OTHER, [PYTHON, "-c", copy], "copied"))
    results = []
    for name, command, output in ways:
        results.append(measured(name, command, folder))
        counted = subprocess.check_output([PYTHON, "-c", COUNT, output], cwd=folder, text=True)
        if int(counted) != file.events:
            raise SystemExit(f"{name} wrote {int(counted):,} of {file.events:,} events")
    return file, results


def render(found: list[tuple[File, list[Measured]]], shape: str, container: str) -> str:
    """The table, with ratios to DuckDB on the same file and to the same way on the first file."""
    lines = [
        f"One file of Segment events (shape: {shape}, container: {container})",
        "",
        f"{'JSON, GB':>8}{'file, GB':>10}{'events':>13}  {'':<16}{'CPU, s':>9}{'ratio':>9}"
        f"{'wall, s':>10}{'peak, MiB':>11}{'ratio':>9}{'to the first':>14}",
    ]
    _, first = found[0]
    for file, results in found:
        other = next((result for result in results if result.name == OTHER), None)
        for result, smaller in zip(results, first, strict=True):
            cpu = f"{result.cpu_seconds / other.cpu_seconds:.2f}×" if other else "–"
            peak = f"{result.peak_bytes / other.peak_bytes:.2f}×" if other else "–"
            lines.append(
                f"{file.json_bytes / 1e9:>8.2f}{file.file_bytes / 1e9:>10.3f}{file.events:>13,}  "
                f"{result.name:<16}{result.cpu_seconds:>9.1f}{cpu:>9}{result.wall_seconds:>10.1f}"
                f"{result.peak_bytes / 2**20:>11.0f}{peak:>9}"
                f"{result.peak_bytes / smaller.peak_bytes:>13.2f}×"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json-gb", type=float, nargs="+", default=[0.25, 2.5])
    parser.add_argument("--shape", choices=SHAPES, default="lines")
    parser.add_argument("--container", choices=CONTAINERS, default="gzip")
    parser.add_argument("--load", action="store_true", help="also measure `archiver load`")
    parser.add_argument("--no-other", action="store_true", help="leave DuckDB's COPY out")
    parser.add_argument("--most-mib", type=float, default=512, help="what an import may need")
    options = parser.parse_args()
    found = []
    for json_gb in options.json_gb:
        with tempfile.TemporaryDirectory(prefix="archiver-memory-") as folder:
            found.append(measure(Path(folder), json_gb, options))
    print(render(found, options.shape, options.container))
    most_mib = max(results[0].peak_bytes for _, results in found) / 2**20
    if most_mib > options.most_mib:
        raise SystemExit(f"an import needed {most_mib:.0f} MiB, more than {options.most_mib:g}")


if __name__ == "__main__":
    main()
