"""Runs Pilotlight and its peers side by side and prints one table; `python benchmarks/run.py --help`."""

from __future__ import annotations

import argparse
import compileall
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import measures
import table
from contenders import APPS, CONTENDERS, Contender
from load import generator
from running import BenchmarkError
from table import Row

HERE = Path(__file__).resolve().parent
MEASURES = ("throughput", "coldstart", "edit", "memory")
PACKAGES = (
    "pilotlight",
    "flask",
    "werkzeug",
    "uvicorn",
    "granian",
    "fastapi",
    "httptools",
    "uvloop",
    "watchdog",
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare Pilotlight with flask run, uvicorn and granian. Needs: pip install '.[bench]'."
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and short rounds: a first look, not a result"
    )
    parser.add_argument(
        "--only", action="append", choices=MEASURES, help="take this measure only (repeatable)"
    )
    parser.add_argument("--app", action="append", choices=list(APPS), help="with this app only (repeatable)")
    parser.add_argument(
        "--server", action="append", metavar="TEXT", help="only servers with TEXT in their name"
    )
    parser.add_argument("--rounds", type=int, help="rounds of throughput, cold start and memory (default 5)")
    parser.add_argument("--edits", type=int, help="edits per server (default 12)")
    parser.add_argument("--seconds", type=float, help="length of one round under load (default 4)")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (default 32)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="directory for the JSON file")
    options = parser.parse_args(arguments)
    defaults = (1, 2, 1.0) if options.quick else (5, 12, 4.0)
    for name, default in zip(("rounds", "edits", "seconds"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, default)
    return options


class Session:
    """One run of the benchmark: the rows and how they are filled, round by round."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.options = options
        self.directory = directory
        apps = options.app or list(APPS)
        self.pairs = [(Row(app, each.name), each) for app in apps for each in CONTENDERS if app in each.apps]
        if options.server:
            self.pairs = [pair for pair in self.pairs if any(text in pair[1].name for text in options.server)]

    def run(self) -> list[Row]:
        """Take every measure that is wanted, in interleaved rounds: the same weather for all."""
        wanted = self.options.only or MEASURES
        steps = {"throughput": self._throughput, "coldstart": self._cold_start, "memory": self._memory}
        for measure in [name for name in MEASURES if name in wanted and name in steps]:
            for number in range(self.options.rounds):
                progress(f"{measure}, round {number + 1} of {self.options.rounds}")
                for row, contender in self._rotated(number):
                    with noting(row, measure):
                        steps[measure](row, contender)
        if "edit" in wanted:
            for row, contender in self.pairs:
                if contender.reloads:
                    progress(f"edit, {contender.name} with {row.app}")
                    with noting(row, "edit"):
                        self._edit(row, contender)
        return [row for row, _ in self.pairs]

    def _rotated(self, number: int) -> list[tuple[Row, Contender]]:
        start = number % max(1, len(self.pairs))
        return self.pairs[start:] + self.pairs[:start]

    def _throughput(self, row: Row, contender: Contender) -> None:
        options = self.options
        for log in (True, False):
            found = measures.throughput(
                contender,
                row.app,
                self.directory,
                log=log,
                connections=options.connections,
                seconds=options.seconds,
            )
            rates = row.requests_per_second if log else row.quiet_requests_per_second
            costs = row.cpu_microseconds if log else row.quiet_cpu_microseconds
            rates.append(found.requests_per_second)
            costs.append(found.cpu_microseconds)
            row.errors += found.errors

    def _cold_start(self, row: Row, contender: Contender) -> None:
        row.import_seconds.append(measures.import_seconds(row.app, self.directory))
        row.cold_start_seconds.append(measures.cold_start_seconds(contender, row.app, self.directory))

    def _memory(self, row: Row, contender: Contender) -> None:
        row.memory_bytes.append(measures.memory_bytes(contender, row.app, self.directory))

    def _edit(self, row: Row, contender: Contender) -> None:
        found = measures.edits(contender, row.app, self.directory, self.options.edits)
        row.edit_seconds.extend(found.seconds)
        row.edits_with_failures += found.with_failures


@contextmanager
def noting(row: Row, measure: str) -> Iterator[None]:
    """A measurement that fails is part of the result."""
    try:
        yield
    except (BenchmarkError, OSError, ValueError) as error:
        row.problems.append(f"{measure}: {error}")
        progress(f"{row.contender} with {row.app}: {error}")


def progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def surroundings(options: argparse.Namespace) -> dict[str, object]:
    """What a reader must know to compare two results."""
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_before": os.getloadavg(),
        "load_generator": generator(),
        "packages": {name: found for name in PACKAGES if (found := version(name))},
        "options": {
            "quick": options.quick,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "edits": options.edits,
        },
    }


def main(arguments: Sequence[str]) -> int:
    """Returns 0 if every measurement came about, whatever its figure."""
    options = parse(arguments)
    facts = surroundings(options)
    with tempfile.TemporaryDirectory(prefix="pilotlight-benchmark-") as name:
        directory = Path(shutil.copytree(HERE / "apps", Path(name) / "apps"))
        compileall.compile_dir(directory, quiet=1)  # no contender is the first to compile the apps
        rows = Session(options, directory).run()
    print(
        f"Python {facts['python']}, {facts['system']}, {facts['cores']} cores, "
        f"{options.connections} keep-alive connections from {facts['load_generator']}; "
        f"median (least–most) of {options.rounds} rounds"
    )
    print("\n" + table.markdown(rows) + "\n")
    for line in [*table.judgements(rows), *table.remarks(rows)]:
        print(line)
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / f"{str(facts['time']).replace(':', '')}.json"
    file.write_text(json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1))
    print(f"\nAll samples: {file}")
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
