"""The checks of notebook 08: PCA, an autoencoder, and which of them keeps the structure."""

import math
import re

import torch
from torch import nn

from autograder.checks import check
from autograder.checks.shared.common import sgd
from autograder.checks.shared.makers import leaves_alone, written_by_hand
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    inside,
    numbers,
    plain,
)

SPIES = "autograder.inside.spies_autoencoder_vs_pca"


def cloud(count: int, size: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return examples whose numbers are correlated, with variances that differ clearly."""
    turn, _ = torch.linalg.qr(numbers(size, size, seed=seed + 500, dtype=torch.float64))
    spread = 3 * 0.7 ** torch.arange(size, dtype=torch.float64)
    data = numbers(count, size, seed=seed, dtype=torch.float64) * spread @ turn
    return (data + 2 * numbers(size, seed=seed + 700, dtype=torch.float64)).to(dtype)


def eigenvectors(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the axes, one a row, and variances from the covariance matrix, largest first."""
    values, vectors = torch.linalg.eigh(x.double().T.cov())
    return vectors.flip(1).T, values.flip(0)


def expect_same_axes(axes, expected: torch.Tensor, atol: float) -> None:
    """Fail unless each axis is the expected one or its negative."""
    axes = plain(axes)
    expect_equal(axes.shape, expected.shape)
    cosines = (axes.double() * expected).sum(dim=1)
    sizes = axes.double().norm(dim=1)
    expect_close(sizes, torch.ones(len(expected), dtype=torch.float64), atol=atol)
    expect_close(cosines.abs(), torch.ones(len(expected), dtype=torch.float64), atol=atol)


# ----------------------------------------------------------------------------- pca_fit


@check(
    "pca_fit",
    points=1,
    hint="The four points lie around (3, 1): at a distance of 2 along the first coordinate and of "
    "1 along the second. The variances are (4 + 4)/3 and (1 + 1)/3, and the axes those of the "
    "plane, up to their signs.",
)
def finds_the_axes_of_four_points(pca_fit):
    """Four points in the plane, two axes."""
    x = torch.tensor([[1.0, 1.0], [5.0, 1.0], [3.0, 2.0], [3.0, 0.0]])
    expect_close(pca_fit(x, 2)[0], torch.tensor([3.0, 1.0]))
    expect_close(pca_fit(x, 2)[1].abs(), torch.eye(2), atol=1e-4)
    expect_close(pca_fit(x, 2)[2], torch.tensor([8 / 3, 2 / 3]), atol=1e-4)


@check(
    "pca_fit",
    points=2,
    hidden=True,
    hint="The axes are wrong. They are the right singular vectors of the data minus the mean of "
    "every column, one a row, the one with the largest variance first, and k of them. What svd "
    "returns last is V transposed; eigh puts the smallest first.",
)
def agrees_with_the_covariance_matrix(pca_fit):
    """More examples than numbers, and fewer; four and three axes."""
    for count, size, k, seed in ((40, 7, 4, 801), (6, 9, 3, 802)):
        x = cloud(count, size, seed=seed)
        expected, _ = eigenvectors(x)
        _, axes, _ = pca_fit(x, k)
        expect_same_axes(axes, expected[:k], atol=1e-3)


@check(
    "pca_fit",
    points=1,
    hidden=True,
    hint="The mean is wrong: one number a column, the mean over the examples.",
)
def returns_a_mean_for_every_column(pca_fit):
    """30 examples of five numbers."""
    x = cloud(30, 5, seed=803)
    expected = x.double().mean(dim=0).float()
    mean, _, _ = pca_fit(x, 2)
    expect_close(mean, expected, atol=1e-4)


@check(
    "pca_fit",
    points=1,
    hidden=True,
    hint="The variances are wrong. They are the squares of the singular values, over N - 1, where "
    "N is the number of examples; as many as axes.",
)
def measures_the_variance_along_an_axis(pca_fit):
    """12 examples of eight numbers, three axes."""
    x = cloud(12, 8, seed=804)
    _, expected = eigenvectors(x)
    _, _, variances = pca_fit(x, 3)
    expect_close(variances, expected[:3].float(), rtol=1e-3)


@check(
    "pca_fit",
    points=1,
    hidden=True,
    hint="With a mean that is large compared to the spread the result is inexact. Subtract the "
    "mean from the data first; the difference of two large matrices keeps few digits.",
)
def stands_a_large_mean(pca_fit):
    """25 examples of six numbers near 1,000; the spread is 3 and less."""
    x = cloud(25, 6, seed=805) + 1000
    _, sizes = eigenvectors(x)
    _, _, variances = pca_fit(x, 2)
    expect_close(variances[1] / variances[0], (sizes[1] / sizes[0]).item(), rtol=1e-2)


@check(
    "pca_fit",
    points=1,
    hidden=True,
    hint="The results have another dtype than the data, or its precision is lost on the way.",
)
def fits_in_double_precision(pca_fit):
    """Float64 data."""
    x = cloud(20, 5, seed=806, dtype=torch.float64)
    for result in pca_fit(x, 2):
        expect_equal(result.dtype, torch.float64)
    _, axes, _ = pca_fit(x, 2)
    expect_close(axes @ axes.T, torch.eye(2, dtype=torch.float64), atol=1e-10)


leaves_alone(
    "pca_fit",
    "leaves_the_data_alone",
    lambda: (cloud(10, 4, seed=807), 2),
    hint="The data that were passed in have changed: `-=` works in place.",
)

written_by_hand(
    "pca_fit",
    "fits_without_a_ready_made_pca",
    "PCA",
    lambda: (cloud(15, 5, seed=808), 2),
    hint="A program for all of PCA did the work. Take the singular value decomposition, or the "
    "eigenvectors, of the right matrix yourself.",
)


# ----------------------------------------------------------------------------- pca_transform


@check(
    "pca_transform",
    points=1,
    hint="(5, 3) lies 3 and 3 away from the mean (2, 0). Along (0.6, 0.8) that is "
    "0.6·3 + 0.8·3 = 4.2.",
)
def projects_a_point_onto_an_axis(pca_transform):
    """One axis in the plane."""
    mean, axes = torch.tensor([2.0, 0.0]), torch.tensor([[0.6, 0.8]])
    x = torch.tensor([[5.0, 3.0], [2.0, 0.0]])
    expect_close(pca_transform(x, mean, axes), torch.tensor([[4.2], [0.0]]), atol=1e-4)


@check(
    "pca_transform",
    points=1,
    hidden=True,
    hint="The codes are wrong. They are the coordinates along the axes of the examples minus the "
    "mean that was passed in, that of the training data; not minus their own, and not scaled.",
)
def gives_coordinates_of_new_examples(pca_transform):
    """Six examples of five numbers, three perpendicular axes, a mean that is not theirs."""
    x, mean = numbers(6, 5, seed=811), 2 * numbers(5, seed=812)
    axes = torch.linalg.qr(numbers(5, 3, seed=813)).Q.T.contiguous()
    expected = torch.stack([((x - mean) * axis).sum(dim=1) for axis in axes], dim=1)
    expect_close(pca_transform(x, mean, axes), expected, atol=1e-4)


leaves_alone(
    "pca_transform",
    "leaves_the_examples_alone",
    lambda: (numbers(4, 3, seed=814), torch.tensor([1.0, -1.0, 2.0]), torch.eye(3)[:2].clone()),
    hint="The examples that were passed in have changed: `-=` works in place.",
)


# ----------------------------------------------------------------------------- pca_reconstruct


@check(
    "pca_reconstruct",
    points=1,
    hint="The code 5 stands for the point 5·(0.6, 0.8) away from the mean (2, 0); the code 0 for "
    "the mean.",
)
def returns_to_the_point(pca_reconstruct):
    """One axis in the plane."""
    mean, axes = torch.tensor([2.0, 0.0]), torch.tensor([[0.6, 0.8]])
    result = pca_reconstruct(torch.tensor([[5.0], [0.0]]), mean, axes)
    expect_close(result, torch.tensor([[5.0, 4.0], [2.0, 0.0]]), atol=1e-4)


@check(
    "pca_reconstruct",
    points=1,
    hidden=True,
    hint="The reconstruction is wrong: the mean plus, for every axis, the code times the axis.",
)
def adds_the_axes_to_the_mean(pca_reconstruct):
    """Seven codes of two numbers, five pixels; all values between 0 and 1."""
    codes, mean = 0.1 * numbers(7, 2, seed=821), 0.5 + 0.1 * numbers(5, seed=822)
    axes = torch.linalg.qr(numbers(5, 2, seed=823)).Q.T.contiguous()
    expected = torch.stack([mean + a * axes[0] + b * axes[1] for a, b in codes])
    expect_close(pca_reconstruct(codes, mean, axes), expected, atol=1e-4)


@check(
    "pca_reconstruct",
    points=1,
    hidden=True,
    hint="Values below 0 or above 1 are not returned as they are. Data of another range have them.",
)
def leaves_large_values_as_they_are(pca_reconstruct):
    """Large codes, mean zero."""
    codes, axes = 20 * numbers(4, 2, seed=824), torch.eye(4)[:2].clone()
    expected = torch.cat([codes, torch.zeros(4, 2)], dim=1)
    expect_close(pca_reconstruct(codes, torch.zeros(4), axes), expected, atol=1e-4)


# ----------------------------------------------------------------------------- explained_variance


@check(
    "explained_variance",
    points=1,
    hint="Around the mean (1, 1) the squares sum to 4 + 4 = 8, around the reconstruction to "
    "1 + 1 = 2: a quarter of the variance is left.",
)
def explains_three_quarters(explained_variance):
    """Two examples of two numbers."""
    x = torch.tensor([[3.0, 1.0], [1.0, -1.0]])
    drawn = torch.tensor([[2.0, 1.0], [1.0, 0.0]])
    expect_close(explained_variance(x, drawn, torch.ones(2)), 0.75, atol=1e-4)


@check(
    "explained_variance",
    points=1,
    hidden=True,
    hint="The share is wrong if the columns have different variances, or for an imperfect "
    "reconstruction: it is one minus a ratio of two sums, each over all examples and columns.",
)
def divides_two_sums_of_squares(explained_variance):
    """Nine examples of four numbers of very different size."""
    x = numbers(9, 4, seed=831) * torch.tensor([5.0, 2.0, 1.0, 0.2])
    mean = x.mean(dim=0)
    drawn = mean + 0.5 * (x - mean) + 0.3 * numbers(9, 4, seed=832)
    left = sum(float(v) ** 2 for v in (x - drawn).double().flatten())
    everything = sum(float(v) ** 2 for v in (x - mean).double().flatten())
    expect_close(explained_variance(x, drawn, mean), 1 - left / everything, atol=1e-4)


@check(
    "explained_variance",
    points=1,
    hidden=True,
    hint="The data are compared with their own mean, or with none. The mean is an argument: that "
    "of the training data.",
)
def compares_with_the_given_mean(explained_variance):
    """Three examples of one number, far from the mean of the training data."""
    x, drawn = torch.tensor([[7.0], [8.0], [9.0]]), torch.tensor([[7.0], [8.0], [7.0]])
    expect_close(explained_variance(x, drawn, torch.tensor([4.0])), 1 - 4 / 50, atol=1e-4)


@check(
    "explained_variance",
    points=1,
    hidden=True,
    hint="A reconstruction that is worse than the mean has a negative share.",
)
def may_be_negative(explained_variance):
    """A reconstruction on the wrong side."""
    x = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    expect_close(explained_variance(x, -x, torch.zeros(2)), -3.0, atol=1e-4)


@check(
    "explained_variance",
    points=1,
    hidden=True,
    hint="The result is a tensor. Return a Python float.",
)
def returns_the_share_as_a_float(explained_variance):
    """The type of the result."""
    x = numbers(5, 3, seed=834)
    expect_equal(type(explained_variance(x, 0.5 * x, torch.zeros(3))) is float, True)


# ----------------------------------------------------------------------------- Autoencoder

# As the nodes of a graph are called.
NONLINEARITY = re.compile(
    r"(leaky|p|r)?relu\w*|[cs]?elu|[gs]elu|silu|mish|tanh|sigmoid|softplus|hard\w+|logsigmoid\w*|"
    r"threshold|clamp\w*|maximum|minimum|where|sin|cos|abs|exp|softmax"
)
PRODUCT = re.compile(r"addmm|mm|b?addbmm|baddbmm|bmm|linear|mv|convolution\w*")


def pictures(count: int, seed: int) -> torch.Tensor:
    """Return random images with pixels from 0 to 1, most of them 0."""
    return (0.6 * numbers(count, 784, seed=seed) - 0.3).clamp(0, 1)


@check(
    "Autoencoder",
    points=1,
    hint="Three images give three codes of two numbers by default, and these three images. "
    "model.parameters() holds some numbers, at most 1,000,000.",
)
def goes_to_the_plane_and_back(Autoencoder):
    """Three empty images."""
    model = Autoencoder()
    codes = model.encode(torch.zeros(3, 784))
    expect_equal(codes.shape, (3, 2))
    expect_equal(model.decode(codes).shape, (3, 784))
    expect_equal(model(torch.zeros(3, 784)).shape, (3, 784))
    count = sum(math.prod(p.shape) for p in model.parameters())
    expect(0 < count <= 1_000_000, f"the model has {count:,} parameters")


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="The code has not the size that was asked for.",
)
def has_the_code_that_was_asked_for(Autoencoder):
    """Codes of one and of five numbers."""
    for code in (1, 5):
        model = Autoencoder(code)
        codes = model.encode(pictures(4, seed=841))
        expect_equal(codes.shape, (4, code))
        expect_equal(model.decode(codes).shape, (4, 784))


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="Encoder and decoder must each have at least two layers with weights and a non-linearity "
    "between them. Layers in a row without one are a single linear layer.",
)
def has_hidden_layers_on_both_sides(Autoencoder):
    """The order of the operations in the graphs of encode and decode."""
    model = Autoencoder()
    model.eval()
    for name, part, argument in (
        ("encode", model.encode, pictures(3, seed=842)),
        ("decode", model.decode, numbers(3, 2, seed=843)),
    ):
        names = inside(f"{SPIES}.operations")(part, argument)
        order = "".join(
            "w" if PRODUCT.fullmatch(name) else "n"
            for name in names
            if PRODUCT.fullmatch(name) or NONLINEARITY.fullmatch(name)
        )
        found = re.search("wn+w", order)
        expect(found is not None, f"{name} runs weights (w) and non-linearities (n) as {order!r}")


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="Something gets around the code. The output must be decode(encode(images)), and decode "
    "must know nothing but the codes: no connection from the encoder's layers, nothing kept from "
    "the last call of encode.",
)
def passes_everything_through_the_code(Autoencoder):
    """The same codes decoded twice, with other images encoded in between."""
    model, x = Autoencoder(3), pictures(4, seed=844)
    model.eval()
    codes = plain(model.encode(x))
    result = plain(model(x))
    model.encode(pictures(4, seed=845))
    expect_close(model.decode(codes), result, rtol=1e-3, atol=1e-4)


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="The codes cannot be arbitrary numbers: they look as if a ReLU, sigmoid or tanh came "
    "after the last layer of the encoder. Return what the linear layer gives.",
)
def leaves_the_code_unbounded(Autoencoder):
    """With large random weights codes have both signs and large values; four tries."""
    low, high = 0.0, 0.0
    for attempt in range(4):
        model = inside(f"{SPIES}.with_random_weights")(Autoencoder(4), 8.0)
        codes = plain(model.encode(pictures(30, seed=846 + attempt)))
        low, high = min(low, codes.min().item()), max(high, codes.max().item())
    expect(low < -1.5 and high > 1.5, f"the codes lie between {low:.3g} and {high:.3g}")


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="In evaluation mode the code of an image must depend on nothing else: not on the other "
    "images of its batch, and not on chance. A batch of one image has one code.",
)
def encodes_every_image_alone(Autoencoder):
    """Five images together, and one of them alone; codes and reconstructions."""
    model, x = Autoencoder(), pictures(5, seed=851)
    model.eval()
    expect_close(model.encode(x[2:3]), plain(model.encode(x))[2:3], rtol=1e-3, atol=1e-3)
    expect_close(model(x[2:3]), plain(model(x))[2:3], rtol=1e-3, atol=1e-3)


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="Training cannot reach all weights. Either model.parameters() lacks some that are used, "
    "as those of layers in a plain list; or it holds some that are not used, or that no gradient "
    "reaches because the graph is cut.",
)
def trains_every_parameter(Autoencoder):
    """The graph of a forward pass."""
    model = Autoencoder(3)
    missing, idle = inside(f"{SPIES}.out_of_reach")(model, pictures(6, seed=852))
    expect(missing == 0, f"{missing} tensors in the graph are not in model.parameters()")
    expect(idle == 0, f"{idle} tensors of model.parameters() are not in the graph")


@check(
    "Autoencoder",
    points=1,
    hidden=True,
    hint="With a code of 64 numbers the codes of many images lie in a flat with fewer dimensions: "
    "a hidden layer that is narrower than the code is the true bottleneck.",
)
def uses_all_numbers_of_a_large_code(Autoencoder):
    """The rank of the codes of 400 images."""
    model = inside(f"{SPIES}.with_random_weights")(Autoencoder(64), 1.5)
    codes = plain(model.encode(pictures(400, seed=853))).double()
    codes = (codes - codes.mean(dim=0)) / codes.std(dim=0).clamp(min=1e-12)
    sizes = torch.linalg.svdvals(codes)
    rank = int((sizes > 1e-5 * sizes[0]).sum())
    expect(rank >= 60, f"the codes span {rank} dimensions")


@check(
    "Autoencoder",
    points=2,
    hidden=True,
    hint="After 80 steps of Adam on 40 images of five simple patterns the network hardly tells "
    "them apart. Can its output reach every image with pixels from 0 to 1, and do gradients reach "
    "the encoder?",
)
def learns_five_patterns(Autoencoder):
    """Eight noisy copies of each of five patterns, a code of four numbers."""
    which = torch.arange(40) % 5
    shapes = nn.functional.interpolate(numbers(5, 1, 7, 7, seed=854), scale_factor=4)
    images = (0.8 * (shapes > 0.3).float()[which].flatten(1) + 0.1).clamp(0, 1)
    images = (images + 0.05 * numbers(40, 784, seed=855)).clamp(0, 1)
    left = inside(f"{SPIES}.learn")(Autoencoder(4), images, 80)
    expect(left <= 0.7, f"{left:.0%} of the error of the mean image is left")


# ----------------------------------------------------------------------------- train_autoencoder


def batches_of(*sizes: int, seed: int) -> list:
    """Return batches of examples of six numbers, with labels."""
    return [
        (numbers(size, 6, seed=seed + k), torch.arange(size) % 3) for k, size in enumerate(sizes)
    ]


def error_of(weight: torch.Tensor, images: torch.Tensor) -> float:
    """Return the mean squared error of the linear map with this matrix."""
    return (images @ weight.T - images).square().mean().item()


def descend(weight: torch.Tensor, batches: list, lr: float) -> tuple[torch.Tensor, float]:
    """Return the matrix after an epoch of gradient descent, and the mean error of its examples."""
    total, examples = 0.0, 0
    for images, _ in batches:
        total += error_of(weight, images) * len(images)
        examples += len(images)
        difference = images @ weight.T - images
        weight = weight - lr * 2 * difference.T @ images / images.numel()
    return weight, total / examples


def spy(weight: torch.Tensor):
    """Return a linear model in the student's process that notes how it is called."""
    return inside(f"{SPIES}.SpyAutoencoder")(weight)


@check(
    "train_autoencoder",
    points=1,
    hint="With all weights 0 the error is the mean of the squares 1, 4, 9 and 0. The gradient is "
    "-2/4 times the sum of the products of every image's pixels, and a step of 0.4 subtracts 0.4 "
    "times it. The test image (0, 1) then becomes (0.4, 0.8).",
)
def trains_on_two_images(train_autoencoder):
    """A linear layer, one batch, one epoch of plain gradient descent."""
    model = inside("torch.nn.Linear")(2, 2, bias=False)
    inside("torch.nn.init.zeros_")(model.weight)
    batch = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([5, 6])
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.4)
    tests = torch.tensor([[0.0, 1.0]])
    errors, test_errors = train_autoencoder(model, [batch], optimizer, 1, tests)
    expect_close(torch.tensor(errors), torch.tensor([3.5]), atol=1e-4)
    expect_close(model.weight, [[2.0, 0.4], [0.4, 0.8]], atol=1e-4)
    expect_close(torch.tensor(test_errors), torch.tensor([0.1]), atol=1e-4)


@check(
    "train_autoencoder",
    points=2,
    hidden=True,
    hint="After an epoch the weights are not those of gradient descent on the mean squared error "
    "between the model's output and the image that went in, one step after every batch, each from "
    "the gradient of this batch alone.",
)
def steps_towards_its_own_input(train_autoencoder):
    """Three batches of the same size, against the formula."""
    weight, batches = 0.5 * numbers(6, 6, seed=861), batches_of(5, 5, 5, seed=862)
    model = spy(weight)
    train_autoencoder(model, batches, sgd(model, lr=0.9), 1, numbers(4, 6, seed=866))
    expected, _ = descend(weight, batches, 0.9)
    expect_close(model.weight, expected, atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The training error is wrong when the last batch is smaller. It is the mean over all "
    "examples and their pixels, so a batch counts as often as it has examples.",
)
def averages_over_the_images(train_autoencoder):
    """Batches of 6, 6 and 1; learning rate 0."""
    weight, batches = 0.7 * numbers(6, 6, seed=868), batches_of(6, 6, 1, seed=869)
    model = spy(weight)
    errors, _ = train_autoencoder(model, batches, sgd(model, lr=0.0), 1, numbers(4, 6, seed=872))
    _, expected = descend(weight, batches, 0.0)
    expect_close(torch.tensor(errors), torch.tensor([expected]), atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="With several epochs the training errors or the weights are wrong. Every epoch goes "
    "through the whole loader, and its error is that of its own batches alone.",
)
def goes_on_for_several_epochs(train_autoencoder):
    """Three epochs of one batch."""
    weight, batches = 0.5 * numbers(6, 6, seed=874), batches_of(4, seed=875)
    model, expected = spy(weight), []
    result = train_autoencoder(model, batches, sgd(model, lr=0.3), 3, numbers(5, 6, seed=877))
    for _ in range(3):
        weight, error = descend(weight, batches, 0.3)
        expected.append(error)
    expect_close(torch.tensor(result[0]), torch.tensor(expected), atol=1e-4)
    expect_close(model.weight, weight, atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The test errors are wrong: after each epoch, with the weights of that moment, the mean "
    "squared error between the test images and what the model makes of them.",
)
def measures_the_test_images_after_each_epoch(train_autoencoder):
    """Two epochs of one batch."""
    weight, batches, tests = 0.5 * numbers(6, 6, seed=881), batches_of(7, seed=882), []
    images = 2 * numbers(5, 6, seed=883)
    model = spy(weight)
    result = train_autoencoder(model, batches, sgd(model, lr=0.4), 2, images)
    for _ in range(2):
        weight, _ = descend(weight, batches, 0.4)
        tests.append(error_of(weight, images))
    expect_close(torch.tensor(result[1]), torch.tensor(tests), rtol=1e-3, atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="Some training step was done in evaluation mode, in which batch normalisation does not "
    "adapt. The model may come in evaluation mode, and measuring the test error leaves it there: "
    "switch at the start of every epoch.",
)
def returns_to_training_mode_in_every_epoch(train_autoencoder):
    """A model in evaluation mode; five images in each of three epochs."""
    model, batches = spy(numbers(6, 6, seed=885)), batches_of(3, 2, seed=886)
    model.eval()
    train_autoencoder(model, batches, sgd(model, lr=0.1), 3, numbers(11, 6, seed=888))
    count = sum(size for training, recording, size in model.calls if training and recording)
    expect(count >= 15, f"{count} of 15 images were trained on in training mode")


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The test images were measured in training mode, so batch normalisation took its numbers "
    "from them; or the model was handed back in training mode.",
)
def measures_in_evaluation_mode(train_autoencoder):
    """Eleven test images, two epochs; the mode before is training mode."""
    model, batches = spy(numbers(6, 6, seed=891)), batches_of(3, 2, seed=892)
    model.train()
    train_autoencoder(model, batches, sgd(model, lr=0.1), 2, numbers(11, 6, seed=894))
    count = sum(size for training, _, size in model.calls if not training)
    expect(count >= 22, f"{count} of 22 test images were measured in evaluation mode")
    expect_equal(model.training, False)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="While the test images are measured gradients are recorded, which costs memory and time.",
)
def measures_without_a_graph(train_autoencoder):
    """Eleven test images, two epochs."""
    model, batches = spy(numbers(6, 6, seed=896)), batches_of(3, 2, seed=897)
    train_autoencoder(model, batches, sgd(model, lr=0.1), 2, numbers(11, 6, seed=899))
    count = sum(size for _, recording, size in model.calls if not recording)
    expect(count >= 22, f"{count} of 22 test images were measured without recording gradients")


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The training looks at the test images: it stops early, keeps the weights that were best "
    "on them, or learns from them. It must do all epochs, and end with the last weights.",
)
def decides_nothing_by_the_test_images(train_autoencoder):
    """Test images that the first weights reproduce perfectly: their error can only rise."""
    images = numbers(3, 6, seed=901)
    known = torch.linalg.pinv(images) @ images
    weight = torch.eye(6) - 0.8 * numbers(6, 6, seed=902) @ (torch.eye(6) - known)
    batches, model = batches_of(5, seed=903), spy(weight)
    train_autoencoder(model, batches, sgd(model, lr=0.2), 4, images)
    for _ in range(4):
        weight, _ = descend(weight, batches, 0.2)
    expect_close(model.weight, weight, atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The parameters held gradients before, and the first step used them. Clear the gradients "
    "before each backward.",
)
def forgets_older_gradients(train_autoencoder):
    """Two equal models; for one of them somebody has called backward before."""
    weight, batches = 0.5 * numbers(6, 6, seed=906), batches_of(5, seed=907)
    fresh, used = spy(weight), spy(weight)
    (used(batches[0][0]) * 3).sum().backward()
    for model in (fresh, used):
        train_autoencoder(model, batches, sgd(model, lr=0.5), 1, numbers(4, 6, seed=908))
    expect_close(used.weight, plain(fresh.weight), atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The update is not that of the optimizer that was passed in; here it is Adam, whose first "
    "step moves every parameter by the learning rate. Call its step, and make no optimizer of your "
    "own.",
)
def uses_the_given_optimizer(train_autoencoder):
    """One batch; the size of every change."""
    weight, batches = 0.5 * numbers(6, 6, seed=911), batches_of(4, seed=912)
    model = spy(weight)
    adam = inside("torch.optim.Adam")(model.parameters(), lr=0.02)
    train_autoencoder(model, batches, adam, 1, numbers(4, 6, seed=913))
    expect_close((plain(model.weight) - weight).abs(), torch.full((6, 6), 0.02), atol=1e-4)


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="The curves are not two lists of floats: a tensor in them may keep a graph in memory.",
)
def returns_two_lists_of_floats(train_autoencoder):
    """The types in the result."""
    model, batches = spy(0.5 * numbers(6, 6, seed=916)), batches_of(3, 2, seed=917)
    curves = train_autoencoder(model, batches, sgd(model, lr=0.1), 2, numbers(4, 6, seed=919))
    for curve in curves:
        expect_equal(type(curve) is list, True)
        expect(all(type(error) is float for error in curve), "an entry of a curve is no float")


@check(
    "train_autoencoder",
    points=1,
    hidden=True,
    hint="Training or test images are on another device than the model. Move them to the device of "
    "the model's parameters.",
)
def moves_images_to_the_model(train_autoencoder):
    """Images that must be moved before anything else is done with them."""
    model, move = spy(0.5 * numbers(6, 6, seed=921)), inside("autograder.inside.spies.elsewhere")
    batches = [(move(images), labels) for images, labels in batches_of(3, 2, seed=922)]
    tests = move(numbers(4, 6, seed=924))
    train_autoencoder(model, batches, sgd(model, lr=0.1), 1, tests)
    expect(len(model.calls) >= 3, "the model was not called for every batch and the test images")


# ----------------------------------------------------------------------------- knn_accuracy


@check(
    "knn_accuracy",
    points=1,
    hint="The training points 0, 1 and 2 have the label 7, the points 10 and 11 the label 3. Near "
    "-1 and 12 the majority of three is 7 and 3: the first answer is right, the second is not.",
)
def asks_three_neighbours(knn_accuracy):
    """Five training points on a line, two test points."""
    codes = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0]])
    labels = torch.tensor([7, 7, 7, 3, 3])
    tests, truth = torch.tensor([[-1.0], [12.0]]), torch.tensor([7, 7])
    expect_close(knn_accuracy(codes, labels, tests, truth, 3), 0.5)


def accuracy_by_loops(codes, labels, tests, truth, k: int) -> float:
    """Return the accuracy by sorting for every test point."""
    right = 0
    for point, answer in zip(tests.tolist(), truth.tolist(), strict=True):
        order = sorted(range(len(codes)), key=lambda j: math.dist(point, codes[j].tolist()))
        votes = [int(labels[j]) for j in order[:k]]
        right += max(set(votes), key=votes.count) == answer
    return right / len(truth)


@check(
    "knn_accuracy",
    points=2,
    hidden=True,
    hint="The accuracy is wrong: for every test point the most frequent label among the k nearest "
    "training points, with k as passed in; then the share of the test points whose label it is, "
    "from 0 to 1. Test points do not vote.",
)
def counts_the_votes_of_training_points(knn_accuracy):
    """Three overlapping classes on a line, not in order; one, five and 15 neighbours, no ties."""
    labels, truth = torch.arange(60) % 3, torch.arange(32) % 3
    places = torch.tensor([[0.0], [3.0], [1.5]])
    codes = numbers(60, 1, seed=1000) + places[labels]
    tests = numbers(32, 1, seed=932) + places[truth]
    for k in (1, 5, 15):
        expected = accuracy_by_loops(codes, labels, tests, truth, k)
        expect_close(knn_accuracy(codes, labels, tests, truth, k), expected, atol=1e-4)


@check(
    "knn_accuracy",
    points=1,
    hidden=True,
    hint="The distances are not Euclidean, or not all coordinates count.",
)
def measures_euclidean_distances(knn_accuracy):
    """Points of three numbers; by the sum or by the largest of the differences others are near."""
    codes = torch.tensor([[2.0, 2.0, 0.0], [0.0, 0.0, 3.3], [0.0, 9.0, 9.0], [1.9, 1.9, 1.9]])
    labels, tests = torch.tensor([0, 1, 2, 3]), torch.zeros(1, 3)
    share = knn_accuracy(codes, labels, tests, torch.tensor([0]), 1)
    expect_close(share, 1.0)
    share = knn_accuracy(codes[[1, 2, 3]], labels[[1, 2, 3]], tests, torch.tensor([3]), 1)
    expect_close(share, 1.0)


@check(
    "knn_accuracy",
    points=1,
    hidden=True,
    hint="Labels may be any whole numbers from 0: with gaps, larger than 9, and some of them only "
    "in one of the two parts.",
)
def takes_any_labels(knn_accuracy):
    """Labels 12, 30 and 3; the test points also have 51."""
    codes = torch.tensor([[0.0, 0.1], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0], [9.0, 0.0], [9.1, 0.0]])
    labels = torch.tensor([12, 12, 30, 30, 3, 3])
    tests = torch.tensor([[0.0, 0.0], [5.0, 5.2], [9.0, 0.2], [5.0, 4.9]])
    share = knn_accuracy(codes, labels, tests, torch.tensor([12, 30, 3, 51]), 2)
    expect_close(share, 0.75)


@check(
    "knn_accuracy",
    points=1,
    hidden=True,
    hint="The result is a tensor. Return a Python float.",
)
def returns_the_accuracy_as_a_float(knn_accuracy):
    """The type of the result."""
    codes, labels = numbers(8, 2, seed=935), torch.arange(8) % 2
    share = knn_accuracy(codes, labels, numbers(3, 2, seed=936), labels[:3], 1)
    expect_equal(type(share) is float, True)


# ----------------------------------------------------------------------------- LinearAutoencoder


@check(
    "LinearAutoencoder",
    points=1,
    hint="Four examples of five numbers give four codes of two numbers, and the way back.",
)
def encodes_five_numbers_by_two(LinearAutoencoder):
    """The shapes."""
    model = LinearAutoencoder(5, 2)
    codes = model.encode(torch.zeros(4, 5))
    expect_equal(codes.shape, (4, 2))
    expect_equal(model.decode(codes).shape, (4, 5))
    expect_equal(model(torch.zeros(4, 5)).shape, (4, 5))


@check(
    "LinearAutoencoder",
    points=2,
    hidden=True,
    hint="It is not linear. Up to a constant vector the code of a sum must be the sum of the "
    "codes, and so for decode: no ReLU, sigmoid or normalisation anywhere.",
)
def adds_what_is_added(LinearAutoencoder):
    """Sums of random examples and of random codes, at large values, too."""
    model = LinearAutoencoder(7, 3)
    for part, size in ((model.encode, 7), (model.decode, 3)):
        a, b = 5 * numbers(6, size, seed=941), 5 * numbers(6, size, seed=942)
        together = plain(part(a + b)) + plain(part(torch.zeros(6, size)))
        expect_close(plain(part(a)) + plain(part(b)), together, atol=1e-3)


@check(
    "LinearAutoencoder",
    points=1,
    hidden=True,
    hint="Something gets around the code: the outputs span more dimensions than the code has, or "
    "the model's output is not decode(encode(examples)).",
)
def is_as_narrow_as_its_code(LinearAutoencoder):
    """The rank of the outputs of 20 examples."""
    model, x = LinearAutoencoder(8, 3), numbers(20, 8, seed=943)
    result = plain(model(x))
    expect_close(model.decode(plain(model.encode(x))), result, atol=1e-4)
    rank = int(torch.linalg.matrix_rank((result - result.mean(dim=0)).double(), rtol=1e-5))
    expect_equal(rank, 3)


@check(
    "LinearAutoencoder",
    points=1,
    hidden=True,
    hint="model.parameters() must hold the weights of both layers. Layers in a plain list are not "
    "found.",
)
def registers_both_layers(LinearAutoencoder):
    """The graph of a forward pass."""
    model = LinearAutoencoder(6, 2)
    missing, idle = inside(f"{SPIES}.out_of_reach")(model, numbers(5, 6, seed=944))
    expect(missing == 0, f"{missing} tensors in the graph are not in model.parameters()")
    expect(idle == 0, f"{idle} tensors of model.parameters() are not in the graph")


# ----------------------------------------------------------------------------- projector


@check(
    "projector",
    points=1,
    hint="The nearest point to (1, 0) on the diagonal through (3, 3) is (0.5, 0.5).",
)
def projects_onto_the_diagonal(projector):
    """A subspace of one dimension in the plane."""
    expect_close(projector(torch.tensor([[3.0], [3.0]])), torch.full((2, 2), 0.5), atol=1e-4)


@check(
    "projector",
    points=2,
    hidden=True,
    hint="The matrix is not the projector if the columns are neither perpendicular nor of unit "
    "length. To normalise each column is not enough; use the formula, or an orthonormal basis of "
    "the same subspace.",
)
def projects_onto_any_basis(projector):
    """Three oblique columns of six numbers."""
    basis = numbers(6, 3, seed=951) + 1
    u, _, _ = torch.linalg.svd(basis.double(), full_matrices=False)
    expect_close(projector(basis), (u @ u.T).float(), atol=1e-3)


@check(
    "projector",
    points=1,
    hidden=True,
    hint="The result has another dtype than the basis, or its precision is lost on the way.",
)
def projects_in_double_precision(projector):
    """Float64, two perpendicular columns."""
    basis = torch.tensor([[1.0, 2.0], [2.0, -1.0], [0.0, 0.0]], dtype=torch.float64)
    expect_close(projector(basis), torch.diag(basis.new_tensor([1, 1, 0])), atol=1e-12)


leaves_alone(
    "projector",
    "leaves_the_basis_alone",
    lambda: 2 * numbers(5, 2, seed=952),
    hint="The basis that was passed in has changed.",
)


# ----------------------------------------------------------------------------- decode_grid


def decoder(weight: torch.Tensor):
    """Return a linear decoder in the student's process; it records gradients."""
    model = inside("torch.nn.Linear")(2, 784, bias=False)
    model.load_state_dict({"weight": weight})
    return model


@check(
    "decode_grid",
    points=1,
    hint="Here every decoded image is of one grey, z1 + 10·z2. The lower row of images has "
    "z2 = 1, so its greys are 12 and 13 from left to right; above it z2 = 3.",
)
def draws_two_by_two_images(decode_grid):
    """A decoder that returns uniform images."""
    model = inside("torch.nn.Linear")(2, 784, bias=False)
    model.load_state_dict({"weight": torch.tensor([[1.0, 10.0]]).repeat(784, 1)})
    image = plain(decode_grid(model, torch.tensor([2.0, 3.0]), torch.tensor([1.0, 3.0])))
    expect_equal(image.shape, (56, 56))
    expect_close(image[::28, ::28], torch.tensor([[32.0, 33.0], [12.0, 13.0]]), atol=1e-3)


@check(
    "decode_grid",
    points=2,
    hidden=True,
    hint="Images stand in the wrong places. Along a row z1 grows from left to right; z2 grows from "
    "the bottom to the top; there may be more columns than rows, and the other way round.",
)
def puts_every_image_in_its_place(decode_grid):
    """Grids of three by two and of one by four uniform images."""
    model = decoder(torch.tensor([[1.0, 30.0]]).repeat(784, 1))
    for z1, z2 in (([6.0, 7.0, 8.0], [1.0, 2.0]), ([9.0], [5.0, 6.0, 7.0, 8.0])):
        rows = [[a + 30 * b for a in z1] for b in reversed(z2)]
        expected = torch.tensor(rows).repeat_interleave(28, 0).repeat_interleave(28, 1)
        expect_close(decode_grid(model, torch.tensor(z1), torch.tensor(z2)), expected, atol=1e-2)


@check(
    "decode_grid",
    points=1,
    hidden=True,
    hint="The pixels within an image are in the wrong order: 784 numbers are 28 rows of 28.",
)
def keeps_the_pixels_in_order(decode_grid):
    """One image with a random pattern."""
    weight = numbers(784, 2, seed=961)
    image = decode_grid(decoder(weight), torch.tensor([2.0]), torch.tensor([-1.0]))
    expect_close(image, (2 * weight[:, 0] - weight[:, 1]).reshape(28, 28), atol=1e-3)


@check(
    "decode_grid",
    points=1,
    hidden=True,
    hint="The coordinates are those that were passed in; they need not be evenly spaced.",
)
def takes_uneven_grids(decode_grid):
    """Four columns at uneven distances."""
    model = decoder(torch.tensor([[1.0, 0.0]]).repeat(784, 1))
    z1 = torch.tensor([-5.0, 0.0, 1.0, 7.0])
    image = plain(decode_grid(model, z1, torch.tensor([0.5, 2.5])))
    expect_close(image[0, ::28], z1, atol=1e-3)


@check(
    "decode_grid",
    points=1,
    hidden=True,
    hint="The result records gradients, although nobody will train on it.",
)
def records_no_gradients(decode_grid):
    """A decoder with parameters."""
    model = decoder(numbers(784, 2, seed=962))
    image = decode_grid(model, torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    expect_equal(image.requires_grad, False)
