"""A trained AlexNet, torchvision's or the small one that comes with the course."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from autograder.inside.student.course_helper.data import _course_file, _is_file

ALEXNET_FILE = "small_alexnet.npz"
ALEXNET_SHA256 = "20df9e98ebd269c73fe7c3721858d5a4f1a94cf22f3be70a7132770421b8e83f"
ALEXNET_SECONDS = 5.0  # how long a server may stay silent
ALEXNET_DOWNLOAD_SECONDS = 300.0  # how long the whole download may take
# What the weights of the small network do not tell about it: stride and padding of its
# convolutions by their place in model.features, and the size that avgpool makes.
SMALL_CONVOLUTIONS = {0: (2, 4), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
SMALL_POOLED = 3


def load_alexnet(*, small: bool = False) -> tuple[torch.nn.Module, list[str], int]:
    """Load a trained AlexNet and say which one is in use.

    With a network, or with the file in torch's cache, it is torchvision's AlexNet with the
    weights IMAGENET1K_V1: 1,000 categories of ImageNet, 61 million parameters, 244 MB. Else
    it is the small one that comes with the course: the same layers under the same names, but
    narrow, with the 10 categories of CIFAR-10. A notebook that runs without a person in front
    of it (see play) does not download.

    Args:
        small: take the small one in any case.

    Returns:
        the model in evaluation mode; the names of the categories; the side in pixels of the
        square pictures that the model was trained on, 224 or 64.

    Raises:
        DataError: the file of the small one is missing or damaged.
    """
    from torchvision.models import AlexNet_Weights, alexnet

    weights = AlexNet_Weights.IMAGENET1K_V1
    path = None if small else _alexnet_file(weights.url)
    if path is not None:
        try:
            with torch.device("meta"):  # no time for random numbers that would be overwritten
                model = alexnet()
            state = torch.load(path, map_location="cpu", weights_only=True)
            model.load_state_dict(state, assign=True)
        except Exception as error:  # a damaged file makes torch raise half a dozen kinds
            reason = " ".join(str(error).split())[:100]
            print(f"{path} is damaged ({reason}). Delete it and load again.")
        else:
            print("Network: torchvision's AlexNet, 1,000 categories of ImageNet, 224 x 224 pixels")
            return model.eval(), list(weights.meta["categories"]), 224
    return _load_small_alexnet()


def _alexnet_file(url: str) -> Path | None:
    """Return the file of AlexNet's weights in torch's cache; download it if it is not there."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    if _is_file(path):
        return path
    if os.environ.get("COURSE_STATIC_FIGURES"):
        return None
    print("Downloading AlexNet (244 MB) ...")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(url, path)
    except (OSError, RuntimeError) as error:
        print(f"The download failed: {' '.join(str(error).split())}")
        return None
    return path


def _download(url: str, path: Path) -> None:
    """Download a file whose name ends in the first digits of its SHA-256, such as -7be5be79.pth.

    A thread does it, because nothing limits how long the look-up of a name takes.

    Raises:
        OSError, RuntimeError: it failed; nothing is left behind.
    """
    import queue
    import urllib.request

    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    news: queue.Queue[int | Exception | None] = queue.Queue()
    given_up = threading.Event()

    def fetch() -> None:
        checksum, size = hashlib.sha256(), 0
        try:
            with urllib.request.urlopen(url, timeout=ALEXNET_SECONDS) as source:
                if given_up.is_set():
                    return
                with part.open("wb") as target:
                    while not given_up.is_set() and (block := source.read1(1 << 20)):
                        size += target.write(block)
                        checksum.update(block)
                        news.put(size)
            if given_up.is_set():
                return
            if not checksum.hexdigest().startswith(path.stem.rpartition("-")[2]):
                raise RuntimeError("the file that came is not AlexNet's (its SHA-256 differs)")
            part.replace(path)
            news.put(None)
        except Exception as error:
            news.put(error)
        finally:
            part.unlink(missing_ok=True)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    began, shown = time.monotonic(), 0
    try:
        while True:
            try:
                event = news.get(timeout=ALEXNET_SECONDS)
            except queue.Empty:
                raise TimeoutError(f"no answer in {ALEXNET_SECONDS:g} s") from None
            if event is None:
                return
            if isinstance(event, Exception):
                raise RuntimeError(f"{type(event).__name__}: {event}")
            if event >> 25 > shown:  # every 32 MiB
                shown = event >> 25
                print(f"  {event / 1e6:.0f} MB after {time.monotonic() - began:.0f} s")
            if time.monotonic() - began > ALEXNET_DOWNLOAD_SECONDS:
                raise TimeoutError(f"not done after {ALEXNET_DOWNLOAD_SECONDS:g} s")
    finally:
        given_up.set()
        thread.join(1.0)


def _load_small_alexnet() -> tuple[torch.nn.Module, list[str], int]:
    import numpy

    with numpy.load(_course_file(ALEXNET_FILE, ALEXNET_SHA256)) as archive:
        model = small_alexnet(archive)
        categories = archive["categories"].tolist()
    print("Network: the course's small AlexNet, 10 categories of CIFAR-10, 64 x 64 pixels")
    return model, categories, 64


def small_alexnet(weights: Mapping[str, Any]) -> torch.nn.Module:
    """Return torchvision's AlexNet with layers as wide as these weights, in evaluation mode.

    Args:
        weights: a mapping from the names of AlexNet's parameters to numpy arrays.
    """
    from torchvision.models import alexnet

    with torch.device("meta"):  # AlexNet's own 61 million parameters are never made
        model = alexnet()
        for place, (stride, padding) in SMALL_CONVOLUTIONS.items():
            outputs, inputs, *kernel = weights[f"features.{place}.weight"].shape
            layer = torch.nn.Conv2d(inputs, outputs, kernel, stride, padding)
            model.features[place] = layer
        for place in (1, 4, 6):
            outputs, inputs = weights[f"classifier.{place}.weight"].shape
            model.classifier[place] = torch.nn.Linear(inputs, outputs)
    model.avgpool = torch.nn.AdaptiveAvgPool2d(SMALL_POOLED)
    state = {name: torch.from_numpy(weights[name]).float() for name in model.state_dict()}
    model.load_state_dict(state, assign=True)
    network: torch.nn.Module = model.eval()
    return network
