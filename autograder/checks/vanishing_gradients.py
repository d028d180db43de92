"""The checks of notebook 03: gradients over depth, initialisation, batch normalisation."""

import itertools
import math

import torch

from autograder.checks import check
from autograder.checks.shared.makers import written_by_hand
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    inside,
    numbers,
    parameter,
    plain,
)

# ----------------------------------------------------------------------------- sigmoid_prime


@check(
    "sigmoid_prime",
    points=1,
    hint="At 0 the sigmoid is 1/2, so its derivative is 1/2 · (1 - 1/2) = 1/4. At ±ln 3 the "
    "sigmoid is 3/4 and 1/4, so its derivative is 3/16 at both.",
)
def knows_three_values(sigmoid_prime):
    """σ'(0) = 1/4 and σ'(±ln 3) = 3/16."""
    x = torch.tensor([0.0, math.log(3), -math.log(3)])
    expect_close(sigmoid_prime(x), torch.tensor([0.25, 0.1875, 0.1875]))


@check(
    "sigmoid_prime",
    points=1,
    hidden=True,
    hint="Far from zero the result is nan or infinite. The exponential of a large number "
    "overflows; the exponential of minus that number is a harmless 0.",
)
def does_not_overflow(sigmoid_prime):
    """At ±100, ±1000 and in both precisions the derivative is nearly 0."""
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor([-1000.0, -100.0, 100.0, 1000.0], dtype=dtype)
        expect_close(sigmoid_prime(x), torch.zeros(4, dtype=dtype), rtol=0, atol=1e-40)


@check(
    "sigmoid_prime",
    points=1,
    hidden=True,
    hint="The derivative at x and at -x is the same number, however small: near exp(-20) for "
    "x = ±20. If one of them is 0, a number was subtracted from 1 that had been rounded to 1.",
)
def is_accurate_far_from_zero(sigmoid_prime):
    """In float32, from -80 to 80, relative to the value."""
    x = torch.tensor([-80.0, -40.0, -18.5, 12.5, 18.5, 40.0, 80.0])
    decay = torch.exp(-x.double().abs())
    expected = decay / (1 + decay) ** 2
    expect_close(sigmoid_prime(x), expected.float(), rtol=1e-5, atol=0)


@check(
    "sigmoid_prime",
    points=1,
    hidden=True,
    hint="The input is a matrix of float64; the result has its shape, its dtype and its "
    "precision. Nothing in between may be float32, and no formula may be approximate.",
)
def keeps_shape_and_precision(sigmoid_prime):
    """Shape (3, 5), float64."""
    x = 3 * numbers(3, 5, seed=301, dtype=torch.float64)
    decay = torch.exp(-x)
    expect_close(sigmoid_prime(x), decay / (1 + decay) ** 2, rtol=1e-10, atol=0)


# ----------------------------------------------------------------------- active_interval_width


@check(
    "active_interval_width",
    points=1,
    hint="For w = 4.5 the root of 1 - 4/w is 1/3, so the logarithm is ln(4.5 · (4/3) / 2 - 1) = "
    "ln 2, and the width is 2/4.5 · ln 2.",
)
def is_right_for_one_weight(active_interval_width):
    """w = 4.5, where the formula is easy to evaluate by hand."""
    expect_close(active_interval_width(torch.tensor([4.5])), [2 / 4.5 * math.log(2)])


@check(
    "active_interval_width",
    points=1,
    hidden=True,
    hint="The width is wrong for some large weight. At both ends of the interval |w σ'(wa)| "
    "must be exactly 1: put half of your width into it.",
)
def ends_where_the_factor_is_one(active_interval_width):
    """At half the width from the middle, |w| σ' is 1."""
    w = torch.tensor([[4.1, 5.0, 9.0], [30.0, 200.0, 3000.0]], dtype=torch.float64)
    width = plain(active_interval_width(w))
    expect_equal(tuple(width.shape), (2, 3))
    expect(bool((width > 0).all()), "a width is not positive")
    u = torch.exp(-w * width / 2)
    expect_close(w * u / (1 + u) ** 2, torch.ones(2, 3, dtype=torch.float64), atol=1e-6)


@check(
    "active_interval_width",
    points=1,
    hidden=True,
    hint="Some weights here are negative. The formula holds for the absolute value |w|: the "
    "width is the same for w and -w.",
)
def ignores_the_sign(active_interval_width):
    """Negative weights against the inverse hyperbolic cosine, another form of the formula."""
    w = torch.tensor([-4.7, 6.0, -25.0], dtype=torch.float64)
    expected = 2 / w.abs() * torch.acosh(w.abs() / 2 - 1)
    expect_close(active_interval_width(w), expected)


@check(
    "active_interval_width",
    points=1,
    hidden=True,
    hint="Weights with |w| <= 4 have no such interval: the width is 0, neither nan nor negative. "
    "The root of a negative number is nan.",
)
def is_zero_for_small_weights(active_interval_width):
    """0, small weights of both signs, and exactly 4."""
    w = torch.tensor([0.0, 0.3, -1.0, 3.9, 4.0, -3.9])
    expect_close(active_interval_width(w), torch.zeros(6))


@check(
    "active_interval_width",
    points=1,
    hidden=True,
    hint="One weight in a tensor of shape () gives one width in a tensor of shape (). Indexing "
    "by position, loops over the rows and lists work for longer tensors only.",
)
def accepts_a_single_weight(active_interval_width):
    """Shape ()."""
    w = torch.tensor(12.5, dtype=torch.float64)
    expect_close(active_interval_width(w), 2 / w * torch.acosh(w / 2 - 1))


# ----------------------------------------------------------------------------- find_maximum


@check(
    "find_maximum",
    points=1,
    hint="Between 0 and 3 the sine is largest at π/2 = 1.570796..., where it is 1. First the "
    "place, then the value.",
)
def finds_the_top_of_the_sine(find_maximum):
    """sin on [0, 3]; the place to within 3 / 100,000."""
    sin = inside("torch.sin")
    expect_close(find_maximum(sin, 0, 3)[0], math.pi / 2, rtol=0, atol=3e-5)
    expect_close(find_maximum(sin, 0, 3)[1], 1.0)


@check(
    "find_maximum",
    points=1,
    hidden=True,
    hint="The interval starts at 5 here. All points that you try must lie between low and high.",
)
def stays_between_low_and_high(find_maximum):
    """sin on [5, 10], where it has one of its many maxima."""
    place, value = find_maximum(inside("torch.sin"), 5, 10)
    expect_close(place, 2.5 * math.pi, rtol=0, atol=5e-5)
    expect_close(value, 1.0)


@check(
    "find_maximum",
    points=1,
    hidden=True,
    hint="The interval is 0.2 long; the place must be right to within 0.2 / 100,000. A step of "
    "fixed size is too coarse for a short interval, and float32 is too coarse near a flat top.",
)
def is_precise_on_a_short_interval(find_maximum):
    """cos on an interval of length 0.2 around 0, which is not its middle."""
    place, _ = find_maximum(inside("torch.cos"), -0.07165, 0.12835)
    expect_close(place, 0.0, rtol=0, atol=2e-6)


@check(
    "find_maximum",
    points=1,
    hidden=True,
    hint="The function rises (or falls) on the whole interval, so its maximum is at an end. Do "
    "your points include both ends?",
)
def looks_at_both_ends(find_maximum):
    """exp on [-1, 2] and erfc on [0, 3]."""
    place, value = find_maximum(inside("torch.exp"), -1, 2)
    expect_close(place, 2.0, rtol=0, atol=3e-5)
    expect_close(value, math.exp(2), rtol=0, atol=1e-3)
    place, _ = find_maximum(inside("torch.special.erfc"), 0, 3)
    expect_close(place, 0.0, rtol=0, atol=3e-5)


# ----------------------------------------------------------------------------- gradient_bound


@check(
    "gradient_bound",
    points=1,
    hint="Two layers of three sigmoid units: two factors, each 3 · 1 · 1/4.",
)
def bounds_two_layers(gradient_bound):
    """(3/4)² = 0.5625."""
    expect_close(gradient_bound(2, 3), 0.5625)


@check(
    "gradient_bound",
    points=1,
    hidden=True,
    hint="Each layer multiplies the number of paths by the number of its units, whatever that "
    "is; 3 was an example.",
)
def depends_on_the_width(gradient_bound):
    """Two units per layer, and six."""
    expect_close(gradient_bound(7, 2), 0.5**7)
    expect_close(gradient_bound(4, 6), 1.5**4)


@check(
    "gradient_bound",
    points=1,
    hidden=True,
    hint="The largest weight and the largest slope are factors of every layer; 1 and 1/4 are "
    "only what they are by default.",
)
def depends_on_weights_and_slopes(gradient_bound):
    """Three units per layer, small weights and an activation of slope 1 or 0.5."""
    expect_close(gradient_bound(5, 3, largest_weight=0.5, largest_slope=1.0), 1.5**5)
    expect_close(gradient_bound(3, 3, largest_weight=2.0, largest_slope=0.5), 27.0)


# ----------------------------------------------------------------------------- DeepMLP


@check(
    "DeepMLP",
    points=1,
    hint="All weights are 1 and all biases 0. The input (1, 2) gives 3 in each of the three units "
    "of the first hidden layer, 9 in the second, and 27 at the output. For (-1, -2) the ReLU "
    "gives 0.",
)
def computes_with_ones(DeepMLP):
    """Two inputs, two hidden layers of three units, one output; every weight is 1."""
    ones_, relu = inside("torch.nn.init.ones_"), inside("torch.relu")
    model = DeepMLP(2, 2, 3, 1, relu, ones_, 0)
    expect_close(model(torch.tensor([[1.0, 2.0], [-1.0, -2.0]])), [[27.0], [0.0]])


@check(
    "DeepMLP",
    points=1,
    hidden=True,
    hint="model.parameters() must hold the weights of depth + 1 linear layers from the input to "
    "the output, and as many biases, which are 0. A plain list hides layers.",
)
def registers_layers_in_order(DeepMLP):
    """What an optimiser would see of three hidden layers; all sizes differ."""
    model = DeepMLP(7, 3, 5, 2, inside("torch.tanh"), inside("torch.nn.init.orthogonal_"), 1)
    shapes = [tuple(p.shape) for p in model.parameters()]
    expect_equal([s for s in shapes if len(s) == 2], [(5, 7), (5, 5), (5, 5), (2, 5)])
    expect_equal([s for s in shapes if len(s) == 1], [(5,), (5,), (5,), (2,)])
    biases = [plain(p) for p in model.parameters() if len(p.shape) == 1]
    expect(not torch.cat(biases).any(), "the biases of a new model are not all 0")


@check(
    "DeepMLP",
    points=2,
    hidden=True,
    hint="The model computes something else than linear, activation, ..., linear. Is there an "
    "activation after every hidden layer, the one that was passed in, and none at the end?",
)
def agrees_with_the_formula(DeepMLP):
    """tanh, three hidden layers, random weights and biases."""
    normal_ = inside("torch.nn.init.normal_")
    model, x = DeepMLP(4, 3, 6, 3, inside("torch.tanh"), normal_, 2), numbers(5, 4, seed=311)
    for p in model.parameters():
        normal_(p, 0.3, 0.5)
    values = [plain(p) for p in model.parameters()]
    weights, biases = ([v for v in values if v.ndim == n] for n in (2, 1))
    expected = x
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        expected = expected @ weight.T + bias
        expected = expected.tanh() if k < 3 else expected
    expect_close(model(x), expected, atol=1e-4)


@check(
    "DeepMLP",
    points=1,
    hidden=True,
    hint="Two models that differ only in the activation have different weights. Call "
    "torch.manual_seed(seed) in the constructor, before the weights are drawn.",
)
def gives_all_activations_the_same_weights(DeepMLP):
    """sigmoid and ReLU with the same seed, and another model between them."""
    normal_, models = inside("torch.nn.init.normal_"), []
    for activation, depth in (("torch.sigmoid", 2), ("torch.tanh", 4), ("torch.relu", 2)):
        models.append(DeepMLP(3, depth, 4, 2, inside(activation), normal_, 5))
    for p, q in zip(models[0].parameters(), models[2].parameters(), strict=True):
        expect_close(p, plain(q))


@check(
    "DeepMLP",
    points=1,
    hidden=True,
    hint="Two hidden layers of one model, or two models with different seeds, have the same "
    "weights. Seed once per model, with the seed that was passed in.",
)
def draws_each_layer_anew(DeepMLP):
    """Three hidden layers; seeds 1 and 2."""
    normal_, tanh = inside("torch.nn.init.normal_"), inside("torch.tanh")
    square = [
        plain(p)
        for seed in (1, 2)
        for p in DeepMLP(4, 3, 4, 4, tanh, normal_, seed).parameters()
        if len(p.shape) == 2
    ]
    for k, weight in enumerate(square):
        for other in square[:k]:
            expect(not torch.equal(weight, other), "two layers have the very same weights")


@check(
    "DeepMLP",
    points=1,
    hidden=True,
    hint="init was not called for every weight: those of the first and of the last layer count, "
    "too. A weight that was missed still has PyTorch's default numbers.",
)
def initialises_every_weight(DeepMLP):
    """An initialisation that fills in ones."""
    model = DeepMLP(3, 2, 4, 2, inside("torch.relu"), inside("torch.nn.init.ones_"), 0)
    for p in model.parameters():
        if len(p.shape) == 2:
            expect_close(p, torch.ones(tuple(p.shape)))


# ------------------------------------------------------------------- layer_gradient_magnitudes


def _by_hand(layers, x, y):
    """Return the mean absolute gradients of sigmoid layers' weights, (weight, bias) pairs."""
    weights = [weight.clone().requires_grad_() for weight, _ in layers]
    for weight, (_, bias) in zip(weights, layers, strict=True):
        out = x @ weight.T + bias
        x = torch.sigmoid(out)
    gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(out, y), weights)
    return torch.stack([gradient.abs().mean() for gradient in gradients])


def _sigmoid_network(*sizes):
    """Return a network in the student's process and its layers as plain (weight, bias) pairs."""
    linear = [inside("torch.nn.Linear")(m, n) for m, n in itertools.pairwise(sizes)]
    modules = [linear[0]]
    for layer in linear[1:]:
        modules += [inside("torch.nn.Sigmoid")(), layer]
    network = inside("torch.nn.Sequential")(*modules)
    return network, [(plain(layer.weight), plain(layer.bias)) for layer in linear]


@check(
    "layer_gradient_magnitudes",
    points=1,
    hint="All weights and biases are 0, so both classes get probability 1/2, and the gradient of "
    "the weight is [[-1, -2], [1, 2]]. The mean of the absolute values is 1.5; the bias "
    "does not count.",
)
def is_right_for_one_layer(layer_gradient_magnitudes):
    """One linear layer with two inputs and two classes; one example, of class 0."""
    model = inside("torch.nn.Linear")(2, 2)
    for p in model.parameters():
        inside("torch.nn.init.zeros_")(p)
    x, y = torch.tensor([[2.0, 4.0]]), torch.tensor([0])
    expect_close(layer_gradient_magnitudes(model, x, y), torch.tensor([1.5]))


@check(
    "layer_gradient_magnitudes",
    points=2,
    hidden=True,
    hint="The numbers of a network with three layers and several examples are wrong. One "
    "number per weight, from the input to the output: first the gradient of the mean loss, then "
    "absolute values, then their mean.",
)
def agrees_with_autograd(layer_gradient_magnitudes):
    """Three sigmoid layers of different sizes, nine examples."""
    model, layers = _sigmoid_network(5, 4, 3, 6)
    x, y = 2 * numbers(9, 5, seed=321), torch.tensor([0, 5, 2, 2, 1, 3, 4, 0, 5])
    expected = _by_hand(layers, x, y)
    expect_close(layer_gradient_magnitudes(model, x, y), expected, rtol=1e-3, atol=1e-8)


@check(
    "layer_gradient_magnitudes",
    points=1,
    hidden=True,
    hint="Gradients of an earlier backward pass were stored in the model, and they got into the "
    "result: backward adds to .grad.",
)
def ignores_gradients_from_before(layer_gradient_magnitudes):
    """Two calls, and a large gradient is stored in every parameter between them."""
    model, _ = _sigmoid_network(3, 4, 2)
    x, y = numbers(6, 3, seed=322), torch.tensor([0, 1, 1, 0, 1, 0])
    expected = plain(layer_gradient_magnitudes(model, x, y))
    (model(x) * 50).sum().backward()
    expect_close(layer_gradient_magnitudes(model, x, y), expected)


@check(
    "layer_gradient_magnitudes",
    points=1,
    hidden=True,
    hint="After the call the model holds other gradients than before it. To look at a model must "
    "not change it: torch.autograd.grad computes gradients without storing them.",
)
def leaves_stored_gradients_alone(layer_gradient_magnitudes):
    """A model without gradients keeps none; stored gradients stay as they are."""
    model, _ = _sigmoid_network(3, 4, 2)
    x, y = numbers(6, 3, seed=323), torch.tensor([1, 1, 0, 0, 1, 0])
    layer_gradient_magnitudes(model, x, y)
    for p in model.parameters():
        expect(p.grad is None or not p.grad.any(), "a new model holds gradients after the call")
    (model(x) * 3).sum().backward()
    before = [plain(p.grad) for p in model.parameters()]
    layer_gradient_magnitudes(model, x, y)
    for p, gradient in zip(model.parameters(), before, strict=True):
        expect(p.grad is not None, "a gradient that was stored before the call is gone")
        expect_close(p.grad, gradient)


# ----------------------------------------------------------------------------- glorot_uniform_


def _filled(fill, *shape, dtype=torch.float32, **keywords):
    """Return a weight that a student's function has filled in place."""
    weight = torch.full(shape, 7.0, dtype=dtype)
    fill(weight, **keywords)
    return plain(weight)


def _expect_statistic(what, value, expected, share):
    """Fail unless a statistic is right to within this share of the expected value."""
    expect(
        abs(value - expected) <= share * abs(expected),
        f"{what} is {value:.4g}, expected about {expected:.4g}",
    )


@check(
    "glorot_uniform_",
    points=1,
    hint="n_in and n_out are both 150, so r² = 6 / 300 and r = 0.141. The numbers fill the "
    "interval from -r to r, in the tensor that was passed in.",
)
def fills_the_interval(glorot_uniform_):
    """A square weight; 22,500 numbers come close to both ends of the interval."""
    weight, end = torch.zeros(150, 150), math.sqrt(6 / 300)
    glorot_uniform_(weight)
    weight = plain(weight)
    expect(weight.max() <= end, f"the largest number is {weight.max():.4f}, above r = {end:.4f}")
    expect(weight.min() >= -end, f"the smallest is {weight.min():.4f}, below -r = {-end:.4f}")
    expect(weight.max() > 0.99 * end, f"the largest is {weight.max():.4f}, far below {end:.4f}")
    expect(weight.min() < -0.99 * end, f"the smallest is {weight.min():.4f}, far above {-end:.4f}")


@check(
    "glorot_uniform_",
    points=1,
    hidden=True,
    hint="The variance of a weight with many more inputs than outputs is wrong. It is "
    "2 / (n_in + n_out): both numbers count, and neither alone.",
)
def uses_both_sizes(glorot_uniform_):
    """A wide and a tall weight."""
    for rows, columns in ((40, 360), (500, 30)):
        weight = _filled(glorot_uniform_, rows, columns)
        variance, expected = weight.square().mean().item(), 2 / (rows + columns)
        _expect_statistic(f"the variance of shape {rows, columns}", variance, expected, 0.1)


@check(
    "glorot_uniform_",
    points=1,
    hidden=True,
    hint="A parameter, which records gradients, could not be filled or was not changed. Change "
    "it in place, under torch.no_grad().",
)
def fills_a_parameter_uniformly(glorot_uniform_):
    """A parameter of zeros."""
    weight = parameter(torch.zeros(20, 30))
    glorot_uniform_(weight)
    expect(bool(plain(weight).all()), "the parameter still holds zeros")
    expect_equal(weight.requires_grad, True)


@check(
    "glorot_uniform_",
    points=1,
    hidden=True,
    hint="Two calls gave the same numbers. A seed inside the function makes all layers of a "
    "network alike.",
)
def draws_new_uniform_numbers(glorot_uniform_):
    """Two calls for the same shape."""
    first, second = (_filled(glorot_uniform_, 6, 5) for _ in range(2))
    expect(not torch.equal(first, second), "the two weights are equal")


written_by_hand(
    "glorot_uniform_",
    "is_glorot_by_hand",
    "initialisation",
    lambda: torch.zeros(4, 6),
    hint="This is an exercise in writing the rule yourself: use uniform random numbers, not the "
    "library's initialisation.",
)


# ----------------------------------------------------------------------------- he_normal_


@check(
    "he_normal_",
    points=1,
    hint="n_in is 200, so the standard deviation is sqrt(2 / 200) = 0.1, and the mean is 0.",
)
def has_the_standard_deviation_of_he(he_normal_):
    """A square weight with 200 inputs: 40,000 numbers."""
    weight = torch.zeros(200, 200)
    he_normal_(weight)
    weight = plain(weight)
    mean, deviation = weight.mean().item(), weight.std().item()
    expect(abs(mean) < 0.005, f"the mean is {mean:.4f}, expected about 0")
    expect(abs(deviation - 0.1) < 0.005, f"the standard deviation is {deviation:.4f}, expected 0.1")


@check(
    "he_normal_",
    points=1,
    hidden=True,
    hint="The weight is not square, and its variance is wrong. Its shape is (n_out, n_in); "
    "the rule counts the inputs.",
)
def counts_the_inputs(he_normal_):
    """A wide and a tall weight."""
    for rows, columns in ((40, 360), (500, 30)):
        variance = _filled(he_normal_, rows, columns).square().mean().item()
        _expect_statistic(f"the variance of shape {rows, columns}", variance, 2 / columns, 0.1)


@check(
    "he_normal_",
    points=1,
    hidden=True,
    hint="The variance is right, but the numbers are not normally distributed: of normal numbers "
    "about one in 22 lies more than two standard deviations from 0.",
)
def is_normally_distributed(he_normal_):
    """Shares beyond one, two and three standard deviations."""
    size = _filled(he_normal_, 250, 250).abs() / math.sqrt(2 / 250)
    for limit, expected in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):
        share = (size > limit).double().mean().item()
        _expect_statistic(f"the share beyond {limit} standard deviations", share, expected, 0.4)


@check(
    "he_normal_",
    points=1,
    hidden=True,
    hint="A parameter, which records gradients, could not be filled or was not changed. Change "
    "it in place, under torch.no_grad().",
)
def fills_a_parameter_normally(he_normal_):
    """A parameter of zeros."""
    weight = parameter(torch.zeros(20, 30))
    he_normal_(weight)
    expect(bool(plain(weight).all()), "the parameter still holds zeros")
    expect_equal(weight.requires_grad, True)


@check(
    "he_normal_",
    points=1,
    hidden=True,
    hint="Two calls gave the same numbers. A seed inside the function makes all layers of a "
    "network alike.",
)
def draws_new_normal_numbers(he_normal_):
    """Two calls for the same shape."""
    first, second = (_filled(he_normal_, 6, 5) for _ in range(2))
    expect(not torch.equal(first, second), "the two weights are equal")


written_by_hand(
    "he_normal_",
    "is_he_by_hand",
    "initialisation",
    lambda: torch.zeros(4, 6),
    hint="This is an exercise in writing the rule yourself: use normal random numbers, not the "
    "library's initialisation.",
)


# ----------------------------------------------------------------------------- orthogonal_


@check(
    "orthogonal_",
    points=1,
    hint="For an orthogonal matrix W the product of its transpose with itself is the identity "
    "matrix: the columns have length 1 and are orthogonal to each other.",
)
def makes_orthonormal_columns(orthogonal_):
    """A square weight and a tall one, multiplied with their transposes."""
    square, tall = torch.zeros(4, 4), torch.zeros(6, 3)
    orthogonal_(square)
    orthogonal_(tall)
    square, tall = plain(square), plain(tall)
    expect_close(square.T @ square, torch.eye(4), atol=1e-5)
    expect_close(tall.T @ tall, torch.eye(3), atol=1e-5)


@check(
    "orthogonal_",
    points=1,
    hidden=True,
    hint="A weight with more columns than rows cannot have orthonormal columns; its rows are "
    "orthonormal. Decompose the transposed matrix.",
)
def makes_orthonormal_rows(orthogonal_):
    """Three rows, eight columns."""
    weight = _filled(orthogonal_, 3, 8)
    expect_close(weight @ weight.T, torch.eye(3), atol=1e-5)


@check(
    "orthogonal_",
    points=1,
    hidden=True,
    hint="The gain multiplies the whole matrix: with gain 1.5 each column has length 1.5.",
)
def applies_the_gain(orthogonal_):
    """Gain 1.5, five rows, four columns."""
    weight = _filled(orthogonal_, 5, 4, gain=1.5)
    expect_close(weight.T @ weight, 2.25 * torch.eye(4), atol=1e-5)


@check(
    "orthogonal_",
    points=1,
    hidden=True,
    hint="In double precision the columns are orthogonal only to about seven digits. Draw and "
    "decompose numbers of the dtype of the weight.",
)
def is_orthogonal_in_double_precision(orthogonal_):
    """float64, seven rows, five columns."""
    weight = _filled(orthogonal_, 7, 5, dtype=torch.float64)
    expect_close(weight.T @ weight, torch.eye(5, dtype=torch.float64), atol=1e-12)


@check(
    "orthogonal_",
    points=1,
    hidden=True,
    hint="Over many calls an entry always has the same sign, or is nearly always 0: not all "
    "directions are equally likely. The library chooses signs by a rule of its own.",
)
def prefers_no_direction(orthogonal_):
    """The signs of every entry of 60 matrices; both occur at least ten times."""
    signs = torch.stack([_filled(orthogonal_, 3, 3).sign() for _ in range(60)])
    for sign, word in ((1, "positive"), (-1, "negative")):
        least = (signs == sign).sum(dim=0).min().item()
        expect(least >= 10, f"of 60 matrices only {least} have some entry {word}")


@check(
    "orthogonal_",
    points=1,
    hidden=True,
    hint="A parameter, which records gradients, could not be filled or was not changed. Change "
    "it in place, under torch.no_grad().",
)
def fills_a_parameter_orthogonally(orthogonal_):
    """A parameter of sevens."""
    weight = parameter(torch.full((5, 3), 7.0))
    orthogonal_(weight)
    expect_close(plain(weight).T @ plain(weight), torch.eye(3), atol=1e-5)
    expect_equal(weight.requires_grad, True)


written_by_hand(
    "orthogonal_",
    "is_orthogonal_by_hand",
    "initialisation",
    lambda: torch.zeros(6, 4),
    hint="This is an exercise in making the matrix yourself: a decomposition from torch.linalg is "
    "welcome, the library's initialisation is not.",
)


# ----------------------------------------------------------------------------- batch_norm


@check(
    "batch_norm",
    points=1,
    hint="The columns have means 2 and 30 and standard deviations 1 and 20 (dividing by N). "
    "Normalised they are -1 and 1; then gamma multiplies and beta is added.",
)
def normalises_two_examples(batch_norm):
    """Two rows, two features; gamma = (1, 2), beta = (0, 5)."""
    x = torch.tensor([[1.0, 10.0], [3.0, 50.0]])
    gamma, beta = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 5.0])
    expect_close(batch_norm(x, gamma, beta), [[-1.0, 3.0], [1.0, 7.0]], atol=1e-3)


@check(
    "batch_norm",
    points=1,
    hidden=True,
    hint="The values are wrong for seven examples with three features, in float64. Mean and "
    "variance belong to a feature, over the batch; the variance divides by N. The dtype stays.",
)
def agrees_with_torch(batch_norm):
    """float64, N > D, the default eps."""
    x = 3 * numbers(7, 3, seed=341, dtype=torch.float64) + 2
    gamma, beta = (numbers(3, seed=seed, dtype=torch.float64) for seed in (342, 343))
    expected = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
    expect_close(batch_norm(x, gamma, beta), expected, rtol=1e-11, atol=1e-11)


@check(
    "batch_norm",
    points=1,
    hidden=True,
    hint="With another eps the result is wrong. eps is added to the variance, under the root, and "
    "its value is an argument.",
)
def adds_eps_to_the_variance(batch_norm):
    """eps = 0.5, and a feature that is constant."""
    x = numbers(6, 4, seed=344)
    x[:, 2] = 1.5
    gamma, beta = torch.ones(4), torch.zeros(4)
    expected = torch.nn.functional.batch_norm(x, None, None, training=True, eps=0.5)
    expect_close(batch_norm(x, gamma, beta, eps=0.5), expected)


@check(
    "batch_norm",
    points=1,
    hidden=True,
    hint="The values are right, the gradient is not. Mean and variance depend on x, and the "
    "gradient must flow through them, too.",
)
def differentiates_through_the_statistics(batch_norm):
    """The gradient by x, gamma and beta of a weighted sum, against the library's."""
    values = [numbers(5, 2, seed=345), torch.tensor([2.0, -1.0]), torch.tensor([0.3, 0.1])]
    weights = numbers(5, 2, seed=346)
    mine = [value.clone().requires_grad_() for value in values]
    output = torch.nn.functional.batch_norm(mine[0], None, None, *mine[1:], training=True)
    (output * weights).sum().backward()
    theirs = [parameter(value) for value in values]
    (batch_norm(*theirs) * weights).sum().backward()
    for their, my in zip(theirs, mine, strict=True):
        expect_close(their.grad, my.grad, atol=1e-4)


written_by_hand(
    "batch_norm",
    "is_normalised_by_hand",
    "batch normalisation",
    lambda: (numbers(4, 3, seed=347), torch.ones(3), torch.zeros(3)),
    hint="This is an exercise in writing the formula yourself: mean, variance and root are "
    "welcome, the library's normalisation layers are not.",
)


# ----------------------------------------------------------------------------- dead_fraction


@check(
    "dead_fraction",
    points=1,
    hint="Only the last of the four units is never positive, so the answer is 1/4. That half of "
    "the sums are negative is no matter.",
)
def finds_one_dead_unit(dead_fraction):
    """One batch with two examples and four units."""
    sums = torch.tensor([[1.0, -2.0, 0.5, -1.0], [-3.0, 4.0, 2.0, -0.1]])
    expect_close(dead_fraction([sums]), 0.25)


@check(
    "dead_fraction",
    points=1,
    hidden=True,
    hint="There are several batches. A unit is dead if it is silent in all of them, so the "
    "batches must be combined per unit, before units are counted.",
)
def looks_at_all_batches(dead_fraction):
    """Units that are alive in the first batch only, in the last only, and in none."""
    first = torch.tensor([[1.0, -1.0, -2.0, -1.0, 3.0], [-1.0, -1.0, -5.0, -2.0, -2.0]])
    middle = torch.full((1, 5), -0.5)
    last = torch.tensor([[-1.0, -2.0, 3.0, -1.0, -1.0]] * 3)
    expect_close(dead_fraction([first, middle, last]), 0.4)


@check(
    "dead_fraction",
    points=1,
    hidden=True,
    hint="Some sums are exactly 0. The ReLU and its derivative are 0 there, so such an example "
    "does not keep a unit alive.",
)
def counts_zero_as_silent(dead_fraction):
    """Two units whose largest sum is 0, one with small positive sums."""
    sums = torch.tensor([[0.0, -1.0, 1e-6], [0.0, 0.0, -3.0]])
    expect_close(dead_fraction([sums]), 2 / 3)


@check(
    "dead_fraction",
    points=1,
    hidden=True,
    hint="The batches came from a generator: you can go through it only once, and it has "
    "neither a length nor an index.",
)
def accepts_a_generator_of_batches(dead_fraction):
    """An iterator over one batch."""
    batches = [torch.tensor([[-1.0, 1.0, -3.0], [-2.0, -1.0, 5.0]])]
    expect_close(dead_fraction(inside("builtins.iter")(batches)), 1 / 3)
