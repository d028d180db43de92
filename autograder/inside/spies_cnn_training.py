"""What the checks of notebook 06 run in the student's process, through course_helper.inside."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class Mark:
    """Lives as long as the graph that it hangs on; it can be watched."""


class Marked(torch.autograd.Function):
    """The identity; its node of the graph holds a mark."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, marks: list[weakref.ref[Mark]]) -> torch.Tensor:
        ctx.mark = Mark()
        marks.append(weakref.ref(ctx.mark))
        return logits.view_as(logits)

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient, None


class SpyModel(nn.Module):
    """A linear model without bias that notes how it is called.

    Attributes:
        weight: the parameter, shape (classes, pixels).
        modes: at every call, whether it was in training mode.
        recording: at every call, whether gradients were recorded.
        graphs: at every call, how many graphs were alive of calls before the last one.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.modes: list[bool] = []
        self.recording: list[bool] = []
        self.graphs: list[int] = []
        self._marks: list[weakref.ref[Mark]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        self.recording.append(torch.is_grad_enabled())
        self.graphs.append(sum(mark() is not None for mark in self._marks[:-1]))
        scores: torch.Tensor = Marked.apply(images.flatten(1) @ self.weight.T, self._marks)
        return scores


class Operations(TorchDispatchMode):
    """Notes the operations that torch carries out, such as ``convolution``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch says nothing of its type
        self.names: list[str] = []

    def __torch_dispatch__(
        self,
        function: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        self.names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def operations(model: nn.Module, images: torch.Tensor) -> list[str]:
    """Return the names of the operations in a forward pass, in order."""
    noted = Operations()
    with torch.no_grad(), noted:
        model(images)
    return noted.names


def learn(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, steps: int) -> float:
    """Train a model on one batch; return the share of it that it then gets right."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right: torch.Tensor = model(images).argmax(dim=1) == labels
        return right.double().mean().item()
