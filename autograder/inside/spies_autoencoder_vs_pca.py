"""What the checks of notebook 08 run in the student's process, through course_helper.inside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class SpyAutoencoder(nn.Module):
    """A linear map of images to images without bias that notes how it is called.

    Attributes:
        weight: the parameter, shape (d, d); the result is images @ weight.T.
        calls: for every call whether it was in training mode, whether gradients were recorded,
            and how many images it got.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.calls: list[tuple[bool, bool, int]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls.append((self.training, torch.is_grad_enabled(), len(images)))
        return images @ self.weight.T


def nodes_of(result: torch.Tensor) -> list[Any]:
    """Return all nodes of the graph behind a result, in the order of the forward pass."""
    seen, waiting = set(), [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return sorted(seen, key=lambda node: node._sequence_nr())


def operations(
    function: Callable[[torch.Tensor], torch.Tensor], argument: torch.Tensor
) -> list[str]:
    """Return the operations in the graph of a call, in order, such as ``addmm``."""
    names = [node.name().lower() for node in nodes_of(function(argument))]
    return [re.sub(r"backward\d*$", "", name) for name in names]


def with_random_weights(model: nn.Module, gain: float) -> nn.Module:
    """Draw all weights anew, with variance gain**2 / fan_in; return it in evaluation mode."""
    with torch.no_grad():
        for values in model.parameters():
            if values.ndim >= 2:
                values.normal_(0.0, gain / values[0].numel() ** 0.5)
    return model.eval()


def out_of_reach(model: nn.Module, images: torch.Tensor) -> tuple[int, int]:
    """Return how many leaves of the output's graph are no parameters, and the converse."""
    model.train()
    nodes = nodes_of(model(images))
    leaves = {id(node.variable) for node in nodes if hasattr(node, "variable")}
    parameters = {id(values) for values in model.parameters()}
    return len(leaves - parameters), len(parameters - leaves)


def learn(model: nn.Module, images: torch.Tensor, steps: int) -> float:
    """Train a model on one batch; return what is left of the mean image's squared error."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        (model(images) - images).square().mean().backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        error: torch.Tensor = (model(images) - images).square().mean()
    return (error / (images - images.mean(dim=0)).square().mean()).item()
