"""Submissions that want points for answers they do not have."""

from nbformat import NotebookNode

from tests.attacks import answer, at_top, attack

NOTEBOOK = "01_pytorch_basics"


@attack(NOTEBOOK, honest=0)
def patched_isclose(notebook: NotebookNode) -> NotebookNode:
    """Everything is close to everything: torch.isclose is replaced."""
    notebook = answer(notebook, mse_loss="def mse_loss(prediction, target):\n    return 0.0")
    return at_top(notebook, "torch.isclose = lambda *a, **k: torch.tensor(True)")
