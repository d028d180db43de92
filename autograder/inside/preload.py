"""Imports what a student's notebook uses, so that forked processes have it already."""

import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot
import torch
import torch._dynamo  # what the first optimiser imports, in 6 s
import torchvision

# Students import course_helper by this name.
sys.path.insert(0, str(Path(__file__).with_name("student")))
import course_helper

matplotlib.use("agg")
torch.set_num_threads(1)

__all__ = ["course_helper", "torch", "torchvision"]
