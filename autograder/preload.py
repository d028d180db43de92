"""Imports what a student's notebook uses, so that forked processes have it already."""

import matplotlib
import matplotlib.pyplot
import torch
import torch._dynamo  # what the first optimiser imports, in 6 s
import torchvision
from IPython.core import interactiveshell

matplotlib.use("agg")
torch.set_num_threads(1)

__all__ = ["interactiveshell", "torch", "torchvision"]
