"""Right and wrong answers to notebook 03."""

import math

import torch
from torch import nn

from autograder.course.corpus import right, wrong

# ----------------------------------------------------------------------------- sigmoid_prime

FAR = ("does_not_overflow", "is_accurate_far_from_zero")
PRIME_VALUES = ("knows_three_values", *FAR, "keeps_shape_and_precision")


@right("sigmoid_prime")
def prime_decay(x):
    decay = torch.exp(-x.abs())
    return decay / (1 + decay) ** 2


@right("sigmoid_prime")
def prime_logarithm(x):
    return torch.exp(nn.functional.logsigmoid(x) + nn.functional.logsigmoid(-x))


@right("sigmoid_prime")
def prime_of_minus_the_size(x):
    small = torch.sigmoid(-x.abs())
    return small * (1 - small)


@right("sigmoid_prime")
def prime_autograd(x):
    size = (-x.abs()).detach().requires_grad_()
    return torch.autograd.grad(torch.sigmoid(size).sum(), size)[0]


@wrong("sigmoid_prime", fails=["is_accurate_far_from_zero"])
def prime_textbook(x):
    return torch.sigmoid(x) * (1 - torch.sigmoid(x))


prime_textbook.slips("""
prime_plus: PRIME_VALUES
  - (1 -
  + (1 +
prime_sigmoid: PRIME_VALUES
  - ) * (1 - torch.sigmoid(x))
  + )
""")


@wrong("sigmoid_prime", fails=PRIME_VALUES)
def prime_sigmoid_twice(x):
    s = torch.sigmoid(torch.sigmoid(x))
    return s * (1 - s)


@wrong("sigmoid_prime", fails=PRIME_VALUES)
def prime_of_the_output(x):
    return x * (1 - x)


@wrong("sigmoid_prime", fails=FAR)
def prime_overflows(x):
    decay = torch.exp(-x)
    return decay / (1 + decay) ** 2


@wrong("sigmoid_prime", fails=["does_not_overflow"])
def prime_overflows_in_double(x):
    decay = torch.exp(-x.double())
    return (decay / (1 + decay) ** 2).to(x.dtype)


@wrong("sigmoid_prime", fails=["keeps_shape_and_precision"])
def prime_in_float32(x):
    return (torch.sigmoid(x.float()) * torch.sigmoid(-x.float())).to(x.dtype)


@wrong("sigmoid_prime", fails=["keeps_shape_and_precision", "does_not_overflow"])
def prime_returns_float32(x):
    return torch.sigmoid(x.float()) * torch.sigmoid(-x.float())


@wrong(
    "sigmoid_prime",
    fails=["keeps_shape_and_precision", "knows_three_values", "is_accurate_far_from_zero"],
)
def prime_difference_quotient(x):
    return (torch.sigmoid(x + 1e-4) - torch.sigmoid(x - 1e-4)) / 2e-4


# ----------------------------------------------------------------------- active_interval_width

WIDTH_VALUES = (
    "is_right_for_one_weight",
    "ends_where_the_factor_is_one",
    "ignores_the_sign",
    "accepts_a_single_weight",
)


@right("active_interval_width")
def width_where(w):
    size = torch.abs(w)
    root = torch.sqrt(torch.clamp(1 - 4 / size, min=0))
    width = 2 / size * torch.log(size * (1 + root) / 2 - 1)
    return torch.where(size <= 4, torch.zeros_like(w), width)


@right("active_interval_width")
def width_hyperbolic(w):
    size = w.abs().clamp(min=4.0)
    return 2 * torch.acosh(size / 2 - 1) / size


@right("active_interval_width")
def width_loop(w):
    widths = []
    for size in w.abs().flatten().tolist():
        if size <= 4:
            widths.append(0.0)
        else:
            root = math.sqrt(1 - 4 / size)
            widths.append(2 / size * math.log(size * (1 + root) / 2 - 1))
    return torch.tensor(widths, dtype=w.dtype).reshape(w.shape)


@wrong("active_interval_width", fails=["is_zero_for_small_weights"])
def width_nan(w):
    size = w.abs()
    return 2 / size * torch.log(size * (1 + torch.sqrt(1 - 4 / size)) / 2 - 1)


@wrong("active_interval_width", fails=["ignores_the_sign"])
def width_signed(w):
    size = w.clamp(min=4)
    return 2 / size * torch.log(size * (1 + torch.sqrt(1 - 4 / size)) / 2 - 1)


@wrong("active_interval_width", fails=["ignores_the_sign"])
def width_negative(w):
    size = w.abs().clamp(min=4)
    return w.sign() * 2 / size * torch.log(size * (1 + torch.sqrt(1 - 4 / size)) / 2 - 1)


width_hyperbolic.slips("""
width_half: WIDTH_VALUES
  - 2 * torch
  + torch
""")
width_nan.slips("""
width_smaller_root: WIDTH_VALUES is_zero_for_small_weights
  - (1 + torch
  + (1 - torch
width_without_minus_one: WIDTH_VALUES is_zero_for_small_weights
  - 2 - 1)
  + 2)
width_common_logarithm: WIDTH_VALUES is_zero_for_small_weights
  - log(
  + log10(
""")
width_hyperbolic.slips("""
width_up_to_a_hundred: ends_where_the_factor_is_one
  - min=4.0
  + 4.0, 100.0
""")


@wrong("active_interval_width", fails=["accepts_a_single_weight"])
def width_by_rows(w):
    rows = []
    for row in w:
        size = row.abs().clamp(min=4)
        rows.append(2 * torch.acosh(size / 2 - 1) / size)
    return torch.stack(rows)


# ----------------------------------------------------------------------------- find_maximum

PLACES = (
    "finds_the_top_of_the_sine",
    "stays_between_low_and_high",
    "is_precise_on_a_short_interval",
)


@right("find_maximum")
def maximum_ternary(function, low, high):
    low, high = torch.tensor(low, dtype=torch.float64), torch.tensor(high, dtype=torch.float64)
    for _ in range(60):
        third = (high - low) / 3
        if function(low + third) < function(high - third):
            low = low + third
        else:
            high = high - third
    place = (low + high) / 2
    return place.item(), function(place).item()


@right("find_maximum")
def maximum_fine_grid(function, low, high):
    grid = torch.linspace(low, high, 200_001, dtype=torch.float64)
    values = function(grid)
    best = values.argmax()
    return float(grid[best]), float(values[best])


@wrong("find_maximum", fails=[*PLACES, "looks_at_both_ends"])
def maximum_index(function, low, high):
    values = function(torch.linspace(low, high, 200_001, dtype=torch.float64))
    return values.argmax().item(), values.max().item()


@wrong("find_maximum", fails=[*PLACES, "looks_at_both_ends"])
def maximum_place_alone(function, low, high):
    grid = torch.linspace(low, high, 200_001, dtype=torch.float64)
    return grid[function(grid).argmax()].item()


maximum_fine_grid.slips("""
maximum_swapped: PLACES looks_at_both_ends
  - float(grid[best]), float(values[best])
  + float(values[best]), float(grid[best])
minimum: PLACES looks_at_both_ends
  - argmax
  + argmin
maximum_coarse: PLACES
  - 200_001
  + 1_001
maximum_float32: is_precise_on_a_short_interval finds_the_top_of_the_sine stays_between_low_and_high
  - dtype=torch.float64
  + dtype=torch.float32
maximum_from_zero: stays_between_low_and_high
  - linspace(low,
  + linspace(0,
maximum_fixed_step: is_precise_on_a_short_interval
  - linspace(low, high, 200_001,
  + arange(low, high + 1e-4, 1e-4,
""")


@wrong("find_maximum", fails=["looks_at_both_ends"])
def maximum_needs_neighbours(function, low, high):
    for _ in range(4):
        grid = torch.linspace(low, high, 101, dtype=torch.float64)
        best = function(grid).argmax().item()
        low, high = grid[best - 1].item(), grid[best + 1].item()
    return grid[best].item(), function(grid)[best].item()


# ----------------------------------------------------------------------------- gradient_bound

BOUNDS = ("bounds_two_layers", "depends_on_the_width", "depends_on_weights_and_slopes")


@right("gradient_bound")
def bound_loop(depth, width, largest_weight=1.0, largest_slope=0.25):
    bound = 1.0
    for _ in range(depth):
        bound *= width * largest_weight * largest_slope
    return bound


@right("gradient_bound")
def bound_paths(depth, width, largest_weight=1.0, largest_slope=0.25):
    paths = width**depth
    return paths * largest_weight**depth * largest_slope**depth


@wrong("gradient_bound", fails=["depends_on_the_width"])
def bound_three_units(depth, width, largest_weight=1.0, largest_slope=0.25):
    return (3 * largest_weight * largest_slope) ** depth


@wrong("gradient_bound", fails=["depends_on_weights_and_slopes"])
def bound_sigmoid_only(depth, width, largest_weight=1.0, largest_slope=0.25):
    return (width / 4) ** depth


bound_loop.slips("""
bound_without_paths: BOUNDS
  - width * largest_weight
  + largest_weight
bound_linear: BOUNDS
  - bound *=
  + bound =
bound_one_layer_more: BOUNDS
  - range(depth)
  + range(depth + 1)
bound_one_layer_less: BOUNDS
  - range(depth)
  + range(depth - 1)
""")
bound_paths.slips("""
bound_swapped: BOUNDS
  - width**depth
  + depth**width
bound_weight_once: depends_on_weights_and_slopes
  - largest_weight**depth
  + largest_weight
""")


# ----------------------------------------------------------------------------- DeepMLP


@right("DeepMLP")
class DeepSequential(nn.Module):
    def __init__(self, inputs, depth, width, outputs, activation, init, seed):
        super().__init__()
        torch.manual_seed(seed)
        sizes = [inputs] + depth * [width]
        hidden = [nn.Linear(sizes[k], sizes[k + 1]) for k in range(len(sizes) - 1)]
        self.hidden = nn.Sequential(*hidden)
        self.output = nn.Linear(width, outputs)
        self.activation = activation
        for layer in [*self.hidden, self.output]:
            layer.bias.data.zero_()
            init(layer.weight)

    def forward(self, x):
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.output(x)


@right("DeepMLP")
class DeepParameters(nn.Module):
    def __init__(self, inputs, depth, width, outputs, activation, init, seed):
        super().__init__()
        self.depth, self.activation = depth, activation
        torch.manual_seed(seed)
        for k in range(depth + 1):
            rows = width if k < depth else outputs
            columns = width if k > 0 else inputs
            weight = nn.Parameter(torch.empty(rows, columns))
            init(weight)
            self.register_parameter(f"weight{k}", weight)
            self.register_parameter(f"bias{k}", nn.Parameter(torch.zeros(rows)))

    def forward(self, x):
        for k in range(self.depth + 1):
            x = nn.functional.linear(x, getattr(self, f"weight{k}"), getattr(self, f"bias{k}"))
            if k < self.depth:
                x = self.activation(x)
        return x


DeepSequential.slips("""
deep_without_seed: gives_all_activations_the_same_weights
  -         torch.manual_seed(seed)
""")
DeepParameters.slips("""
deep_parameters_without_seed: gives_all_activations_the_same_weights
  -         torch.manual_seed(seed)
  -         for k in range(depth + 1):
  -             rows = width if k < depth else outputs
  +         for k in range(depth + 1):
  +             rows = width if k < depth else outputs
""")
DeepSequential.slips("""
deep_seeds_each_layer: draws_each_layer_anew
  -             init(layer.weight)
  +             torch.manual_seed(seed)
  +             init(layer.weight)
deep_seed_zero: draws_each_layer_anew
  - manual_seed(seed)
  + manual_seed(0)
deep_activated_output: agrees_with_the_formula
  - return self.output(x)
  + return self.activation(self.output(x))
deep_linear: agrees_with_the_formula computes_with_ones
  - self.activation(layer(x))
  + layer(x)
deep_always_relu: agrees_with_the_formula
  - self.activation(layer(x))
  + torch.relu(layer(x))
deep_one_layer_less: registers_layers_in_order computes_with_ones agrees_with_the_formula
  - depth * [width]
  + (depth - 1) * [width]
deep_plain_list: registers_layers_in_order agrees_with_the_formula
  - nn.Sequential(*hidden)
  + hidden
deep_random_biases: registers_layers_in_order computes_with_ones
  -             layer.bias.data.zero_()
deep_without_biases: registers_layers_in_order computes_with_ones agrees_with_the_formula
    gives_all_activations_the_same_weights draws_each_layer_anew initialises_every_weight
  - sizes[k + 1])
  + sizes[k + 1], bias=False)
deep_output_not_initialised: initialises_every_weight computes_with_ones
  -         for layer in [*self.hidden, self.output]:
  +         for layer in self.hidden:
  +             self.output.bias.data.zero_()
deep_first_not_initialised: initialises_every_weight computes_with_ones
  -             init(layer.weight)
  +             if layer is not self.hidden[0]:
  +                 init(layer.weight)
deep_init_ignored: initialises_every_weight computes_with_ones
  - init(layer.weight)
  + nn.init.xavier_uniform_(layer.weight)
""")


@wrong("DeepMLP", fails=["registers_layers_in_order", "agrees_with_the_formula"])
class DeepOutputFirst(nn.Module):
    def __init__(self, inputs, depth, width, outputs, activation, init, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.output = nn.Linear(width, outputs)
        sizes = [inputs] + depth * [width]
        self.hidden = nn.ModuleList(nn.Linear(sizes[k], sizes[k + 1]) for k in range(depth))
        self.activation = activation
        for layer in [*self.hidden, self.output]:
            nn.init.zeros_(layer.bias)
            init(layer.weight)

    def forward(self, x):
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.output(x)


@wrong("DeepMLP", fails=["registers_layers_in_order", "agrees_with_the_formula"])
class DeepSharedLayer(nn.Module):
    def __init__(self, inputs, depth, width, outputs, activation, init, seed):
        super().__init__()
        torch.manual_seed(seed)
        shared = [nn.Linear(width, width)] * (depth - 1)
        self.layers = nn.ModuleList([nn.Linear(inputs, width), *shared, nn.Linear(width, outputs)])
        self.activation = activation
        for layer in self.layers:
            nn.init.zeros_(layer.bias)
            init(layer.weight)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


# ------------------------------------------------------------------- layer_gradient_magnitudes

MAGNITUDES = ("agrees_with_autograd", "is_right_for_one_layer")
STORED = ("ignores_gradients_from_before", "leaves_stored_gradients_alone")


@right("layer_gradient_magnitudes")
def magnitudes_autograd(model, x, y):
    named = [p for name, p in model.named_parameters() if p.dim() > 1]
    loss = nn.CrossEntropyLoss()(model(x), y)
    return torch.tensor([g.abs().mean().item() for g in torch.autograd.grad(loss, named)])


@right("layer_gradient_magnitudes")
def magnitudes_backward(model, x, y):
    parameters = list(model.parameters())
    stored = [p.grad for p in parameters]
    for p in parameters:
        p.grad = None
    nn.functional.cross_entropy(model(x), y).backward()
    result = torch.stack([p.grad.abs().mean() for p in parameters if p.ndim == 2])
    for p, gradient in zip(parameters, stored, strict=True):
        p.grad = gradient
    return result


@right("layer_gradient_magnitudes")
def magnitudes_of_a_copy(model, x, y):
    import copy

    model = copy.deepcopy(model)
    model.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    result = []
    for p in model.parameters():
        if len(p.shape) == 2:
            result.append(p.grad.abs().sum() / p.numel())
    return torch.stack(result)


magnitudes_autograd.slips("""
magnitudes_signed: MAGNITUDES
  - g.abs().mean()
  + g.mean()
magnitudes_absolute_mean: MAGNITUDES
  - g.abs().mean()
  + g.mean().abs()
magnitudes_norm: MAGNITUDES
  - g.abs().mean()
  + g.norm()
magnitudes_summed: MAGNITUDES
  - .mean()
  + .sum()
magnitudes_largest: MAGNITUDES
  - .mean()
  + .max()
magnitudes_with_biases: MAGNITUDES
  - () if p.dim() > 1
  + ()
magnitudes_of_biases: MAGNITUDES
  - > 1
  + == 1
magnitudes_reversed: agrees_with_autograd
  - [p for name, p in model.named_parameters() if p.dim() > 1]
  + [p for name, p in model.named_parameters() if p.dim() > 1][::-1]
magnitudes_summed_loss: agrees_with_autograd
  - nn.CrossEntropyLoss()
  + nn.CrossEntropyLoss(reduction="sum")
magnitudes_of_probabilities: MAGNITUDES
  - (model(x), y)
  + (model(x).softmax(dim=1), y)
magnitudes_squared_error: agrees_with_autograd
  - nn.CrossEntropyLoss()(model(x), y)
  + (model(x) - nn.functional.one_hot(y, model(x).shape[1])).square().mean()
magnitudes_of_weights: MAGNITUDES
  - torch.autograd.grad(loss, named)
  + named
""")


@wrong("layer_gradient_magnitudes", fails=MAGNITUDES)
def magnitudes_of_activations(model, x, y):
    magnitudes = []
    for layer in model.children():
        x = layer(x)
        if isinstance(layer, nn.Linear):
            magnitudes.append(x.abs().mean().item())
    return torch.tensor(magnitudes)


@wrong("layer_gradient_magnitudes", fails=MAGNITUDES)
def magnitudes_layer_and_bias(model, x, y):
    parameters = list(model.parameters())
    loss = nn.functional.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, parameters)
    pairs = zip(gradients[::2], gradients[1::2], strict=True)
    return torch.stack([torch.cat([w.flatten(), b]).abs().mean() for w, b in pairs])


@wrong("layer_gradient_magnitudes", fails=["agrees_with_autograd"])
def magnitudes_per_example(model, x, y):
    weights = [p for p in model.parameters() if p.ndim == 2]
    total = torch.zeros(len(weights))
    for row, label in zip(x, y, strict=True):
        loss = nn.functional.cross_entropy(model(row[None]), label[None])
        gradients = torch.autograd.grad(loss, weights)
        total += torch.stack([g.abs().mean() for g in gradients])
    return total / len(x)


@wrong("layer_gradient_magnitudes", fails=STORED)
def magnitudes_accumulated(model, x, y):
    nn.functional.cross_entropy(model(x), y).backward()
    return torch.stack([p.grad.abs().mean() for p in model.parameters() if p.ndim == 2])


@wrong("layer_gradient_magnitudes", fails=["leaves_stored_gradients_alone"])
def magnitudes_left_behind(model, x, y):
    model.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    return torch.stack([p.grad.abs().mean() for p in model.parameters() if p.ndim == 2])


magnitudes_of_a_copy.slips("""
magnitudes_cleared: leaves_stored_gradients_alone
  - model = copy.deepcopy(model)
  + model.zero_grad()
""")


@wrong("layer_gradient_magnitudes", fails=["ignores_gradients_from_before"])
def magnitudes_restored(model, x, y):
    parameters = list(model.parameters())
    stored = [None if p.grad is None else p.grad.clone() for p in parameters]
    nn.functional.cross_entropy(model(x), y).backward()
    result = torch.stack([p.grad.abs().mean() for p in parameters if p.ndim == 2])
    for p, gradient in zip(parameters, stored, strict=True):
        p.grad = gradient
    return result


# ----------------------------------------------------------------------------- glorot_uniform_


@right("glorot_uniform_")
def glorot_data(weight):
    r = (6 / sum(weight.shape)) ** 0.5
    weight.data.uniform_(-r, r)


@right("glorot_uniform_")
def glorot_copied(weight):
    n_out, n_in = weight.shape
    r = math.sqrt(6.0 / (n_in + n_out))
    numbers = (2 * torch.rand(n_out, n_in, dtype=weight.dtype, device=weight.device) - 1) * r
    with torch.no_grad():
        weight.copy_(numbers)
    return weight


@right("glorot_uniform_")
def glorot_library_uniform(weight):
    r = math.sqrt(6 / (weight.shape[0] + weight.shape[1]))
    return nn.init.uniform_(weight, -r, r)


glorot_data.slips("""
glorot_inputs: uses_both_sizes
  - (6 / sum(weight.shape))
  + (3 / weight.shape[1])
glorot_outputs: uses_both_sizes
  - (6 / sum(weight.shape))
  + (3 / weight.shape[0])
glorot_without_factor: uses_both_sizes fills_the_interval
  - 6 / sum(weight.shape)
  + 6 / weight.shape[1]
glorot_deviation: fills_the_interval uses_both_sizes
  - 6 / sum
  + 2 / sum
glorot_variance: fills_the_interval uses_both_sizes
  - )) ** 0.5
  + ))
glorot_normal: fills_the_interval
  - uniform_(-r, r)
  + normal_(0, r / 3**0.5)
glorot_positive: fills_the_interval
  - (-r, r)
  + (0, r)
glorot_recorded: fills_a_parameter_uniformly
  - weight.data
  + weight
glorot_seeded: draws_new_uniform_numbers
  -     weight.data.uniform_(-r, r)
  +     torch.manual_seed(0)
  +     weight.data.uniform_(-r, r)
""")
glorot_copied.slips("""
glorot_rebound: fills_the_interval uses_both_sizes fills_a_parameter_uniformly
    draws_new_uniform_numbers hint_of=fills_a_parameter_uniformly
  - weight.copy_(numbers)
  + weight = numbers
""")


@wrong("glorot_uniform_", fails=["is_glorot_by_hand"])
def glorot_library(weight):
    nn.init.xavier_uniform_(weight)


# ----------------------------------------------------------------------------- he_normal_


@right("he_normal_")
def he_data(weight):
    weight.data.normal_(0, (2 / weight.size(1)) ** 0.5)


@right("he_normal_")
def he_scaled(weight):
    numbers = torch.randn(weight.shape, dtype=weight.dtype, device=weight.device)
    with torch.no_grad():
        weight[:] = numbers * math.sqrt(2.0 / weight.shape[1])
    return weight


he_data.slips("""
he_outputs: counts_the_inputs
  - size(1)
  + size(0)
he_without_gain: has_the_standard_deviation_of_he counts_the_inputs is_normally_distributed
  - 2 / weight
  + 1 / weight
he_variance: has_the_standard_deviation_of_he counts_the_inputs is_normally_distributed
  - )) ** 0.5
  + ))
he_both_sizes: counts_the_inputs
  - 2 / weight.size(1)
  + 4 / sum(weight.shape)
he_uniform: is_normally_distributed
  - normal_(0, (2 / weight.size(1)) ** 0.5)
  + uniform_(-1, 1).mul_((6 / weight.size(1)) ** 0.5)
he_recorded: fills_a_parameter_normally
  - weight.data
  + weight
he_seeded: draws_new_normal_numbers
  -     weight.data.normal_(0, (2 / weight.size(1)) ** 0.5)
  +     torch.manual_seed(0)
  +     weight.data.normal_(0, (2 / weight.size(1)) ** 0.5)
""")
he_scaled.slips("""
he_rebound: has_the_standard_deviation_of_he counts_the_inputs is_normally_distributed
    fills_a_parameter_normally draws_new_normal_numbers hint_of=fills_a_parameter_normally
  - weight[:] =
  + weight =
""")


@wrong("he_normal_", fails=["is_he_by_hand"])
def he_library(weight):
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


# ----------------------------------------------------------------------------- orthogonal_

ORTHOGONAL = (
    "makes_orthonormal_columns",
    "makes_orthonormal_rows",
    "applies_the_gain",
    "is_orthogonal_in_double_precision",
    "fills_a_parameter_orthogonally",
)


@right("orthogonal_")
def orthogonal_polar(weight, gain=1.0):
    u, _, v = torch.linalg.svd(torch.randn_like(weight.data), full_matrices=False)
    weight.data.copy_(gain * u @ v)


@right("orthogonal_")
def orthogonal_qr(weight, gain=1.0):
    numbers = torch.randn(weight.shape, dtype=weight.dtype)
    wide = numbers.shape[0] < numbers.shape[1]
    q, r = torch.linalg.qr(numbers.T if wide else numbers)
    q = q * torch.sign(torch.diag(r))
    with torch.no_grad():
        weight[...] = gain * (q.T if wide else q)


@right("orthogonal_")
def orthogonal_gram_schmidt(weight, gain=1.0):
    rows, columns = weight.shape
    count, length = min(rows, columns), max(rows, columns)
    basis = []
    for _ in range(count):
        vector = torch.randn(length, dtype=weight.dtype)
        for _ in range(2):
            for other in basis:
                vector = vector - (vector @ other) * other
        basis.append(vector / vector.norm())
    matrix = torch.stack(basis)
    weight.data.copy_(gain * (matrix if rows < columns else matrix.T))


orthogonal_qr.slips("""
orthogonal_columns_only: makes_orthonormal_rows
  - numbers.shape[0] < numbers.shape[1]
  + False
orthogonal_rows_only: makes_orthonormal_columns applies_the_gain is_orthogonal_in_double_precision
    fills_a_parameter_orthogonally is_orthogonal_by_hand
  - numbers.shape[0] < numbers.shape[1]
  + True
orthogonal_without_gain: applies_the_gain
  - gain * (q.T
  + 1.0 * (q.T
orthogonal_root_of_gain: applies_the_gain
  - gain * (q.T
  + gain**0.5 * (q.T
orthogonal_float32: is_orthogonal_in_double_precision
  - , dtype=weight.dtype
orthogonal_library_signs: prefers_no_direction
  - q * torch.sign(torch.diag(r))
  + q
orthogonal_seeded: prefers_no_direction
  -     numbers = torch.randn(weight.shape, dtype=weight.dtype)
  +     torch.manual_seed(0)
  +     numbers = torch.randn(weight.shape, dtype=weight.dtype)
""")
orthogonal_polar.slips("""
orthogonal_recorded: fills_a_parameter_orthogonally
  - weight.data.copy_(
  + weight.copy_(
orthogonal_rebound: ORTHOGONAL prefers_no_direction hint_of=fills_a_parameter_orthogonally
  - weight.data.copy_(gain * u @ v)
  + weight = gain * u @ v
orthogonal_first_factor: makes_orthonormal_rows
  - gain * u @ v
  + gain * u
""")


@wrong("orthogonal_", fails=["prefers_no_direction"])
def orthogonal_identity(weight, gain=1.0):
    with torch.no_grad():
        weight.copy_(gain * torch.eye(*weight.shape, dtype=weight.dtype))


@wrong("orthogonal_", fails=ORTHOGONAL)
def orthogonal_independent(weight, gain=1.0):
    with torch.no_grad():
        weight.normal_(0, gain / max(weight.shape) ** 0.5)


@wrong("orthogonal_", fails=ORTHOGONAL)
def orthogonal_unit_columns(weight, gain=1.0):
    numbers = torch.randn_like(weight.data)
    weight.data.copy_(gain * numbers / numbers.norm(dim=0))


@wrong("orthogonal_", fails=["is_orthogonal_by_hand"])
def orthogonal_library(weight, gain=1.0):
    nn.init.orthogonal_(weight, gain)


# ----------------------------------------------------------------------------- batch_norm

NORMALISED = (
    "normalises_two_examples",
    "agrees_with_torch",
    "adds_eps_to_the_variance",
    "differentiates_through_the_statistics",
)


@right("batch_norm")
def norm_var(x, gamma, beta, eps=1e-5):
    variance = x.var(dim=0, correction=0)
    return (x - x.mean(dim=0)) / torch.sqrt(variance + eps) * gamma + beta


@right("batch_norm")
def norm_moments(x, gamma, beta, eps=1e-5):
    mean = x.sum(0) / len(x)
    variance = ((x - mean) ** 2).sum(0) / len(x)
    return gamma * (x - mean) * torch.rsqrt(variance + eps) + beta


@right("batch_norm")
def norm_loop(x, gamma, beta, eps=1e-5):
    columns = []
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        columns.append(gamma[j] * column / ((column**2).mean() + eps) ** 0.5 + beta[j])
    return torch.stack(columns, dim=1)


norm_var.slips("""
norm_unbiased: NORMALISED
  - , correction=0
norm_rows: NORMALISED
  - variance = x.var(dim=0, correction=0)
  + x, variance = x - x.mean(dim=1, keepdim=True), x.var(dim=1, correction=0, keepdim=True)
norm_whole_batch: NORMALISED
  - x.var(dim=0, correction=0)
  + x.var(correction=0)
norm_by_the_variance: NORMALISED
  - torch.sqrt(variance + eps)
  + (variance + eps)
norm_eps_outside: adds_eps_to_the_variance agrees_with_torch
  - torch.sqrt(variance + eps)
  + (torch.sqrt(variance) + eps)
norm_without_eps: adds_eps_to_the_variance agrees_with_torch
  - variance + eps
  + variance
norm_fixed_eps: adds_eps_to_the_variance
  - + eps
  + + 1e-5
norm_without_scale: normalises_two_examples agrees_with_torch differentiates_through_the_statistics
  - ) * gamma + beta
  + )
""")
norm_moments.slips("""
norm_shifts_first: normalises_two_examples agrees_with_torch differentiates_through_the_statistics
  - gamma * (x - mean) * torch.rsqrt(variance + eps) + beta
  + gamma * ((x - mean) * torch.rsqrt(variance + eps) + beta)
norm_uncentred: NORMALISED
  - gamma * (x - mean)
  + gamma * x
norm_mean_square: NORMALISED
  - ((x - mean) ** 2)
  + (x**2)
""")
norm_var.slips("""
norm_constant_statistics: differentiates_through_the_statistics
  - x.var(dim=0, correction=0)
  + x.detach().var(dim=0, correction=0)
norm_detached_mean: differentiates_through_the_statistics
  - x.mean(dim=0)
  + x.mean(dim=0).detach()
norm_always_float32: agrees_with_torch
  -     variance = x.var(dim=0, correction=0)
  +     x = x.float()
  +     variance = x.var(dim=0, correction=0)
""")


@wrong("batch_norm", fails=["is_normalised_by_hand"])
def norm_library(x, gamma, beta, eps=1e-5):
    return nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


@wrong("batch_norm", fails=["is_normalised_by_hand"])
def norm_layer_norm(x, gamma, beta, eps=1e-5):
    return gamma * nn.functional.layer_norm(x.T, (len(x),), eps=eps).T + beta


# ----------------------------------------------------------------------------- dead_fraction

DEAD = (
    "finds_one_dead_unit",
    "looks_at_all_batches",
    "counts_zero_as_silent",
    "accepts_a_generator_of_batches",
)


@right("dead_fraction")
def dead_concatenated(batches):
    sums = torch.cat(list(batches))
    return (sums <= 0).all(dim=0).float().mean().item()


@right("dead_fraction")
def dead_maximum(batches):
    largest = None
    for sums in batches:
        top = sums.max(dim=0).values
        largest = top if largest is None else torch.maximum(largest, top)
    return int((largest <= 0).sum()) / len(largest)


@right("dead_fraction")
def dead_activity(batches):
    activity = sum(torch.relu(sums).sum(dim=0) for sums in batches)
    return float((activity == 0).double().mean())


dead_concatenated.slips("""
dead_outputs: DEAD
  - .all(dim=0)
dead_any: DEAD
  - .all(
  + .any(
dead_examples: DEAD
  - dim=0
  + dim=1
dead_alive: DEAD
  - (sums <= 0).all
  + (sums > 0).any
dead_negative_only: counts_zero_as_silent
  - <= 0
  + < 0
dead_zero_only: DEAD
  - <= 0
  + == 0
dead_first_batch: looks_at_all_batches
  - torch.cat(list(batches))
  + next(iter(batches))
""")
dead_maximum.slips("""
dead_last_batch: looks_at_all_batches
  - top if largest is None else torch.maximum(largest, top)
  + top
""")
dead_concatenated.slips("""
dead_mean_of_sums: DEAD
  - (sums <= 0).all(dim=0)
  + (sums.mean(dim=0) <= 0)
dead_indexed: accepts_a_generator_of_batches
  - list(batches)
  + [batches[k] for k in range(len(batches))]
""")
dead_maximum.slips("""
dead_count: DEAD
  - ()) / len(largest)
  + ())
""")


@wrong("dead_fraction", fails=["looks_at_all_batches"])
def dead_mean_of_batches(batches):
    shares = [(sums <= 0).all(dim=0).float().mean() for sums in batches]
    return torch.stack(shares).mean().item()


@wrong("dead_fraction", fails=["accepts_a_generator_of_batches"])
def dead_two_passes(batches):
    units = next(iter(batches)).shape[1]
    dead = torch.ones(units, dtype=torch.bool)
    for sums in batches:
        dead &= (sums <= 0).all(dim=0)
    return dead.sum().item() / units
