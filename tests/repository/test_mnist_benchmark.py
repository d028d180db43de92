"""The parts of benchmarks/mnist.py do what they say; how fast they are is not for tests."""

import importlib.util
import sys

import pytest
import torch

from tests.support.course import ROOT


def load_benchmark():
    spec = importlib.util.spec_from_file_location("mnist", ROOT / "benchmarks" / "mnist.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mnist"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


mnist = load_benchmark()


def some_digits():
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(60, 28, 28, dtype=torch.uint8)
    images[:, 4:24, 4:24] = torch.randint(0, 256, (60, 20, 20), generator=generator).byte()
    labels = torch.arange(60) % 10
    return mnist.Digits(images[:40], labels[:40], images[40:], labels[40:])


def test_the_whitening_layer_makes_patches_uncorrelated_and_of_equal_size():
    digits = some_digits()
    images = digits.normalised(digits.train)
    layer = mnist.Whitening(images, 8)
    columns = torch.nn.functional.unfold(images[..., 1:27, 1:27], 4, stride=2)
    patches = columns.transpose(1, 2).flatten(0, 1)
    out = patches @ layer.weight[:4].flatten(1).T
    moments = out.T @ out / len(out)
    torch.testing.assert_close(moments, torch.eye(4), atol=0.05, rtol=0)
    assert torch.equal(layer.weight[4:], -layer.weight[:4])
    assert not list(layer.parameters())


def test_the_rate_rises_from_nothing_to_the_peak_and_falls_to_nothing():
    assert mnist.one_cycle(0) == 0 and mnist.one_cycle(0.25) == 1 and mnist.one_cycle(1) == 0
    assert mnist.one_cycle(0.125) == 0.5 and mnist.one_cycle(0.625) == 0.5


def test_every_image_is_moved_by_its_own_shift_and_none_wraps():
    torch.manual_seed(0)
    images = torch.zeros(50, 1, 28, 28)
    images[:, 0, 0, 14] = 1.0
    moved = mnist.shift_randomly(images, 1)
    assert moved.shape == images.shape
    places = {tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}
    assert places == {(0, 13), (0, 14), (0, 15), (1, 13), (1, 14), (1, 15)}
    assert mnist.shift_randomly(images, 0) is images


def test_batches_cover_every_digit_once_an_epoch_and_a_fraction_of_the_last():
    plan = mnist.Plan((2, 4, 4), epochs=1.5, shift=0, views=((0, 0),), batch=16)
    rows = torch.cat(mnist.batches_of(40, plan, torch.device("cpu")))
    assert sorted(rows[:40].tolist()) == list(range(40))
    assert len(rows) == 60 and len(set(rows[40:].tolist())) == 20


def test_predictions_are_averaged_over_the_views():
    class LooksAtOnePixel(torch.nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0, 5, 5], 0.4 + 0 * x[:, 0, 0, 0]], dim=1)

    images = torch.zeros(1, 1, 28, 28)
    images[0, 0, 4, 5] = 1.0
    model = LooksAtOnePixel()
    assert mnist.predict(model, images, ((0, 0),)).tolist() == [1]
    assert mnist.predict(model, images, ((1, 0),)).tolist() == [0]  # moved down by one


@pytest.mark.proof
def test_the_shipped_digits_reach_their_goal():
    digits = mnist.Digits.load(full=False, device="cpu")
    torch.set_num_threads(1)
    predicted = mnist.train_course(mnist.ACCURATE, digits, seed=0)
    assert (predicted == digits.test_labels).float().mean() >= 0.985
