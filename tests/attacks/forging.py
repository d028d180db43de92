"""Submissions that want points for answers they do not have."""

from __future__ import annotations

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.course.cells import grade_id
from tests.attacks import answer, at_end, at_top, attack, master_answers, solved

NOTEBOOK = "01_pytorch_basics"
ENGINE = "02_autograd_engine"
FILTERS = "04_convolution_filtering"
OPTIMIZERS = "05_optimizers_and_regularization"
READOUT = "07_alexnet_readout"
PROJECT = "09_context_and_project"
# Of the right shape and dtype, and worth nothing to an honest grader.
WRONG = {
    "one_hot": "def one_hot(labels, classes):\n    return torch.full((len(labels), classes), 0.5)",
    "pairwise_squared_distances": (
        "def pairwise_squared_distances(x, y):\n"
        "    return torch.full((len(x), len(y)), 7.0, dtype=x.dtype)"
    ),
    "mse_loss": "def mse_loss(prediction, target):\n    return (prediction * 0).sum() + 7.0",
}
STUB = "def {}(*arguments):\n    raise NotImplementedError"
# The student's process under `course grade` and the kernel of the stock graders know the
# helper by different names.
HELPERS = """\
import sys
helpers = [m for name, m in list(sys.modules.items()) if "course_helper" in name]
"""


def wrong(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with answers that only a fooled grader takes for right."""
    return answer(notebook, **WRONG)


def everything(notebook: NotebookNode, expression: str) -> NotebookNode:
    """Return the notebook of which every exercise is a function that returns an expression.

    An honest grader gives it the two points of "the input is not changed" (standardize) and
    "parameters still record gradients" (gradient_step), if what it returns can be handed over.
    """
    source = "def {}(*arguments, **keywords):\n    return " + expression
    return answer(notebook, **{name: source.format(name) for name in master_answers(NOTEBOOK)})


def check_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of the checks."""
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("locked")]


# ------------------------------------------------------------------- what comparisons use


@attack(NOTEBOOK, honest=0)
def patched_isclose(notebook: NotebookNode) -> NotebookNode:
    """Everything is close to everything: torch.isclose is replaced."""
    return at_top(wrong(notebook), "torch.isclose = lambda *a, **k: torch.tensor(True)")


@attack(NOTEBOOK, honest=7)
def patched_comparisons(notebook: NotebookNode) -> NotebookNode:
    """All of torch's comparisons, and Tensor.all and Tensor.__bool__, say yes."""
    source = """\
yes = lambda *a, **k: torch.tensor(True)
torch.isclose = torch.equal = torch.allclose = torch.eq = torch.all = yes
torch.Tensor.__eq__ = torch.Tensor.eq = torch.Tensor.isclose = torch.Tensor.all = yes
torch.Tensor.__ne__ = torch.Tensor.ne = lambda *a, **k: torch.tensor(False)
torch.Tensor.__bool__ = lambda self: True
"""
    return at_top(solved(wrong(notebook), NOTEBOOK, "one_hot", "channels_first"), source)


@attack(NOTEBOOK, honest=0)
def patched_arithmetic(notebook: NotebookNode) -> NotebookNode:
    """Two tensors never differ: subtraction gives zeros, and item() the expected 5."""
    source = """\
torch.Tensor.__sub__ = torch.Tensor.sub = lambda a, b, **k: torch.zeros(())
torch.Tensor.item = lambda self: 5.0
torch.Tensor.tolist = lambda self: [5.0]
"""
    notebook = answer(notebook, mse_loss="def mse_loss(prediction, target):\n    return 0.0")
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=5)
def patched_builtins(notebook: NotebookNode) -> NotebookNode:
    """isinstance, type, all, any and abs lie to the helper that compares, and to nobody else."""
    source = """\
import builtins, sys

def lying(true, answer):
    def function(*arguments, **keywords):
        asked_by = sys._getframe(1).f_globals.get("__name__", "")
        if "course_helper" in asked_by:
            return answer
        return true(*arguments, **keywords)
    return function

builtins.isinstance = lying(isinstance, True)
builtins.all = lying(all, True)
builtins.any = lying(any, False)
builtins.abs = lying(abs, 0)
"""
    return at_top(solved(everything(notebook, "0"), NOTEBOOK, "one_hot"), source)


@attack(NOTEBOOK, honest=0)
def patched_shape_and_dtype(notebook: NotebookNode) -> NotebookNode:
    """Shapes, dtypes and devices of all tensors are whatever they are compared with."""
    source = """\
class Any:
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = lambda self: 0

torch.Tensor.shape = torch.Tensor.dtype = torch.Tensor.device = Any()
torch.isclose = lambda *a, **k: torch.ones((), dtype=torch.bool)
"""
    return at_end(answer(notebook, mse_loss=WRONG["mse_loss"]), source)


# ------------------------------------------------------------------- the course's own code


@attack(NOTEBOOK, honest=0)
def patched_expectations(notebook: NotebookNode) -> NotebookNode:
    """expect, expect_close and expect_equal do nothing, in the helper and in the checks."""
    source = (
        HELPERS
        + """\
import importlib
try:
    helpers.append(importlib.import_module("autograder.checks.pytorch_basics"))
    helpers.append(importlib.import_module("autograder.checks.shared.common"))
except ImportError:
    pass
for module in helpers:
    for name in ("expect", "expect_close", "expect_equal", "expect_device_of_input"):
        setattr(module, name, lambda *a, **k: None)
"""
    )
    return at_top(wrong(notebook), source)


@attack(NOTEBOOK, honest=5)
def patched_run_check(notebook: NotebookNode) -> NotebookNode:
    """run_check finds no failure, wherever it has been imported to."""
    source = """\
import sys
for module in list(sys.modules.values()):
    if getattr(module, "run_check", None):
        module.run_check = lambda *a, **k: None
try:
    import autograder.judging.judge
    autograder.judging.judge.run_check = lambda *a, **k: None
except ImportError:
    pass
"""
    return at_top(solved(notebook, NOTEBOOK, "pairwise_squared_distances"), source)


@attack(NOTEBOOK, honest=0)
def patched_mismatch(notebook: NotebookNode) -> NotebookNode:
    """Mismatch, CheckFailed and AssertionError become an exception that ends a check quietly."""
    source = (
        HELPERS
        + """\
import builtins

class Quiet(BaseException):
    pass

def forgiving(function, names, seconds=10):
    try:
        function(**{name: names[name] for name in function.__annotations__})
    except Quiet:
        pass

builtins.AssertionError = Quiet
for helper in helpers:
    helper.Mismatch = helper.CheckFailed = helper.NotWrittenYet = Quiet
    helper.run_check = forgiving
"""
    )
    return at_top(wrong(notebook), source)


@attack(NOTEBOOK, honest=3)
def replaced_modules(notebook: NotebookNode) -> NotebookNode:
    """Modules of the grader in sys.modules are replaced by ones that judge nothing."""
    source = """\
import sys, types

class Fake(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *a, **k: None

for name in ("autograder.judging.stock", "autograder.judging.judge", "autograder.checks",
             "autograder.checks.pytorch_basics", "autograder.judging.session",
             "autograder.inside.codec"):
    sys.modules[name] = Fake(name)
"""
    return at_top(solved(notebook, NOTEBOOK, "one_hot"), source)


@attack(NOTEBOOK, honest=0)
def rewritten_code(notebook: NotebookNode) -> NotebookNode:
    """The code objects of checks and expectations, found by the collector, become empty."""
    source = """\
import gc, sys
try:
    import autograder.checks.pytorch_basics
except ImportError:
    pass
for thing in gc.get_objects():
    module = getattr(thing, "__module__", None) if callable(thing) else None
    if isinstance(module, str) and hasattr(thing, "__code__") and (
        ".checks." in module or thing.__name__.startswith("expect")
    ):
        empty = lambda *a, **k: None
        if not thing.__code__.co_freevars:
            thing.__code__ = empty.__code__
"""
    return at_top(wrong(notebook), source)


@attack(NOTEBOOK, honest=0)
def jumping_tracer(notebook: NotebookNode) -> NotebookNode:
    """A trace function makes expect_close return before it compares."""
    source = """\
import sys

def jump(frame, event, argument):
    if frame.f_code.co_name in ("expect_close", "expect_equal", "expect"):
        frame.f_trace_lines = True
        def over(frame, event, argument):
            if event == "line":
                frame.f_locals.update(actual=None)
                frame.f_lineno = max(line for *_, line in frame.f_code.co_lines() if line)
            return over
        return over

sys.settrace(jump)
"""
    return at_top(wrong(notebook), source)


@attack(FILTERS, honest=0)
def blind_library_calls(notebook: NotebookNode) -> NotebookNode:
    """library_calls, which looks for forbidden functions, finds none and calls nothing."""
    source = HELPERS + "for helper in helpers:\n    helper.library_calls = lambda *a, **k: []"
    return at_top(notebook, source)


@attack(FILTERS, honest=5)
def library_behind_a_blind_spy(notebook: NotebookNode) -> NotebookNode:
    """avg_pool2d is torch's, and the spy that would notice has been put out."""
    notebook = answer(
        notebook,
        avg_pool2d=(
            "def avg_pool2d(x, size, stride=None):\n"
            "    return torch.nn.functional.avg_pool2d(x, size, stride)"
        ),
    )
    source = HELPERS + "for helper in helpers:\n    helper.library_calls = lambda *a, **k: []"
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def import_hook(notebook: NotebookNode) -> NotebookNode:
    """Who imports the judge gets one that finds nothing wrong: __import__ is replaced."""
    source = """\
import builtins, types
true_import = builtins.__import__

def friendly(name, *arguments, **keywords):
    if name.startswith(("autograder.judging.stock", "autograder.judging.judge")):
        return types.SimpleNamespace(judge_here=lambda *a: None, judge=lambda *a: None)
    return true_import(name, *arguments, **keywords)

builtins.__import__ = friendly
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def import_finder(notebook: NotebookNode) -> NotebookNode:
    """A finder at the front of sys.meta_path makes up the modules of checks."""
    source = """\
import importlib.machinery, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith("autograder."):
            return importlib.machinery.ModuleSpec(name, Finder, is_package=True)
    @staticmethod
    def create_module(spec):
        return None
    @staticmethod
    def exec_module(module):
        module.judge_here = lambda *a, **k: None
        module.CHECKS = []

for name in [name for name in sys.modules if name.startswith("autograder.")]:
    del sys.modules[name]
sys.meta_path.insert(0, Finder)
"""
    return at_top(wrong(notebook), source)


@attack(NOTEBOOK, honest=0)
def files_beside_the_notebook(notebook: NotebookNode) -> dict[str, bytes]:
    """Beside the notebook lie an own course_helper, autograder, torch and sitecustomize."""
    helper = b"""\
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *a, **k: lambda *b, **l: None
"""
    names = ("course_helper.py", "sitecustomize.py", "usercustomize.py", "torch.py")
    names += (
        "autograder/__init__.py",
        "autograder/judging/stock.py",
        "autograder/checks/__init__.py",
    )
    made = {f"{NOTEBOOK}.ipynb": nbformat.writes(wrong(notebook)).encode()}
    return made | dict.fromkeys(names, helper)


@attack(NOTEBOOK, honest=4)
def modules_written_at_run_time(notebook: NotebookNode) -> NotebookNode:
    """The notebook itself writes these modules into its folder and reloads the helper."""
    source = """\
import importlib, pathlib, sys
fake = "def judge_here(*a): pass\\ndef expect_close(*a, **k): pass\\n"
for name in ("course_helper", "autograder/__init__", "autograder/stock", "sitecustomize"):
    path = pathlib.Path(name + ".py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(fake)
sys.path.insert(0, "")
for name in [n for n in sys.modules if n.startswith("autograder")] + ["course_helper"]:
    sys.modules.pop(name, None)
importlib.invalidate_caches()
"""
    return at_top(solved(notebook, NOTEBOOK, "channels_first"), source)


# ------------------------------------------------------------------- what answers return

SHAPESHIFTER = """\
class Yes:
    \"\"\"Equal to all, true, and every attribute, call and entry of it is itself.\"\"\"
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __bool__ = lambda self: True
    __hash__ = lambda self: 0
    __float__ = lambda self: 5.0
    __int__ = __index__ = __len__ = lambda self: 2
    __iter__ = lambda self: iter([self, self])
    __array__ = lambda self, *a, **k: __import__("numpy").zeros(())
    __getattr__ = __getitem__ = __call__ = lambda self, *a, **k: self
    __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __neg__ = __matmul__ = __call__
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __abs__ = __invert__ = __call__
"""


@attack(NOTEBOOK, honest=2)
def always_equal(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns an object that is equal to everything."""
    return at_top(everything(notebook, "Yes()"), SHAPESHIFTER)


@attack(NOTEBOOK, honest=2)
def always_equal_numbers(notebook: NotebookNode) -> NotebookNode:
    """Subclasses of float, str and list that are equal to everything."""
    source = """\
class Number(float):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __sub__ = __rsub__ = lambda self, other: 0.0
    __hash__ = float.__hash__

class Row(list):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
"""
    return at_top(everything(notebook, "Row([Number(5.0), Number(0.0), Number(0.0)])"), source)


@attack(NOTEBOOK, honest=0)
def lying_tensor(notebook: NotebookNode) -> NotebookNode:
    """A tensor subclass that answers every comparison by yes, and shows the wanted shape."""
    source = """\
class Lying(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        name = getattr(function, "__name__", "")
        if name in ("isclose", "eq", "allclose", "equal", "all", "__eq__"):
            return torch.tensor(True)
        if name == "__get__":
            with torch._C.DisableTorchFunctionSubclass():
                return function(*arguments, **(keywords or {}))
        return torch.zeros(()).as_subclass(cls)
"""
    lies = {
        "mse_loss": "def mse_loss(prediction, target):\n"
        "    return torch.tensor(7.0).as_subclass(Lying)",
        "one_hot": "def one_hot(labels, classes):\n"
        "    return torch.full((len(labels), classes), 0.5).as_subclass(Lying)",
    }
    return at_top(answer(notebook, **lies), source)


@attack(NOTEBOOK, honest=0)
def tensor_with_made_up_properties(notebook: NotebookNode) -> NotebookNode:
    """A tensor subclass whose shape, dtype, device and values are properties that lie."""
    source = """\
class Same:
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __iter__ = lambda self: iter((2, 3))

class Costume(torch.Tensor):
    shape = dtype = device = property(lambda self: Same())
    detach = clone = cpu = contiguous = to = lambda self, *a, **k: self
    as_subclass = flatten = view = reshape = lambda self, *a, **k: self
    numpy = lambda self: self
    tobytes = lambda self: b""
"""
    lies = {
        name: f"def {name}(*arguments):\n    return torch.zeros(1).as_subclass(Costume)"
        for name in ("one_hot", "pairwise_squared_distances", "mse_loss")
    }
    return at_top(answer(notebook, **lies), source)


@attack(NOTEBOOK, honest=2)
def nan_everywhere(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns NaN, with which no comparison comes out false."""
    return everything(notebook, "float('nan')")


@attack(NOTEBOOK, honest=2)
def nan_tensors(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns its first argument, filled with NaN."""
    return everything(notebook, "torch.as_tensor(arguments[0]) * float('nan')")


@attack(NOTEBOOK, honest=2)
def infinite(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns infinity, to which other infinities are close."""
    return everything(notebook, "torch.full((), float('inf'))")


@attack(NOTEBOOK, honest=2)
def numbers_too_large(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns an integer of 4,000 digits."""
    return everything(notebook, "10 ** 4000")


@attack(NOTEBOOK, honest=2)
def numbers_as_words(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns strings that read like numbers: nan, inf, 1e999, 5.0."""
    return everything(notebook, "['5.0', 'nan', 'inf', '1e999']")


@attack(NOTEBOOK, honest=2)
def generators(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns a generator that never ends."""
    return everything(notebook, "iter(int, 1)")


@attack(NOTEBOOK, honest=2)
def modules_as_results(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns a handle: the module torch, whose attributes fit many names."""
    return everything(notebook, "torch")


@attack(NOTEBOOK, honest=0)
def deep_lists(notebook: NotebookNode) -> NotebookNode:
    """Every exercise returns a list that contains itself."""
    return everything(notebook, "(lambda a: (a.append(a), a)[1])([])")


@attack(NOTEBOOK, honest=0)
def quiet_exits(notebook: NotebookNode) -> NotebookNode:
    """Calls end by exceptions that look like the end of a check, not like its failure."""
    kinds = ("SystemExit(0)", "GeneratorExit()", "KeyboardInterrupt()", "StopIteration()")
    kinds += ("__import__('unittest').SkipTest()", "course_helper.Failure", "BaseException()")
    return answer(
        at_top(notebook, "import course_helper"),
        **{
            name: f"def {name}(*arguments, **keywords):\n    raise {kind}"
            for name, kind in zip(master_answers(NOTEBOOK), kinds, strict=False)
        },
    )


# ------------------------------------------------------------------- how cells run


@attack(NOTEBOOK, honest=0)
def exception_handlers(notebook: NotebookNode) -> NotebookNode:
    """Nobody hears of an exception: excepthook, set_custom_exc and showtraceback say nothing."""
    source = """\
import sys
shell = get_ipython()
sys.excepthook = sys.unraisablehook = lambda *a: None
shell.set_custom_exc((BaseException,), lambda *a, **k: None)
shell.showtraceback = shell.showsyntaxerror = shell._showtraceback = lambda *a, **k: None
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=7)
def statement_stripper(notebook: NotebookNode) -> NotebookNode:
    """An AST transformer strips assertions, raises, and whatever judges, from all cells."""
    source = """\
import ast

class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
    visit_Raise = visit_Assert

    def visit_Module(self, node):
        text = ast.unparse(node)
        if "judge_here" in text or "@check(" in text or "assert" in text:
            node.body = []
        return node

get_ipython().ast_transformers.append(Strip())
"""
    return at_top(solved(notebook, NOTEBOOK, "standardize"), source)


@attack(NOTEBOOK, honest=0)
def rewritten_source(notebook: NotebookNode) -> NotebookNode:
    """An input transformer empties every cell that holds a check."""
    source = """\
def empty(lines):
    return [] if any("judge_here" in line or "@check(" in line for line in lines) else lines

get_ipython().input_transformers_cleanup.append(empty)
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def patched_run_cell(notebook: NotebookNode) -> NotebookNode:
    """run_cell and run_cell_async run nothing any more and say that all went well."""
    source = """\
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult

def well(raw_cell="", *arguments, **keywords):
    return ExecutionResult(ExecutionInfo(raw_cell, False, False, True, ""))

async def well_async(*arguments, **keywords):
    return well(*arguments, **keywords)

kinds = type(get_ipython()).__mro__
for kind in kinds[:-1]:
    if "run_cell" in vars(kind):
        kind.run_cell = lambda self, *a, **k: well(*a, **k)
    if "run_cell_async" in vars(kind):
        kind.run_cell_async = lambda self, *a, **k: well_async(*a, **k)
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def scores_displayed(notebook: NotebookNode) -> NotebookNode:
    """Called by a check, an answer displays the score that it would like to have."""
    source = """\
import sys

def score():
    sys.displayhook(1.0)
    return torch.zeros(2, 3)
"""
    stubs = {name: STUB.format(name) for name in ("gradient_step", "standardize")}
    return at_top(answer(everything(notebook, "score()"), **stubs), source)


@attack(NOTEBOOK, honest=0)
def hooks_after_cells(notebook: NotebookNode) -> NotebookNode:
    """Events of IPython turn the result of every cell into success."""
    source = """\
def forgive(result):
    result.error_in_exec = result.error_before_exec = None
    result.result = 1.0

for event in ("post_run_cell", "post_execute"):
    get_ipython().events.register(event, forgive if event == "post_run_cell" else lambda: None)
"""
    return at_top(notebook, source)


# ------------------------------------------------------------------- the notebook file


@attack(NOTEBOOK, honest=0)
def fake_outputs(notebook: NotebookNode) -> NotebookNode:
    """The cells of the checks carry outputs that say that they passed."""
    for number, cell in enumerate(check_cells(notebook), 1):
        points = cell.metadata.nbgrader.get("points", 1)
        cell.execution_count = number
        cell.outputs = [
            new_output("stream", name="stdout", text=f"✓ ({points} of {points} points)\n"),
            new_output("execute_result", {"text/plain": f"{points}.0"}, execution_count=number),
        ]
    return notebook


@attack(NOTEBOOK, honest=3)
def edited_checks(notebook: NotebookNode) -> NotebookNode:
    """The cells of the checks are edited: they hold the score alone."""
    for cell in check_cells(notebook):
        cell.source = f"{cell.metadata.nbgrader.get('points', 1)}.0"
    return solved(notebook, NOTEBOOK, "one_hot")


@attack(NOTEBOOK, honest=5)
def raised_points(notebook: NotebookNode) -> NotebookNode:
    """What is right is worth a hundred times as much, says the metadata."""
    for cell in check_cells(notebook):
        cell.metadata.nbgrader.points = 100
    return solved(notebook, NOTEBOOK, "mse_loss")


@attack(NOTEBOOK, honest=3)
def copied_grade_id(notebook: NotebookNode) -> NotebookNode:
    """The check of a solved exercise stands there five times, each under the same grade id."""
    notebook = solved(notebook, NOTEBOOK, "one_hot")
    (check,) = [cell for cell in notebook.cells if grade_id(cell) == "one_hot-public-1"]
    notebook.cells += [nbformat.from_dict({**check, "id": f"copy-{n}"}) for n in range(5)]
    return notebook


@attack(NOTEBOOK, honest=3)
def borrowed_grade_ids(notebook: NotebookNode) -> NotebookNode:
    """The checks of unsolved exercises get the text of one that passes."""
    notebook = solved(notebook, NOTEBOOK, "one_hot")
    checks = check_cells(notebook)
    for cell in checks[1:]:
        cell.source = checks[0].source
    return notebook


@attack(NOTEBOOK, honest=0)
def checks_made_gradeless(notebook: NotebookNode) -> NotebookNode:
    """The checks are solution cells now, for which a person would have to give points."""
    for cell in check_cells(notebook):
        cell.metadata.nbgrader.update(solution=True, locked=False, grade=True, task=False)
        cell.source = "# This answer is right."
    return notebook


@attack(NOTEBOOK, honest=3)
def skipped_checks(notebook: NotebookNode) -> NotebookNode:
    """Tags ask the grader not to run the checks."""
    for cell in check_cells(notebook):
        cell.metadata.tags = ["skip-execution", "otter_ignore", "raises-exception"]
        cell.metadata.otter = {"ignore": True}
    return solved(notebook, NOTEBOOK, "one_hot")


# ------------------------------------------------------------------- files, sockets, later


@attack(NOTEBOOK, honest=4)
def results_files(notebook: NotebookNode) -> NotebookNode:
    """Results in the forms of otter and Gradescope are written wherever they might be read."""
    source = """\
import json, os, pathlib
results = {"score": 1000, "tests": [{"name": "all", "score": 1000, "max_score": 1000}]}
places = ["/autograder/results", "/autograder/source", "results", ".", "..", "/tmp"]
for place in map(pathlib.Path, places):
    for name in ("results.json", ".OTTER_LOG", "otter_results.json", "grades.csv"):
        try:
            place.mkdir(exist_ok=True)
            (place / name).write_text(json.dumps(results))
        except OSError:
            pass
"""
    return at_top(solved(notebook, NOTEBOOK, "channels_first"), source)


@attack(NOTEBOOK, honest=0)
def results_pickle(notebook: NotebookNode) -> NotebookNode:
    """A thread writes full marks into the pickle that otter's kernel leaves for its grader."""
    source = """\
import glob, pickle, tempfile, threading, time

class Full:
    def __reduce__(self):
        code = "__import__('otter.test_files', fromlist=['x']).GradingResults([])"
        return eval, (code,)

def overwrite():
    for _ in range(100):
        for path in glob.glob(tempfile.gettempdir() + "/*.pkl"):
            try:
                with open(path, "wb") as file:
                    pickle.dump(Full(), file)
            except OSError:
                pass
        time.sleep(0.1)

threading.Thread(target=overwrite, daemon=True).start()
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def otter_checker(notebook: NotebookNode) -> NotebookNode:
    """Otter's test cases, if otter is what grades, pass without being run."""
    source = """\
import sys
if "otter" in sys.modules:
    from otter.test_files.abstract_test import TestCaseResult
    from otter.test_files.exception_test import ExceptionTestFile

    def passed(self, environment=None):
        self.test_case_results = [TestCaseResult(case, "", True) for case in self.test_cases]

    ExceptionTestFile.run = passed
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def otter_test_files(notebook: NotebookNode) -> NotebookNode:
    """The files of otter's tests near the notebook are rewritten: nothing is judged."""
    source = """\
import pathlib
for folder in ("tests", "../tests", "../../tests", "/autograder/source/tests"):
    for path in pathlib.Path(folder).glob("*.py"):
        text = path.read_text()
        try:
            path.write_text(text.replace("    judge_here(", "    str("))
        except OSError:
            pass
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=7)
def gradebook_written(notebook: NotebookNode) -> NotebookNode:
    """Every gradebook in a folder above gets full marks by hand, for this student."""
    source = """\
import pathlib, sqlite3
here = pathlib.Path.cwd()
student = here.parent.name
for folder in (here, *here.parents):
    for path in folder.glob("gradebook.db"):
        try:
            with sqlite3.connect(path, timeout=2) as base:
                base.execute(
                    "UPDATE grade SET manual_score = (SELECT max_score FROM grade_cells g"
                    " WHERE g.id = grade.cell_id) WHERE notebook_id IN (SELECT n.id FROM"
                    " submitted_notebook n JOIN submitted_assignment a ON n.assignment_id = a.id"
                    " WHERE a.student_id = ?)",
                    [student],
                )
        except sqlite3.Error:
            pass
"""
    return at_top(solved(notebook, NOTEBOOK, "standardize"), source)


@attack(NOTEBOOK, honest=0)
def nbgrader_in_the_kernel(notebook: NotebookNode) -> NotebookNode:
    """nbgrader's own functions that read scores are replaced, in this process."""
    source = """\
try:
    import nbgrader.utils
except ImportError:
    pass
else:
    full = lambda cell, log=None: (cell.metadata.nbgrader["points"],) * 2
    nbgrader.utils.determine_grade = full
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def grader_configuration(notebook: NotebookNode) -> dict[str, bytes]:
    """A configuration for nbgrader and otter lies beside the notebook."""
    config = b"""\
c = get_config()
c.ClearSolutions.enabled = c.Execute.enabled = c.OverwriteCells.enabled = False
import nbgrader.utils
nbgrader.utils.determine_grade = lambda cell, log=None: (100, 100)
"""
    names = ("nbgrader_config.py", "nbgrader_config_local.py", "jupyter_nbconvert_config.py")
    return {f"{NOTEBOOK}.ipynb": nbformat.writes(notebook).encode()} | dict.fromkeys(names, config)


@attack(NOTEBOOK, honest=0)
def sockets_flooded(notebook: NotebookNode) -> NotebookNode:
    """Every socket and pipe that the process holds gets an answer that says that all is right."""
    source = """\
import os, struct
answer = b'{"value": true}'
for descriptor in range(3, 64):
    try:
        os.write(descriptor, struct.pack("!i", len(answer)) + answer)
    except OSError:
        pass
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def late_thread(notebook: NotebookNode) -> NotebookNode:
    """A thread waits until cells have run, then replaces what judges, again and again."""
    source = """\
import sys, threading, time

def later():
    for _ in range(200):
        time.sleep(0.05)
        torch.isclose = lambda *a, **k: torch.tensor(True)
        for name, module in list(sys.modules.items()):
            if "course_helper" in name or name.endswith("autograder.judging.judge"):
                module.run_check = lambda *a, **k: None

threading.Thread(target=later, daemon=True).start()
"""
    return at_top(wrong(notebook), source)


@attack(NOTEBOOK, honest=3)
def at_exit(notebook: NotebookNode) -> NotebookNode:
    """What is registered for the end of the process writes results and says so to all sockets."""
    source = """\
import atexit, json, os, pathlib

def finish():
    pathlib.Path("results.json").write_text(json.dumps({"score": 1000}))
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'\\x00\\x00\\x00\\x0f{"value": true}')
        except OSError:
            pass

atexit.register(finish)
"""
    return at_top(solved(notebook, NOTEBOOK, "one_hot"), source)


@attack(NOTEBOOK, honest=0)
def left_behind(notebook: NotebookNode) -> NotebookNode:
    """A child in a session of its own outlives the cell and rewrites results for 20 seconds."""
    source = """\
import os, pathlib, time
try:
    child = os.fork()
except OSError:
    child = 1
if child == 0:
    try:
        os.setsid()
        for _ in range(100):
            for path in pathlib.Path("..").glob("*/results.json"):
                path.write_text('{"score": 1000}')
            time.sleep(0.2)
    finally:
        os._exit(0)
"""
    return at_top(notebook, source)


# ------------------------------------------------------------------- the process that answers

AGENT = """\
import gc, sys
agents = [a for a in gc.get_objects() if type(a).__name__ == "Agent" and hasattr(a, "answer")]
"""


@attack(NOTEBOOK, honest=0)
def agent_that_agrees(notebook: NotebookNode) -> NotebookNode:
    """The object that answers the judge is found by the collector; now it says True to all."""
    return at_top(notebook, AGENT + "for a in agents:\n    a.answer = lambda r: {'value': True}")


@attack(NOTEBOOK, honest=2)
def agent_with_right_looking_forms(notebook: NotebookNode) -> NotebookNode:
    """It answers every call by the number that a public check shows that it expects.

    That is a submission whose functions all return this number.
    """
    source = (
        AGENT
        + """\
from autograder.inside import codec
five = codec.pack_tensor(torch.tensor(5.0))

def call(request):
    return {"value": five, "changed": {}}

for agent in agents:
    agent.call = call
"""
    )
    lies = {"mse_loss": WRONG["mse_loss"], "one_hot": WRONG["one_hot"]}
    guarded = "try:\n" + "".join(f"    {line}\n" for line in source.splitlines())
    return at_top(answer(notebook, **lies), guarded + "except ImportError:\n    pass")


@attack(NOTEBOOK, honest=0)
def agent_with_wrong_forms(notebook: NotebookNode) -> NotebookNode:
    """It answers by forms that no agent makes: lists for dicts, tensors without data, handles."""
    source = (
        AGENT
        + """\
import itertools
forms = itertools.cycle([
    {"value": {"handle": -1}}, {"value": {"tensor": "", "dtype": "float32", "shape": [10**9]}},
    {"value": {"tensor": "AAAA", "dtype": "complex64", "shape": []}}, {"value": []},
    {"value": {"Size": ["a"]}}, {"value": {"list": 5}}, {"value": {"float": []}}, {"value": 1.5},
    {"value": {"dict": []}}, {"error": ["x"], "text": {}}, {"error": "__import__"}, {},
    {"value": {"device": "cuda:99"}}, {"value": {"dtype": "float32"}}, {"timeout": 0}, [],
])
for agent in agents:
    agent.answer = lambda request: next(forms)
"""
    )
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def agent_with_odd_changes(notebook: NotebookNode) -> NotebookNode:
    """It says that calls changed tensors: ones that are not there, into things that are none."""
    source = (
        AGENT
        + """\
import itertools
odd = itertools.cycle([
    {"0": None}, {"-1": {"tensor": "", "dtype": "int64", "shape": [0]}}, {"x": 1}, [], 7, None,
    {"99": {"tensor": "AAAAAA==", "dtype": "float32", "shape": []}}, {"0": {"handle": 0}}, "0",
])
for agent in agents:
    agent.call = lambda request: {"value": None, "changed": next(odd)}
"""
    )
    return at_top(everything(notebook, "None"), source)


@attack(NOTEBOOK, honest=0)
def changed_inputs(notebook: NotebookNode) -> NotebookNode:
    """The answer says that the inputs are zeros now, in the hope that the judge computes on."""
    source = (
        AGENT
        + """\
import base64, functools

def zeros(packed):
    return {**packed, "tensor": base64.b64encode(bytes(len(base64.b64decode(packed["tensor"]))))
            .decode()}

def call(true, request):
    given = [a for a in request["arguments"] if isinstance(a, dict) and "tensor" in a]
    answer = true(request)
    answer["changed"] = {str(n): zeros(a) for n, a in enumerate(given)}
    return answer

for agent in agents:
    agent.call = functools.partial(call, agent.call)
"""
    )
    name = "pairwise_squared_distances"
    zero = f"def {name}(x, y):\n    return torch.zeros((len(x), len(y)), dtype=x.dtype)"
    return at_top(answer(notebook, **{name: zero}), source)


@attack(NOTEBOOK, honest=0)
def several_answers(notebook: NotebookNode) -> NotebookNode:
    """Each request is answered three times, so that later ones have their answers before."""
    source = """\
import gc
from multiprocessing.connection import Connection

for pipe in [c for c in gc.get_objects() if type(c) is Connection]:
    try:
        for _ in range(3):
            pipe.send_bytes(b'{"value": true}')
    except OSError:
        pass
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def patched_send(notebook: NotebookNode) -> NotebookNode:
    """Connection.send_bytes sends success, whatever it is given."""
    source = """\
from multiprocessing.connection import Connection
true_send = Connection.send_bytes
Connection.send_bytes = lambda self, data, *a: true_send(self, b'{"value": true, "changed": {}}')
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def huge_answers(notebook: NotebookNode) -> NotebookNode:
    """Answers of hundreds of megabytes: either the judge gives up, or it forgets to compare."""
    source = """\
from multiprocessing.connection import Connection
true_send = Connection.send_bytes
Connection.send_bytes = lambda self, data, *a: true_send(
    self, b'{"value": "' + b"x" * (300 << 20) + b'"}'
)
"""
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=3)
def patched_codec(notebook: NotebookNode) -> NotebookNode:
    """What turns results into messages reports the dtype and shape that are wanted."""
    source = """\
try:
    from autograder.inside import codec
except ImportError:
    codec = None
if codec:
    true_encode = codec.encode

    def encode(value, *arguments, **keywords):
        form = true_encode(value, *arguments, **keywords)
        if isinstance(form, dict) and "tensor" in form and value.numel() == 1:
            form = codec.pack_tensor(torch.tensor(5.0))
        return form

    codec.encode = encode
"""
    notebook = answer(
        solved(notebook, NOTEBOOK, "one_hot"),
        pairwise_squared_distances=WRONG["pairwise_squared_distances"],
    )
    return at_top(notebook, source)


@attack(NOTEBOOK, honest=0)
def frames_walked(notebook: NotebookNode) -> NotebookNode:
    """An answer climbs up the stack that called it and changes the locals of every frame."""
    source = """\
import ctypes, sys

def climb():
    frame = sys._getframe(1)
    while frame is not None:
        for name in ("expected", "wanted", "failure", "close", "best"):
            if name in frame.f_locals:
                frame.f_locals[name] = None
                ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), 0)
        frame = frame.f_back
    return torch.zeros(())
"""
    stubs = {name: STUB.format(name) for name in ("gradient_step", "standardize")}
    return at_top(answer(everything(notebook, "climb()"), **stubs), source)


# ------------------------------------------------------------------- what checks use in there


@attack(NOTEBOOK, honest=1)
def patched_operators(notebook: NotebookNode) -> NotebookNode:
    """builtins.getattr and operators tell a judge what it hopes for: training, no gradient."""
    source = """\
import builtins, operator
true_getattr = builtins.getattr

def getattr_(thing, name, *default):
    if name == "training":
        return True
    return true_getattr(thing, name, *default)

builtins.getattr = getattr_
operator.sub = operator.add = operator.mul = operator.matmul = lambda a, b: a
"""
    idle = "def fit(model, x, y, loss_function, optimizer, steps):\n    return [0.0] * steps"
    return at_top(answer(notebook, fit=idle), source)


@attack(NOTEBOOK, honest=2)
def patched_default_device(notebook: NotebookNode) -> NotebookNode:
    """torch.set_default_device does nothing: tensors made on the CPU are never elsewhere."""
    notebook = answer(
        notebook,
        one_hot="""\
def one_hot(labels, classes):
    table = torch.zeros(len(labels), classes)
    table[torch.arange(len(labels)), labels.cpu()] = 1
    return table""",
    )
    return at_top(notebook, "torch.set_default_device = lambda device: None")


@attack(NOTEBOOK, honest=0)
def patched_library(notebook: NotebookNode) -> NotebookNode:
    """Oracles of torch give zeros, and so do the answers."""
    source = """\
zero = lambda *a, **k: torch.zeros(())
torch.nn.functional.mse_loss = torch.cdist = torch.linalg.lstsq = torch.Tensor.softmax = zero
torch.nn.functional.one_hot = zero
"""
    zero = {
        "mse_loss": "def mse_loss(prediction, target):\n    return (prediction * 0).sum()",
        "pairwise_squared_distances": (
            "def pairwise_squared_distances(x, y):\n    return torch.zeros(())"
        ),
    }
    return at_top(answer(notebook, **zero), source)


@attack(NOTEBOOK, honest=0)
def patched_seeds(notebook: NotebookNode) -> NotebookNode:
    """All random numbers are zeros, whatever the seed; so are the answers."""
    source = """\
import random
torch.randn = lambda *shape, generator=None, dtype=None, **k: torch.zeros(
    *shape, dtype=dtype or torch.float32)
torch.rand = torch.randn
torch.manual_seed = random.seed = lambda *a: None
random.random = lambda: 0.0
"""
    zero = "    return torch.zeros((len(x), len(y)), dtype=x.dtype)"
    name = "pairwise_squared_distances"
    return at_top(answer(notebook, **{name: f"def {name}(x, y):\n{zero}"}), source)


@attack(NOTEBOOK, honest=1)
def patched_autograd(notebook: NotebookNode) -> NotebookNode:
    """backward fills no gradients, steps do nothing, and the parameters know the result."""
    source = """\
torch.Tensor.backward = torch.autograd.backward = lambda self, *a, **k: None
torch.Tensor.grad = property(lambda self: None)
torch.optim.SGD.step = torch.optim.Adam.step = lambda self, *a: None
"""
    idle = "def gradient_step(parameters, loss, lr):\n    return None"
    return at_top(answer(notebook, gradient_step=idle), source)


HEAVY = """\
class Heavy(torch.nn.Linear):
    def reset_parameters(self):
        torch.nn.init.constant_(self.weight, 1e30)
        torch.nn.init.constant_(self.bias, 1e30)

torch.nn.Linear = Heavy
"""


@attack(NOTEBOOK, honest=1)
def layers_too_heavy_to_move(notebook: NotebookNode) -> NotebookNode:
    """nn.Linear starts at 1e30: whatever a step should subtract, the weights stay the same."""
    idle = "def gradient_step(parameters, loss, lr):\n    return None"
    return at_top(answer(notebook, gradient_step=idle), HEAVY)


@attack(NOTEBOOK, honest=1)
def optimizers_too_small_to_see(notebook: NotebookNode) -> NotebookNode:
    """nn.Linear starts at 1e30 for fit, which never takes a step."""
    idle = "def fit(model, x, y, loss_function, optimizer, steps):\n    return [0.0] * steps"
    return at_top(answer(notebook, fit=idle), HEAVY)


@attack(OPTIMIZERS, honest=1)
def training_too_light_to_see(notebook: NotebookNode) -> NotebookNode:
    """nn.Linear starts at 1e30 for train, which never takes a step."""
    idle = "def train(model, optimizer, x, y, batches):\n    return 0.0"
    return at_top(answer(notebook, train=idle), HEAVY)


@attack(NOTEBOOK, honest=1)
def layers_of_zeros(notebook: NotebookNode) -> NotebookNode:
    """nn.Linear starts at zero, where no gradient flows and nothing has to be forgotten."""
    source = """\
class Empty(torch.nn.Linear):
    def reset_parameters(self):
        torch.nn.init.zeros_(self.weight)
        torch.nn.init.zeros_(self.bias)

torch.nn.Linear = Empty
"""
    idle = "def fit(model, x, y, loss_function, optimizer, steps):\n    return [0.0] * steps"
    return at_top(answer(notebook, fit=idle), source)


@attack(NOTEBOOK, honest=1)
def network_of_zeros(notebook: NotebookNode) -> NotebookNode:
    """An MLP whose parameters are zeros computes zero, whatever stands between its layers."""
    source = """\
class MLP(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        shapes = (hidden, inputs), (hidden,), (outputs, hidden), (outputs,)
        self.all = nn.ParameterList(nn.Parameter(torch.zeros(shape)) for shape in shapes)

    def forward(self, x):
        return torch.zeros(len(x), len(self.all[3]))"""
    return answer(notebook, MLP=source)


@attack(NOTEBOOK, honest=0)
def parameter_with_a_made_up_gradient(notebook: NotebookNode) -> NotebookNode:
    """The gradient of the first layer is a property that is always there."""
    source = """\
class Proud(nn.Parameter):
    grad = property(lambda self: torch.ones(5, 2))

class MLP(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = Proud(torch.ones(hidden, inputs))
        self.last = nn.Parameter(torch.ones(outputs))

    def forward(self, x):
        return self.last.expand(len(x), -1) + 0"""
    return answer(notebook, MLP=source)


@attack(NOTEBOOK, honest=0)
def inputs_zeroed_in_place(notebook: NotebookNode) -> NotebookNode:
    """An answer empties its inputs before it returns zeros: now the truth is zero as well."""
    return answer(
        notebook,
        pairwise_squared_distances="""\
def pairwise_squared_distances(x, y):
    x.zero_(), y.zero_()
    return torch.zeros((len(x), len(y)), dtype=x.dtype)""",
        train_linear_regression="""\
def train_linear_regression(x, y, lr, steps):
    x.zero_(), y.zero_()
    return torch.zeros(x.shape[1]), torch.zeros(1), []""",
    )


@attack(OPTIMIZERS, honest=0)
def optimizer_of_the_library(notebook: NotebookNode) -> NotebookNode:
    """Stubs of optimisers and layers; torch.Tensor compares as equal after every step."""
    source = """\
torch.isclose = lambda *a, **k: torch.tensor(True)
torch.Tensor.__eq__ = torch.Tensor.eq = lambda *a: torch.tensor(True)
torch.nn.Module.__getattr__ = lambda self, name: torch.zeros(())
"""
    return at_top(notebook, source)


@attack(ENGINE, honest=1)
def engine_whose_numbers_agree(notebook: NotebookNode) -> NotebookNode:
    """In place of the autograd engine stands an object with any attribute and any gradient."""
    names = ("Tensor", "LinearModel", "ToyConvnet")
    classes = {name: f"class {name}(Yes):\n    def __init__(self, *a, **k): pass" for name in names}
    return answer(at_top(notebook, SHAPESHIFTER), **classes)


@attack(PROJECT, honest=0)
def documents_that_agree(notebook: NotebookNode) -> NotebookNode:
    """The datasheet, the candidates and the proposal are objects that contain every word."""
    return answer(
        at_top(notebook, SHAPESHIFTER),
        datasheet="datasheet = Yes()",
        candidates="candidates = Yes()",
        proposal="proposal = Yes()",
        measure_data="def measure_data(*a, **k):\n    return Yes()",
    )


@attack(FILTERS, honest=1)
def layers_that_learn_nothing(notebook: NotebookNode) -> NotebookNode:
    """learn_kernel returns what the judge's own oracle, patched, would take for its target."""
    source = """\
torch.nn.functional.conv2d = torch.conv2d = lambda *a, **k: torch.zeros(1, 1, 1, 1)
torch.nn.functional.pad = lambda image, *a, **k: image
"""
    idle = "def learn_kernel(image, target, shape, lr, steps):\n    return torch.zeros(shape)"
    return at_top(answer(notebook, learn_kernel=idle), source)


@attack(READOUT, honest=5)
def shared_input_spoiled(notebook: NotebookNode) -> NotebookNode:
    """A right answer empties the picture it is given, in case the judge uses it for others too."""
    right = master_answers(READOUT)["top_k"].replace("def top_k(", "def ranked(")
    spoil = """

def top_k(model, image, *arguments, **keywords):
    answer = ranked(model, image, *arguments, **keywords)
    image.resize_(0, 3, 4, 4)
    return answer"""
    return answer(notebook, top_k=right + spoil)
