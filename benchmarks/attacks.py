"""The score card: every attack of tests/attacks/, graded by `course grade` and the stock graders.

    python benchmarks/attacks.py [--family FAMILY]... [--sample N] [--kept FILE] [--markdown FILE]

`course grade` grades all attackers and three honest students in one run. The stock graders get
each attack in a place of its own: `nbgrader autograde` with an honest classmate after it, `otter
run` alone. A stock grader is given up after three minutes.

* *intact*: the honest classmates have all their points (nbgrader, `course grade`); the program
  ended by itself, and the autograder's zip is as it was (otter).
* *leak*: what students get back (feedback pages, results.json) tells what the attack has learnt
  while it was graded.

Attacks run as written, so the stock graders run under bubblewrap: the file system read-only but
for a temporary folder, no network, process ids of their own. That hides nothing which they show
to a submission elsewhere; the repository with its hidden checks is there, as on an instructor's
machine. It needs Linux and Debian's `bubblewrap`, and two hours for the whole corpus. With
`--kept` it can be stopped and started again: what the stock graders gave is written there at once,
a line of JSON each, and is not asked for again. `benchmarks/attacks.jsonl` is what they gave when
docs/attacks.md was written; a test compares the two.

The last line is `attacks: honest N of M batch_intact True|False leaks K`, of `course grade`.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import nbformat
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autograder.building.otter_zip import write as write_otter
from autograder.course.compose import Built, compose
from autograder.course.config import Course, load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools
from benchmarks.grading import prepare_nbgrader, scores_in
from tests.attacks import FAMILIES, LOOT_MARK, ROOT, Attack, master_answers, solved, student_copy
from tests.support.attackers import ATTACKS, CLASSMATES, grade_all, leaks_in

GIVE_UP_SECONDS = 180
MEMORY_BYTES = 8 << 30
FILE_BYTES = 2 << 30
CLASSMATE = "zz-honest"
HEAD = """\
# The score card of attacks

Every attack of `tests/attacks/`, graded by `course grade` in one run with three honest students,
and by the stock graders one at a time. Made by `python benchmarks/attacks.py --markdown FILE`;
do not edit.

*Honest* is what an honest grader gives the submission. Other points are in **bold**; *none* means
that the grader gave no score. *Batch harmed*: an honest classmate lost points, the grader did not
end by itself in three minutes, or its files were changed. *Leak*: what students get back tells what
the attack has learnt while it was graded.
"""


@dataclass(frozen=True)
class Given:
    """What a grader made of an attack.

    Attributes:
        points: of the checks; None if it gave none.
        intact: whether nobody else lost anything.
        leaks: whether a student's file tells what the attack learnt.
    """

    points: float | None
    intact: bool
    leaks: bool


@dataclass(frozen=True)
class Places:
    """What is made once, by notebook: what is built, nbgrader's course directory, otter's zip."""

    built: dict[str, Built]
    nbgrader: dict[str, Path]
    otter: dict[str, Path]


def confined(command: Sequence[str], place: Path) -> bool:
    """Run a program that can write into one folder only; tell whether it ended by itself."""
    walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    walls += ["--bind", str(place), str(place), "--unshare-net", "--unshare-pid"]
    limits = [f"--data={MEMORY_BYTES}", f"--fsize={FILE_BYTES}", "--core=0"]
    environment = {**os.environ, "HOME": str(place), "OMP_NUM_THREADS": "1"}
    walls += ["--die-with-parent", "--new-session", "--chdir", str(place)]
    try:
        subprocess.run(
            ["bwrap", *walls, "prlimit", *limits, *command],
            capture_output=True,
            env=environment,
            timeout=GIVE_UP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return True


def by_nbgrader(attack: Attack, places: Places, place: Path) -> Given:
    """Grade an attack and an honest classmate with nbgrader, and write their feedback."""
    name = attack.notebook
    shutil.copytree(places.nbgrader[name], place, dirs_exist_ok=True)
    attack.write(place / "submitted" / "attacker" / name)
    honest = place / "submitted" / CLASSMATE / name
    honest.mkdir(parents=True)
    text = nbformat.writes(solved(copy.deepcopy(student_copy(name)), name))
    (honest / f"{name}.ipynb").write_text(text, encoding="utf-8")
    ended = confined(["nbgrader", "autograde", name], place)
    confined(["nbgrader", "generate_feedback", name, "--student", "attacker"], place)
    built = places.built[name]
    try:
        scores = scores_in(place / "gradebook.db", {name: built})
    except Exception:  # an attack may have put anything in the gradebook's place
        scores = {}
    points = {s: sum(p for key, p in scores.items() if key[0] == s) for s in {k[0] for k in scores}}
    intact = ended and points.get(CLASSMATE) == built.master.points
    return Given(points.get("attacker"), intact, tells(place / "feedback" / "attacker"))


def by_otter(attack: Attack, places: Places, place: Path) -> Given:
    """Grade an attack with ``otter run``."""
    archive = place / "autograder.zip"
    shutil.copy(places.otter[attack.notebook], archive)
    before = hashlib.sha256(archive.read_bytes()).digest()
    attack.write(place / "submission")
    file = place / "submission" / f"{attack.notebook}.ipynb"
    out = place / "out"
    out.mkdir()
    ended = confined(["otter", "run", str(file), "-a", str(archive), "-o", str(out)], place)
    intact = ended and hashlib.sha256(archive.read_bytes()).digest() == before
    exercises = places.built[attack.notebook].master.exercises
    return Given(points_of(out / "results.json", exercises), intact, tells(out))


def points_of(results: Path, exercises: Collection[str]) -> float | None:
    """Return the points of the checks in otter's results, as far as they are numbers."""
    try:
        tests = json.loads(results.read_text(encoding="utf-8"))["tests"]
        return sum(float(test["score"]) for test in tests if test["name"] in exercises)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def tells(folder: Path) -> bool:
    """Tell whether a file in a folder has the mark of what an attack has learnt."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return any(LOOT_MARK in p.read_text(encoding="utf-8", errors="replace") for p in files)


def prepare(course: Course, names: set[str], place: Path) -> Places:
    """Make what the stock graders need of each notebook.

    All masters are read here: ``ast.parse`` of CPython 3.11 fails at times in several threads.
    """
    places = Places({}, {}, {})
    for name in sorted(names):
        master_answers(name)  # is cached
        places.built[name] = built = compose(course, name)
        places.nbgrader[name] = place / "nbgrader" / name
        prepare_nbgrader(course, {name: built}, places.nbgrader[name])
        places.otter[name] = place / "otter" / f"{name}.zip"
        places.otter[name].parent.mkdir(exist_ok=True)
        write_otter(course, built.master, places.otter[name].parent)
    return places


STOCK = {"nbgrader": by_nbgrader, "otter": by_otter}


def given_before(kept: Path, attacks: Collection[str]) -> dict[str, dict[str, Given]]:
    """Read by grader and attack what the stock graders gave to these attacks, if anything."""
    given: dict[str, dict[str, Given]] = {grader: {} for grader in STOCK}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.exists() else ():
        grader, name, *what = json.loads(line)
        if name in attacks:
            given[grader][name] = Given(*what)
    return given


def by_stock(attacks: dict[str, Attack], kept: Path, course: Course) -> dict[str, dict[str, Given]]:
    """Grade attacks with the stock graders, as many at a time as there are cores.

    Args:
        attacks: by name.
        kept: the file of what was given before, to which the rest is added.
        course: the course.

    Returns:
        by grader and attack what was given.
    """
    given = given_before(kept, attacks)
    left = [(g, name) for name in attacks for g in STOCK if name not in given[g]]

    def one(job: tuple[str, str]) -> tuple[str, str, Given]:
        grader, name = job
        with tempfile.TemporaryDirectory(prefix="attack-", ignore_cleanup_errors=True) as folder:
            return grader, name, STOCK[grader](attacks[name], places, Path(folder))

    with (
        tempfile.TemporaryDirectory(prefix="attacks-") as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        kept.open("a", encoding="utf-8") as file,
    ):
        places = prepare(course, {attacks[name].notebook for _, name in left}, Path(folder))
        for grader, name, what in track(pool.map(one, left), "stock graders", total=len(left)):
            given[grader][name] = what
            file.write(json.dumps([grader, name, what.points, what.intact, what.leaks]) + "\n")
            file.flush()
    return given


def by_course(attacks: dict[str, Attack], place: Path) -> dict[str, Given]:
    """Grade attacks and honest classmates with ``course grade``, in one run."""
    graded = grade_all(place, attacks)
    leaks = " ".join(leaks_in(graded.out))
    full = compose(load_course(ROOT), "01_pytorch_basics").master.points
    intact = all(graded.points[name] == full for name in CLASSMATES)
    return {name: Given(graded.points.get(name), intact, f"/{name}/" in leaks) for name in attacks}


def page(attacks: dict[str, Attack], given: dict[str, dict[str, Given]]) -> str:
    """Return the score card in Markdown, of the attacks that all graders have graded."""
    done = {name: a for name, a in attacks.items() if all(name in each for each in given.values())}
    lines = [HEAD, "| grader | honest scores | batches harmed | leaks |", "|---|---|---|---|"]
    for grader, each in given.items():
        of = [(each[name], attack.honest) for name, attack in done.items()]
        honest = sum(is_honest(*pair) for pair in of)
        harmed, leaks = sum(not g.intact for g, _ in of), sum(g.leaks for g, _ in of)
        lines.append(f"| {grader} | {honest} of {len(of)} | {harmed} | {leaks} |")
    for family in FAMILIES:
        members = {name: attack for name, attack in done.items() if attack.family == family}
        if members:
            lines += ["", f"## {family.replace('_', '-').capitalize()}", "", *table(members, given)]
    return "\n".join([*lines, ""])


def table(attacks: dict[str, Attack], given: dict[str, dict[str, Given]]) -> list[str]:
    """Return the lines of a table of attacks and of what each grader made of them."""
    lines = [f"| attack | what it tries | honest | {' | '.join(given)} |"]
    lines.append("|---|---|---|" + "---|" * len(given))
    for name, attack in attacks.items():
        short = name.removeprefix(f"{attack.family}-".replace("_", "-"))
        cells = [short, attack.summary.replace("|", "\\|"), f"{attack.honest:g}"]
        cells += [shown(each[name], attack.honest) for each in given.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def shown(given: Given, honest: float) -> str:
    """Return a cell of a table: the points, in bold if they are not honest, and harm."""
    points = "none" if given.points is None else f"{given.points:g}"
    parts = [points if is_honest(given, honest) else f"**{points}**"]
    parts += ["batch harmed"] * (not given.intact) + ["leak"] * given.leaks
    return ", ".join(parts)


def is_honest(given: Given, honest: float) -> bool:
    """Tell whether a submission got what it is worth; no points at all are 0."""
    return (given.points or 0) == honest


def summary(attacks: dict[str, Attack], given: dict[str, Given]) -> str:
    """Return how many attacks got an honest score, and what harm was done."""
    honest = sum(is_honest(given[name], attack.honest) for name, attack in attacks.items())
    intact = all(each.intact for each in given.values())
    leaks = sum(each.leaks for each in given.values())
    return f"honest {honest} of {len(attacks)} batch_intact {intact} leaks {leaks}"


@click.command()
@click.option("--family", "families", multiple=True, type=click.Choice(FAMILIES))
@click.option("--sample", type=click.IntRange(min=1), help="Only every n-th, to have so many.")
@click.option("--kept", type=click.Path(path_type=Path), help="What the stock graders gave so far.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the score card here.")
@click.option("--no-stock", is_flag=True, help="Only `course grade`.")
def main(
    families: tuple[str, ...],
    sample: int | None,
    kept: Path | None,
    markdown: Path | None,
    no_stock: bool,
) -> None:
    """Grade the corpus of attacks with all graders and print the score card."""
    if not no_stock and not shutil.which("bwrap"):
        raise CourseError("bubblewrap is missing; run: sudo apt-get install bubblewrap")
    find_own_tools()
    course, console = load_course(ROOT), Console()
    attacks = {n: a for n, a in ATTACKS.items() if not families or a.family in families}
    if sample:
        names = list(attacks)[:: max(1, len(attacks) // sample)][:sample]
        attacks = {name: attacks[name] for name in names}
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        ours = by_course(attacks, Path(folder, "course"))
        stock = {} if no_stock else by_stock(attacks, kept or Path(folder, "kept"), course)
    given = {"course grade": ours} | stock
    if markdown:
        markdown.write_text(page(attacks, given), encoding="utf-8")
    else:
        console.print(page(attacks, given), markup=False, soft_wrap=True)
    console.print(f"attacks: {summary(attacks, ours)}", markup=False)


if __name__ == "__main__":
    main()
