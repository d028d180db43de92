"""Imports what a student's notebook uses, so that forked processes have it already."""

import matplotlib
import torch
import torchvision
from IPython.core import interactiveshell

matplotlib.use("agg")
torch.set_num_threads(1)

__all__ = ["interactiveshell", "torch", "torchvision"]
