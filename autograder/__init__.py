"""The engine of the course: masters in, notebooks and grades out. This is its map.

The rooms, from the top floor down; a room imports what is below it, nothing above (import-linter):

    commands    the `course` program: a module a command, and the templates of `course new`
    building    masters -> notebooks/, otter's zips, nbgrader's release, solutions, web site (site/)
    judging     a notebook in, verdicts out; sandbox/ is where the student's code runs
    results     verdicts in, what people open out; gradebook/ is nbgrader's database and folders
    intake      what was handed in -> matched submissions
    course      what people write, parsed: course.toml, masters, corpus; notebooks composed of them
    checks      the registry of checks, and what they share (shared/); a notebook's own module of
                checks lies beside it in the course
    inside      all that a submission may see: the agent in its process, the wire, spies, limits,
                the students' helper

and modules that every room may use:

    files       files that are there as a whole or not at all; locks and hashes
    processes   where programs are found; a limit of CPU
    text        what may be printed; numbers and lists in words
    errors      CourseError, which the command line tells in one line
    py.typed    no module: it says to type checkers that the package has types

The way of one submission: commands.grade asks intake.find for the files of a download and
intake.matching for each as cells of the release; judging.pool gives them to workers;
judging.submission runs the cells in a process of sandbox/ (there inside.agent answers) and judges
every check in the worker (judging.judge); results.ledger keeps the result, results.gradebook
enters it; exports, feedback and report show it. Under nbgrader and otter the checks run in the
student's kernel instead (judging.stock) and come to the same score.
"""

import sys

# nbformat imports jsonschema, and that every checker of formats that is installed. This one,
# for international web addresses, needs 2.5 s each time; no notebook has such an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: it is not there
