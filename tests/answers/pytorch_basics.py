"""Right and wrong answers to notebook 01."""

import torch
from torch import nn

from autograder.course.corpus import right, wrong

# Checks of train_linear_regression, which calls mse_loss and gradient_step.
TRAINED_VALUES = (
    "takes_the_first_step",
    "accepts_targets_as_a_column",
    "records_the_loss_before_each_step",
)
SEVERAL_STEPS = (
    "reaches_the_closed_form",
    "records_the_loss_before_each_step",
    "returns_plain_floats",
    "works_in_double_precision",
)
TRAINING = ("takes_the_first_step", "accepts_targets_as_a_column", *SEVERAL_STEPS)
MSE_VALUES = (
    "is_the_mean_of_the_squared_errors",
    "accepts_a_column_as_prediction",
    "accepts_a_column_as_target",
    "averages_over_all_entries",
    "can_be_differentiated",
)
STEP_VALUES = (
    "updates_every_parameter",
    "ignores_gradients_from_before",
    "accepts_a_generator",
    "leaves_unused_parameters_alone",
)

# ----------------------------------------------------------------------------- one_hot


@right("one_hot")
def one_hot_library(labels, classes):
    return nn.functional.one_hot(labels, classes).float()


@right("one_hot")
def one_hot_loop(labels, classes):
    table = torch.zeros(labels.shape[0], classes, device=labels.device)
    for row, label in enumerate(labels):
        table[row, label] = 1
    return table


@right("one_hot")
def one_hot_comparison(labels, classes):
    return (labels[:, None] == torch.arange(classes, device=labels.device)).to(torch.float32)


@right("one_hot")
def one_hot_identity(labels, classes):
    return torch.eye(classes).to(labels.device)[labels]


@wrong("one_hot", fails=["marks_the_column_of_the_label", "keeps_columns_of_absent_classes"])
def one_hot_int64(labels, classes):
    return nn.functional.one_hot(labels, classes)


@wrong("one_hot", fails=["keeps_columns_of_absent_classes"])
def one_hot_counts_the_classes(labels, classes):
    return nn.functional.one_hot(labels).float()


@wrong("one_hot", fails=["stays_on_the_device_of_the_labels"])
def one_hot_on_the_cpu(labels, classes):
    return torch.eye(classes)[labels]


@wrong("one_hot", fails=["stays_on_the_device_of_the_labels"])
def one_hot_loop_on_the_cpu(labels, classes):
    table = torch.zeros(len(labels), classes)
    for row, label in enumerate(labels.tolist()):
        table[row, label] = 1
    return table


@wrong("one_hot", fails=["marks_the_column_of_the_label", "keeps_columns_of_absent_classes"])
def one_hot_whole_columns(labels, classes):
    table = torch.zeros(len(labels), classes, device=labels.device)
    table[:, labels] = 1
    return table


@wrong("one_hot", fails=["marks_the_column_of_the_label", "keeps_columns_of_absent_classes"])
def one_hot_transposed(labels, classes):
    return nn.functional.one_hot(labels, classes).float().T


@wrong("one_hot", fails=["marks_the_column_of_the_label", "keeps_columns_of_absent_classes"])
def one_hot_reads_the_notebook(labels, classes):
    return nn.functional.one_hot(leaf_species, len(species)).float().to(labels.device)


# ----------------------------------------------------------------------------- standardize


@right("standardize")
def standardize_std(table):
    if not torch.is_floating_point(table):
        table = table.float()
    std = table.std(dim=0, correction=0)
    std = torch.where(std == 0, torch.ones_like(std), std)
    return (table - table.mean(0)) / std


@right("standardize")
def standardize_loop(table):
    result = table.clone() if table.is_floating_point() else table.float()
    for k in range(table.shape[1]):
        column = result[:, k] - result[:, k].mean()
        sigma = torch.sqrt((column * column).sum() / len(column))
        result[:, k] = column / sigma if sigma > 0 else 0.0
    return result


@right("standardize")
def standardize_nan_to_num(table):
    table = table if table.dtype.is_floating_point else table.to(torch.float32)
    variance, mean = torch.var_mean(table, dim=0, unbiased=False, keepdim=True)
    return torch.nan_to_num((table - mean) / variance.sqrt(), nan=0.0)


@wrong("standardize", fails=["divides_by_n", "centres_and_scales_each_column"])
def standardize_sample_deviation(table):
    if not table.is_floating_point():
        table = table.float()
    std = table.std(dim=0)
    return (table - table.mean(dim=0)) / torch.where(std == 0, 1, std)


@wrong("standardize", fails=["turns_a_constant_column_into_zeros"])
def standardize_nan(table):
    if not table.is_floating_point():
        table = table.float()
    return (table - table.mean(dim=0)) / table.std(dim=0, correction=0)


@wrong("standardize", fails=["does_not_depend_on_the_unit"])
def standardize_epsilon(table):
    if not table.is_floating_point():
        table = table.float()
    return (table - table.mean(dim=0)) / (table.std(dim=0, correction=0) + 1e-7)


@wrong("standardize", fails=["makes_floats_of_integers"])
def standardize_integers_raise(table):
    std = table.std(dim=0, correction=0)
    return (table - table.mean(dim=0)) / torch.where(std == 0, 1, std)


@wrong("standardize", fails=["makes_floats_of_integers"])
def standardize_back_to_integers(table):
    values = table.double()
    std = values.std(dim=0, correction=0)
    return ((values - values.mean(dim=0)) / torch.where(std == 0, 1, std)).to(table.dtype)


@wrong("standardize", fails=["keeps_double_precision"])
def standardize_always_float32(table):
    table = table.float()
    std = table.std(dim=0, correction=0)
    return (table - table.mean(dim=0)) / torch.where(std == 0, 1, std)


@wrong("standardize", fails=["leaves_the_table_alone"])
def standardize_in_place(table):
    if not table.is_floating_point():
        table = table.float()
    std = table.std(dim=0, correction=0)
    table -= table.mean(dim=0)
    table /= torch.where(std == 0, 1, std)
    return table


@wrong(
    "standardize",
    fails=[
        "centres_and_scales_each_column",
        "divides_by_n",
        "turns_a_constant_column_into_zeros",
        "does_not_depend_on_the_unit",
        "makes_floats_of_integers",
    ],
)
def standardize_rows(table):
    if not table.is_floating_point():
        table = table.float()
    std = table.std(dim=1, correction=0, keepdim=True)
    return (table - table.mean(dim=1, keepdim=True)) / torch.where(std == 0, 1, std)


@wrong(
    "standardize",
    fails=["centres_and_scales_each_column", "divides_by_n", "does_not_depend_on_the_unit"],
)
def standardize_variance(table):
    if not table.is_floating_point():
        table = table.float()
    variance = table.var(dim=0, correction=0)
    return (table - table.mean(dim=0)) / torch.where(variance == 0, 1, variance)


# ----------------------------------------------------------------------------- channels_first


@right("channels_first")
def channels_first_movedim(images):
    return torch.movedim(images, -1, 1).float().div(255)


@right("channels_first")
def channels_first_stack(images):
    channels = [images[..., c] for c in range(images.shape[3])]
    return torch.stack(channels, dim=1) / 255


@right("channels_first")
def channels_first_einsum(images):
    return torch.einsum("nhwc->nchw", images).float() / 255.0


@wrong("channels_first", fails=["gathers_each_channel", "works_for_a_batch"])
def channels_first_view(images):
    n, h, w, c = images.shape
    return images.view(n, c, h, w).float() / 255


@wrong(
    "channels_first",
    fails=["gathers_each_channel", "works_for_a_batch", "takes_any_number_of_channels"],
)
def channels_first_swaps_height_and_width(images):
    return images.transpose(1, 3).float() / 255


@wrong("channels_first", fails=["keeps_dark_images_dark"])
def channels_first_divides_by_the_maximum(images):
    images = images.permute(0, 3, 1, 2).float()
    return images / images.max().clamp(min=1)


@wrong("channels_first", fails=["takes_any_number_of_channels"])
def channels_first_three_channels(images):
    return torch.stack([images[..., 0], images[..., 1], images[..., 2]], dim=1) / 255


@wrong("channels_first", fails=["works_for_a_batch", "takes_any_number_of_channels"])
def channels_first_first_image(images):
    return images[0].permute(2, 0, 1)[None].float() / 255


@wrong(
    "channels_first",
    fails=["gathers_each_channel", "works_for_a_batch", "keeps_dark_images_dark"],
)
def channels_first_whole_numbers(images):
    return (images.permute(0, 3, 1, 2) // 255).float()


@wrong(
    "channels_first",
    fails=["gathers_each_channel", "works_for_a_batch", "keeps_dark_images_dark"],
)
def channels_first_unscaled(images):
    return images.permute(0, 3, 1, 2).float()


# -------------------------------------------------------------------- pairwise_squared_distances


@right("pairwise_squared_distances")
def distances_loop(x, y):
    rows = [((point - y) ** 2).sum(dim=1) for point in x]
    return torch.stack(rows)


@right("pairwise_squared_distances")
def distances_cdist(x, y):
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") ** 2


@right("pairwise_squared_distances")
def distances_einsum(x, y):
    difference = x.unsqueeze(1) - y
    return torch.einsum("nmd,nmd->nm", difference, difference)


@wrong(
    "pairwise_squared_distances",
    fails=[
        "measures_two_points_against_three",
        "agrees_with_cdist",
        "is_exact_far_from_the_origin",
    ],
)
def distances_with_root(x, y):
    return (x[:, None] - y[None]).norm(dim=2)


@wrong(
    "pairwise_squared_distances",
    fails=[
        "measures_two_points_against_three",
        "agrees_with_cdist",
        "is_exact_far_from_the_origin",
        "stays_on_the_device_of_the_points",
    ],
)
def distances_without_a_new_axis(x, y):
    return ((x - y) ** 2).sum(dim=1)


@wrong(
    "pairwise_squared_distances",
    fails=[
        "measures_two_points_against_three",
        "agrees_with_cdist",
        "is_exact_far_from_the_origin",
    ],
)
def distances_transposed(x, y):
    return (y[:, None] - x[None]).square().sum(dim=2)


@wrong(
    "pairwise_squared_distances",
    fails=[
        "measures_two_points_against_three",
        "agrees_with_cdist",
        "is_exact_far_from_the_origin",
    ],
)
def distances_averaged(x, y):
    return (x[:, None] - y[None]).square().mean(dim=2)


@wrong("pairwise_squared_distances", fails=["agrees_with_cdist"])
def distances_in_the_plane(x, y):
    return (x[:, None, 0] - y[:, 0]) ** 2 + (x[:, None, 1] - y[:, 1]) ** 2


@wrong("pairwise_squared_distances", fails=["is_exact_far_from_the_origin"])
def distances_by_expansion(x, y):
    return x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T


@wrong("pairwise_squared_distances", fails=["is_exact_far_from_the_origin"])
def distances_by_clamped_expansion(x, y):
    squares = (x * x).sum(1, keepdim=True) + (y * y).sum(1) - 2 * (x @ y.T)
    return squares.clamp(min=0)


@wrong("pairwise_squared_distances", fails=["stays_on_the_device_of_the_points"])
def distances_on_the_cpu(x, y):
    table = torch.zeros(len(x), len(y), dtype=x.dtype)
    for i in range(len(x)):
        for j in range(len(y)):
            table[i, j] = ((x[i] - y[j]) ** 2).sum()
    return table


@wrong("pairwise_squared_distances", fails=["agrees_with_cdist"])
def distances_in_float32(x, y):
    table = torch.zeros(len(x), len(y), device=x.device)
    for i in range(len(x)):
        for j in range(len(y)):
            table[i, j] = ((x[i] - y[j]) ** 2).sum()
    return table


# ----------------------------------------------------------------------------- mse_loss


@right("mse_loss")
def mse_flattened(prediction, target):
    return ((prediction.reshape(-1) - target.reshape(-1)) ** 2).mean()


@right("mse_loss")
def mse_library(prediction, target):
    return nn.functional.mse_loss(prediction.view_as(target), target)


@right("mse_loss")
def mse_loop(prediction, target):
    total = 0
    for p, t in zip(prediction.flatten(), target.flatten(), strict=True):
        total = total + (p - t) ** 2
    return total / target.numel()


@wrong(
    "mse_loss",
    fails=[
        "accepts_a_column_as_prediction",
        "accepts_a_column_as_target",
        "accepts_targets_as_a_column",
    ],
)
def mse_broadcasts(prediction, target):
    return ((prediction - target) ** 2).mean()


@wrong("mse_loss", fails=["accepts_a_column_as_target", "accepts_targets_as_a_column"])
def mse_squeezes_the_prediction(prediction, target):
    if prediction.ndim == 2 and target.ndim == 1:
        prediction = prediction.squeeze(1)
    return ((prediction - target) ** 2).mean()


@wrong("mse_loss", fails=["accepts_a_column_as_prediction"])
def mse_squeezes_the_target(prediction, target):
    if target.ndim == 2 and prediction.ndim == 1:
        target = target[:, 0]
    return ((prediction - target) ** 2).mean()


@wrong("mse_loss", fails=["averages_over_all_entries"])
def mse_divides_by_rows(prediction, target):
    return (prediction - target.reshape(prediction.shape)).square().sum() / len(prediction)


@wrong("mse_loss", fails=["can_be_differentiated", *TRAINING])
def mse_item(prediction, target):
    return torch.tensor((prediction - target.reshape(prediction.shape)).square().mean().item())


@wrong("mse_loss", fails=["can_be_differentiated", *TRAINING])
def mse_detached(prediction, target):
    return (prediction - target.reshape(prediction.shape)).square().mean().detach()


@wrong("mse_loss", fails=[*MSE_VALUES, *TRAINED_VALUES, "reaches_the_closed_form"])
def mse_summed(prediction, target):
    return (prediction - target.reshape(prediction.shape)).square().sum()


@wrong("mse_loss", fails=[*MSE_VALUES, *TRAINED_VALUES])
def mse_with_root(prediction, target):
    return (prediction - target.reshape(prediction.shape)).square().mean().sqrt()


@wrong("mse_loss", fails=[*MSE_VALUES, *TRAINED_VALUES, "reaches_the_closed_form"])
def mse_absolute(prediction, target):
    return (prediction - target.reshape(prediction.shape)).abs().mean()


# ----------------------------------------------------------------------------- gradient_step


@right("gradient_step")
def step_with_data(parameters, loss, lr):
    parameters = [*parameters]
    for p in parameters:
        if p.grad is not None:
            p.grad.zero_()
    loss.backward()
    for p in parameters:
        if p.grad is not None:
            p.data -= lr * p.grad
            p.grad.zero_()


@right("gradient_step")
def step_with_autograd_grad(parameters, loss, lr):
    parameters = tuple(parameters)
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for p, gradient in zip(parameters, gradients, strict=True):
        p.grad = None
        if gradient is not None:
            with torch.no_grad():
                p.sub_(lr * gradient)


@right("gradient_step")
def step_with_an_optimizer(parameters, loss, lr):
    optimizer = torch.optim.SGD(parameters, lr=lr)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


@wrong(
    "gradient_step",
    fails=["steps_against_the_gradient", *STEP_VALUES, *TRAINED_VALUES, "reaches_the_closed_form"],
)
def step_new_name(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        if p.grad is not None:
            gradient, p.grad = p.grad, None
            p = p - lr * gradient


@wrong(
    "gradient_step",
    fails=[
        "steps_against_the_gradient",
        *STEP_VALUES,
        "leaves_no_gradient_behind",
        "parameters_still_record_gradients",
        *TRAINING,
    ],
)
def step_recorded(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        if p.grad is not None:
            p -= lr * p.grad
            p.grad = None


@wrong(
    "gradient_step",
    fails=[
        "ignores_gradients_from_before",
        "leaves_no_gradient_behind",
        "reaches_the_closed_form",
    ],
)
def step_never_clears(parameters, loss, lr):
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad


@wrong("gradient_step", fails=["ignores_gradients_from_before"])
def step_clears_only_afterwards(parameters, loss, lr):
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad.zero_()


@wrong("gradient_step", fails=["leaves_no_gradient_behind"])
def step_clears_only_before(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad


@wrong("gradient_step", fails=["accepts_a_generator"])
def step_loops_twice(parameters, loss, lr):
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad = None


@wrong("gradient_step", fails=["leaves_unused_parameters_alone"])
def step_needs_every_gradient(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad
            p.grad = None


@wrong(
    "gradient_step",
    fails=["parameters_still_record_gradients", *SEVERAL_STEPS],
)
def step_stops_recording(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        if p.grad is not None:
            p.requires_grad_(False)
            p -= lr * p.grad
            p.grad = None


@wrong(
    "gradient_step",
    fails=["steps_against_the_gradient", *STEP_VALUES, *TRAINED_VALUES, "reaches_the_closed_form"],
)
def step_uphill(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p += lr * p.grad
                p.grad = None


@wrong("gradient_step", fails=[*STEP_VALUES, "accepts_targets_as_a_column"])
def step_fixed_learning_rate(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= 0.1 * p.grad
                p.grad = None


@wrong(
    "gradient_step",
    fails=[
        "updates_every_parameter",
        "takes_the_first_step",
        "reaches_the_closed_form",
        "records_the_loss_before_each_step",
    ],
)
def step_first_parameter_only(parameters, loss, lr):
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad
            p.grad = None
            return


# -------------------------------------------------------------------- train_linear_regression


@right("train_linear_regression")
def regression_with_formula(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append(float((error**2).mean()))
        weight = weight - lr * 2 * (error[:, None] * x).mean(dim=0)
        bias = bias - lr * 2 * error.mean()
    return weight, bias, losses


@right("train_linear_regression")
def regression_with_optimizer(x, y, lr, steps):
    model = nn.Linear(x.shape[1], 1).to(x)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y.view(-1, 1))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.weight[0], model.bias[0], losses


@right("train_linear_regression")
def regression_with_one_vector(x, y, lr, steps):
    design = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    line = torch.zeros_like(design[0], requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = (design @ line - y.flatten()).pow(2).mean()
        (gradient,) = torch.autograd.grad(loss, line)
        line.data.sub_(lr * gradient)
        losses.append(loss.item())
    return line[:-1], line[-1], losses


@wrong("train_linear_regression", fails=["accepts_targets_as_a_column"])
def regression_broadcasts(x, y, lr, steps):
    weight, bias, losses = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    weight.requires_grad_()
    bias.requires_grad_()
    for _ in range(steps):
        loss = ((x @ weight + bias - y) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            weight -= lr * weight.grad
            bias -= lr * bias.grad
        weight.grad = bias.grad = None
    return weight, bias, losses


@wrong("train_linear_regression", fails=["reaches_the_closed_form"])
def regression_without_zero_grad(x, y, lr, steps):
    y = y.reshape(-1)
    weight = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = ((x @ weight + bias - y) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            weight -= lr * weight.grad
            bias -= lr * bias.grad
    return weight.detach(), bias.detach(), losses


@wrong("train_linear_regression", fails=SEVERAL_STEPS)
def regression_new_names(x, y, lr, steps):
    y = y.reshape(-1)
    weight = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = ((x @ weight + bias - y) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        weight = weight - lr * weight.grad
        bias = bias - lr * bias.grad
    return weight, bias, losses


@wrong(
    "train_linear_regression",
    fails=["records_the_loss_before_each_step", "takes_the_first_step"],
)
def regression_loss_after_the_step(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        weight = weight - lr * 2 * (error @ x) / len(x)
        bias = bias - lr * 2 * error.mean()
        losses.append((x @ weight + bias - y).square().mean().item())
    return weight, bias, losses


@wrong("train_linear_regression", fails=["returns_plain_floats"])
def regression_keeps_graphs(x, y, lr, steps):
    y = y.reshape(-1)
    weight = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = ((x @ weight + bias - y) ** 2).mean()
        losses.append(loss)
        gradients = torch.autograd.grad(loss, [weight, bias])
        weight.data -= lr * gradients[0]
        bias.data -= lr * gradients[1]
    return weight, bias, losses


@wrong("train_linear_regression", fails=["returns_plain_floats"])
def regression_tensor_losses(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).mean())
        weight = weight - lr * 2 * (error @ x) / len(x)
        bias = bias - lr * 2 * error.mean()
    return weight, bias, losses


@wrong("train_linear_regression", fails=["works_in_double_precision"])
def regression_float32(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = torch.zeros(x.shape[1]), torch.zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).mean().item())
        weight = weight - lr * 2 * (error @ x) / len(x)
        bias = bias - lr * 2 * error.mean()
    return weight, bias, losses


@wrong("train_linear_regression", fails=TRAINED_VALUES)
def regression_random_start(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = torch.randn_like(x[0]), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).mean().item())
        weight = weight - lr * 2 * (error @ x) / len(x)
        bias = bias - lr * 2 * error.mean()
    return weight, bias, losses


@wrong(
    "train_linear_regression",
    fails=[
        "reaches_the_closed_form",
        "takes_the_first_step",
        "records_the_loss_before_each_step",
    ],
)
def regression_without_bias(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).mean().item())
        weight = weight - lr * 2 * (error @ x) / len(x)
    return weight, bias, losses


@wrong("train_linear_regression", fails=[*TRAINED_VALUES, "reaches_the_closed_form"])
def regression_summed_loss(x, y, lr, steps):
    y = y.reshape(-1)
    weight, bias, losses = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).sum().item())
        weight = weight - lr * 2 * (error @ x)
        bias = bias - lr * 2 * error.sum()
    return weight, bias, losses


@wrong(
    "train_linear_regression",
    fails=["takes_the_first_step", "accepts_targets_as_a_column", "reaches_the_closed_form"],
)
def regression_column_of_weights(x, y, lr, steps):
    y = y.reshape(-1, 1)
    weight, bias, losses = x.new_zeros(x.shape[1], 1), x.new_zeros(()), []
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).mean().item())
        weight = weight - lr * 2 * (x.T @ error) / len(x)
        bias = bias - lr * 2 * error.mean()
    return weight, bias, losses


@wrong(
    "train_linear_regression",
    fails=["records_the_loss_before_each_step", "returns_plain_floats"],
)
def regression_shared_list(x, y, lr, steps, losses=[]):  # noqa: B006
    y = y.reshape(-1)
    weight, bias = x.new_zeros(x.shape[1]), x.new_zeros(())
    for _ in range(steps):
        error = x @ weight + bias - y
        losses.append((error**2).mean().item())
        weight = weight - lr * 2 * (error @ x) / len(x)
        bias = bias - lr * 2 * error.mean()
    return weight, bias, losses


# ----------------------------------------------------------------------------- LinearRegression


@right("LinearRegression")
class RegressionSequential(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 1))

    def forward(self, x):
        return self.layers(x)


@right("LinearRegression")
class RegressionParameters(nn.Module):
    def __init__(self, inputs):
        super(RegressionParameters, self).__init__()  # noqa: UP008
        self.weight = nn.Parameter(torch.randn(1, inputs) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias)


@wrong(
    "LinearRegression",
    fails=[
        "registers_weight_and_bias",
        "predicts_with_weight_and_bias",
        "passes_gradients_to_its_weights",
    ],
)
class RegressionPlainList(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layers = [nn.Linear(inputs, 1)]

    def forward(self, x):
        return self.layers[0](x)


@wrong(
    "LinearRegression",
    fails=[
        "registers_weight_and_bias",
        "predicts_with_weight_and_bias",
        "passes_gradients_to_its_weights",
    ],
)
class RegressionTensors(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.weight = torch.zeros(1, inputs, requires_grad=True)
        self.bias = torch.zeros(1, requires_grad=True)

    def forward(self, x):
        return x @ self.weight.T + self.bias


@wrong("LinearRegression", fails=["registers_weight_and_bias"])
class RegressionLeftover(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 1)
        self.unused = nn.Linear(inputs, inputs)

    def forward(self, x):
        return self.linear(x)


@wrong("LinearRegression", fails=["registers_weight_and_bias", "predicts_with_weight_and_bias"])
class RegressionWithoutBias(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 1, bias=False)

    def forward(self, x):
        return self.linear(x)


@wrong("LinearRegression", fails=["returns_a_column", "predicts_with_weight_and_bias"])
class RegressionVector(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 1)

    def forward(self, x):
        return self.linear(x).squeeze()


@wrong("LinearRegression", fails=["passes_gradients_to_its_weights"])
class RegressionDetached(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 1)

    def forward(self, x):
        with torch.no_grad():
            return self.linear(x)


@wrong(
    "LinearRegression",
    fails=[
        "predicts_with_weight_and_bias",
        "registers_weight_and_bias",
        "returns_a_column",
        "passes_gradients_to_its_weights",
    ],
)
class RegressionReadsTheNotebook(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(x.shape[1], 1)

    def forward(self, x):
        return self.linear(x)


# ----------------------------------------------------------------------------- fit


@right("fit")
def fit_zero_grad_first(model, x, y, loss_function, optimizer, steps):
    model.train(True)
    history = []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=False)
        prediction = model(x)
        loss = loss_function(prediction, y)
        loss.backward()
        optimizer.step()
        history += [loss.item()]
    return history


@right("fit")
def fit_with_closure(model, x, y, loss_function, optimizer, steps):
    def closure():
        model.zero_grad()
        optimizer.zero_grad()
        loss = loss_function(model.train()(x), y)
        loss.backward()
        return loss

    return [float(optimizer.step(closure)) for _ in range(steps)]


@wrong("fit", fails=["returns_the_loss_before_each_step", "forgets_gradients_from_before"])
def fit_without_zero_grad(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


@wrong("fit", fails=["forgets_gradients_from_before"])
def fit_clears_after_the_step(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return losses


@wrong(
    "fit",
    fails=[
        "fits_one_step",
        "returns_the_loss_before_each_step",
        "forgets_gradients_from_before",
        "uses_any_optimizer",
        "uses_any_loss_function",
    ],
)
def fit_clears_before_the_step(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
    return losses


@wrong(
    "fit",
    fails=[
        "fits_one_step",
        "returns_the_loss_before_each_step",
        "forgets_gradients_from_before",
        "uses_any_optimizer",
        "uses_any_loss_function",
    ],
)
def fit_steps_before_backward(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        optimizer.step()
        loss.backward()
    return losses


@wrong("fit", fails=["trains_in_training_mode"])
def fit_in_any_mode(model, x, y, loss_function, optimizer, steps):
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@wrong("fit", fails=["uses_any_loss_function"])
def fit_mean_squared_error(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        loss = ((model(x) - y) ** 2).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@wrong("fit", fails=["uses_any_loss_function"])
def fit_swaps_prediction_and_target(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        loss = loss_function(y, model(x))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@wrong("fit", fails=["uses_any_optimizer"])
def fit_updates_by_itself(model, x, y, loss_function, optimizer, steps):
    model.train()
    lr = optimizer.param_groups[0]["lr"]
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
    return losses


@wrong(
    "fit",
    fails=[
        "uses_any_optimizer",
        "fits_one_step",
        "returns_the_loss_before_each_step",
        "forgets_gradients_from_before",
        "uses_any_loss_function",
    ],
)
def fit_with_its_own_optimizer(model, x, y, loss_function, optimizer, steps):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@wrong("fit", fails=["returns_losses_as_floats"])
def fit_keeps_graphs(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@wrong("fit", fails=["returns_the_loss_before_each_step", "fits_one_step"])
def fit_loss_after_the_step(model, x, y, loss_function, optimizer, steps):
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()
        losses.append(loss_function(model(x), y).item())
    return losses


# ----------------------------------------------------------------------------- MLP


@right("MLP")
class PerceptronSequential(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, x):
        return self.net(x)


@right("MLP")
class PerceptronOutputFirst(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(hidden, outputs), nn.Linear(inputs, hidden)])

    def forward(self, x):
        return self.layers[0](self.layers[1](x).clamp(min=0))


@wrong(
    "MLP",
    fails=[
        "registers_both_layers",
        "computes_by_hand",
        "agrees_with_the_formula",
        "passes_gradients_to_the_first_layer",
    ],
)
class PerceptronPlainList(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.layers = [nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


@wrong("MLP", fails=["registers_both_layers"])
class PerceptronLeftover(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.middle = nn.Linear(hidden, hidden, bias=False)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


@wrong("MLP", fails=["registers_both_layers", "computes_by_hand", "agrees_with_the_formula"])
class PerceptronTwoHiddenLayers(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.last(torch.relu(self.middle(torch.relu(self.first(x)))))


@wrong(
    "MLP",
    fails=[
        "registers_both_layers",
        "computes_by_hand",
        "agrees_with_the_formula",
        "passes_gradients_to_the_first_layer",
    ],
)
class PerceptronFixedSize(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, 20), nn.ReLU(), nn.Linear(20, outputs))

    def forward(self, x):
        return self.net(x)


@wrong("MLP", fails=["agrees_with_the_formula", "computes_by_hand"])
class PerceptronLinear(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.last(self.first(x))


@wrong("MLP", fails=["agrees_with_the_formula"])
class PerceptronPositive(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.last(self.first(x).relu()).relu()


@wrong("MLP", fails=["agrees_with_the_formula", "computes_by_hand"])
class PerceptronSigmoid(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.last(torch.sigmoid(self.first(x)))


@wrong("MLP", fails=["passes_gradients_to_the_first_layer"])
class PerceptronCutsTheGraph(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        hidden = torch.tensor(self.first(x).tolist())
        return self.last(torch.relu(hidden))
