"""Handwritten digits, the shipped ones or the full MNIST."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from autograder.inside.student.course_helper.data import (
    DataError,
    _course_file,
    _is_file,
    data_folders,
)

DIGITS_FILE = "digits.npz"
DIGITS_SHA256 = "3a1200db443d08b8e5246cbb90d7192f6fe640223b42ac3e6d682c2847d6f0f7"
TRAINING_DIGITS = 8_000
DOWNLOAD_SECONDS = 5.0  # how long a server may stay silent


def load_digits(
    train: bool = True, *, full: bool | None = None, download: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Load handwritten digits (MNIST, LeCun et al. 1998) and say which set is in use.

    Args:
        train: the training part (True) or the test part (False).
        full: None takes the full MNIST if it lies on disk, else the shipped 10,000
            digits; True insists on the full set; False takes the shipped digits.
        download: fetch the full MNIST (11 MB) if it is not on disk; on failure the
            shipped digits are used and the reason is printed.

    Returns:
        images, uint8 of shape (N, 28, 28), 0 = background, 255 = full ink;
        labels, int64 of shape (N,), the digits 0 to 9.
        N is 60,000 or 10,000 for the full set, 8,000 or 2,000 for the shipped digits.

    Raises:
        DataError: a file is missing or damaged.
    """
    if full is not False:
        found = _load_full_mnist(train, download)
        if found is not None:
            return found
        if full:
            raise DataError(
                "The full MNIST is not on this machine. With a network, call "
                "load_digits(download=True); without one, load_digits(full=False) for the "
                "10,000 digits that come with the course."
            )
    return _load_shipped_digits(train)


def _load_full_mnist(train: bool, download: bool) -> tuple[torch.Tensor, torch.Tensor] | None:
    from http.client import HTTPException

    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    names = [f"{part}-{kind}" for part in ("train", "t10k") for kind in kinds]
    for root in data_folders():
        if all(_is_file(root / "MNIST" / "raw" / name) for name in names):
            return _say_which(_open_mnist(root, train), "full MNIST", root / "MNIST")
    if not download:
        return None
    root = next((folder for folder in data_folders() if os.access(folder, os.W_OK)), Path("data"))
    print("Downloading MNIST (11 MB) ...")
    try:
        _download_mnist(root)
    except (OSError, RuntimeError, HTTPException) as error:
        print(f"The download failed: {' '.join(str(error).split())}")
        return None
    return _say_which(_open_mnist(root, train), "full MNIST", root / "MNIST")


def _download_mnist(root: Path) -> None:
    import socket

    from torchvision.datasets import MNIST

    # torchvision sets no time limit, so a silent server would hang the notebook for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        MNIST(root, download=True)
    finally:
        socket.setdefaulttimeout(before)


def _open_mnist(root: Path, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    from torchvision.datasets import MNIST

    try:
        data = MNIST(root, train=train)
    except Exception as error:  # torchvision raises half a dozen kinds for damaged files
        raise DataError(
            f"A file in {root / 'MNIST' / 'raw'} is damaged ({error!r}). "
            "Delete that folder and load again, or call load_digits(full=False)."
        ) from None
    expected = 60_000 if train else 10_000
    if data.data.shape != (expected, 28, 28) or data.targets.shape != (expected,):
        raise DataError(
            f"{root / 'MNIST' / 'raw'} holds {len(data.data)} images, not {expected}. "
            "Delete that folder and load again, or call load_digits(full=False)."
        )
    return data.data, data.targets


def _load_shipped_digits(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    import numpy

    path = _course_file(DIGITS_FILE, DIGITS_SHA256)
    with numpy.load(path) as archive:
        images = torch.from_numpy(archive["images"])
        labels = torch.from_numpy(archive["labels"].astype("int64"))
    part = slice(None, TRAINING_DIGITS) if train else slice(TRAINING_DIGITS, None)
    return _say_which((images[part], labels[part]), "shipped digits", path)


def _say_which(
    digits: tuple[torch.Tensor, torch.Tensor], name: str, place: Path
) -> tuple[torch.Tensor, torch.Tensor]:
    print(f"Digits: {name}, {len(digits[1]):,} images, from {place}")
    return digits
