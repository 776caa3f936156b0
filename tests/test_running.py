"""docs/running.md: what it tells people to install and schedule works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
UNITS = sorted((DOCS / "systemd").iterdir())


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("pipx")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / "bin"
    # The dependencies come from this environment, so that nothing is fetched.
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True, capture_output=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(f"{Path(pytest.__file__).resolve().parents[1]}\n")
    return programs


def call(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, cwd=program.parent, env={}
    )


def test_an_installed_wheel_says_its_version_inits_and_plays_a_night(
    installed: Path, tmp_path: Path
) -> None:
    from archiver import __version__

    program = installed / "archiver"
    assert call(program, "--version").stdout == f"archiver, version {__version__}\n"
    assert call(program, "init", tmp_path / "new").returncode == 0
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample")
    environment = tmp_path / "environment"
    environment.write_text("ARCHIVER_LOG_FORMAT='json'\n")
    (line,) = re.findall(r"^    15 3 \* \* \* +(.*)$", (DOCS / "running.md").read_text(), re.M)
    line = line.replace("/etc/archiver/environment", str(environment))
    line = line.replace("/srv/archiver/archiver.toml", str(tmp_path / "sample/archiver.toml"))
    # As cron calls it: a bare environment, another folder.
    night = subprocess.run(
        ["/bin/sh", "-c", f"{line} --as-of 2026-01-19T12:00:00Z"],
        env={"PATH": f"{installed}:/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert night.returncode == 3, night.stderr
    assert night.stderr.startswith("{"), "the environment file was read"
    status = call(
        program,
        *("--config", tmp_path / "sample/archiver.toml"),
        *("status", "--as-of", "2026-01-19T12:00:00Z"),
    )
    assert status.returncode == 0, status.stdout
    assert "nightly succeeded" in status.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_units_are_what_systemd_understands(unit: Path, tmp_path: Path) -> None:
    parsed = ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(unit.read_text())
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service") in UNITS
        assert parsed["Timer"]["OnCalendar"]
    else:
        assert parsed["Service"]["Type"] == "oneshot"
        assert "143" in parsed["Service"]["SuccessExitStatus"].split()
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    for path in UNITS:
        text = path.read_text().replace("/usr/local/bin/archiver", "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr, done.stderr


def test_the_calls_in_the_units_are_calls_that_the_program_takes() -> None:
    from click.testing import CliRunner

    from archiver.cli.main import cli
    from archiver.cli.messages import spoken

    for unit in UNITS:
        for line in re.findall(r"^ExecStart=/usr/local/bin/archiver (.*)$", unit.read_text(), re.M):
            with spoken([], {}):
                result = CliRunner().invoke(cli, [*line.split(), "--help"])
            assert result.exit_code == 0, (unit.name, result.output)


def test_the_workflow_is_one_that_github_understands() -> None:
    workflow = yaml.safe_load((DOCS / "github-actions.yml").read_text())
    (job,) = workflow["jobs"].values()
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True]["schedule"][0]["cron"] == "15 3 * * *"
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    nightly = next(step["run"] for step in job["steps"] if step.get("name") == "nightly")
    for code, ends in ((0, 0), (3, 0), (4, 4), (6, 6)):
        shell = ["bash", "-e", "-c", f"archiver() {{ return {code}; }}\n{nightly}"]
        assert subprocess.run(shell, capture_output=True).returncode == ends
    assert "ARCHIVER_ARCHIVE_ROOT" in job["env"]


def test_the_exit_codes_are_those_of_the_program() -> None:
    from archiver import errors

    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    table = re.findall(r"^\| (\d+) \|", (DOCS / "running.md").read_text(), re.M)
    assert {int(code) for code in table} == codes - {errors.EXIT_REFUSED}


def test_bash_completes_commands_options_and_configured_names(
    installed: Path, tmp_path: Path
) -> None:
    config = tmp_path / "archiver.toml"
    config.write_text('[sources.web]\npaths = ["in/*"]\n[sources.win]\n[destinations.tiktok]\n')
    script = tmp_path / "completion.bash"
    script.write_text(call(installed / "archiver", "completion", "bash").stdout)

    def completed(line: str) -> list[str]:
        words = line.split(" ")
        ask = (
            f"source {script}; COMP_WORDS=({' '.join(words[:-1])} {words[-1] or chr(39) * 2});"
            f" COMP_CWORD={len(words) - 1}; _archiver_completion archiver;"
            ' printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", ask],
            env={"PATH": f"{installed}:{os.environ['PATH']}"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed("archiver ni") == ["nightly"]
    assert completed("archiver nightly --as") == ["--as-of"]
    assert completed("archiver ingest --source w") == ["web", "win"]
    assert completed("archiver reconcile --destination ") == ["tiktok"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_a_script(installed: Path, shell: str) -> None:
    done = call(installed / "archiver", "completion", shell)
    assert "_ARCHIVER_COMPLETE" in done.stdout
