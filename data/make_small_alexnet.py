"""Make small_alexnet.npz: an AlexNet with narrow layers, trained on CIFAR-10.

The network has the layers of torchvision's AlexNet, under the same names and in the same
order, with fewer channels, ten outputs, and images of 64 x 64 pixels. Notebook 07 uses it
where AlexNet's own weights (233 MB) cannot be had.

It is trained with batch normalisation behind every convolution, which AlexNet does not have.
After training, each normalisation is folded into its convolution, so the file holds
AlexNet's layers and nothing else. The weights are rounded to float16, and the accuracy
that is printed is that of the rounded weights.

Usage:
    python data/make_small_alexnet.py CIFAR10

CIFAR10 is a tar file with a JPEG an image, train/<class>/*.jpg and test/<class>/*.jpg,
or a folder into which torchvision downloads CIFAR-10 (170 MB) if it is not there.
On one CPU core it takes about half an hour.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

SIDE = 64  # pixels; the images of 32 x 32 are enlarged to this
# Most epochs see smaller images, at half the cost; only the last ones see the full size.
SMALL_SIDE = 48
SMALL_SHARE = 0.6
CHANNELS = (32, 64, 96, 96, 64)
KERNELS = (11, 5, 3, 3, 3)
STRIDES = (2, 1, 1, 1, 1)
PADDINGS = (4, 2, 1, 1, 1)
HIDDEN = 256
POOLED = 3  # AlexNet's avgpool makes maps of this size, whatever the image's size
# Where torchvision's AlexNet has its convolutions, its pooling and its dense layers.
CONVOLUTIONS = (0, 3, 6, 8, 10)
POOL_AFTER = (0, 3, 10)
DENSE = (1, 4, 6)
# AlexNet's preprocessing.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SHIFT = 4  # pixels by which a training image is moved at most


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(__file__).resolve().with_name("small_alexnet.npz"),
    help="The file to write (default: small_alexnet.npz beside this script).",
)
@click.option("--epochs", default=13, show_default=True, type=click.IntRange(1))
@click.option("--batch", default=128, show_default=True, type=click.IntRange(2))
@click.option("--rate", default=0.1, show_default=True, help="The highest learning rate.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, output: Path, epochs: int, batch: int, rate: float, seed: int) -> None:
    """Train the network, write its weights, print its test accuracy and the file's SHA-256."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # so that sums are rounded in the same way on every run
    images, labels, test_images, test_labels, categories = read_images(data)
    click.echo(f"{len(labels):,} training and {len(test_labels):,} test images")
    model = build()
    click.echo(f"{sum(p.numel() for p in model.parameters()):,} parameters with batch norm")
    train(model, images, labels, epochs, batch, rate)
    weights = {name: value.numpy().astype(np.float16) for name, value in fold(model).items()}
    accuracy = test(weights, test_images, test_labels)
    click.echo(f"Test accuracy with the float16 weights: {100 * accuracy:.2f} %")
    content = pack(weights, categories)
    output.write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    click.echo(f"{output}: {len(content):,} bytes, SHA-256 {checksum}")


def read_images(path: Path) -> tuple[torch.Tensor, ...]:
    """Return the images, uint8 (N, 32, 32, 3), and labels, int64 (N,), of both parts.

    Returns:
        training images, training labels, test images, test labels, names of the classes.
    """
    parts: list = []
    if path.is_file():
        from PIL import Image

        found: dict[str, list[tuple[str, np.ndarray]]] = {"train": [], "test": []}
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name.endswith(".jpg"):
                    content = archive.extractfile(member).read()
                    part, _, name = member.name.partition("/")
                    found[part].append((name, np.asarray(Image.open(io.BytesIO(content)))))
        categories = sorted({name.split("/")[0] for name, _ in found["train"]})
        for part in ("train", "test"):
            names, pixels = zip(*sorted(found[part], key=lambda item: item[0]), strict=True)
            labels = [categories.index(name.split("/")[0]) for name in names]
            parts += [torch.from_numpy(np.stack(pixels)), torch.tensor(labels)]
    else:
        from torchvision.datasets import CIFAR10

        for train_part in (True, False):
            dataset = CIFAR10(path, train=train_part, download=True)
            parts += [torch.from_numpy(dataset.data), torch.tensor(dataset.targets)]
        categories = dataset.classes
    return (*parts, categories)


def build() -> nn.Module:
    """Return the network to train: AlexNet's layers, with batch norm behind convolutions."""
    layers: list[nn.Module] = []
    incoming = 3
    for place, channels, kernel, stride, padding in zip(
        CONVOLUTIONS, CHANNELS, KERNELS, STRIDES, PADDINGS, strict=True
    ):
        convolution = nn.Conv2d(incoming, channels, kernel, stride, padding, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        if place == 0:
            # The enlarged images hold no fine detail, so nothing would ever remove noise
            # from these filters: begin with smooth ones.
            with torch.no_grad():
                for _ in range(2):
                    convolution.weight.copy_(nn.functional.avg_pool2d(convolution.weight, 3, 1, 1))
                convolution.weight.mul_(0.1 / convolution.weight.std())
        layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        if place in POOL_AFTER:
            layers.append(nn.MaxPool2d(3, 2))
        incoming = channels
    dense = [
        nn.Linear(CHANNELS[-1] * POOLED**2, HIDDEN),
        nn.Linear(HIDDEN, HIDDEN),
        nn.Linear(HIDDEN, 10),
    ]
    for layer in dense:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    nn.init.normal_(dense[-1].weight, std=0.01)
    layers += [
        nn.AdaptiveAvgPool2d(POOLED),
        nn.Flatten(),
        nn.Dropout(0.1),
        dense[0],
        nn.ReLU(inplace=True),
    ]
    layers += [nn.Dropout(0.1), dense[1], nn.ReLU(inplace=True), dense[2]]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def train(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epochs: int,
    batch: int,
    rate: float,
) -> None:
    """Train with Nesterov momentum; the rate rises for a fifth of the time, then falls to 0."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    steps = len(labels) // batch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / (0.2 * epochs * steps), 1.25 * (1 - step / (epochs * steps))),
    )
    padded = nn.functional.pad(images.permute(0, 3, 1, 2), 4 * (SHIFT,), mode="reflect").permute(
        0, 2, 3, 1
    )
    padded = padded.contiguous()
    window = torch.arange(images.shape[1])
    began = time.monotonic()
    for epoch in range(epochs):
        model.train()
        loss_sum, correct = 0.0, 0
        side = SMALL_SIDE if epoch < SMALL_SHARE * epochs else SIDE
        order = torch.randperm(len(labels))
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            rows = torch.randint(2 * SHIFT + 1, (batch, 1)) + window
            columns = torch.randint(2 * SHIFT + 1, (batch, 1)) + window
            flip = torch.rand(batch, 1) < 0.5
            columns = torch.where(flip, columns.flip(1), columns)
            picked = padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
            output = model(prepare(picked, side))
            loss = nn.functional.cross_entropy(output, labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss_sum += loss.item()
            correct += (output.argmax(1) == labels[chosen]).sum().item()
            if step % 50 == 0:
                spent = time.monotonic() - began
                click.echo(f"  epoch {epoch + 1} step {step:3d} {spent:6.0f} s\r", nl=False)
        click.echo(
            f"epoch {epoch + 1:2d} of {epochs}: loss {loss_sum / steps:.3f}, training accuracy "
            f"{100 * correct / (steps * batch):.1f} %, {time.monotonic() - began:.0f} s"
        )


def prepare(images: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    """Turn uint8 (N, 32, 32, 3) into the network's input, float32 (N, 3, side, side)."""
    x = images.permute(0, 3, 1, 2).float().div(255)
    x = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    return nn.functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


@torch.no_grad()
def fold(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return AlexNet's weights by name, with each batch norm folded into its convolution.

    Behind a convolution without a bias, gamma * (W x - mean) / sqrt(variance + eps) + beta
    is a convolution with the filters s * W, s = gamma / sqrt(variance + eps), and the
    bias beta - s * mean.
    """
    weights = {}
    convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in model if isinstance(layer, nn.BatchNorm2d)]
    for place, convolution, norm in zip(CONVOLUTIONS, convolutions, norms, strict=True):
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weights[f"features.{place}.weight"] = convolution.weight * scale.view(-1, 1, 1, 1)
        weights[f"features.{place}.bias"] = norm.bias - scale * norm.running_mean
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    for place, layer in zip(DENSE, dense, strict=True):
        weights[f"classifier.{place}.weight"] = layer.weight
        weights[f"classifier.{place}.bias"] = layer.bias
    return {name: value.detach().contiguous() for name, value in weights.items()}


@torch.no_grad()
def test(weights: dict[str, np.ndarray], images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the accuracy of the network that the course builds from these weights."""
    from autograder.inside.student.course_helper import small_alexnet

    model = small_alexnet(weights)
    parts = zip(images.split(500), labels.split(500), strict=True)
    correct = sum((model(prepare(x)).argmax(1) == y).sum().item() for x, y in parts)
    return correct / len(labels)


def pack(weights: dict[str, np.ndarray], categories: list[str]) -> bytes:
    """Return the file: an array a layer, and the names of the classes."""
    content = io.BytesIO()
    np.savez(content, categories=np.array(categories), **weights)
    return content.getvalue()


if __name__ == "__main__":
    main()
