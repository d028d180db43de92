"""Right and wrong answers to notebook 05."""

import math

import torch
from torch import nn

from autograder.course.corpus import changed, right, wrong


class Optimizer:
    """Stands for the class that the notebook defines."""


# ----------------------------------------------------------------------------- SGD

SGD_STEPS = (
    "takes_two_steps",
    "sgd_updates_every_parameter",
    "sgd_decays_in_closed_form",
    "sgd_skips_missing_gradients",
    "sgd_keeps_what_a_generator_gives",
)


@right("SGD")
class sgd_in_place(Optimizer):
    def __init__(self, parameters, lr, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr = lr
        self.weight_decay = weight_decay

    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            with torch.no_grad():
                p -= self.lr * (p.grad + self.weight_decay * p)


@right("SGD")
class sgd_by_data(Optimizer):
    def __init__(self, parameters, lr, weight_decay=0.0):
        self.parameters = [*parameters]
        self.settings = lr, weight_decay

    def step(self):
        lr, decay = self.settings
        for p in filter(lambda one: one.grad is not None, self.parameters):
            p.data = (1 - lr * decay) * p.data - lr * p.grad.data


@right("SGD")
class sgd_decorated(Optimizer):
    def __init__(self, parameters, lr, weight_decay=0.0):
        self.parameters, self.lr, self.decay = tuple(parameters), lr, weight_decay

    @torch.no_grad()
    def step(self):
        for p in self.parameters:
            if p.grad is not None:
                p.add_(p.grad.add(p, alpha=self.decay), alpha=-self.lr)


sgd_rebinds = changed(sgd_in_place, "p -= ", "p = p - ", fails=SGD_STEPS)
sgd_records = changed(
    sgd_in_place,
    "with torch.no_grad():",
    "if True:",
    fails=(*SGD_STEPS, "sgd_leaves_the_gradient_alone"),
)
sgd_climbs = changed(sgd_in_place, "p -= ", "p += ", fails=SGD_STEPS)
sgd_without_rate = changed(sgd_in_place, "self.lr * (p", "(p", fails=SGD_STEPS)
sgd_first_only = changed(
    sgd_in_place,
    "in self.parameters:",
    "in self.parameters[:1]:",
    fails=[
        "sgd_updates_every_parameter",
        "sgd_skips_missing_gradients",
        "sgd_keeps_what_a_generator_gives",
    ],
)
sgd_no_decay = changed(
    sgd_in_place, " + self.weight_decay * p", "", fails=["sgd_decays_in_closed_form"]
)
sgd_grows = changed(
    sgd_in_place, "+ self.weight_decay", "- self.weight_decay", fails=["sgd_decays_in_closed_form"]
)
sgd_half_decay = changed(
    sgd_in_place,
    "self.weight_decay * p",
    "self.weight_decay / 2 * p",
    fails=["sgd_decays_in_closed_form"],
)
sgd_double_decay = changed(
    sgd_in_place,
    "self.weight_decay * p",
    "2 * self.weight_decay * p",
    fails=["sgd_decays_in_closed_form"],
)
sgd_decay_of_the_sign = changed(
    sgd_in_place,
    "self.weight_decay * p)",
    "self.weight_decay * p.sign())",
    fails=["sgd_decays_in_closed_form"],
)
sgd_decay_without_rate = changed(
    sgd_in_place,
    "self.lr * (p.grad + self.weight_decay * p)",
    "self.lr * p.grad + self.weight_decay * p",
    fails=["sgd_decays_in_closed_form"],
)
sgd_crashes_on_none = changed(
    sgd_in_place,
    "if p.grad is None:",
    "if False:",
    fails=["sgd_skips_missing_gradients", "sgd_decays_in_closed_form"],
)
sgd_stops_at_none = changed(
    sgd_in_place, "continue", "break", fails=["sgd_skips_missing_gradients"]
)
sgd_generator = changed(
    sgd_in_place,
    "list(parameters)",
    "parameters",
    fails=["sgd_keeps_what_a_generator_gives"],
)


@wrong("SGD", fails=["sgd_decays_in_closed_form"])
class sgd_decays_without_gradient(Optimizer):
    def __init__(self, parameters, lr, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr, self.weight_decay = lr, weight_decay

    def step(self):
        for p in self.parameters:
            slope = torch.zeros_like(p) if p.grad is None else p.grad
            p.data = p.data - self.lr * (slope + self.weight_decay * p.data)


@wrong("SGD", fails=["sgd_leaves_the_gradient_alone"])
class sgd_changes_the_gradient(Optimizer):
    def __init__(self, parameters, lr, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr, self.weight_decay = lr, weight_decay

    @torch.no_grad()
    def step(self):
        for p in self.parameters:
            if p.grad is not None:
                p.grad += self.weight_decay * p
                p -= self.lr * p.grad


@wrong("SGD", fails=["sgd_updates_every_parameter"])
class sgd_library(Optimizer):
    def __init__(self, parameters, lr, weight_decay=0.0):
        self.parameters = list(parameters)
        self.inner = torch.optim.SGD(self.parameters, lr=lr, weight_decay=weight_decay)

    def step(self):
        self.inner.step()


# ----------------------------------------------------------------------------- Momentum

MOMENTUM_STEPS = (
    "velocity_builds_up",
    "momentum_follows_torch",
    "momentum_keeps_state_apart",
    "momentum_skips_missing_gradients",
    "momentum_keeps_what_a_generator_gives",
)


@right("Momentum")
class momentum_dictionary(Optimizer):
    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters = list(parameters)
        self.lr = lr
        self.momentum = momentum
        self.state = {}

    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            g = p.grad.detach()
            key = id(p)
            v = self.momentum * self.state.get(key, 0) + g
            self.state[key] = v
            with torch.no_grad():
                p -= self.lr * v


@right("Momentum")
class momentum_of_other_books(Optimizer):
    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters = list(parameters)
        self.lr, self.momentum = lr, momentum
        self.moves = [p.detach() * 0 for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.parameters):
            if p.grad is not None:
                self.moves[k] = self.momentum * self.moves[k] - self.lr * p.grad
                p += self.moves[k]


@right("Momentum")
class momentum_started_late(Optimizer):
    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters = [*parameters]
        self.lr, self.momentum = lr, momentum
        self.velocities = [None for _ in self.parameters]

    def step(self):
        for k in range(len(self.parameters)):
            p, v = self.parameters[k], self.velocities[k]
            if p.grad is not None:
                gradient = p.grad.detach().clone()
                v = gradient if v is None else v * self.momentum + gradient
                self.velocities[k] = v
                p.data.add_(v, alpha=-self.lr)


momentum_damped = changed(
    momentum_dictionary, "0) + g", "0) + (1 - self.momentum) * g", fails=MOMENTUM_STEPS
)
momentum_climbs = changed(momentum_dictionary, "p -= ", "p += ", fails=MOMENTUM_STEPS)
momentum_rebinds = changed(momentum_dictionary, "p -= ", "p = p - ", fails=MOMENTUM_STEPS)
momentum_forgets = changed(momentum_dictionary, "self.state.get(key, 0)", "0", fails=MOMENTUM_STEPS)
momentum_none = changed(momentum_dictionary, "self.lr * v", "self.lr * g", fails=MOMENTUM_STEPS)
momentum_always_nine_tenths = changed(
    momentum_dictionary,
    "self.momentum = momentum",
    "self.momentum = 0.9",
    fails=["momentum_follows_torch", "velocity_builds_up"],
)
momentum_by_shape = changed(
    momentum_dictionary, "id(p)", "p.shape", fails=["momentum_keeps_state_apart"]
)
momentum_one_velocity = changed(
    momentum_dictionary,
    "id(p)",
    "'the velocity'",
    fails=[
        "momentum_keeps_state_apart",
        "momentum_skips_missing_gradients",
        "momentum_keeps_what_a_generator_gives",
    ],
)
momentum_crashes_on_none = changed(
    momentum_dictionary,
    "if p.grad is None:",
    "if False:",
    fails=["momentum_skips_missing_gradients"],
)
momentum_stops_at_none = changed(
    momentum_dictionary, "continue", "break", fails=["momentum_skips_missing_gradients"]
)
momentum_rolls_on = changed(
    momentum_dictionary,
    "continue",
    "p.grad = torch.zeros_like(p)",
    fails=["momentum_skips_missing_gradients"],
)
momentum_generator = changed(
    momentum_dictionary,
    "list(parameters)",
    "parameters",
    fails=["momentum_keeps_what_a_generator_gives"],
)
momentum_graph = changed(
    momentum_dictionary, "p.grad.detach()", "p.grad", fails=["momentum_keeps_no_graph"]
)


@wrong(
    "Momentum",
    fails=[
        "momentum_keeps_state_apart",
        "momentum_follows_torch",
        "momentum_skips_missing_gradients",
        "momentum_keeps_what_a_generator_gives",
        "momentum_keeps_no_graph",
    ],
)
class momentum_of_the_class(Optimizer):
    velocities = {}  # noqa: RUF012

    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters = list(parameters)
        self.lr, self.momentum = lr, momentum

    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.parameters):
            if p.grad is not None:
                self.velocities[k] = self.momentum * self.velocities.get(k, 0) + p.grad
                p -= self.lr * self.velocities[k]


# ----------------------------------------------------------------------------- Nesterov

NESTEROV_STEPS = (
    "looks_ahead_of_the_velocity",
    "nesterov_follows_torch",
    "nesterov_keeps_state_apart",
    "nesterov_skips_missing_gradients",
    "nesterov_keeps_what_a_generator_gives",
)


@right("Nesterov")
class nesterov_dictionary(Optimizer):
    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters = list(parameters)
        self.lr = lr
        self.momentum = momentum
        self.state = {}

    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            g = p.grad.detach()
            key = id(p)
            v = self.momentum * self.state.get(key, 0) + g
            self.state[key] = v
            with torch.no_grad():
                p -= self.lr * (g + self.momentum * v)


@right("Nesterov")
class nesterov_from_the_old_velocity(Optimizer):
    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters = list(parameters)
        self.lr, self.mu = lr, momentum
        self.moves = [torch.zeros_like(p.data) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, move in zip(self.parameters, self.moves, strict=True):
            if p.grad is not None:
                p -= self.lr * ((1 + self.mu) * p.grad + self.mu**2 * move)
                move *= self.mu
                move += p.grad


nesterov_is_momentum = changed(
    nesterov_dictionary, "(g + self.momentum * v)", "v", fails=NESTEROV_STEPS
)
nesterov_forgets = changed(nesterov_dictionary, "self.state.get(key, 0)", "0", fails=NESTEROV_STEPS)
nesterov_damped = changed(
    nesterov_dictionary, "0) + g", "0) + (1 - self.momentum) * g", fails=NESTEROV_STEPS
)
nesterov_full_velocity = changed(
    nesterov_dictionary, "(g + self.momentum * v)", "(g + v)", fails=NESTEROV_STEPS
)
nesterov_keeps_the_step = changed(
    nesterov_dictionary,
    "self.state[key] = v",
    "self.state[key] = g + self.momentum * v",
    fails=NESTEROV_STEPS,
)
nesterov_rebinds = changed(nesterov_dictionary, "p -= ", "p = p - ", fails=NESTEROV_STEPS)
nesterov_always_nine_tenths = changed(
    nesterov_dictionary,
    "self.momentum = momentum",
    "self.momentum = 0.9",
    fails=["nesterov_follows_torch", "looks_ahead_of_the_velocity"],
)
nesterov_by_shape = changed(
    nesterov_dictionary, "id(p)", "p.shape", fails=["nesterov_keeps_state_apart"]
)
nesterov_crashes_on_none = changed(
    nesterov_dictionary,
    "if p.grad is None:",
    "if False:",
    fails=["nesterov_skips_missing_gradients"],
)
nesterov_generator = changed(
    nesterov_dictionary,
    "list(parameters)",
    "parameters",
    fails=["nesterov_keeps_what_a_generator_gives"],
)
nesterov_graph = changed(
    nesterov_dictionary, "p.grad.detach()", "p.grad", fails=["nesterov_keeps_no_graph"]
)

# ----------------------------------------------------------------------------- AdaGrad

ADAGRAD_STEPS = (
    "divides_by_the_root_of_the_sum",
    "adagrad_follows_torch",
    "adagrad_keeps_state_apart",
    "adagrad_skips_missing_gradients",
    "adagrad_keeps_what_a_generator_gives",
)


@right("AdaGrad")
class adagrad_dictionary(Optimizer):
    def __init__(self, parameters, lr, eps=1e-10):
        self.parameters = list(parameters)
        self.lr = lr
        self.eps = eps
        self.state = {}

    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            g = p.grad.detach()
            key = id(p)
            s = self.state.get(key, 0) + g**2
            self.state[key] = s
            with torch.no_grad():
                p -= self.lr * g / (s.sqrt() + self.eps)


@right("AdaGrad")
class adagrad_addcdiv(Optimizer):
    def __init__(self, parameters, lr, eps=1e-10):
        self.parameters = [*parameters]
        self.lr, self.eps = lr, eps
        self.totals = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, total in zip(self.parameters, self.totals, strict=True):
            if p.grad is not None:
                total.addcmul_(p.grad, p.grad)
                p.addcdiv_(p.grad, total.sqrt().add_(self.eps), value=-self.lr)


adagrad_without_root = changed(adagrad_dictionary, "s.sqrt()", "s", fails=ADAGRAD_STEPS)
adagrad_sums_gradients = changed(adagrad_dictionary, "g**2", "g.abs()", fails=ADAGRAD_STEPS)
adagrad_forgets = changed(adagrad_dictionary, "self.state.get(key, 0)", "0", fails=ADAGRAD_STEPS)
adagrad_means = changed(adagrad_dictionary, "+ g**2", "* 0.9 + 0.1 * g**2", fails=ADAGRAD_STEPS)
adagrad_one_number = changed(
    adagrad_dictionary,
    "+ g**2",
    "+ (g**2).sum()",
    fails=ADAGRAD_STEPS[1:],
)
adagrad_rebinds = changed(adagrad_dictionary, "p -= ", "p = p - ", fails=ADAGRAD_STEPS)
adagrad_climbs = changed(adagrad_dictionary, "p -= ", "p += ", fails=ADAGRAD_STEPS)
adagrad_eps_in_the_root = changed(
    adagrad_dictionary,
    "(s.sqrt() + self.eps)",
    "(s + self.eps).sqrt()",
    fails=["adagrad_follows_torch", "adagrad_keeps_state_apart"],
)
adagrad_own_eps = changed(
    adagrad_dictionary, "self.eps = eps", "self.eps = 1e-10", fails=["adagrad_follows_torch"]
)
adagrad_by_shape = changed(
    adagrad_dictionary, "id(p)", "p.shape", fails=["adagrad_keeps_state_apart"]
)
adagrad_crashes_on_none = changed(
    adagrad_dictionary,
    "if p.grad is None:",
    "if False:",
    fails=["adagrad_skips_missing_gradients"],
)
adagrad_generator = changed(
    adagrad_dictionary,
    "list(parameters)",
    "parameters",
    fails=["adagrad_keeps_what_a_generator_gives"],
)
adagrad_graph = changed(
    adagrad_dictionary, "p.grad.detach()", "p.grad", fails=["adagrad_keeps_no_graph"]
)

# ----------------------------------------------------------------------------- RMSProp

RMSPROP_STEPS = (
    "divides_by_the_root_of_the_mean",
    "rmsprop_follows_torch",
    "rmsprop_keeps_state_apart",
    "rmsprop_skips_missing_gradients",
    "rmsprop_keeps_what_a_generator_gives",
)


@right("RMSProp")
class rmsprop_dictionary(Optimizer):
    def __init__(self, parameters, lr, alpha=0.99, eps=1e-8):
        self.parameters = list(parameters)
        self.lr = lr
        self.alpha = alpha
        self.eps = eps
        self.state = {}

    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            g = p.grad.detach()
            key = id(p)
            s = self.alpha * self.state.get(key, 0) + (1 - self.alpha) * g**2
            self.state[key] = s
            with torch.no_grad():
                p -= self.lr * g / (s.sqrt() + self.eps)


@right("RMSProp")
class rmsprop_lerp(Optimizer):
    def __init__(self, parameters, lr, alpha=0.99, eps=1e-8):
        self.parameters = [*parameters]
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, square in zip(self.parameters, self.squares, strict=True):
            if p.grad is not None:
                square.lerp_(p.grad.square(), 1 - self.alpha)
                p.addcdiv_(p.grad, square.sqrt().add_(self.eps), value=-self.lr)


rmsprop_swapped = changed(
    rmsprop_dictionary,
    "self.alpha * self.state.get(key, 0) + (1 - self.alpha) * g**2",
    "(1 - self.alpha) * self.state.get(key, 0) + self.alpha * g**2",
    fails=RMSPROP_STEPS,
)
rmsprop_sums = changed(rmsprop_dictionary, "(1 - self.alpha) * g**2", "g**2", fails=RMSPROP_STEPS)
rmsprop_corrected = changed(
    rmsprop_dictionary,
    "self.state.get(key, 0)",
    "self.state.get(key, g**2)",
    fails=RMSPROP_STEPS,
)
rmsprop_forgets = changed(rmsprop_dictionary, "self.state.get(key, 0)", "0", fails=RMSPROP_STEPS)
rmsprop_without_root = changed(rmsprop_dictionary, "s.sqrt()", "s", fails=RMSPROP_STEPS)
rmsprop_rebinds = changed(rmsprop_dictionary, "p -= ", "p = p - ", fails=RMSPROP_STEPS)
rmsprop_eps_in_the_root = changed(
    rmsprop_dictionary,
    "(s.sqrt() + self.eps)",
    "(s + self.eps).sqrt()",
    fails=RMSPROP_STEPS[1:],
)
rmsprop_own_eps = changed(
    rmsprop_dictionary, "self.eps = eps", "self.eps = 1e-8", fails=["rmsprop_follows_torch"]
)
rmsprop_own_alpha = changed(
    rmsprop_dictionary,
    "self.alpha = alpha",
    "self.alpha = 0.99",
    fails=["rmsprop_follows_torch", "divides_by_the_root_of_the_mean"],
)
rmsprop_by_shape = changed(
    rmsprop_dictionary, "id(p)", "p.shape", fails=["rmsprop_keeps_state_apart"]
)
rmsprop_crashes_on_none = changed(
    rmsprop_dictionary,
    "if p.grad is None:",
    "if False:",
    fails=["rmsprop_skips_missing_gradients"],
)
rmsprop_generator = changed(
    rmsprop_dictionary,
    "list(parameters)",
    "parameters",
    fails=["rmsprop_keeps_what_a_generator_gives"],
)
rmsprop_graph = changed(
    rmsprop_dictionary, "p.grad.detach()", "p.grad", fails=["rmsprop_keeps_no_graph"]
)

# ----------------------------------------------------------------------------- Adam

ADAM_LATER_STEPS = (
    "adam_follows_torch",
    "adam_decays_apart_from_the_gradient",
    "adam_keeps_state_apart",
    "adam_skips_missing_gradients",
    "adam_keeps_what_a_generator_gives",
)
ADAM_STEPS = ("first_step_is_the_rate", *ADAM_LATER_STEPS)


@right("Adam")
class adam_dictionary(Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr = lr
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.weight_decay = weight_decay
        self.state = {}

    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            g = p.grad.detach()
            key = id(p)
            t, m, s = self.state.get(key, (0, 0, 0))
            t = t + 1
            m = self.beta1 * m + (1 - self.beta1) * g
            s = self.beta2 * s + (1 - self.beta2) * g**2
            self.state[key] = t, m, s
            m_hat = m / (1 - self.beta1**t)
            s_hat = s / (1 - self.beta2**t)
            with torch.no_grad():
                p *= 1 - self.lr * self.weight_decay
                p -= self.lr * m_hat / (s_hat.sqrt() + self.eps)


@right("Adam")
class adam_with_the_rate_corrected(Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.parameters = [*parameters]
        self.lr, self.betas, self.eps, self.decay = lr, betas, eps, weight_decay
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.s = [torch.zeros_like(p) for p in self.parameters]
        self.t = [0 for p in self.parameters]

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        for k, p in enumerate(self.parameters):
            if p.grad is None:
                continue
            self.t[k] += 1
            self.m[k].lerp_(p.grad, 1 - b1)
            self.s[k].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
            size = self.s[k].sqrt() / math.sqrt(1 - b2 ** self.t[k]) + self.eps
            p.sub_(self.lr * self.decay * p)
            p.addcdiv_(self.m[k], size, value=-self.lr / (1 - b1 ** self.t[k]))


adam_uncorrected_mean = changed(adam_dictionary, "m / (1 - self.beta1**t)", "m", fails=ADAM_STEPS)
adam_uncorrected_square = changed(adam_dictionary, "s / (1 - self.beta2**t)", "s", fails=ADAM_STEPS)


@wrong("Adam", fails=ADAM_STEPS)
class adam_uncorrected(Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.s = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, m, s in zip(self.parameters, self.m, self.s, strict=True):
            if p.grad is not None:
                m.lerp_(p.grad, 1 - self.betas[0])
                s.lerp_(p.grad**2, 1 - self.betas[1])
                p *= 1 - self.lr * self.weight_decay
                p -= self.lr * m / (s.sqrt() + self.eps)


adam_multiplies_the_correction = changed(
    adam_dictionary, "m / (1 - self.beta1**t)", "m * (1 - self.beta1**t)", fails=ADAM_STEPS
)
adam_correction_without_power = changed(
    adam_dictionary, "self.beta2**t", "self.beta2", fails=ADAM_LATER_STEPS
)
adam_counts_from_zero = changed(adam_dictionary, "(0, 0, 0)", "(-1, 0, 0)", fails=ADAM_STEPS)
adam_never_counts = changed(adam_dictionary, "t = t + 1", "t = 1", fails=ADAM_LATER_STEPS)
adam_keeps_the_corrected = changed(
    adam_dictionary,
    "            self.state[key] = t, m, s\n            m_hat = m / (1 - self.beta1**t)\n",
    "            m_hat = m / (1 - self.beta1**t)\n            self.state[key] = t, m_hat, s\n",
    fails=ADAM_LATER_STEPS,
)
adam_betas_swapped = changed(
    adam_dictionary,
    "self.beta1, self.beta2 = betas",
    "self.beta2, self.beta1 = betas",
    fails=ADAM_LATER_STEPS,
)
adam_forgets = changed(
    adam_dictionary, "self.state.get(key, (0, 0, 0))", "0, 0, 0", fails=ADAM_LATER_STEPS
)
adam_rebinds = changed(adam_dictionary, "p -= ", "p = p - ", fails=ADAM_STEPS)
adam_climbs = changed(adam_dictionary, "p -= ", "p += ", fails=ADAM_STEPS)
adam_without_root = changed(adam_dictionary, "s_hat.sqrt()", "s_hat", fails=ADAM_STEPS)
adam_own_betas = changed(
    adam_dictionary,
    "self.beta1, self.beta2 = betas",
    "self.beta1, self.beta2 = 0.9, 0.999",
    fails=["adam_follows_torch"],
)
adam_own_eps = changed(
    adam_dictionary, "self.eps = eps", "self.eps = 1e-8", fails=["adam_follows_torch"]
)
adam_eps_in_the_root = changed(
    adam_dictionary,
    "(s_hat.sqrt() + self.eps)",
    "(s_hat + self.eps).sqrt()",
    fails=ADAM_STEPS,
)
adam_eps_before_the_correction = changed(
    adam_dictionary,
    "(s_hat.sqrt() + self.eps)",
    "((s.sqrt() + self.eps) / math.sqrt(1 - self.beta2**t))",
    fails=ADAM_LATER_STEPS,
)
adam_no_decay = changed(
    adam_dictionary,
    "p *= 1 - self.lr * self.weight_decay",
    "pass",
    fails=["adam_decays_apart_from_the_gradient"],
)
adam_l2 = changed(
    adam_no_decay,
    "g = p.grad.detach()",
    "g = p.grad.detach() + self.weight_decay * p.detach()",
    fails=["adam_decays_apart_from_the_gradient"],
)
adam_decay_without_rate = changed(
    adam_dictionary,
    "1 - self.lr * self.weight_decay",
    "1 - self.weight_decay",
    fails=["adam_decays_apart_from_the_gradient"],
)
adam_grows = changed(
    adam_dictionary,
    "1 - self.lr * self.weight_decay",
    "1 + self.lr * self.weight_decay",
    fails=["adam_decays_apart_from_the_gradient"],
)
adam_half_decay = changed(
    adam_dictionary,
    "1 - self.lr * self.weight_decay",
    "1 - self.lr * self.weight_decay / 2",
    fails=["adam_decays_apart_from_the_gradient"],
)
adam_by_shape = changed(adam_dictionary, "id(p)", "p.shape", fails=["adam_keeps_state_apart"])
adam_crashes_on_none = changed(
    adam_dictionary, "if p.grad is None:", "if False:", fails=["adam_skips_missing_gradients"]
)
adam_generator = changed(
    adam_dictionary,
    "list(parameters)",
    "parameters",
    fails=["adam_keeps_what_a_generator_gives"],
)
adam_graph = changed(adam_dictionary, "p.grad.detach()", "p.grad", fails=["adam_keeps_no_graph"])


@wrong(
    "Adam",
    fails=[
        "adam_keeps_state_apart",
        "adam_skips_missing_gradients",
        "adam_keeps_what_a_generator_gives",
    ],
)
class adam_counts_parameters(Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.s = [torch.zeros_like(p) for p in self.parameters]
        self.t = 0

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        for p, m, s in zip(self.parameters, self.m, self.s, strict=True):
            if p.grad is None:
                continue
            self.t += 1
            m.lerp_(p.grad, 1 - b1)
            s.lerp_(p.grad**2, 1 - b2)
            p *= 1 - self.lr * self.weight_decay
            p -= self.lr * m / (1 - b1**self.t) / ((s / (1 - b2**self.t)).sqrt() + self.eps)


@wrong("Adam", fails=["adam_skips_missing_gradients"])
class adam_counts_calls(Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.s = [torch.zeros_like(p) for p in self.parameters]
        self.t = 0

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        self.t += 1
        for p, m, s in zip(self.parameters, self.m, self.s, strict=True):
            if p.grad is None:
                continue
            m.lerp_(p.grad, 1 - b1)
            s.lerp_(p.grad**2, 1 - b2)
            p *= 1 - self.lr * self.weight_decay
            p -= self.lr * m / (1 - b1**self.t) / ((s / (1 - b2**self.t)).sqrt() + self.eps)


# ----------------------------------------------------------------------------- l1_penalty

L1_CHECKS = ("sums_absolute_values", "l1_sums_over_all_entries", "l1_pulls_with_the_sign")


@right("l1_penalty")
def l1_loop(parameters, strength):
    total = 0.0
    for p in parameters:
        total = total + strength * torch.abs(p).sum()
    return total


@right("l1_penalty")
def l1_flat(parameters, strength):
    flat = torch.cat([p.flatten() for p in parameters])
    return strength * torch.linalg.vector_norm(flat, ord=1)


l1_half = changed(l1_loop, "strength * ", "strength / 2 * ", fails=L1_CHECKS)
l1_without_strength = changed(l1_loop, "strength * ", "", fails=L1_CHECKS)
l1_squares = changed(l1_loop, "torch.abs(p)", "(p**2)", fails=L1_CHECKS)
l1_signed = changed(l1_loop, "torch.abs(p)", "p", fails=L1_CHECKS)
l1_of_the_sum = changed(l1_loop, "torch.abs(p).sum()", "p.sum().abs()", fails=L1_CHECKS)
l1_mean = changed(l1_loop, ".sum()", ".mean()", fails=L1_CHECKS)
l1_cut = changed(l1_loop, "torch.abs(p)", "torch.abs(p.data)", fails=["l1_pulls_with_the_sign"])
l1_number = changed(
    l1_loop,
    ".sum()",
    ".sum().item()",
    fails=["sums_absolute_values", "l1_pulls_with_the_sign"],
)


@wrong("l1_penalty", fails=["l1_sums_over_all_entries"])
def l1_counts_first(parameters, strength):
    return sum(strength * parameters[k].abs().sum() for k in range(len(parameters)))


@wrong("l1_penalty", fails=["l1_sums_over_all_entries", "sums_absolute_values"])
def l1_first_only(parameters, strength):
    return strength * next(iter(parameters)).abs().sum()


# ----------------------------------------------------------------------------- l2_penalty

L2_CHECKS = ("sums_squares", "l2_sums_over_all_entries", "l2_pulls_like_weight_decay")


@right("l2_penalty")
def l2_loop(parameters, strength):
    total = 0.0
    for p in parameters:
        total = total + strength / 2 * (p**2).sum()
    return total


@right("l2_penalty")
def l2_flat(parameters, strength):
    flat = torch.cat([p.flatten() for p in parameters])
    return 0.5 * strength * (flat @ flat)


l2_whole = changed(l2_loop, "strength / 2", "strength", fails=L2_CHECKS)
l2_quarter = changed(l2_loop, "strength / 2", "strength / 4", fails=L2_CHECKS)
l2_mean = changed(l2_loop, ".sum()", ".mean()", fails=L2_CHECKS)
l2_norm = changed(l2_loop, "(p**2).sum()", "p.norm()", fails=L2_CHECKS)
l2_absolute = changed(l2_loop, "(p**2)", "p.abs()", fails=L2_CHECKS)
l2_negative = changed(l2_loop, "total + ", "total - ", fails=L2_CHECKS)
l2_cut = changed(l2_loop, "(p**2)", "(p.data**2)", fails=["l2_pulls_like_weight_decay"])


@wrong("l2_penalty", fails=["l2_sums_over_all_entries"])
def l2_counts_first(parameters, strength):
    return sum(strength / 2 * parameters[k].square().sum() for k in range(len(parameters)))


@wrong("l2_penalty", fails=["l2_sums_over_all_entries", "sums_squares"])
def l2_first_only(parameters, strength):
    return strength / 2 * next(iter(parameters)).square().sum()


# ----------------------------------------------------------------------------- decay_factor

DECAY_CHECKS = ("decays_in_five_steps", "counts_the_last_batch", "estimates_by_the_exponential")


@right("decay_factor")
def decay_power(lr, strength, batch_size, examples):
    steps = -(-examples // batch_size)
    return (1 - lr * strength / examples) ** steps, math.exp(-lr * strength / batch_size)


@right("decay_factor")
def decay_loop(lr, strength, batch_size, examples):
    exact = 1.0
    for _ in range(0, examples, batch_size):
        exact -= lr * strength / examples * exact
    return exact, 1 / math.e ** (lr * strength / batch_size)


decay_drops_the_last = changed(
    decay_power,
    "-(-examples // batch_size)",
    "examples // batch_size",
    fails=["counts_the_last_batch"],
)
decay_fraction_of_a_step = changed(
    decay_power,
    "-(-examples // batch_size)",
    "examples / batch_size",
    fails=["counts_the_last_batch"],
)
decay_estimate_by_steps = changed(
    decay_power,
    "math.exp(-lr * strength / batch_size)",
    "math.exp(-lr * strength / examples * steps)",
    fails=["estimates_by_the_exponential"],
)
decay_estimate_of_a_step = changed(
    decay_power,
    "strength / batch_size)",
    "strength / examples)",
    fails=["estimates_by_the_exponential", "decays_in_five_steps"],
)
decay_growth = changed(
    decay_power,
    "math.exp(-lr",
    "math.exp(lr",
    fails=["estimates_by_the_exponential", "decays_in_five_steps"],
)
decay_one_step = changed(
    decay_power, " ** steps", "", fails=["counts_the_last_batch", "decays_in_five_steps"]
)
decay_twice = changed(
    decay_power,
    "(1 - lr",
    "(1 - 2 * lr",
    fails=["counts_the_last_batch", "decays_in_five_steps"],
)
decay_per_batch = changed(
    decay_power,
    "strength / examples)",
    "strength / batch_size)",
    fails=["counts_the_last_batch", "decays_in_five_steps"],
)


@wrong("decay_factor", fails=DECAY_CHECKS)
def decay_other_order(lr, strength, batch_size, examples):
    steps = math.ceil(examples / batch_size)
    return math.exp(-lr * strength / batch_size), (1 - lr * strength / examples) ** steps


# ----------------------------------------------------------------------------- dropout


@right("dropout")
def dropout_rand(x, p, training):
    if not 0 <= p <= 1:
        raise ValueError(f"{p} is no probability")
    if p == 1 and training:
        return torch.zeros_like(x)
    if not training:
        return x
    mask = torch.rand_like(x) > p
    return x * mask / (1 - p)


@right("dropout")
def dropout_bernoulli(x, p, training):
    if p < 0 or p > 1:
        raise ValueError("p must lie between 0 and 1")
    if not training or p == 0:
        return x
    kept = torch.bernoulli(torch.full_like(x, 1 - p))
    return x * kept / max(1 - p, 1e-9)


@right("dropout")
def dropout_where(x, p, training):
    if p < 0 or p > 1:
        raise ValueError
    if training:
        scaled = x / (1 - p) if p < 1 else x
        dropped = torch.rand(x.shape, device=x.device) < p
        return torch.where(dropped, torch.zeros_like(x), scaled)
    return x.clone()


dropout_unscaled = changed(
    dropout_rand,
    " / (1 - p)",
    "",
    fails=["dropout_keeps_the_mean", "drops_or_doubles"],
)
dropout_scaled_by_p = changed(
    dropout_rand,
    "/ (1 - p)",
    "/ p",
    fails=["dropout_keeps_the_mean", "dropout_is_right_at_both_ends"],
)
dropout_shrinks = changed(
    dropout_rand,
    "/ (1 - p)",
    "* (1 - p)",
    fails=["dropout_keeps_the_mean", "drops_or_doubles"],
)


@wrong("dropout", fails=["dropout_keeps_the_mean", "dropout_is_right_at_both_ends"])
def dropout_keeps_with_p(x, p, training):
    if not 0 <= p <= 1:
        raise ValueError
    if not training:
        return x
    if p == 0:
        return torch.zeros_like(x)
    return x * (torch.rand_like(x) < p) / p


dropout_mask_swapped = changed(
    dropout_rand,
    "torch.rand_like(x) > p",
    "torch.rand_like(x) < p",
    fails=["dropout_keeps_the_mean", "dropout_is_right_at_both_ends"],
)
dropout_always = changed(
    dropout_rand,
    "if not training:",
    "if False:",
    fails=["dropout_rests_in_evaluation", "drops_or_doubles"],
)
dropout_scales_later = changed(
    dropout_rand,
    "return x\n",
    "return x * (1 - p)\n",
    fails=["dropout_rests_in_evaluation", "drops_or_doubles"],
)
dropout_zero_in_evaluation = changed(
    dropout_rand, "p == 1 and training", "p == 1", fails=["dropout_rests_in_evaluation"]
)
dropout_one_mask = changed(
    dropout_rand,
    "torch.rand_like(x)",
    "torch.rand_like(x[0])",
    fails=["dropout_decides_every_entry"],
)
dropout_whole_examples = changed(
    dropout_rand,
    "torch.rand_like(x) > p",
    "(torch.rand_like(x[(..., *[slice(1)] * (x.ndim - 1))]) > p)",
    fails=["dropout_decides_every_entry"],
)
dropout_nan = changed(
    dropout_rand,
    "p == 1 and training",
    "False",
    fails=["dropout_is_right_at_both_ends"],
)
dropout_accepts_anything = changed(
    dropout_rand, "not 0 <= p <= 1", "False", fails=["dropout_refuses_other_probabilities"]
)
dropout_refuses_in_training = changed(
    dropout_rand,
    "not 0 <= p <= 1",
    "training and not 0 <= p <= 1",
    fails=["dropout_refuses_other_probabilities"],
)
dropout_refuses_the_ends = changed(
    dropout_rand,
    "not 0 <= p <= 1",
    "not 0 < p < 1",
    fails=["dropout_is_right_at_both_ends", "dropout_rests_in_evaluation"],
)
dropout_asserts = changed(
    dropout_rand,
    "raise ValueError(",
    "raise AssertionError(",
    fails=["dropout_refuses_other_probabilities"],
)
dropout_seeded = changed(
    dropout_rand,
    "    mask = ",
    "    torch.manual_seed(0)\n    mask = ",
    fails=["dropout_draws_anew"],
)
dropout_cut = changed(
    dropout_rand, "return x * mask", "return x.data * mask", fails=["dropout_passes_gradients"]
)
dropout_single = changed(
    dropout_rand,
    "return x * mask",
    "return x.float() * mask",
    fails=["dropout_passes_gradients"],
)
dropout_on_the_cpu = changed(
    dropout_rand,
    "torch.rand_like(x)",
    "torch.rand(x.shape)",
    fails=["dropout_stays_on_the_device"],
)


@wrong("dropout", fails=["dropout_leaves_its_input"])
def dropout_in_place(x, p, training):
    if not 0 <= p <= 1:
        raise ValueError
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    x.data[torch.rand_like(x) < p] = 0
    return x / (1 - p) * (x != 0)


@wrong("dropout", fails=["dropout_is_written_by_hand"])
def dropout_of_the_library(x, p, training):
    return nn.functional.dropout(x, p, training)


# ----------------------------------------------------------------------------- train

TRAIN_STEPS = (
    "trains_one_step",
    "train_steps_after_each_backward",
    "train_runs_through_the_batches_once",
    "train_forgets_gradients_from_before",
)


@right("train")
def train_plain(model, optimizer, x, y, batches):
    model.train()
    total, count = 0.0, 0
    for rows in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
        count += len(rows)
    return total / count


@right("train")
def train_lists(model, optimizer, x, y, batches):
    losses = []
    model.train(True)
    for rows in list(batches):
        scores = model(x[rows])
        each = nn.functional.cross_entropy(scores, y[rows], reduction="none")
        optimizer.zero_grad()
        each.mean().backward()
        losses += each.tolist()
        optimizer.step()
    return sum(losses) / len(losses)


@wrong("train", fails=[*TRAIN_STEPS, "train_returns_the_mean_over_examples"])
def train_steps_first(model, optimizer, x, y, batches):
    model.train()
    total, count = 0.0, 0
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        optimizer.step()
        loss.backward()
        total += loss.item() * len(rows)
        count += len(rows)
    return total / count


train_accumulates = changed(
    train_plain,
    "        optimizer.zero_grad()\n",
    "",
    fails=["train_steps_after_each_backward", "train_forgets_gradients_from_before"],
)
train_never_steps = changed(
    train_plain,
    "        optimizer.step()\n",
    "",
    fails=[*TRAIN_STEPS, "train_returns_the_mean_over_examples"],
)
train_without_mode = changed(
    train_plain, "    model.train()\n", "", fails=["train_switches_to_training_mode"]
)
train_in_evaluation_mode = changed(
    train_plain, "model.train()", "model.eval()", fails=["train_switches_to_training_mode"]
)
train_keeps_the_graph = changed(
    train_plain, "loss.item() * len(rows)", "loss * len(rows)", fails=["train_returns_a_float"]
)
train_on_everything = changed(
    train_plain,
    "model(x[rows]), y[rows]",
    "model(x), y",
    fails=[
        "train_steps_after_each_backward",
        "train_runs_through_the_batches_once",
        "train_forgets_gradients_from_before",
        "train_returns_the_mean_over_examples",
    ],
)
train_softmax_first = changed(
    train_plain,
    "model(x[rows]), y[rows]",
    "model(x[rows]).softmax(dim=1), y[rows]",
    fails=[*TRAIN_STEPS, "train_returns_the_mean_over_examples"],
)


@wrong("train", fails=["train_steps_after_each_backward"])
def train_clears_once(model, optimizer, x, y, batches):
    model.train()
    optimizer.zero_grad()
    total, count = 0.0, 0
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
        count += len(rows)
    return total / count


@wrong("train", fails=["train_forgets_gradients_from_before"])
def train_clears_too_late(model, optimizer, x, y, batches):
    model.train()
    total, count = 0.0, 0
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item() * len(rows)
        count += len(rows)
    return total / count


@wrong("train", fails=["train_returns_the_mean_over_examples"])
def train_mean_of_means(model, optimizer, x, y, batches):
    model.train()
    losses = []
    for rows in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@wrong(
    "train",
    fails=[
        "train_returns_the_mean_over_examples",
        "trains_one_step",
        "train_runs_through_the_batches_once",
    ],
)
def train_measures_afterwards(model, optimizer, x, y, batches):
    model.train()
    total, count = 0.0, 0
    for rows in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
        total += nn.functional.cross_entropy(model(x[rows]), y[rows]).item() * len(rows)
        count += len(rows)
    return total / count


@wrong("train", fails=["train_returns_the_mean_over_examples"])
def train_divides_by_the_data(model, optimizer, x, y, batches):
    model.train()
    batches, total = list(batches), 0.0
    for rows in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() / len(batches)
    return total


@wrong("train", fails=["train_runs_through_the_batches_once"])
def train_counts_in_a_second_loop(model, optimizer, x, y, batches):
    model.train()
    total = 0.0
    for rows in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / sum(len(rows) for rows in batches)


# ----------------------------------------------------------------------------- tune


@right("tune")
def tune_loop(values, fit, validate, test):
    best = None
    for value in sorted(values):
        model = fit(value)
        accuracy = validate(model)
        if best is None or accuracy > best[1]:
            best = (value, accuracy, model)
    return best[0], best[1], test(best[2])


@right("tune")
def tune_keeps_all(values, fit, validate, test):
    models = {value: fit(value) for value in values}
    accuracies = {value: validate(model) for value, model in models.items()}
    value = min(models, key=lambda one: (-accuracies[one], one))
    return value, accuracies[value], test(models[value])


@right("tune")
def tune_compares(values, fit, validate, test):
    value = accuracy = chosen = None
    for one in values:
        model = fit(one)
        new = validate(model)
        if chosen is None or new > accuracy or (new == accuracy and one < value):
            value, accuracy, chosen = one, new, model
    return value, accuracy, test(chosen)


@wrong(
    "tune",
    fails=[
        "tune_uses_the_test_set_once",
        "reports_the_best_on_validation_data",
        "tune_reports_one_model",
        "tune_prefers_the_smaller_of_equals",
    ],
)
def tune_on_the_test_set(values, fit, validate, test):
    best = None
    for value in sorted(values):
        model = fit(value)
        accuracy = test(model)
        if best is None or accuracy > best[2]:
            best = value, validate(model), accuracy
    return best


@wrong("tune", fails=["tune_uses_the_test_set_once"])
def tune_tests_all(values, fit, validate, test):
    results = []
    for value in sorted(values):
        model = fit(value)
        results.append((value, validate(model), test(model)))
    return max(results, key=lambda one: one[1])


@wrong("tune", fails=["tune_uses_the_test_set_once"])
def tune_tests_every_record(values, fit, validate, test):
    best = None
    for value in sorted(values):
        model = fit(value)
        accuracy = validate(model)
        if best is None or accuracy > best[1]:
            best = value, accuracy, test(model)
    return best


@wrong("tune", fails=["tune_uses_the_test_set_once", "tune_prefers_the_smaller_of_equals"])
def tune_breaks_ties_by_the_test(values, fit, validate, test):
    results = []
    for value in sorted(values):
        model = fit(value)
        results.append((validate(model), test(model), value))
    accuracy, tested, value = max(results)
    return value, accuracy, tested


tune_tests_the_last = changed(
    tune_loop,
    "test(best[2])",
    "test(model)",
    fails=["tune_reports_one_model", "reports_the_best_on_validation_data"],
)
tune_last_accuracy = changed(
    tune_loop,
    "best[0], best[1], test",
    "best[0], accuracy, test",
    fails=["tune_reports_one_model", "reports_the_best_on_validation_data"],
)
tune_trains_again = changed(
    tune_loop, "test(best[2])", "test(fit(best[0]))", fails=["tune_trains_once_for_each_value"]
)
tune_larger_of_equals = changed(
    tune_loop,
    "accuracy > best[1]",
    "accuracy >= best[1]",
    fails=["tune_prefers_the_smaller_of_equals"],
)
tune_first_of_equals = changed(
    tune_loop, "sorted(values)", "values", fails=["tune_prefers_the_smaller_of_equals"]
)
tune_worst = changed(
    tune_loop,
    "accuracy > best[1]",
    "accuracy < best[1]",
    fails=[
        "reports_the_best_on_validation_data",
        "tune_reports_one_model",
        "tune_prefers_the_smaller_of_equals",
    ],
)


@wrong("tune", fails=["tune_takes_a_generator"])
def tune_starts_from_zero(values, fit, validate, test):
    value, accuracy, chosen = None, 0.0, None
    for one in sorted(values):
        model = fit(one)
        if validate(model) > accuracy:
            value, accuracy, chosen = one, validate(model), model
    return value, accuracy, test(chosen)


@wrong("tune", fails=["tune_takes_a_generator"])
def tune_runs_through_twice(values, fit, validate, test):
    models = [fit(value) for value in values]
    accuracies = [validate(model) for model in models]
    best = max(accuracies)
    pairs = zip(values, models, accuracies, strict=False)
    value, model = min((v, m) for v, m, accuracy in pairs if accuracy == best)
    return value, best, test(model)


@wrong("tune", fails=["tune_trains_once_for_each_value", "tune_prefers_the_smaller_of_equals"])
def tune_stops_at_the_first_fall(values, fit, validate, test):
    best = None
    for value in values:
        model = fit(value)
        accuracy = validate(model)
        if best is not None and accuracy < best[1]:
            break
        best = value, accuracy, model
    return best[0], best[1], test(best[2])


# ----------------------------------------------------------------------------- BatchNorm


@right("BatchNorm")
class norm_plain(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        if self.training:
            mean = x.mean(dim=0)
            var = ((x - mean) ** 2).mean(dim=0)
            rho = self.momentum
            wide = x.detach().var(dim=0)
            self.running_mean = (1 - rho) * self.running_mean + rho * mean.detach()
            self.running_var = (1 - rho) * self.running_var + rho * wide
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


@right("BatchNorm")
class norm_in_place(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.rho, self.eps = momentum, eps
        for name, value in (("gamma", 1.0), ("beta", 0.0)):
            setattr(self, name, nn.Parameter(torch.full((features,), value)))
        for name, value in (("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((features,), value))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, dim=0, unbiased=False)
            n = x.shape[0]
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.rho)
                self.running_var.lerp_(var * n / (n - 1), self.rho)
        return (x - mean) * torch.rsqrt(var + self.eps) * self.gamma + self.beta


norm_inverted_mean = changed(
    norm_plain,
    "(1 - rho) * self.running_mean + rho * mean.detach()",
    "rho * self.running_mean + (1 - rho) * mean.detach()",
    fails=["norm_remembers_as_torch", "normalises_and_remembers"],
)
norm_inverted = changed(
    norm_plain,
    "rho = self.momentum",
    "rho = 1 - self.momentum",
    fails=["norm_remembers_as_torch", "normalises_and_remembers"],
)
norm_biased_memory = changed(
    norm_plain,
    "x.detach().var(dim=0)",
    "x.detach().var(dim=0, unbiased=False)",
    fails=["norm_remembers_as_torch"],
)
norm_remembers_the_last = changed(
    norm_plain,
    "rho = self.momentum",
    "rho = 1.0",
    fails=["norm_remembers_as_torch", "normalises_and_remembers"],
)
norm_always_by_the_batch = changed(
    norm_plain,
    "mean, var = self.running_mean, self.running_var",
    "mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)",
    fails=["norm_evaluates_by_what_it_remembers"],
)
norm_always_updates = changed(
    norm_plain,
    "if self.training:",
    "if self.training or len(x) > 2:",
    fails=["norm_evaluates_by_what_it_remembers"],
)


@wrong("BatchNorm", fails=["norm_evaluates_by_what_it_remembers"])
class norm_updates_in_evaluation(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        mean, var = self.running_mean.clone(), self.running_var.clone()
        if self.training:
            mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(dim=0), self.momentum)
            if len(x) > 1:
                self.running_var.lerp_(x.var(dim=0), self.momentum)
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


norm_unbiased_batch = changed(
    norm_plain,
    "var = ((x - mean) ** 2).mean(dim=0)",
    "var = x.var(dim=0)",
    fails=[
        "norm_trains_as_the_formula",
        "normalises_and_remembers",
        "norm_passes_gradients_through_the_statistics",
    ],
)
norm_without_beta = changed(norm_plain, " + self.beta", "", fails=["norm_trains_as_the_formula"])
norm_own_eps = changed(
    norm_plain, "self.eps = eps", "self.eps = 1e-5", fails=["norm_trains_as_the_formula"]
)
norm_eps_outside = changed(
    norm_plain,
    "(var + self.eps).sqrt()",
    "(var.sqrt() + self.eps)",
    fails=["norm_trains_as_the_formula", "norm_passes_gradients_through_the_statistics"],
)
norm_adds_gamma = changed(
    norm_plain,
    "self.gamma * (x - mean)",
    "(self.gamma + 1) / 2 * (x - mean)",
    fails=["norm_trains_as_the_formula"],
)
norm_detached = changed(
    norm_plain,
    "mean = x.mean(dim=0)",
    "mean = x.detach().mean(dim=0)",
    fails=["norm_passes_gradients_through_the_statistics"],
)
norm_without_recording = changed(
    norm_plain,
    "var = ((x - mean) ** 2).mean(dim=0)",
    "var = ((x - mean) ** 2).mean(dim=0).detach()",
    fails=["norm_passes_gradients_through_the_statistics"],
)
norm_graph = changed(
    norm_plain, "rho * mean.detach()", "rho * mean", fails=["norm_remembers_numbers"]
)


@wrong("BatchNorm", fails=["norm_registers_its_tensors", "norm_evaluates_by_what_it_remembers"])
class norm_plain_attributes(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.running_mean = torch.zeros(features)
        self.running_var = torch.ones(features)

    def forward(self, x):
        if self.training:
            mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
            self.running_mean = torch.lerp(self.running_mean, mean.detach().float(), self.momentum)
            self.running_var = torch.lerp(
                self.running_var, x.detach().var(dim=0).float(), self.momentum
            )
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


@wrong("BatchNorm", fails=["norm_registers_its_tensors"])
class norm_running_parameters(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.running_mean = nn.Parameter(torch.zeros(features), requires_grad=False)
        self.running_var = nn.Parameter(torch.ones(features), requires_grad=False)

    def forward(self, x):
        if self.training:
            mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
            self.running_mean.data.lerp_(mean.detach(), self.momentum)
            self.running_var.data.lerp_(x.detach().var(dim=0), self.momentum)
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


@wrong("BatchNorm", fails=["norm_is_written_by_hand"])
class norm_of_the_library(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        return nn.functional.batch_norm(
            *(x, self.running_mean, self.running_var, self.gamma, self.beta),
            *(self.training, self.momentum, self.eps),
        )
