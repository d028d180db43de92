"""Right and wrong answers to notebook 05."""

import math

import torch
from torch import nn

from autograder.course.corpus import right, wrong


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


sgd_in_place.slips("""
sgd_rebinds: SGD_STEPS
  - p -=
  + p = p -
sgd_records: SGD_STEPS sgd_leaves_the_gradient_alone
  - with torch.no_grad():
  + if True:
sgd_climbs: SGD_STEPS
  - p -=
  + p +=
sgd_without_rate: SGD_STEPS
  - self.lr * (p
  + (p
sgd_first_only: sgd_updates_every_parameter sgd_skips_missing_gradients
    sgd_keeps_what_a_generator_gives
  - in self.parameters:
  + in self.parameters[:1]:
sgd_no_decay: sgd_decays_in_closed_form
  - grad + self.weight_decay * p
  + grad
sgd_grows: sgd_decays_in_closed_form
  - + self.weight_decay
  + - self.weight_decay
sgd_half_decay: sgd_decays_in_closed_form
  - self.weight_decay * p
  + self.weight_decay / 2 * p
sgd_double_decay: sgd_decays_in_closed_form
  - self.weight_decay * p
  + 2 * self.weight_decay * p
sgd_decay_of_the_sign: sgd_decays_in_closed_form
  - self.weight_decay * p)
  + self.weight_decay * p.sign())
sgd_decay_without_rate: sgd_decays_in_closed_form
  - self.lr * (p.grad + self.weight_decay * p)
  + self.lr * p.grad + self.weight_decay * p
sgd_crashes_on_none: sgd_skips_missing_gradients sgd_decays_in_closed_form
  - if p.grad is None:
  + if False:
sgd_stops_at_none: sgd_skips_missing_gradients
  - continue
  + break
sgd_generator: sgd_keeps_what_a_generator_gives
  - list(parameters)
  + parameters
""")


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


momentum_dictionary.slips("""
momentum_damped: MOMENTUM_STEPS
  - 0) + g
  + 0) + (1 - self.momentum) * g
momentum_climbs: MOMENTUM_STEPS
  - p -=
  + p +=
momentum_rebinds: MOMENTUM_STEPS
  - p -=
  + p = p -
momentum_forgets: MOMENTUM_STEPS
  - self.state.get(key, 0)
  + 0
momentum_none: MOMENTUM_STEPS
  - self.lr * v
  + self.lr * g
momentum_always_nine_tenths: momentum_follows_torch velocity_builds_up
  - self.momentum = momentum
  + self.momentum = 0.9
momentum_by_shape: momentum_keeps_state_apart
  - id(p)
  + p.shape
momentum_one_velocity: momentum_keeps_state_apart momentum_skips_missing_gradients
    momentum_keeps_what_a_generator_gives
  - id(p)
  + 'the velocity'
momentum_crashes_on_none: momentum_skips_missing_gradients
  - if p.grad is None:
  + if False:
momentum_stops_at_none: momentum_skips_missing_gradients
  - continue
  + break
momentum_rolls_on: momentum_skips_missing_gradients
  - continue
  + p.grad = torch.zeros_like(p)
momentum_generator: momentum_keeps_what_a_generator_gives
  - list(parameters)
  + parameters
momentum_graph: momentum_keeps_no_graph
  - p.grad.detach()
  + p.grad
""")


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


nesterov_dictionary.slips("""
nesterov_is_momentum: NESTEROV_STEPS
  - (g + self.momentum * v)
  + v
nesterov_forgets: NESTEROV_STEPS
  - self.state.get(key, 0)
  + 0
nesterov_damped: NESTEROV_STEPS
  - 0) + g
  + 0) + (1 - self.momentum) * g
nesterov_full_velocity: NESTEROV_STEPS
  - (g + self.momentum * v)
  + (g + v)
nesterov_keeps_the_step: NESTEROV_STEPS
  - self.state[key] = v
  + self.state[key] = g + self.momentum * v
nesterov_rebinds: NESTEROV_STEPS
  - p -=
  + p = p -
nesterov_always_nine_tenths: nesterov_follows_torch looks_ahead_of_the_velocity
  - self.momentum = momentum
  + self.momentum = 0.9
nesterov_by_shape: nesterov_keeps_state_apart
  - id(p)
  + p.shape
nesterov_crashes_on_none: nesterov_skips_missing_gradients
  - if p.grad is None:
  + if False:
nesterov_generator: nesterov_keeps_what_a_generator_gives
  - list(parameters)
  + parameters
nesterov_graph: nesterov_keeps_no_graph
  - p.grad.detach()
  + p.grad
""")

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


adagrad_dictionary.slips("""
adagrad_without_root: ADAGRAD_STEPS
  - s.sqrt()
  + s
adagrad_sums_gradients: ADAGRAD_STEPS
  - g**2
  + g.abs()
adagrad_forgets: ADAGRAD_STEPS
  - self.state.get(key, 0)
  + 0
adagrad_means: ADAGRAD_STEPS
  - + g**2
  + * 0.9 + 0.1 * g**2
adagrad_one_number: adagrad_follows_torch adagrad_keeps_state_apart adagrad_skips_missing_gradients
    adagrad_keeps_what_a_generator_gives
  - + g**2
  + + (g**2).sum()
adagrad_rebinds: ADAGRAD_STEPS
  - p -=
  + p = p -
adagrad_climbs: ADAGRAD_STEPS
  - p -=
  + p +=
adagrad_eps_in_the_root: adagrad_follows_torch adagrad_keeps_state_apart
  - (s.sqrt() + self.eps)
  + (s + self.eps).sqrt()
adagrad_own_eps: adagrad_follows_torch
  - self.eps = eps
  + self.eps = 1e-10
adagrad_by_shape: adagrad_keeps_state_apart
  - id(p)
  + p.shape
adagrad_crashes_on_none: adagrad_skips_missing_gradients
  - if p.grad is None:
  + if False:
adagrad_generator: adagrad_keeps_what_a_generator_gives
  - list(parameters)
  + parameters
adagrad_graph: adagrad_keeps_no_graph
  - p.grad.detach()
  + p.grad
""")

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


rmsprop_dictionary.slips("""
rmsprop_swapped: RMSPROP_STEPS
  - self.alpha * self.state.get(key, 0) + (1 - self.alpha) * g**2
  + (1 - self.alpha) * self.state.get(key, 0) + self.alpha * g**2
rmsprop_sums: RMSPROP_STEPS
  - (1 - self.alpha) * g**2
  + g**2
rmsprop_corrected: RMSPROP_STEPS
  - self.state.get(key, 0)
  + self.state.get(key, g**2)
rmsprop_forgets: RMSPROP_STEPS
  - self.state.get(key, 0)
  + 0
rmsprop_without_root: RMSPROP_STEPS
  - s.sqrt()
  + s
rmsprop_rebinds: RMSPROP_STEPS
  - p -=
  + p = p -
rmsprop_eps_in_the_root: rmsprop_follows_torch rmsprop_keeps_state_apart
    rmsprop_skips_missing_gradients rmsprop_keeps_what_a_generator_gives
  - (s.sqrt() + self.eps)
  + (s + self.eps).sqrt()
rmsprop_own_eps: rmsprop_follows_torch
  - self.eps = eps
  + self.eps = 1e-8
rmsprop_own_alpha: rmsprop_follows_torch divides_by_the_root_of_the_mean
  - self.alpha = alpha
  + self.alpha = 0.99
rmsprop_by_shape: rmsprop_keeps_state_apart
  - id(p)
  + p.shape
rmsprop_crashes_on_none: rmsprop_skips_missing_gradients
  - if p.grad is None:
  + if False:
rmsprop_generator: rmsprop_keeps_what_a_generator_gives
  - list(parameters)
  + parameters
rmsprop_graph: rmsprop_keeps_no_graph
  - p.grad.detach()
  + p.grad
""")

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


adam_dictionary.slips("""
adam_uncorrected_mean: ADAM_STEPS
  - m / (1 - self.beta1**t)
  + m
adam_uncorrected_square: ADAM_STEPS
  - s / (1 - self.beta2**t)
  + s
""")


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


adam_dictionary.slips("""
adam_multiplies_the_correction: ADAM_STEPS
  - m / (1 - self.beta1**t)
  + m * (1 - self.beta1**t)
adam_correction_without_power: ADAM_LATER_STEPS
  - self.beta2**t
  + self.beta2
adam_counts_from_zero: ADAM_STEPS
  - (0, 0, 0)
  + (-1, 0, 0)
adam_never_counts: ADAM_LATER_STEPS
  - t = t + 1
  + t = 1
adam_keeps_the_corrected: ADAM_LATER_STEPS
  -             self.state[key] = t, m, s
  -             m_hat = m / (1 - self.beta1**t)
  +             m_hat = m / (1 - self.beta1**t)
  +             self.state[key] = t, m_hat, s
adam_betas_swapped: ADAM_LATER_STEPS
  - self.beta1, self.beta2 = betas
  + self.beta2, self.beta1 = betas
adam_forgets: ADAM_LATER_STEPS
  - self.state.get(key, (0, 0, 0))
  + 0, 0, 0
adam_rebinds: ADAM_STEPS
  - p -=
  + p = p -
adam_climbs: ADAM_STEPS
  - p -=
  + p +=
adam_without_root: ADAM_STEPS
  - s_hat.sqrt()
  + s_hat
adam_own_betas: adam_follows_torch
  - self.beta1, self.beta2 = betas
  + self.beta1, self.beta2 = 0.9, 0.999
adam_own_eps: adam_follows_torch
  - self.eps = eps
  + self.eps = 1e-8
adam_eps_in_the_root: ADAM_STEPS
  - (s_hat.sqrt() + self.eps)
  + (s_hat + self.eps).sqrt()
adam_eps_before_the_correction: ADAM_LATER_STEPS
  - (s_hat.sqrt() + self.eps)
  + ((s.sqrt() + self.eps) / math.sqrt(1 - self.beta2**t))
adam_no_decay: adam_decays_apart_from_the_gradient
  - p *= 1 - self.lr * self.weight_decay
  + pass
adam_l2: adam_decays_apart_from_the_gradient
  - p *= 1 - self.lr * self.weight_decay
  + pass
  - g = p.grad.detach()
  + g = p.grad.detach() + self.weight_decay * p.detach()
adam_decay_without_rate: adam_decays_apart_from_the_gradient
  - 1 - self.lr * self.weight_decay
  + 1 - self.weight_decay
adam_grows: adam_decays_apart_from_the_gradient
  - 1 - self.lr * self.weight_decay
  + 1 + self.lr * self.weight_decay
adam_half_decay: adam_decays_apart_from_the_gradient
  - 1 - self.lr * self.weight_decay
  + 1 - self.lr * self.weight_decay / 2
adam_by_shape: adam_keeps_state_apart
  - id(p)
  + p.shape
adam_crashes_on_none: adam_skips_missing_gradients
  - if p.grad is None:
  + if False:
adam_generator: adam_keeps_what_a_generator_gives
  - list(parameters)
  + parameters
adam_graph: adam_keeps_no_graph
  - p.grad.detach()
  + p.grad
""")


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


l1_loop.slips("""
l1_half: L1_CHECKS
  - strength *
  + strength / 2 *
l1_without_strength: L1_CHECKS
  - strength * torch
  + torch
l1_squares: L1_CHECKS
  - torch.abs(p)
  + (p**2)
l1_signed: L1_CHECKS
  - torch.abs(p)
  + p
l1_of_the_sum: L1_CHECKS
  - torch.abs(p).sum()
  + p.sum().abs()
l1_mean: L1_CHECKS
  - .sum()
  + .mean()
l1_cut: l1_pulls_with_the_sign
  - torch.abs(p)
  + torch.abs(p.data)
l1_number: sums_absolute_values l1_pulls_with_the_sign
  - .sum()
  + .sum().item()
""")


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


l2_loop.slips("""
l2_whole: L2_CHECKS
  - strength / 2
  + strength
l2_quarter: L2_CHECKS
  - strength / 2
  + strength / 4
l2_mean: L2_CHECKS
  - .sum()
  + .mean()
l2_norm: L2_CHECKS
  - (p**2).sum()
  + p.norm()
l2_absolute: L2_CHECKS
  - (p**2)
  + p.abs()
l2_negative: L2_CHECKS
  - total +
  + total -
l2_cut: l2_pulls_like_weight_decay
  - (p**2)
  + (p.data**2)
""")


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


decay_power.slips("""
decay_drops_the_last: counts_the_last_batch
  - -(-examples // batch_size)
  + examples // batch_size
decay_fraction_of_a_step: counts_the_last_batch
  - -(-examples // batch_size)
  + examples / batch_size
decay_estimate_by_steps: estimates_by_the_exponential
  - math.exp(-lr * strength / batch_size)
  + math.exp(-lr * strength / examples * steps)
decay_estimate_of_a_step: estimates_by_the_exponential decays_in_five_steps
  - strength / batch_size)
  + strength / examples)
decay_growth: estimates_by_the_exponential decays_in_five_steps
  - math.exp(-lr
  + math.exp(lr
decay_one_step: counts_the_last_batch decays_in_five_steps
  - ) ** steps
  + )
decay_twice: counts_the_last_batch decays_in_five_steps
  - (1 - lr
  + (1 - 2 * lr
decay_per_batch: counts_the_last_batch decays_in_five_steps
  - strength / examples)
  + strength / batch_size)
""")


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


dropout_rand.slips("""
dropout_unscaled: dropout_keeps_the_mean drops_or_doubles
  - mask / (1 - p)
  + mask
dropout_scaled_by_p: dropout_keeps_the_mean dropout_is_right_at_both_ends
  - / (1 - p)
  + / p
dropout_shrinks: dropout_keeps_the_mean drops_or_doubles
  - / (1 - p)
  + * (1 - p)
""")


@wrong("dropout", fails=["dropout_keeps_the_mean", "dropout_is_right_at_both_ends"])
def dropout_keeps_with_p(x, p, training):
    if not 0 <= p <= 1:
        raise ValueError
    if not training:
        return x
    if p == 0:
        return torch.zeros_like(x)
    return x * (torch.rand_like(x) < p) / p


dropout_rand.slips("""
dropout_mask_swapped: dropout_keeps_the_mean dropout_is_right_at_both_ends
  - torch.rand_like(x) > p
  + torch.rand_like(x) < p
dropout_always: dropout_rests_in_evaluation drops_or_doubles
  - if not training:
  + if False:
dropout_scales_later: dropout_rests_in_evaluation drops_or_doubles
  -         return x
  +         return x * (1 - p)
dropout_zero_in_evaluation: dropout_rests_in_evaluation
  - p == 1 and training
  + p == 1
dropout_one_mask: dropout_decides_every_entry
  - torch.rand_like(x)
  + torch.rand_like(x[0])
dropout_whole_examples: dropout_decides_every_entry
  - torch.rand_like(x) > p
  + (torch.rand_like(x[(..., *[slice(1)] * (x.ndim - 1))]) > p)
dropout_nan: dropout_is_right_at_both_ends
  - p == 1 and training
  + False
dropout_accepts_anything: dropout_refuses_other_probabilities
  - not 0 <= p <= 1
  + False
dropout_refuses_in_training: dropout_refuses_other_probabilities
  - not 0 <= p <= 1
  + training and not 0 <= p <= 1
dropout_refuses_the_ends: dropout_is_right_at_both_ends dropout_rests_in_evaluation
  - not 0 <= p <= 1
  + not 0 < p < 1
dropout_asserts: dropout_refuses_other_probabilities
  - raise ValueError(
  + raise AssertionError(
dropout_seeded: dropout_draws_anew
  -     mask = torch.rand_like(x) > p
  +     torch.manual_seed(0)
  +     mask = torch.rand_like(x) > p
dropout_cut: dropout_passes_gradients
  - return x * mask
  + return x.data * mask
dropout_single: dropout_passes_gradients
  - return x * mask
  + return x.float() * mask
dropout_on_the_cpu: dropout_stays_on_the_device
  - torch.rand_like(x)
  + torch.rand(x.shape)
""")


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


train_plain.slips("""
train_accumulates: train_steps_after_each_backward train_forgets_gradients_from_before
  -         optimizer.zero_grad()
train_never_steps: TRAIN_STEPS train_returns_the_mean_over_examples
  -         optimizer.step()
train_without_mode: train_switches_to_training_mode
  -     model.train()
train_in_evaluation_mode: train_switches_to_training_mode
  - model.train()
  + model.eval()
train_keeps_the_graph: train_returns_a_float
  - loss.item() * len(rows)
  + loss * len(rows)
train_on_everything: train_steps_after_each_backward train_runs_through_the_batches_once
    train_forgets_gradients_from_before train_returns_the_mean_over_examples
  - model(x[rows]), y[rows]
  + model(x), y
train_softmax_first: TRAIN_STEPS train_returns_the_mean_over_examples
  - model(x[rows]), y[rows]
  + model(x[rows]).softmax(dim=1), y[rows]
""")


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


tune_loop.slips("""
tune_tests_the_last: tune_reports_one_model reports_the_best_on_validation_data
  - test(best[2])
  + test(model)
tune_last_accuracy: tune_reports_one_model reports_the_best_on_validation_data
  - best[0], best[1], test
  + best[0], accuracy, test
tune_trains_again: tune_trains_once_for_each_value
  - test(best[2])
  + test(fit(best[0]))
tune_larger_of_equals: tune_prefers_the_smaller_of_equals
  - accuracy > best[1]
  + accuracy >= best[1]
tune_first_of_equals: tune_prefers_the_smaller_of_equals
  - sorted(values)
  + values
tune_worst: reports_the_best_on_validation_data tune_reports_one_model
    tune_prefers_the_smaller_of_equals
  - accuracy > best[1]
  + accuracy < best[1]
""")


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


norm_plain.slips("""
norm_inverted_mean: norm_remembers_as_torch normalises_and_remembers
  - (1 - rho) * self.running_mean + rho * mean.detach()
  + rho * self.running_mean + (1 - rho) * mean.detach()
norm_inverted: norm_remembers_as_torch normalises_and_remembers
  - rho = self.momentum
  + rho = 1 - self.momentum
norm_biased_memory: norm_remembers_as_torch
  - x.detach().var(dim=0)
  + x.detach().var(dim=0, unbiased=False)
norm_remembers_the_last: norm_remembers_as_torch normalises_and_remembers
  - rho = self.momentum
  + rho = 1.0
norm_always_by_the_batch: norm_evaluates_by_what_it_remembers
  - mean, var = self.running_mean, self.running_var
  + mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
norm_always_updates: norm_evaluates_by_what_it_remembers
  - if self.training:
  + if self.training or len(x) > 2:
""")


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


norm_plain.slips("""
norm_unbiased_batch: norm_trains_as_the_formula normalises_and_remembers
    norm_passes_gradients_through_the_statistics
  - var = ((x - mean) ** 2).mean(dim=0)
  + var = x.var(dim=0)
norm_without_beta: norm_trains_as_the_formula
  - () + self.beta
  + ()
norm_own_eps: norm_trains_as_the_formula
  - self.eps = eps
  + self.eps = 1e-5
norm_eps_outside: norm_trains_as_the_formula norm_passes_gradients_through_the_statistics
  - (var + self.eps).sqrt()
  + (var.sqrt() + self.eps)
norm_adds_gamma: norm_trains_as_the_formula
  - self.gamma * (x - mean)
  + (self.gamma + 1) / 2 * (x - mean)
norm_detached: norm_passes_gradients_through_the_statistics
  - mean = x.mean(dim=0)
  + mean = x.detach().mean(dim=0)
norm_without_recording: norm_passes_gradients_through_the_statistics
  - var = ((x - mean) ** 2).mean(dim=0)
  + var = ((x - mean) ** 2).mean(dim=0).detach()
norm_graph: norm_remembers_numbers
  - rho * mean.detach()
  + rho * mean
""")


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
