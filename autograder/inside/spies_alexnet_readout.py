"""What the checks of notebook 07 run in the student's process, through course_helper.inside."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import nn

# ----------------------------------------------------------------------------- pictures


def picture(pixels: torch.Tensor) -> Image.Image:
    """Return an RGB picture of these pixels, uint8 (H, W, 3)."""
    return Image.fromarray(pixels.numpy(), "RGB")


def picture_file(pixels: torch.Tensor, mode: str, kind: str, keep: float = 1.0) -> io.BytesIO:
    """Return an open file that holds a picture.

    Args:
        pixels: uint8 (H, W, 3).
        mode: the colours of the file, such as "L", "RGBA" or "P".
        kind: the format, such as "PNG".
        keep: the share of the file that is there; less than 1 is a broken file.
    """
    content = io.BytesIO()
    picture(pixels).convert(mode).save(content, kind)
    data = content.getvalue()
    return io.BytesIO(data[: int(keep * len(data))])


def mode_size_pixels(image: Image.Image) -> list[object]:
    """Return a picture's mode, width, height and mean of every channel."""
    columns = torch.tensor(list(image.getdata()), dtype=torch.float64)
    return [image.mode, *image.size, columns.reshape(len(columns), -1).mean(dim=0)]


# ----------------------------------------------------------------------------- networks


def seeded(layer: nn.Module, seed: int) -> nn.Module:
    """Fill a layer's parameters with normal numbers that depend on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * p[0].numel() ** -0.5)
    return layer


class Backbone(nn.Module):
    """A tiny network with AlexNet's parts: in-place ReLU, pooling, dropout.

    It takes pictures of 3 channels and gives 7 scores.

    Attributes:
        broken: whether a forward pass raises a RuntimeError at its end.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 1),
            nn.Conv2d(4, 5, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(20, 6), nn.ReLU(inplace=True), nn.Dropout(0.5)
        )
        self.classifier.append(nn.Linear(6, 7))
        self.broken = False
        seeded(self, seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        if self.broken:
            raise RuntimeError("this network breaks")
        return scores


class FixedScores(nn.Module):
    """A network that gives the same scores for every picture, through dropout."""

    def __init__(self, scores: torch.Tensor, dropout: float = 0.0) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores.clone())
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.dropout(self.scores)
        return scores.expand(len(x), -1)


class NeverRun(nn.Conv2d):
    """A convolution that must not be run."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the layer was run; its settings are enough")


def hooks(model: nn.Module) -> int:
    """Return how many hooks hang on a model and its layers."""
    places = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(layer, place)) for layer in model.modules() for place in places)


def gradients(model: nn.Module) -> int:
    """Return how many parameters of a model hold a gradient other than 0."""
    held = [p.grad for p in model.parameters() if p.grad is not None]
    return sum(bool(gradient.count_nonzero()) for gradient in held)
