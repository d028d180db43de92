"""What the checks of notebook 09 run in the student's process, through course_helper.inside."""

from __future__ import annotations

import torch
from torch import nn


class Audited(nn.Module):
    """A linear classifier of images of any dtype that notes how it is called.

    Attributes:
        weight: the parameter, shape (classes, pixels).
        modes: at every call, whether it was in training mode.
        recording: at every call, whether gradients were recorded.
        sizes: at every call, the number of images.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.modes: list[bool] = []
        self.recording: list[bool] = []
        self.sizes: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        self.recording.append(torch.is_grad_enabled())
        self.sizes.append(len(images))
        return images.flatten(1).to(self.weight.dtype) @ self.weight.T


def turned(images: torch.Tensor) -> torch.Tensor:
    """Return images upside down."""
    return images.flip(1, 2)


def halved(images: torch.Tensor) -> torch.Tensor:
    """Halve the images in place and return them."""
    return images.floor_divide_(2)


def blackened(images: torch.Tensor) -> torch.Tensor:
    """Blacken the left columns in place and return the images."""
    images[:, :, :2] = 0
    return images
