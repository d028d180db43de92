"""What is kept of a run, and what counts as not there."""

import json

import pytest

from autograder.checks.shared.verdict import Verdict
from autograder.results.ledger import Ledger
from autograder.results.result import FORM, OlderForm, Result

NAME = "01_shapes"
VERDICTS = {"area-public-1": Verdict(), "area-hidden-1": Verdict("error", "Hint: x.", "ValueError")}
RESULT = Result("ada", NAME, "digest", VERDICTS, notes=("Cell 3 was slow.",), seconds=1.5)
# As version 1.0 wrote it, before results said which form they have.
OLD = {
    "student": "ada",
    "notebook": NAME,
    "digest": "digest",
    "outcomes": {"area-public-1": {"passed": True, "kind": "passed", "message": ""}},
    "problem": "",
    "notes": [],
    "seconds": 1.0,
    "cpu_seconds": 0.5,
}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "results")


def test_a_result_comes_back_as_it_was(ledger):
    ledger.store(RESULT)
    assert ledger.find(NAME, "ada", "digest") == RESULT
    assert ledger.all(NAME) == [RESULT]
    assert ledger.find(NAME, "ada", "another") is None
    assert ledger.find(NAME, "ben", "digest") is None
    assert not ledger.met_older


def kept(ledger, text):
    """Let the kept result have this text."""
    ledger.store(RESULT)
    (path,) = ledger.folder.rglob("*.json")
    path.write_text(text)


def test_a_result_of_an_older_version_is_not_there(ledger):
    kept(ledger, json.dumps(OLD, indent=1))
    assert ledger.all(NAME) == []
    assert ledger.find(NAME, "ada", "digest") is None
    assert ledger.met_older
    with pytest.raises(OlderForm):
        Result.loads(json.dumps(OLD))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"form": "x"}', '{"form": 2}', RESULT.dumps().replace("kind", "kin")],
)
def test_what_is_no_result_is_not_there(ledger, text):
    kept(ledger, text)
    assert ledger.find(NAME, "ada", "digest") is None
    assert ledger.all(NAME) == []
    assert not ledger.met_older


def test_a_result_of_a_newer_version_is_not_there(ledger):
    fields = json.loads(RESULT.dumps())
    kept(ledger, json.dumps(fields | {"form": FORM + 1}))
    assert ledger.find(NAME, "ada", "digest") is None
