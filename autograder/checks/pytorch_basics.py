"""The checks of notebook 01: tensors, broadcasting, gradient descent, modules."""

import torch

from autograder.checks import check
from autograder.checks.shared.makers import keeps_device, keeps_double_precision, leaves_alone
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    inside,
    numbers,
    parameter,
    plain,
)


def linear(inputs: int, outputs: int, seed: int) -> tuple:
    """Return torch's linear layer in the student's process, its weight and its bias.

    The numbers are drawn here: those of a layer that was replaced could be beyond all change.
    """
    weight, bias = numbers(outputs, inputs, seed=seed), numbers(outputs, seed=seed + 1)
    model = inside("torch.nn.Linear")(inputs, outputs)
    model.weight.data, model.bias.data = weight.clone(), bias.clone()
    return model, weight, bias


# ----------------------------------------------------------------------------- one_hot


@check("one_hot", points=1, hint="Row i is all zeros but for a 1 in column labels[i]; float32.")
def marks_the_column_of_the_label(one_hot):
    """Two labels out of three classes."""
    labels = torch.tensor([2, 0])
    expected = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    expect_close(one_hot(labels, 3), expected)


@check(
    "one_hot",
    points=1,
    hidden=True,
    hint="A class that no label names still has its column, a column of zeros: the argument "
    "`classes` says how many columns there are.",
)
def keeps_columns_of_absent_classes(one_hot):
    """Classes without an example, at the end and in the middle; labels that repeat."""
    labels = torch.tensor([4, 1, 1, 3, 0])
    expected = torch.zeros(5, 7)
    expected[torch.arange(5), labels] = 1
    expect_close(one_hot(labels, 7), expected)


keeps_device(
    "one_hot",
    "stays_on_the_device_of_the_labels",
    lambda: (torch.tensor([1, 0, 2, 2, 1]), 3),
    hint="The result is on another device than the labels. A new tensor is made on the CPU "
    "unless you say otherwise; with labels on a GPU that mixes two devices.",
)


# ----------------------------------------------------------------------------- standardize


@check(
    "standardize",
    points=1,
    hint="The first column has mean 2, the second 30; their standard deviations are 1 and 20. "
    "Every column has its own.",
)
def centres_and_scales_each_column(standardize):
    """Two rows: one lies a standard deviation below the mean, the other above it."""
    table = torch.tensor([[1.0, 10.0], [3.0, 50.0]])
    expect_close(standardize(table), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


@check(
    "standardize",
    points=1,
    hidden=True,
    hint="The columns do not have standard deviation 1. Is the variance the mean of the squared "
    "deviations, divided by N? torch.std divides by N - 1 unless told otherwise.",
)
def divides_by_n(standardize):
    """More rows than columns, and the mean square of every column is 1."""
    table = numbers(7, 3, seed=101) * torch.tensor([1.0, 20.0, 300.0]) + 5
    expect_close(standardize(table).square().mean(0), torch.ones(3), atol=1e-5)


@check(
    "standardize",
    points=1,
    hidden=True,
    hint="A column whose entries are all equal has standard deviation 0. 0/0 is NaN; the result "
    "for such a column is 0.",
)
def turns_a_constant_column_into_zeros(standardize):
    """The second column is constant."""
    table = torch.tensor([[2.0, 7.0], [5.0, 7.0], [1.0, 7.0], [0.0, 7.0]])
    expect_close(standardize(table)[:, 1], torch.zeros(4))


@check(
    "standardize",
    points=1,
    hidden=True,
    hint="A column of small numbers came out too small. A constant added to the standard "
    "deviation is harmless only if the standard deviation is large.",
)
def does_not_depend_on_the_unit(standardize):
    """A column in metres and the same column in megametres, 1e-6 as large."""
    column = torch.tensor([[1.0], [2.0], [4.0], [5.0]], dtype=torch.float64)
    result = standardize(torch.cat([column, column * 1e-6], dim=1)).double()
    expect_close(result[:, 1] / result[:, 0], torch.ones(4, dtype=torch.float64), atol=1e-5)


@check(
    "standardize",
    points=1,
    hidden=True,
    hint="Integers have neither a mean nor a standard deviation in torch, and they cannot hold "
    "the result. What does the docstring say about integer input?",
)
def makes_floats_of_integers(standardize):
    """A table of int64 gives float32 with mean 0."""
    table = torch.tensor([[1, 40], [2, 10], [6, 70]])
    expect_equal(standardize(table).dtype, torch.float32)
    expect_close(standardize(table).mean(0), torch.zeros(2), atol=1e-5)


keeps_double_precision(
    "standardize",
    "keeps_double_precision",
    lambda: numbers(4, 2, seed=102, dtype=torch.float64),
    hint="float64 came in and something less precise went out. Convert only what is no "
    "floating-point tensor.",
)

leaves_alone(
    "standardize",
    "leaves_the_table_alone",
    lambda: numbers(5, 2, seed=103) + 3,
    hint="The table that was passed in has changed. `-=`, `/=` and methods that end in _ work "
    "in place; the caller still needs the original.",
)


# ----------------------------------------------------------------------------- channels_first


@check(
    "channels_first",
    points=1,
    hint="The first pixel is (255, 0, 51). After the change the first channel holds the first "
    "number of every pixel. To reshape does not reorder; divide by 255.",
)
def gathers_each_channel(channels_first):
    """One image, 1 pixel high and 2 wide, with 3 channels."""
    images = torch.tensor([[[[255, 0, 51], [102, 204, 153]]]], dtype=torch.uint8)
    expected = torch.tensor([[[[1.0, 0.4]], [[0.0, 0.8]], [[0.2, 0.6]]]])
    expect_close(channels_first(images), expected)


@check(
    "channels_first",
    points=1,
    hidden=True,
    hint="It goes wrong for several images at once, 5 high and 4 wide. Follow one pixel: image "
    "n, row h, column w, channel c must move to [n, c, h, w].",
)
def works_for_a_batch(channels_first):
    """Four images, no two axes of the same length."""
    count = torch.arange(4 * 5 * 2 * 3).reshape(4, 5, 2, 3)
    images = (count * 37 % 256).to(torch.uint8)
    images[:, 0, 0, 0] = 255
    expected = torch.zeros(4, 3, 5, 2)
    for channel in range(3):
        expected[:, channel] = images[:, :, :, channel].double() / 255
    expect_close(channels_first(images), expected)


@check(
    "channels_first",
    points=1,
    hidden=True,
    hint="A dark image came out bright. The number 1 stands for 255, the largest value that a "
    "uint8 can have, not for the largest value that happens to occur.",
)
def keeps_dark_images_dark(channels_first):
    """No pixel is brighter than 51 of 255."""
    images = torch.tensor([[[[51, 0, 17]], [[0, 34, 51]]]], dtype=torch.uint8)
    expect_close(channels_first(images).amax(), 0.2)


@check(
    "channels_first",
    points=1,
    hidden=True,
    hint="Not every image has three channels: a greyscale image has one, an image with "
    "transparency has four. Take the number from the shape.",
)
def takes_any_number_of_channels(channels_first):
    """A greyscale image and one with four channels."""
    expect_equal(channels_first(torch.zeros(2, 3, 5, 1, dtype=torch.uint8)).shape, (2, 1, 3, 5))
    expect_equal(channels_first(torch.zeros(1, 2, 6, 4, dtype=torch.uint8)).shape, (1, 4, 2, 6))


# -------------------------------------------------------------------- pairwise_squared_distances


@check(
    "pairwise_squared_distances",
    points=1,
    hint="Entry [i, j] belongs to x[i] and y[j]. Square the differences and sum them over the "
    "coordinates; take no root.",
)
def measures_two_points_against_three(pairwise_squared_distances):
    """Two points and three points in the plane: a table with 2 rows and 3 columns."""
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    y = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 5.0]])
    expected = torch.tensor([[0.0, 1.0, 34.0], [25.0, 20.0, 1.0]])
    expect_close(pairwise_squared_distances(x, y), expected)


@check(
    "pairwise_squared_distances",
    points=2,
    hidden=True,
    hint="It goes wrong for 6 points against 4 in 3 dimensions, in double precision. Does "
    "anything in it hold only for the plane, for N < M, or for float32?",
)
def agrees_with_cdist(pairwise_squared_distances):
    """float64, N > M, three dimensions."""
    x = numbers(6, 3, seed=111, dtype=torch.float64)
    y = numbers(4, 3, seed=112, dtype=torch.float64)
    expected = torch.cdist(x, y) ** 2
    expect_close(pairwise_squared_distances(x, y), expected)


@check(
    "pairwise_squared_distances",
    points=1,
    hidden=True,
    hint="The distances of points close together and far from the origin are wrong. |x|² + |y|² "
    "- 2xy subtracts large, nearly equal numbers; subtract the points first.",
)
def is_exact_far_from_the_origin(pairwise_squared_distances):
    """Neighbours a quarter apart, at a distance of thousands from the origin."""
    x = torch.tensor([[5000.0, 3000.25], [5000.5, 3000.0]])
    y = torch.tensor([[5000.0, 3000.0], [5000.5, 3000.0], [5000.0, 3001.0]])
    expected = torch.tensor([[0.0625, 0.3125, 0.5625], [0.25, 0.0, 1.25]])
    expect_close(pairwise_squared_distances(x, y), expected)


keeps_device(
    "pairwise_squared_distances",
    "stays_on_the_device_of_the_points",
    lambda: (numbers(3, 2, seed=113), numbers(5, 2, seed=114)),
    hint="The result must lie on the device of x and y. A tensor that you make to collect "
    "results lies on the CPU unless you say otherwise.",
)


# ----------------------------------------------------------------------------- mse_loss


@check(
    "mse_loss",
    points=1,
    hint="The errors are 0, -2, -4 and 0. Square them, then take their mean, not their sum.",
)
def is_the_mean_of_the_squared_errors(mse_loss):
    """(0 + 4 + 16 + 0) / 4 = 5."""
    prediction = torch.tensor([1.0, 2.0, 3.0, 4.0])
    target = torch.tensor([1.0, 4.0, 7.0, 4.0])
    expect_close(mse_loss(prediction, target), torch.tensor(5.0))


@check(
    "mse_loss",
    points=1,
    hidden=True,
    hint="The prediction is a column of shape (N, 1), the target has shape (N,). Their "
    "difference is broadcast to N times N numbers unless you make the shapes equal first.",
)
def accepts_a_column_as_prediction(mse_loss):
    """Shapes (3, 1) and (3,); errors 1, 0 and 2."""
    prediction = torch.tensor([[3.0], [5.0], [9.0]])
    expect_close(mse_loss(prediction, torch.tensor([2.0, 5.0, 7.0])), torch.tensor(5 / 3))


@check(
    "mse_loss",
    points=1,
    hidden=True,
    hint="Here the target is the column, of shape (N, 1), and the prediction has shape (N,). "
    "The two cases are mirror images; both occur.",
)
def accepts_a_column_as_target(mse_loss):
    """Shapes (4,) and (4, 1); errors 1, 1, 3 and 1."""
    target = torch.tensor([[2.0], [3.0], [7.0], [1.0]])
    expect_close(mse_loss(torch.tensor([1.0, 4.0, 4.0, 0.0]), target), torch.tensor(3.0))


@check(
    "mse_loss",
    points=1,
    hidden=True,
    hint="Prediction and target have K columns here. The mean runs over all N K entries, not "
    "over the rows alone.",
)
def averages_over_all_entries(mse_loss):
    """Shape (5, 3)."""
    prediction, target = numbers(5, 3, seed=121), numbers(5, 3, seed=122)
    expected = torch.nn.functional.mse_loss(prediction, target)
    expect_close(mse_loss(prediction, target), expected)


@check(
    "mse_loss",
    points=1,
    hidden=True,
    hint="The loss cannot be differentiated. `.item()`, `.detach()`, `.data` and `torch.tensor` "
    "all cut the graph between the prediction and the loss.",
)
def can_be_differentiated(mse_loss):
    """The gradient is 2 (prediction - target) / N."""
    prediction = parameter([1.0, -2.0, 0.5])
    mse_loss(prediction, torch.tensor([0.0, 1.0, 0.5])).backward()
    expect_close(prediction.grad, [2 / 3, -2.0, 0.0])


# ----------------------------------------------------------------------------- gradient_step


@check(
    "gradient_step",
    points=1,
    hint="The loss is w₁² + w₂², so its gradient is (2, 4). Subtract 0.1 times that from the "
    "very tensor that was passed in.",
)
def steps_against_the_gradient(gradient_step):
    """(1, 2) - 0.1 (2, 4) = (0.8, 1.6)."""
    w = parameter([1.0, 2.0])
    gradient_step([w], (w * w).sum(), lr=0.1)
    expect_close(w, [0.8, 1.6])


@check(
    "gradient_step",
    points=2,
    hidden=True,
    hint="Two parameters, another learning rate. Is every parameter updated, each with its own "
    "gradient, and with the learning rate that was passed in?",
)
def updates_every_parameter(gradient_step):
    """The loss is sum(w * c) + b²/2: gradients c and b."""
    w, b = parameter([[1.0, -1.0, 2.0]]), parameter(3.0)
    c = torch.tensor([[2.0, 0.0, -4.0]])
    gradient_step([w, b], (w * c).sum() + b * b / 2, lr=0.5)
    expect_close(w, [[0.0, -1.0, 4.0]])
    expect_close(b, 1.5)


@check(
    "gradient_step",
    points=1,
    hidden=True,
    hint="A gradient was stored in the parameter before the call, and it was added to yours: "
    "`backward` adds to `.grad`. Clear before you call it.",
)
def ignores_gradients_from_before(gradient_step):
    """Another loss has left its gradient behind."""
    w = parameter([2.0, -1.0])
    (w * 10).sum().backward()
    gradient_step([w], (w * 3).sum(), lr=0.25)
    expect_close(w, [1.25, -1.75])


@check(
    "gradient_step",
    points=1,
    hidden=True,
    hint="After the step a gradient is still stored in a parameter. The docstring asks that "
    "every `.grad` is None or zero when the function returns.",
)
def leaves_no_gradient_behind(gradient_step):
    """Nothing is left that a later backward would add to."""
    w = parameter([2.0, -1.0])
    (w * 10).sum().backward()
    gradient_step([w], (w * w).sum(), lr=0.25)
    later = (w * 3).sum()
    if later.requires_grad:  # else another check fails
        later.backward()
        expect_close(w.grad, [3.0, 3.0])


@check(
    "gradient_step",
    points=1,
    hidden=True,
    hint="`parameters` was a generator, as `model.parameters()` is: one loop exhausts it, and a "
    "second loop sees nothing.",
)
def accepts_a_generator(gradient_step):
    """The parameters of a module; over four rows of ones every weight has gradient 4."""
    model, weight, _ = linear(2, 1, seed=126)
    gradient_step(model.parameters(), model(torch.ones(4, 2)).sum(), lr=0.5)
    expect_close(model.weight, weight - 2)


@check(
    "gradient_step",
    points=1,
    hidden=True,
    hint="The loss does not depend on one of the parameters, so `backward` leaves its `.grad` at "
    "None. That parameter stays as it is, and the others still take their step.",
)
def leaves_unused_parameters_alone(gradient_step):
    """The second parameter is not in the loss."""
    w, unused = parameter([2.0]), parameter([5.0])
    gradient_step([w, unused], (w * 4).sum(), lr=0.5)
    expect_close(w, [0.0])
    expect_close(unused, [5.0])


@check(
    "gradient_step",
    points=1,
    hidden=True,
    hint="After the step the parameter is no longer a leaf that records gradients, so a second "
    "step is impossible. torch.no_grad() pauses recording without switching it off for good.",
)
def parameters_still_record_gradients(gradient_step):
    """A parameter is the same kind of tensor after the step as before."""
    w = parameter([2.0, -1.0])
    gradient_step([w], (w * 3).sum(), lr=0.25)
    expect_equal([w.requires_grad, w.is_leaf], [True, True])


# -------------------------------------------------------------------- train_linear_regression


@check(
    "train_linear_regression",
    points=1,
    hint="From w = 0 and b = 0 every prediction is 0, so the loss is (4 + 16)/2 = 10, the "
    "gradient -10 for w and -6 for b. Take one step of size 0.1.",
)
def takes_the_first_step(train_linear_regression):
    """Two points, (1, 2) and (2, 4)."""
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([2.0, 4.0])
    weight, bias, losses = train_linear_regression(x, y, lr=0.1, steps=1)
    expect_close(losses[0], 10.0)
    expect_close(weight, [1.0])
    expect_close(bias, 0.6)


@check(
    "train_linear_regression",
    points=2,
    hidden=True,
    hint="After many steps it is not at the least-squares solution. Are the gradients of the "
    "step before cleared, is the bias trained, and is each of the D weights its own?",
)
def reaches_the_closed_form(train_linear_regression):
    """Two features, 300 steps, against torch.linalg.lstsq."""
    x = numbers(12, 2, seed=131)
    y = x @ torch.tensor([1.5, -2.0]) + 0.7 + 0.3 * numbers(12, seed=132)
    best = torch.linalg.lstsq(torch.cat([x, torch.ones(12, 1)], dim=1), y[:, None]).solution[:, 0]
    weight, bias, _ = train_linear_regression(x, y, lr=0.2, steps=300)
    expect_close(weight, best[:2], atol=1e-3)
    expect_close(bias, best[2], atol=1e-3)


@check(
    "train_linear_regression",
    points=1,
    hidden=True,
    hint="y has shape (N, 1) here. With predictions of shape (N,) the difference is broadcast to "
    "N times N, and the best line for that is flat.",
)
def accepts_targets_as_a_column(train_linear_regression):
    """One step from zeros, targets of shape (N, 1)."""
    x, y = numbers(6, 2, seed=133), numbers(6, 1, seed=134)
    expected = 0.3 * 2 / 6 * (x.T @ y)[:, 0]
    weight, _, _ = train_linear_regression(x, y, lr=0.3, steps=1)
    expect_close(weight, expected)


@check(
    "train_linear_regression",
    points=1,
    hidden=True,
    hint="losses[t] belongs to the line before step t: the first one is the loss of the zero "
    "line, and there are exactly `steps` of them.",
)
def records_the_loss_before_each_step(train_linear_regression):
    """Two steps, written with matrices."""
    x, y = numbers(5, 1, seed=135), numbers(5, seed=136)
    design, line, expected = torch.cat([x, torch.ones(5, 1)], dim=1), torch.zeros(2), []
    for _ in range(2):
        error = design @ line - y
        expected.append(error.square().mean().item())
        line = line - 0.1 * 2 / 5 * design.T @ error
    _, _, losses = train_linear_regression(x, y, lr=0.1, steps=2)
    expect_equal(len(losses), 2)
    expect_close(torch.tensor([float(plain(loss)) for loss in losses]), torch.tensor(expected))


@check(
    "train_linear_regression",
    points=1,
    hidden=True,
    hint="The losses are tensors. Each may keep its whole graph in memory; a list of plain "
    "floats costs nothing and can be drawn.",
)
def returns_plain_floats(train_linear_regression):
    """Every loss is a Python float."""
    x, y = numbers(4, 1, seed=137), numbers(4, seed=138)
    _, _, losses = train_linear_regression(x, y, lr=0.1, steps=2)
    expect_equal([type(loss) is float for loss in losses], [True, True])


@check(
    "train_linear_regression",
    points=1,
    hidden=True,
    hint="x and y are float64 here. Weights made without a dtype are float32, and the two do "
    "not mix; take the dtype from x.",
)
def works_in_double_precision(train_linear_regression):
    """float64 in, float64 out."""
    x = numbers(5, 3, seed=139, dtype=torch.float64)
    weight, _, _ = train_linear_regression(x, x[:, 0] - 1, lr=0.1, steps=2)
    expect_equal(weight.dtype, torch.float64)


# ----------------------------------------------------------------------------- LinearRegression


@check(
    "LinearRegression",
    points=1,
    hint="With both weights 2 and bias 1 the prediction for (1, 3) is 2 + 6 + 1. The result "
    "has a row for every row of x, and one column.",
)
def predicts_with_weight_and_bias(LinearRegression):
    """All weights are set to 2 and the bias to 1."""
    model = LinearRegression(2)
    for p in model.parameters():
        inside("torch.nn.init.constant_")(p, 1.0 if len(p.shape) == 1 else 2.0)
    expect_close(model(torch.tensor([[1.0, 3.0], [0.0, -4.0]])), [[9.0], [-7.0]])


@check(
    "LinearRegression",
    points=1,
    hidden=True,
    hint="model.parameters() must hold one weight of shape (1, inputs) and one bias of shape "
    "(1,). It finds layers that are attributes of the module; not tensors, and not plain lists.",
)
def registers_weight_and_bias(LinearRegression):
    """What an optimiser would see of a model with five inputs."""
    shapes = [tuple(p.shape) for p in LinearRegression(5).parameters()]
    expect_equal(sorted(shapes), [(1,), (1, 5)])


@check(
    "LinearRegression",
    points=1,
    hidden=True,
    hint="The prediction for N rows is a column of shape (N, 1), and also one row alone gives "
    "shape (1, 1).",
)
def returns_a_column(LinearRegression):
    """Seven rows, and one row."""
    model = LinearRegression(3)
    expect_equal(model(numbers(7, 3, seed=151)).shape, (7, 1))
    expect_equal(model(numbers(1, 3, seed=152)).shape, (1, 1))


@check(
    "LinearRegression",
    points=1,
    hidden=True,
    hint="No gradient reaches the weights. forward must return what the layer returns, without "
    "detach, no_grad or a new tensor.",
)
def passes_gradients_to_its_weights(LinearRegression):
    """The gradient of the summed predictions is the sum of the rows of x."""
    model, x = LinearRegression(2), numbers(6, 2, seed=153)
    expected = x.sum(0, keepdim=True)
    model(x).sum().backward()
    grads = [p.grad for p in model.parameters() if len(p.shape) == 2]
    expect_close(grads[0], expected)


# ----------------------------------------------------------------------------- fit


@check(
    "fit",
    points=1,
    hint="The model starts at zero, so the first loss is (1 + 25)/2 = 13; the gradient is -10 "
    "for the weight and -6 for the bias. One step, one loss.",
)
def fits_one_step(fit):
    """A linear model that starts at zero; points (0, 1) and (2, 5)."""
    model = inside("torch.nn.Linear")(1, 1)
    for p in model.parameters():
        inside("torch.nn.init.zeros_")(p)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.05)
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]])
    expect_close(fit(model, x, y, inside("torch.nn.MSELoss")(), optimizer, 1)[0], 13.0)
    expect_close(model.weight, [[0.5]])
    expect_close(model.bias, [0.3])


@check(
    "fit",
    points=2,
    hidden=True,
    hint="The losses of several steps are wrong. Is each taken before its step, are there "
    "`steps` of them, and are the gradients cleared in between?",
)
def returns_the_loss_before_each_step(fit):
    """Five steps of the same model, trained here."""
    model, weight, bias = linear(3, 1, seed=180)
    x, y, expected = numbers(8, 3, seed=171), numbers(8, 1, seed=172), []
    for _ in range(5):
        error = x @ weight.T + bias - y
        expected.append(error.square().mean().item())
        weight, bias = weight - 0.2 * 2 / 8 * error.T @ x, bias - 0.2 * 2 / 8 * error.sum(0)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.2)
    losses = fit(model, x, y, inside("torch.nn.MSELoss")(), optimizer, 5)
    expect_close(torch.tensor([float(plain(loss)) for loss in losses]), torch.tensor(expected))


@check(
    "fit",
    points=1,
    hidden=True,
    hint="The parameters held gradients before fit was called, and the first step used them. "
    "Clear the gradients before backward.",
)
def forgets_gradients_from_before(fit):
    """A backward pass has left its gradients in the model."""
    model, weight, bias = linear(2, 1, seed=182)
    x = numbers(5, 2, seed=173)
    (model(x) * 10).sum().backward()
    expected = bias - 0.1 * 2 * (x @ weight.T + bias).mean(0)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.1)
    fit(model, x, torch.zeros(5, 1), inside("torch.nn.MSELoss")(), optimizer, 1)
    expect_close(model.bias, expected)


@check(
    "fit",
    points=1,
    hidden=True,
    hint="The model was handed over in evaluation mode and is still in it. Layers such as "
    "dropout behave differently there; fit must put the model into training mode.",
)
def trains_in_training_mode(fit):
    """A model that somebody has evaluated before; in training it notes the mean of a batch."""
    norm = inside("torch.nn.BatchNorm1d")(2, momentum=1.0)
    model = inside("torch.nn.Sequential")(norm, inside("torch.nn.Linear")(2, 1))
    model.eval()
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.1)
    x, y = numbers(4, 2, seed=174), numbers(4, 1, seed=175)
    expected = x.mean(dim=0)
    fit(model, x, y, inside("torch.nn.MSELoss")(), optimizer, 1)
    expect_close(norm.running_mean, expected)


@check(
    "fit",
    points=1,
    hidden=True,
    hint="The loss function here is the cross-entropy, with class labels as y. Call the "
    "loss_function that was passed in, with the prediction first, and leave y as it is.",
)
def uses_any_loss_function(fit):
    """Three classes, int64 labels."""
    model, weight, bias = linear(2, 3, seed=188)
    x, labels = numbers(4, 2, seed=176), torch.tensor([2, 0, 1, 1])
    error = (x @ weight.T + bias).softmax(dim=1) - torch.nn.functional.one_hot(labels, 3)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.5)
    fit(model, x, labels, inside("torch.nn.CrossEntropyLoss")(), optimizer, 1)
    expect_close(model.bias, bias - 0.5 * error.mean(dim=0))


@check(
    "fit",
    points=1,
    hidden=True,
    hint="The optimizer here is Adam, whose first step moves every parameter by the learning "
    "rate. The update is the optimizer's business: call its step.",
)
def uses_any_optimizer(fit):
    """The first step of Adam is lr times the sign of the gradient."""
    model, _, bias = linear(2, 1, seed=190)
    optimizer = inside("torch.optim.Adam")(model.parameters(), lr=0.03)
    x, y = numbers(6, 2, seed=177), torch.full((6, 1), 50.0)
    fit(model, x, y, inside("torch.nn.MSELoss")(), optimizer, 1)
    expect_close(model.bias, bias + 0.03, atol=1e-5)


@check(
    "fit",
    points=1,
    hidden=True,
    hint="The losses are tensors. Each keeps the graph of its step in memory; collect plain "
    "floats.",
)
def returns_losses_as_floats(fit):
    """Every loss is a Python float."""
    model = inside("torch.nn.Linear")(2, 1)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.1)
    x, y = numbers(4, 2, seed=178), numbers(4, 1, seed=179)
    losses = fit(model, x, y, inside("torch.nn.MSELoss")(), optimizer, 2)
    expect_equal([type(loss) is float for loss in losses], [True, True])


# ----------------------------------------------------------------------------- MLP


@check(
    "MLP",
    points=1,
    hint="With every parameter at 0.5 the two hidden values for x = 3 are relu(2) = 2, so the "
    "output is 0.5·2 + 0.5·2 + 0.5 = 2.5. For x = -3 they are relu(-1) = 0.",
)
def computes_by_hand(MLP):
    """One input, two hidden units, one output; every parameter is 0.5."""
    model = MLP(1, 2, 1)
    for p in model.parameters():
        inside("torch.nn.init.constant_")(p, 0.5)
    expect_close(model(torch.tensor([[3.0], [-3.0]])), [[2.5], [0.5]])


@check(
    "MLP",
    points=1,
    hidden=True,
    hint="model.parameters() must hold two weights and two biases whose shapes follow from "
    "inputs, hidden and outputs. Layers in a plain Python list are not found.",
)
def registers_both_layers(MLP):
    """What an optimiser would see; the three sizes differ."""
    shapes = [tuple(p.shape) for p in MLP(3, 6, 2).parameters()]
    expect_equal(sorted(shapes), [(2,), (2, 6), (6,), (6, 3)])


@check(
    "MLP",
    points=2,
    hidden=True,
    hint="The model computes something else than linear, ReLU, linear. The output layer has no "
    "non-linearity: an output may be negative.",
)
def agrees_with_the_formula(MLP):
    """Random parameters, against the formula written with matrices."""
    model, x = MLP(3, 4, 2), numbers(5, 3, seed=161)
    shapes = (4, 3), (4,), (2, 4), (2,)
    by_shape = {shape: numbers(*shape, seed=163 + k) for k, shape in enumerate(shapes)}
    for p in model.parameters():
        if (shape := tuple(p.shape)) in by_shape:
            p.data = by_shape[shape].clone()
    hidden = (x @ by_shape[(4, 3)].T + by_shape[(4,)]).clamp(min=0)
    expect_close(model(x), hidden @ by_shape[(2, 4)].T + by_shape[(2,)])


@check(
    "MLP",
    points=1,
    hidden=True,
    hint="No gradient reaches the first layer. Something between the layers cuts the graph: "
    "`.data`, `.detach()`, `torch.tensor(...)` or no_grad.",
)
def passes_gradients_to_the_first_layer(MLP):
    """The gradient of the first weight says how the output moves with it, all numbers positive."""
    model, x = MLP(2, 5, 3), numbers(20, 2, seed=162).abs()
    for p in model.parameters():
        inside("torch.nn.init.constant_")(p, 0.25)
    weights = [p for p in model.parameters() if tuple(p.shape) == (5, 2)]
    expect(len(weights) > 0, "there is no weight of shape (hidden, inputs)")
    first = weights[0]
    model(x).sum().backward()
    expect(first.grad is not None, "the first weight has no gradient")
    sums, step = [], 0.02 * numbers(5, 2, seed=168).abs()
    for sign in (1, -1):
        first.data = 0.25 + sign * step
        sums.append(plain(model(x)).sum())
    moved = sums[0] - sums[1]
    expect(bool(moved.abs() > 1e-3), "the output does not depend on the first weight")
    expect_close((plain(first.grad) * step).sum() * 2, moved, rtol=0.02, atol=1e-4)
