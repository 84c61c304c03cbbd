"""Runs Pilotlight and its peers side by side and prints the tables; `python benchmarks/run.py --help`."""

from __future__ import annotations

import argparse
import compileall
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import aims
import measures
import pages
import projects
import stale
import table
from contenders import APPS, CONTENDERS, App, Contender, pilotlight_with
from load import generator
from running import BenchmarkError, prefer
from table import Row

HERE = Path(__file__).resolve().parent
MEASURES = ("throughput", "coldstart", "memory", "edit", "stale", "load", "idle", "crash", "debugger")
WITHOUT_RELOADER = ("throughput", "coldstart", "memory")
"""Measures that servers without a reloader take part in."""
PACKAGES = (
    "pilotlight",
    "flask",
    "werkzeug",
    "django",
    "uvicorn",
    "granian",
    "fastapi",
    "pandas",
    "sqlalchemy",
    "scikit-learn",
    "httptools",
    "uvloop",
    "watchdog",
    "watchfiles",
)
DEFAULTS = {  # option -> usual, quick
    "rounds": (5, 1),
    "edits": (15, 2),
    "seconds": (4.0, 1.0),
    "requests": (1000, 6),
    "reloads": (200, 2),
    "clients": (50, 4),
    "limit": (120.0, 20.0),
    "files": (100_000, 1000),
    "idle": (60.0, 1.0),
    "crashes": (10, 1),
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compares Pilotlight with flask run, runserver, uvicorn, granian; pip install '.[bench]'."
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="few and short rounds: a first look, not a result")
    add(
        "--measure",
        "--only",
        action="append",
        choices=MEASURES,
        help="take this measure only (repeatable)",
    )
    add("--app", action="append", choices=list(APPS), help="with this app only (repeatable)")
    add("--server", action="append", metavar="TEXT", help="only servers with TEXT in their name (repeatable)")
    add(
        "--also",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="one more contender: pilotlight run --debug with these options (repeatable)",
    )
    add(
        "--rounds",
        type=int,
        help="rounds of throughput, cold start and debugger (default 5), and half as many of memory",
    )
    add("--edits", type=int, help="edits per server and app, in three rounds (default 15)")
    add("--seconds", type=float, help="length of one round of throughput (default 4)")
    add("--connections", type=int, default=32, help="keep-alive connections of throughput (default 32)")
    add("--requests", type=int, help="requests right after a save, per server (default 1000)")
    add("--reloads", type=int, help="reloads under load (default 200)")
    add("--clients", type=int, help="clients under load (default 50)")
    add("--limit", type=float, help="seconds after which a server is done with stale and load (default 120)")
    add("--files", type=int, help="unrelated files around an idle server (default 100000)")
    add("--idle", type=float, metavar="SECONDS", help="time that a server is left alone (default 60)")
    add("--crashes", type=int, help="crashes per server and app (default 10)")
    add(
        "--nice",
        type=int,
        default=0,
        help="niceness of the clients and all servers alike; below 0 (as root) where others use the machine",
    )
    add("--output", type=Path, default=HERE / "results", help="directory for the JSON file")
    options = parser.parse_args(arguments)
    for name, (usual, quick) in DEFAULTS.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else usual)
    return options


class Session:
    """One run of the benchmark: the rows and how they are filled, round by round."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.options = options
        self.directory = directory
        contenders = [*CONTENDERS, *map(pilotlight_with, options.also)]
        self.pairs = [
            (Row(name, each.name, each.reloads), APPS[name], each)
            for name in options.app or APPS
            for each in contenders
            if APPS[name].kind in each.kinds
            and (not options.server or any(text in each.name for text in options.server))
        ]
        self.roots: dict[tuple[str, bool], Path] = {}

    def run(self) -> list[Row]:
        """Take every measure that is wanted, in interleaved rounds: the same weather for all."""
        options = self.options
        few = min(3, options.edits)
        steps: dict[str, tuple[Callable[[Row, App, Contender], None], int]] = {
            "throughput": (self._throughput, options.rounds),
            "coldstart": (self._cold_start, options.rounds),
            "memory": (self._memory, max(1, options.rounds // 2)),
            "edit": (self._edit, few),
            "stale": (self._stale, 1),
            "load": (self._load, 1),
            "idle": (self._idle, 1),
            "crash": (self._crash, min(2, options.crashes)),
            "debugger": (self._debugger, options.rounds),
        }
        for measure in [name for name in MEASURES if name in (options.measure or MEASURES)]:
            step, rounds = steps[measure]
            for number in range(rounds):
                progress(f"{measure}, round {number + 1} of {rounds}")
                for row, app, contender in self._rotated(measure, number):
                    with noting(row, measure):
                        step(row, app, contender)
        return [row for row, _, _ in self.pairs]

    def _rotated(self, measure: str, number: int) -> list[tuple[Row, App, Contender]]:
        """Those that take part, each round in another order; the servers of one app stay neighbours."""
        taking = [
            (row, app, each)
            for row, app, each in self.pairs
            if measure in app.measures and (each.reloads or measure in WITHOUT_RELOADER)
        ]
        start = number % max(1, len(taking))
        return taking[start:] + taking[:start]

    def _root(self, app: App, *, cluttered: bool = False) -> Path:
        """The project of that app, laid out once."""
        key = (app.folder, cluttered)
        if key not in self.roots:
            root = projects.lay_out(app.folder, self.directory / ("cluttered" if cluttered else "plain"))
            compileall.compile_dir(root, quiet=1)  # no contender is the first to compile the apps
            if cluttered:
                projects.clutter(root, self.options.files)
            self.roots[key] = root
        return self.roots[key]

    def _throughput(self, row: Row, app: App, contender: Contender) -> None:
        options = self.options
        for log in (True, False):
            found = measures.throughput(
                contender,
                app,
                self._root(app),
                log=log,
                connections=options.connections,
                seconds=options.seconds,
            )
            rates = row.requests_per_second if log else row.quiet_requests_per_second
            costs = row.cpu_microseconds if log else row.quiet_cpu_microseconds
            rates.append(found.requests_per_second)
            costs.append(found.cpu_microseconds)
            row.errors += found.errors

    def _cold_start(self, row: Row, app: App, contender: Contender) -> None:
        row.import_seconds.append(measures.import_seconds(app, self._root(app)))
        row.cold_start_seconds.append(measures.cold_start_seconds(contender, app, self._root(app)))

    def _memory(self, row: Row, app: App, contender: Contender) -> None:
        first, later = measures.memory_bytes(contender, app, self._root(app), min(5, self.options.edits))
        row.memory_bytes.append(first)
        if later is not None:
            row.memory_after_edits_bytes.append(later)

    def _edit(self, row: Row, app: App, contender: Contender) -> None:
        """In turn with the floor that they are compared with, each after a rest: the machine has moods."""
        count = -(-self.options.edits // min(3, self.options.edits))
        root = self._root(app)
        for number, edit in enumerate(measures.edits(contender, app, root, count)):
            row.edits.append(edit)
            if app.compared and (contender.ours or number == 0):
                time.sleep(sum(measures.EDIT_PAUSE) / 2)
                row.after_edited_seconds.append(measures.seconds_after(app, root))

    def _stale(self, row: Row, app: App, contender: Contender) -> None:
        options = self.options
        found = stale.staleness(contender, app, self._root(app), options.requests, options.limit)
        row.staleness.append(found)

    def _load(self, row: Row, app: App, contender: Contender) -> None:
        options = self.options
        found = stale.storm(
            contender,
            app,
            self._root(app),
            clients=options.clients,
            reloads=options.reloads,
            limit=options.limit,
        )
        row.storms.append(found)

    def _idle(self, row: Row, app: App, contender: Contender) -> None:
        root = self._root(app, cluttered=True)
        row.idle.append(measures.idle(contender, app, root, self.options.idle))

    def _crash(self, row: Row, app: App, contender: Contender) -> None:
        count = -(-self.options.crashes // min(2, self.options.crashes))
        row.crashes.extend(measures.crashes(contender, app, self._root(app), count))

    def _debugger(self, row: Row, app: App, contender: Contender) -> None:
        root, options = self._root(app), self.options
        for target in pages.SAID:
            row.pages.append(pages.pages(contender, app, root, target))
        if contender.ours:
            extras = pages.extras(contender, app, root, options.connections, options.seconds)
            row.extras.extend(extras)


@contextmanager
def noting(row: Row, measure: str) -> Iterator[None]:
    """A measurement that fails is part of the result."""
    try:
        yield
    except (BenchmarkError, OSError, ValueError, subprocess.SubprocessError) as error:
        row.problems.append(f"{measure}: {error}")
        progress(f"{row.contender} with {row.app}: {error}")


def progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def revision() -> str | None:
    """The commit of Pilotlight that runs, with `-dirty` if there is more; None outside of a checkout."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def surroundings(options: argparse.Namespace) -> dict[str, object]:
    """What a reader must know to compare two results."""
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg(),
        "load_generator": generator(),
        "packages": {name: found for name in PACKAGES if (found := version(name))},
        "options": {
            name: getattr(options, name)
            for name in ("quick", "measure", "app", "server", "also", "nice", *DEFAULTS)
        },
    }


def main(arguments: Sequence[str]) -> int:
    """Returns 0 if every measurement came about, whatever its figure."""
    options = parse(arguments)
    facts = surroundings(options)
    os.nice(options.nice)
    prefer(os.getpid(), options.nice)
    with tempfile.TemporaryDirectory(prefix="pilotlight-benchmark-") as name:
        rows = Session(options, Path(name).resolve()).run()
    facts["load_after"] = os.getloadavg()
    rows = [row for row in rows if asdict(row) != asdict(Row(row.app, row.contender, row.reloads))]
    print(
        f"Python {facts['python']}, {facts['system']}, {facts['cores']} cores, "
        f"Pilotlight {facts['revision']}; "
        f"{options.connections} keep-alive connections from {facts['load_generator']}; "
        f"median (least–most) of {options.rounds} rounds, or of {options.edits} edits"
    )
    print("\n" + table.markdown(rows) + "\n")
    if judged := aims.judgement(rows):
        print(judged + "\n")
    for line in [*aims.comparisons(rows), *aims.cold_starts(rows), *table.remarks(rows)]:
        print(line)
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / f"{str(facts['time']).replace(':', '')}.json"
    file.write_text(json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1))
    print(f"\nAll samples: {file}")
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
