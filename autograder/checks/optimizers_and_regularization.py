"""The checks of notebook 05: optimisers, penalties, dropout, tuning, batch normalisation."""

import math

import torch
from torch.optim import _functional as rules

from autograder.checks import check
from autograder.checks.shared.common import expect_raises, numbers64
from autograder.checks.shared.makers import hidden, keeps_device, leaves_alone
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    expect_written_by_hand,
    inside,
    numbers,
    parameter,
    plain,
)

# The functions behind torch.optim, which load in no time; the classes take seconds to import.
PLAIN = {"has_sparse_grad": False, "foreach": False, "maximize": False}


def torch_sgd(parameters, gradients, lr, weight_decay=0.0, momentum=0.0, nesterov=False):
    """Return where torch.optim.SGD leads; gradients holds one list a step, with None in places."""
    places, velocities = [p.clone() for p in parameters], [None] * len(parameters)
    for step in gradients:
        for k, gradient in enumerate(step):
            if gradient is not None:
                velocity = velocities[k : k + 1]
                rules.sgd(
                    *([places[k]], [gradient.clone()], velocity),
                    lr=lr,
                    weight_decay=weight_decay,
                    momentum=momentum,
                    nesterov=nesterov,
                    dampening=0.0,
                    **PLAIN,
                )
                velocities[k] = velocity[0]
    return places


def torch_nesterov(parameters, gradients, lr, momentum=0.9):
    """Return where torch.optim.SGD leads with nesterov=True."""
    return torch_sgd(parameters, gradients, lr, momentum=momentum, nesterov=True)


def torch_momentum(parameters, gradients, lr, momentum=0.9):
    """Return where torch.optim.SGD leads with momentum."""
    return torch_sgd(parameters, gradients, lr, momentum=momentum)


def torch_adagrad(parameters, gradients, lr, eps=1e-10):
    """Return where torch.optim.Adagrad leads."""
    places = [p.clone() for p in parameters]
    sums = [torch.zeros_like(p) for p in parameters]
    for step in gradients:
        for k, gradient in enumerate(step):
            if gradient is not None:
                rules.adagrad(
                    *([places[k]], [gradient], [sums[k]], [torch.tensor(0.0)]),
                    lr=lr,
                    eps=eps,
                    lr_decay=0.0,
                    weight_decay=0.0,
                    **PLAIN,
                )
    return places


def torch_rmsprop(parameters, gradients, lr, alpha=0.99, eps=1e-8):
    """Return where torch.optim.RMSprop leads."""
    places = [p.clone() for p in parameters]
    squares = [torch.zeros_like(p) for p in parameters]
    for step in gradients:
        for k, gradient in enumerate(step):
            if gradient is not None:
                rules.rmsprop(
                    *([places[k]], [gradient], [squares[k]], [], [], [torch.tensor(0.0)]),
                    lr=lr,
                    alpha=alpha,
                    eps=eps,
                    weight_decay=0.0,
                    momentum=0.0,
                    centered=False,
                    foreach=False,
                )
    return places


def torch_adam(parameters, gradients, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Return where torch.optim.AdamW leads."""
    places = [p.clone() for p in parameters]
    means = [torch.zeros_like(p) for p in parameters]
    squares = [torch.zeros_like(p) for p in parameters]
    steps = [torch.tensor(0.0) for _ in parameters]
    for step in gradients:
        for k, gradient in enumerate(step):
            if gradient is not None:
                rules.adamw(
                    *([places[k]], [gradient], [means[k]], [squares[k]], [], [steps[k]]),
                    lr=lr,
                    beta1=betas[0],
                    beta2=betas[1],
                    eps=eps,
                    weight_decay=weight_decay,
                    amsgrad=False,
                    foreach=False,
                    maximize=False,
                )
    return places


def some_gradients(start, steps: int, seed: int) -> list[list[torch.Tensor]]:
    """Return a gradient for every parameter and step; their sizes differ."""
    return [
        [numbers64(*p.shape, seed=seed + 10 * t + k) * 0.5**t for k, p in enumerate(start)]
        for t in range(steps)
    ]


def after_steps(optimizer, parameters, gradients):
    """Let an optimiser take a step with each list of gradients; return the parameters."""
    for step in gradients:
        for one, gradient in zip(parameters, step, strict=True):
            one.grad = None if gradient is None else gradient.clone()
        optimizer.step()
    return parameters


def expect_all_close(parameters, expected) -> None:
    """Compare every parameter, to nearly all digits of double precision."""
    for one, value in zip(parameters, expected, strict=True):
        expect_close(one, value, rtol=1e-10, atol=1e-10)


def expect_own_steps(kind, rule, start, gradients, **settings) -> None:
    """Compare an optimiser with torch.optim's rule; torch.optim itself must not do the work."""
    expected = rule(start, gradients, **settings)
    called = inside("unittest.mock.Mock")(return_value=None)
    hook = inside("torch.optim.optimizer.register_optimizer_step_pre_hook")(called)
    try:
        mine = [parameter(p) for p in start]
        after_steps(kind(mine, **settings), mine, gradients)
    finally:
        hook.remove()
    expect(called.call_count == 0, "it calls torch.optim.\nWrite the steps yourself.")
    expect_all_close(mine, expected)


def expect_separate_state(kind, rule, seed: int) -> None:
    """Two parameters of one shape, and two optimisers that take turns."""
    start = [numbers64(3, seed=seed), numbers64(3, seed=seed + 1)]
    gradients = some_gradients(start, 4, seed + 2)
    mine = [[parameter(p) for p in start] for _ in range(2)]
    pair = kind(mine[0], lr=0.03), kind(mine[1], lr=0.03)
    for step in gradients:
        backwards = [-g for g in step]
        after_steps(pair[0], mine[0], [step])
        after_steps(pair[1], mine[1], [backwards])
    expect_all_close(mine[0], rule(start, gradients, lr=0.03))
    backwards = [[-g for g in step] for step in gradients]
    expect_all_close(mine[1], rule(start, backwards, lr=0.03))


def expect_missing_gradients_skipped(kind, rule, seed: int, **settings) -> None:
    """The first of two parameters has no gradient in the first step and in a later one."""
    start = [numbers64(2, seed=seed), numbers64(1, 3, seed=seed + 1)]
    gradients = some_gradients(start, 6, seed + 2)
    gradients[0][0] = gradients[3][0] = gradients[4][1] = None
    mine = [parameter(p) for p in start]
    after_steps(kind(mine, lr=0.04, **settings), mine, gradients)
    expect_all_close(mine, rule(start, gradients, lr=0.04, **settings))


def expect_generator_kept(kind, rule, seed: int) -> None:
    """The parameters come from an iterator, as those of a module do."""
    start = [numbers64(2, 2, seed=seed), numbers64(5, seed=seed + 1)]
    gradients = some_gradients(start, 3, seed + 2)
    mine = [parameter(p) for p in start]
    after_steps(kind(inside("builtins.iter")(mine), lr=0.02), mine, gradients)
    expect_all_close(mine, rule(start, gradients, lr=0.02))


def expect_no_graph_kept(kind, seed: int) -> None:
    """After steps with gradients that record a graph, no tensor of the optimiser does."""
    weight = parameter(numbers64(3, seed=seed))
    optimizer = kind([weight], lr=0.01)
    for _ in range(2):
        weight.grad = None
        (weight**3).sum().backward(create_graph=True)
        optimizer.step()
    weight.grad = None
    try:
        inside("copy.deepcopy")(optimizer)  # which torch refuses for tensors with a graph
        kept = False
    except Exception:
        kept = True
    expect(not kept, "the optimiser holds a tensor that records a graph")


def check_state(exercise: str, rule, *, seed: int, state: str, missing: str = "") -> None:
    """Make the hidden checks that every optimiser with a state has to pass.

    Args:
        exercise: the class.
        rule: where torch.optim leads.
        seed: the inputs have this one and larger ones.
        state: what every parameter has its own of, for the hint.
        missing: the end of the hint about gradients that are None.
    """
    name = exercise.lower()
    hidden(
        exercise,
        f"{name}_keeps_state_apart",
        lambda kind: expect_separate_state(kind, rule, seed + 30),
        hint="It goes wrong with two parameters of the same shape, or with two optimisers in turn. "
        f"Every parameter of every optimiser has its own {state}.",
    )
    hidden(
        exercise,
        f"{name}_skips_missing_gradients",
        lambda kind: expect_missing_gradients_skipped(kind, rule, seed + 40),
        hint="A parameter whose grad is None in a step keeps its value and its state, and the "
        f"others go on as usual.{missing}",
    )
    hidden(
        exercise,
        f"{name}_keeps_what_a_generator_gives",
        lambda kind: expect_generator_kept(kind, rule, seed + 60),
        hint="The parameters came from a generator, like model.parameters(), and steps did nothing "
        "or failed. A generator can be run through once only.",
    )
    hidden(
        exercise,
        f"{name}_keeps_no_graph",
        lambda kind: expect_no_graph_kept(kind, seed + 80),
        hint="The gradients recorded a graph, and the state still holds it: memory grows with "
        "every step. State is made of numbers alone, computed without recording.",
    )


# ----------------------------------------------------------------------------- SGD


@check(
    "SGD",
    points=1,
    hint="The rate is 0.1. The first weight goes from 1 to 1 - 0.1 · 2, the second from -3 to "
    "-3 + 0.1 · 4; a second step with the same gradients does the same again.",
)
def takes_two_steps(SGD):
    """One parameter, the same gradient twice."""
    weight = parameter([1.0, -3.0])
    optimizer = SGD([weight], lr=0.1)
    weight.grad = torch.tensor([2.0, -4.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.8, -2.6]))
    optimizer.step()
    expect_close(weight, torch.tensor([0.6, -2.2]))


@check(
    "SGD",
    points=1,
    hidden=True,
    hint="Of two parameters with different shapes not both are where torch.optim.SGD takes them in "
    "six steps. Each must be updated in every step, by rules that you have written yourself.",
)
def sgd_updates_every_parameter(SGD):
    """Two parameters, six steps."""
    start = [numbers64(3, 2, seed=501), numbers64(4, seed=502)]
    expect_own_steps(SGD, torch_sgd, start, some_gradients(start, 6, 503), lr=0.07)


@check(
    "SGD",
    points=1,
    hidden=True,
    hint="On the quadratic with curvature h, n steps multiply the weight by the n-th power of "
    "1 - rate · (h + decay). Yours differs. Weight decay adds decay · weight to the gradient: no "
    "half, no minus, the learning rate applies to it, and nothing decays without a gradient.",
)
def sgd_decays_in_closed_form(SGD):
    """Five steps on a quadratic with weight decay."""
    curvature = torch.tensor([0.5, 3.0, 0.0], dtype=torch.float64)
    weight = parameter(torch.tensor([2.0, -1.0, 4.0], dtype=torch.float64))
    idle = parameter([5.0])
    optimizer = SGD([weight, idle], lr=0.2, weight_decay=0.3)
    for _ in range(5):
        weight.grad = curvature * plain(weight)
        optimizer.step()
    factor = (1 - 0.2 * (curvature + 0.3)) ** 5
    expect_close(weight, factor * torch.tensor([2.0, -1.0, 4.0], dtype=torch.float64))
    expect_close(idle, torch.tensor([5.0]))


@check(
    "SGD",
    points=1,
    hidden=True,
    hint="A parameter whose grad is None must stay as it is, without an error, and the "
    "parameters behind it must still be updated.",
)
def sgd_skips_missing_gradients(SGD):
    """The first parameter has no gradient in the first step."""
    expect_missing_gradients_skipped(SGD, torch_sgd, 520)


@check(
    "SGD",
    points=1,
    hidden=True,
    hint="The parameters came from a generator, like model.parameters(), and some or all steps did "
    "nothing. A generator can be run through once only.",
)
def sgd_keeps_what_a_generator_gives(SGD):
    """Three steps."""
    expect_generator_kept(SGD, torch_sgd, 560)


@check(
    "SGD",
    points=1,
    hidden=True,
    hint="The gradient of a parameter was another one after the step. The decay is added to a copy;"
    " p.grad belongs to whoever computed it.",
)
def sgd_leaves_the_gradient_alone(SGD):
    """With weight decay."""
    weight, gradient = parameter(numbers64(4, seed=571)), numbers64(4, seed=572)
    optimizer = SGD([weight], lr=0.3, weight_decay=0.5)
    weight.grad = gradient.clone()
    optimizer.step()
    expect_close(weight.grad, gradient)


# ----------------------------------------------------------------------------- Momentum


@check(
    "Momentum",
    points=1,
    hint="With momentum 0.5 the velocity is 2 after the first step and 0.5 · 2 + 2 = 3 after the "
    "second; each step is 0.1 times the velocity.",
)
def velocity_builds_up(Momentum):
    """One weight, the same gradient twice, momentum 0.5."""
    weight = parameter([1.0])
    optimizer = Momentum([weight], lr=0.1, momentum=0.5)
    weight.grad = torch.tensor([2.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.8]))
    optimizer.step()
    expect_close(weight, torch.tensor([0.5]))


@check(
    "Momentum",
    points=2,
    hidden=True,
    hint="With rate 0.07 and momentum 0.6 it does not follow torch.optim.SGD over six steps. Are "
    "both arguments used, and is the new gradient added to the velocity in full?",
)
def momentum_follows_torch(Momentum):
    """Six steps with other settings than the default ones."""
    start = [numbers64(2, 3, seed=601)]
    gradients = some_gradients(start, 6, 602)
    expect_own_steps(Momentum, torch_momentum, start, gradients, lr=0.07, momentum=0.6)


check_state("Momentum", torch_momentum, seed=600, state="velocity")


# ----------------------------------------------------------------------------- Nesterov


@check(
    "Nesterov",
    points=1,
    hint="With momentum 0.5: first v = 2, and the step is 0.1 · (2 + 0.5 · 2) = 0.3; then v = 3, "
    "and the step is 0.1 · (2 + 0.5 · 3) = 0.35.",
)
def looks_ahead_of_the_velocity(Nesterov):
    """One weight, the same gradient twice, momentum 0.5."""
    weight = parameter([1.0])
    optimizer = Nesterov([weight], lr=0.1, momentum=0.5)
    weight.grad = torch.tensor([2.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.7]))
    optimizer.step()
    expect_close(weight, torch.tensor([0.35]))


@check(
    "Nesterov",
    points=1,
    hidden=True,
    hint="With rate 0.05 and momentum 0.7 it does not follow torch.optim.SGD with nesterov=True "
    "over six steps. Are both arguments used in both formulas?",
)
def nesterov_follows_torch(Nesterov):
    """Six steps with other settings than the default ones."""
    start = [numbers64(2, 3, seed=701)]
    gradients = some_gradients(start, 6, 702)
    expect_own_steps(Nesterov, torch_nesterov, start, gradients, lr=0.05, momentum=0.7)


check_state("Nesterov", torch_nesterov, seed=700, state="velocity")


# ----------------------------------------------------------------------------- AdaGrad


@check(
    "AdaGrad",
    points=1,
    hint="The sums of the squares are 9 and then 9 + 16 = 25, their roots 3 and 5: the steps are "
    "0.3 · 3/3 and 0.3 · 4/5.",
)
def divides_by_the_root_of_the_sum(AdaGrad):
    """One weight with the gradients 3 and 4."""
    weight = parameter([1.0])
    optimizer = AdaGrad([weight], lr=0.3)
    weight.grad = torch.tensor([3.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.7]))
    weight.grad = torch.tensor([4.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.46]))


@check(
    "AdaGrad",
    points=2,
    hidden=True,
    hint="With rate 0.3 and eps 0.2 it does not follow torch.optim.Adagrad over six steps. Where "
    "does eps stand: outside the root?",
)
def adagrad_follows_torch(AdaGrad):
    """Six steps with other settings than the default ones."""
    start = [numbers64(2, 3, seed=801)]
    gradients = some_gradients(start, 6, 802)
    expect_own_steps(AdaGrad, torch_adagrad, start, gradients, lr=0.3, eps=0.2)


check_state("AdaGrad", torch_adagrad, seed=800, state="sum of squares")


# ----------------------------------------------------------------------------- RMSProp


@check(
    "RMSProp",
    points=1,
    hint="With alpha 0.75 the mean square is 0.25 · 16 = 4 and then 0.75 · 4 + 0.25 · 4 = 4, so "
    "its root is 2 both times: the steps are 0.1 · 4/2 and 0.1 · 2/2.",
)
def divides_by_the_root_of_the_mean(RMSProp):
    """One weight with the gradients 4 and 2, alpha 0.75."""
    weight = parameter([1.0])
    optimizer = RMSProp([weight], lr=0.1, alpha=0.75)
    weight.grad = torch.tensor([4.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.8]))
    weight.grad = torch.tensor([2.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.7]))


@check(
    "RMSProp",
    points=2,
    hidden=True,
    hint="With rate 0.02, alpha 0.7 and eps 0.1 it does not follow torch.optim.RMSprop over six "
    "steps. Is eps added outside the root, and are all three arguments used?",
)
def rmsprop_follows_torch(RMSProp):
    """Six steps with other settings than the default ones."""
    start = [numbers64(2, 3, seed=901)]
    gradients = some_gradients(start, 6, 902)
    expect_own_steps(RMSProp, torch_rmsprop, start, gradients, lr=0.02, alpha=0.7, eps=0.1)


check_state("RMSProp", torch_rmsprop, seed=900, state="mean square")


# ----------------------------------------------------------------------------- Adam


@check(
    "Adam",
    points=1,
    hint="In the first step the corrected mean is the gradient and the corrected mean square its "
    "square: every weight moves by the rate, against the sign of its gradient.",
)
def first_step_is_the_rate(Adam):
    """The first step, whatever the size of the gradients."""
    weight = parameter([1.0, -1.0, 5.0])
    optimizer = Adam([weight], lr=0.25)
    weight.grad = torch.tensor([2.0, -0.001, 300.0])
    optimizer.step()
    expect_close(weight, torch.tensor([0.75, -0.75, 4.75]), atol=1e-4)


@check(
    "Adam",
    points=2,
    hidden=True,
    hint="With rate 0.04, betas (0.6, 0.8) and eps 0.1 it does not follow torch.optim.Adam over "
    "six steps. Look at eps (added to the root of the corrected square), and at which beta "
    "belongs to which mean.",
)
def adam_follows_torch(Adam):
    """Six steps with other settings than the default ones."""
    start = [numbers64(2, 3, seed=1001)]
    gradients = some_gradients(start, 6, 1002)
    expect_own_steps(Adam, torch_adam, start, gradients, lr=0.04, betas=(0.6, 0.8), eps=0.1)


@check(
    "Adam",
    points=1,
    hidden=True,
    hint="With a weight decay it does not follow torch.optim.AdamW. The decay is decoupled: it is "
    "no part of the gradient, and it makes the weight smaller by the rate times the decay "
    "times the weight.",
)
def adam_decays_apart_from_the_gradient(Adam):
    """Six steps with weight decay."""
    start = [numbers64(2, 3, seed=1011) + 2]
    gradients = some_gradients(start, 6, 1012)
    expect_own_steps(Adam, torch_adam, start, gradients, lr=0.05, weight_decay=0.4)


check_state(
    "Adam",
    torch_adam,
    seed=1000,
    state="means, and a number of steps. The first parameter's steps must not count for the second",
    missing=" It has taken no step then, so its t does not grow.",
)


# ----------------------------------------------------------------------------- l1_penalty


@check(
    "l1_penalty",
    points=1,
    hint="The absolute values of 3, -4 and 0.5 sum to 7.5; half of that is 3.75.",
)
def sums_absolute_values(l1_penalty):
    """Two parameters, strength 0.5."""
    parameters = [torch.tensor([3.0, -4.0]), torch.tensor([[0.5]])]
    expect_close(l1_penalty(parameters, 0.5), torch.tensor(3.75))


@check(
    "l1_penalty",
    points=1,
    hidden=True,
    hint="The sum runs over all entries of all parameters, which have different shapes and come "
    "from a generator here. No mean, no half, and the dtype of the parameters.",
)
def l1_sums_over_all_entries(l1_penalty):
    """Three shapes, from an iterator."""
    parameters = [numbers64(4, 3, seed=1101), numbers64(5, seed=1102), numbers64(seed=1103)]
    expected = 1.7 * torch.cat([p.flatten() for p in parameters]).abs().sum()
    expect_close(l1_penalty(inside("builtins.iter")(parameters), 1.7), expected)


@check(
    "l1_penalty",
    points=1,
    hidden=True,
    hint="The gradient of strength · |w| is the strength with the sign of w. Does the result still "
    "know how it was computed?",
)
def l1_pulls_with_the_sign(l1_penalty):
    """The gradient at a positive and a negative entry."""
    weight = parameter([[2.0, -0.1, 7.0]])
    l1_penalty([weight], 0.3).backward()
    expect_close(weight.grad, torch.tensor([[0.3, -0.3, 0.3]]))


# ----------------------------------------------------------------------------- l2_penalty


@check(
    "l2_penalty",
    points=1,
    hint="The squares of 3, -4 and 1 sum to 26; half the strength, 0.25, times that is 6.5.",
)
def sums_squares(l2_penalty):
    """Two parameters, strength 0.5."""
    parameters = [torch.tensor([3.0, -4.0]), torch.tensor([[1.0]])]
    expect_close(l2_penalty(parameters, 0.5), torch.tensor(6.5))


@check(
    "l2_penalty",
    points=1,
    hidden=True,
    hint="The sum runs over the squares of all entries of all parameters, which have different "
    "shapes and come from a generator here. No mean and no root; the half is there.",
)
def l2_sums_over_all_entries(l2_penalty):
    """Three shapes, from an iterator."""
    parameters = [numbers64(2, 6, seed=1111), numbers64(4, seed=1112), numbers64(seed=1113)]
    expected = 0.65 * torch.cat([p.flatten() for p in parameters]).square().sum()
    expect_close(l2_penalty(inside("builtins.iter")(parameters), 1.3), expected)


@check(
    "l2_penalty",
    points=1,
    hidden=True,
    hint="The gradient of the penalty is the strength times the weight, as in weight decay. Does "
    "the result still know how it was computed?",
)
def l2_pulls_like_weight_decay(l2_penalty):
    """The gradient is strength · w."""
    weight = parameter([[2.0, -0.1, 7.0]])
    l2_penalty([weight], 0.3).backward()
    expect_close(weight.grad, torch.tensor([[0.6, -0.03, 2.1]]))


# ----------------------------------------------------------------------------- decay_factor


@check(
    "decay_factor",
    points=1,
    hint="100 examples in batches of 20 are five steps. Each multiplies by 1 - 0.5 · 4 / 100 = "
    "0.98; the estimate is exp(-0.5 · 4 / 20).",
)
def decays_in_five_steps(decay_factor):
    """Five steps, 0.98 to the power 5."""
    expect_close(decay_factor(0.5, 4.0, 20, 100)[0], 0.98**5)
    expect_close(decay_factor(0.5, 4.0, 20, 100)[1], math.exp(-0.1))


@check(
    "decay_factor",
    points=1,
    hidden=True,
    hint="The exact factor is wrong where the batch size does not divide the number of examples. "
    "The last, smaller batch makes a step like the others.",
)
def counts_the_last_batch(decay_factor):
    """Four steps for 10 examples in batches of 3, one for a batch larger than the data."""
    expect_close(decay_factor(0.2, 5.0, 3, 10)[0], 0.9**4)
    expect_close(decay_factor(0.2, 5.0, 64, 10)[0], 0.9)


@check(
    "decay_factor",
    points=1,
    hidden=True,
    hint="The estimate is exp(-rate · strength / batch size), whatever the number of examples is. "
    "It does not come from rounding the number of steps.",
)
def estimates_by_the_exponential(decay_factor):
    """Batches that do not divide the data."""
    expect_close(decay_factor(0.3, 7.0, 12, 30)[1], math.exp(-0.175))
    expect_close(decay_factor(0.3, 0.0, 12, 30)[1], 1.0)


# ----------------------------------------------------------------------------- dropout


@check(
    "dropout",
    points=1,
    hint="With p = 1/2 an entry of 1 becomes 0 or 1 / (1 - 1/2) = 2 in training. In evaluation it "
    "stays 1.",
)
def drops_or_doubles(dropout):
    """Two thousand ones, p = 1/2."""
    result = plain(dropout(torch.ones(40, 50), 0.5, True))
    expect_equal(sorted(set(result.flatten().tolist())), [0.0, 2.0])
    expect_close(dropout(torch.ones(40, 50), 0.5, False), torch.ones(40, 50))


@check(
    "dropout",
    points=2,
    hidden=True,
    hint="With p = 0.8 four of five entries become 0, and what is left is multiplied by 5, so that "
    "the mean stays. p is the probability to drop.",
)
def dropout_keeps_the_mean(dropout):
    """Twenty thousand threes."""
    result = plain(dropout(torch.full((200, 100), 3.0), 0.8, True))
    zero = result == 0
    expect_close(zero.double().mean().item(), 0.8, rtol=0, atol=0.02)
    expect_close(result[~zero], torch.full((int((~zero).sum()),), 15.0))


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="Some entries share their fate: whole examples, whole features, or the same mask for all "
    "examples of the batch. Each entry of x is decided by itself.",
)
def dropout_decides_every_entry(dropout):
    """Along each of three axes neighbours differ."""
    result = plain(dropout(torch.ones(30, 20, 10), 0.4, True))
    for axis in range(3):
        first, second = result.unbind(axis)[:2]
        alike = (first == 0).equal(second == 0)
        expect(not alike, f"along axis {axis} all entries share their fate")


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="At p = 0 nothing is dropped or changed, at p = 1 everything becomes 0. Is something "
    "divided by 0?",
)
def dropout_is_right_at_both_ends(dropout):
    """p = 0 and p = 1."""
    x = numbers(30, 40, seed=1121)
    expect_close(dropout(x, 0.0, True), x)
    expect_close(dropout(x, 1.0, True), torch.zeros(30, 40))
    expect_close(dropout(x, 1, True), torch.zeros(30, 40))


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="A probability below 0 or above 1 is an error, a ValueError, whether in training or not.",
)
def dropout_refuses_other_probabilities(dropout):
    """-0.1 and 1.5."""
    x = torch.ones(3)
    for p, training in ((-0.1, True), (1.5, True), (1.5, False), (-0.1, False)):
        expect_raises("ValueError", dropout, x, p, training)


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="In evaluation the result is x itself, for any p: nothing is dropped or scaled.",
)
def dropout_rests_in_evaluation(dropout):
    """Several p, 1 among them."""
    x = numbers(6, 7, seed=1122)
    for p in (0.0, 0.3, 0.9, 1.0):
        expect_close(dropout(x, p, False), x)


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="Two calls dropped the same entries. Every call draws a new mask; a seed set inside makes "
    "all draws alike.",
)
def dropout_draws_anew(dropout):
    """Two calls in a row."""
    first = plain(dropout(torch.ones(100), 0.5, True))
    second = plain(dropout(torch.ones(100), 0.5, True))
    expect(not first.equal(second), "two calls dropped the same entries")


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="An entry that is left passes the gradient 1 / (1 - p), one that is dropped passes 0. In "
    "double precision the result is double, too.",
)
def dropout_passes_gradients(dropout):
    """The gradient of the sum, float64, p = 0.75."""
    x = parameter(torch.ones(8, 9, dtype=torch.float64))
    result = dropout(x, 0.75, True)
    result.sum().backward()
    expect_equal(result.dtype, torch.float64)
    expect_close(x.grad, plain(result))


leaves_alone(
    "dropout",
    "dropout_leaves_its_input",
    lambda: (numbers(20, 5, seed=1123), 0.6, True),
    hint="The tensor that was passed in has changed. Methods that end in _, `*=` and assignments "
    "to x[...] change it.",
)

keeps_device(
    "dropout",
    "dropout_stays_on_the_device",
    lambda: (torch.ones(4, 5), 0.3, True),
    hint="The mask is made on another device than x. With x on a GPU that mixes two devices.",
)


@check(
    "dropout",
    points=1,
    hidden=True,
    hint="The library's dropout does the work. Draw the mask yourself.",
)
def dropout_is_written_by_hand(dropout):
    """The library's function is not called."""
    patch = inside("unittest.mock.patch")("torch.nn.functional.dropout")
    library = patch.start()
    try:
        dropout(torch.ones(3, 4), 0.5, True)
    finally:
        patch.stop()
    expect(library.call_count == 0, "it calls torch.nn.functional.dropout")


# ----------------------------------------------------------------------------- train


def train_by_hand(weight, bias, x, y, batches, lr):
    """Return weight, bias and mean cost after softmax regression by SGD, without autograd."""
    total = 0.0
    for rows in batches:
        scores = x[rows] @ weight.T + bias
        log_share = scores - scores.logsumexp(dim=1, keepdim=True)
        wanted = torch.nn.functional.one_hot(y[rows], len(bias))
        total += -(log_share * wanted).sum().item()
        error = (log_share.exp() - wanted) / len(rows)
        weight, bias = weight - lr * error.T @ x[rows], bias - lr * error.sum(dim=0)
    return weight, bias, total / sum(len(rows) for rows in batches)


@check(
    "train",
    points=1,
    hint="The model starts at zero, so both classes have probability 1/2 and the cost is ln 2. The "
    "gradient of the bias is (-0.5, 0.5), that of the weights twice as large, as x is 2.",
)
def trains_one_step(train):
    """One example, one batch, a linear model that starts at zero."""
    model = inside("torch.nn.Linear")(1, 2)
    for p in model.parameters():
        inside("torch.nn.init.zeros_")(p)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.4)
    x, y = torch.tensor([[2.0]]), torch.tensor([0])
    expect_close(train(model, optimizer, x, y, [torch.tensor([0])]), math.log(2), atol=1e-6)
    expect_close(model.weight, torch.tensor([[0.4], [-0.4]]))
    expect_close(model.bias, torch.tensor([0.2, -0.2]))


def small_problem(seed: int):
    """Return a linear model of three classes, its weight and bias, and eleven examples."""
    model = inside("torch.nn.Linear")(4, 3)
    x, y = numbers(11, 4, seed=seed), torch.tensor([2, 0, 1, 1, 2, 0, 0, 1, 2, 2, 1])
    # Drawn here: the numbers of a layer that was replaced could be beyond all change.
    weight, bias = 0.4 * numbers(3, 4, seed=seed + 50), 0.4 * numbers(3, seed=seed + 60)
    model.weight.data, model.bias.data = weight.clone(), bias.clone()
    return model, weight, bias, x, y


@check(
    "train",
    points=2,
    hidden=True,
    hint="After three batches the parameters are not where they should be. In each: forget the old "
    "gradients, cost of *these* rows, backward, then step.",
)
def train_steps_after_each_backward(train):
    """Three ragged batches, rows in no order."""
    model, weight, bias, x, y = small_problem(1131)
    parts = list(torch.tensor([7, 2, 9, 0, 4, 10, 1, 8, 3, 6, 5]).split(4))
    weight, bias, _ = train_by_hand(weight, bias, x, y, parts, 0.5)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.5)
    train(model, optimizer, x, y, parts)
    expect_close(model.weight, weight, atol=1e-5)
    expect_close(model.bias, bias, atol=1e-5)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The mean cost is wrong. It is the mean over examples, so a small batch counts less than "
    "a large one; and each batch is measured before its own step.",
)
def train_returns_the_mean_over_examples(train):
    """A batch of nine and one of two."""
    model, weight, bias, x, y = small_problem(1132)
    batches = [torch.tensor([10, 1, 8, 3, 6, 5, 0, 2, 4]), torch.tensor([7, 9])]
    _, _, cost = train_by_hand(weight, bias, x * 3, y, batches, 0.5)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.5)
    expect_close(train(model, optimizer, x * 3, y, batches), cost, rtol=1e-5)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The batches came from a generator, which can be run through once only. Count the "
    "examples in the same loop.",
)
def train_runs_through_the_batches_once(train):
    """An iterator of one batch."""
    model, weight, bias, x, y = small_problem(1133)
    batches = [torch.tensor([7, 9, 0, 5])]
    _, bias, cost = train_by_hand(weight, bias, x, y, batches, 0.2)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.2)
    once = inside("builtins.iter")(batches)
    expect_close(train(model, optimizer, x, y, once), cost, rtol=1e-5)
    expect_close(model.bias, bias, atol=1e-5)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The parameters held gradients before train was called, and the first step used them. "
    "Forget the gradients before backward.",
)
def train_forgets_gradients_from_before(train):
    """A backward pass has left its gradients in the model."""
    model, weight, bias, x, y = small_problem(1134)
    (model(x) * 10).sum().backward()
    batches = [torch.tensor([3, 1, 2])]
    _, bias, _ = train_by_hand(weight, bias, x, y, batches, 0.2)
    train(model, inside("torch.optim.SGD")(model.parameters(), lr=0.2), x, y, batches)
    expect_close(model.bias, bias, atol=1e-5)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The model was handed over in evaluation mode and is still in it. Dropout and batch "
    "normalisation behave differently there; train puts the model into training mode.",
)
def train_switches_to_training_mode(train):
    """A model that somebody has evaluated before."""
    model, _, _, x, y = small_problem(1135)
    model.eval()
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.2)
    train(model, optimizer, x, y, [torch.tensor([0, 1])])
    expect_equal(model.training, True)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The result is a tensor. It keeps the graphs of all steps in memory; return a float.",
)
def train_returns_a_float(train):
    """The type of the result."""
    model, _, _, x, y = small_problem(1136)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.2)
    cost = train(model, optimizer, x, y, [torch.tensor([0, 1]), torch.tensor([2])])
    expect_equal(type(cost) is float, True)


# ----------------------------------------------------------------------------- tune


@check(
    "tune",
    points=1,
    hint="Model B is the better one on the validation data, so its value and its two accuracies "
    "are reported, although model A happens to do better on the test set.",
)
def reports_the_best_on_validation_data(tune):
    """Two values; fit, validate and test look their answers up in tables."""
    table = inside("collections.UserDict")
    fit = table([(0.3, "model A"), (0.1, "model B")]).get
    validate = table({"model A": 0.8, "model B": 0.9}).get
    test = table({"model A": 0.95, "model B": 0.85}).get
    expect_equal(tuple(tune([0.3, 0.1], fit, validate, test)), (0.1, 0.9, 0.85))


def laboratory(rows: list[tuple[float, float, float]]):
    """Return a spy with fit, validate and test that records every call in order.

    Args:
        rows: value, validation accuracy and test accuracy of every model.
    """
    spy, table = inside("unittest.mock.Mock")(), inside("collections.UserDict")
    spy.fit.side_effect = table([(value, f"model {value}") for value, _, _ in rows]).get
    spy.validate.side_effect = table({f"model {value}": v for value, v, _ in rows}).get
    spy.test.side_effect = table({f"model {value}": t for value, _, t in rows}).get
    return spy


def tune_with(tune, spy, values) -> tuple:
    """Tune in a laboratory; return the result as a tuple."""
    return tuple(tune(values, spy.fit, spy.validate, spy.test))


@check(
    "tune",
    points=2,
    hidden=True,
    hint="The test set was used more than once, or before the choice was made. It is for the "
    "chosen model alone, after all models have been validated.",
)
def tune_uses_the_test_set_once(tune):
    """The order of all calls."""
    spy = laboratory([(0.01, 0.5, 0.6), (0.1, 0.9, 0.7), (1.0, 0.2, 0.8), (3.0, 0.1, 0.9)])
    tune_with(tune, spy, [0.01, 0.1, 1.0, 3.0])
    expect_equal(spy.test.call_count, 1)
    expect_equal([one[0] for one in spy.mock_calls][-1], "test")


@check(
    "tune",
    points=1,
    hidden=True,
    hint="A model was trained more than once, or one of the values not at all. Training is "
    "expensive: keep the best model so far.",
)
def tune_trains_once_for_each_value(tune):
    """Four values in no order."""
    spy = laboratory([(0.01, 0.5, 0.6), (0.1, 0.9, 0.7), (1.0, 0.2, 0.8), (3.0, 0.1, 0.9)])
    tune_with(tune, spy, [1.0, 0.01, 3.0, 0.1])
    expect_equal(sorted(one[0][0] for one in spy.fit.call_args_list), [0.01, 0.1, 1.0, 3.0])


@check(
    "tune",
    points=2,
    hidden=True,
    hint="The value, the validation accuracy and the test accuracy must belong to one model, the "
    "best on the validation data. It is in the middle here, neither first nor last.",
)
def tune_reports_one_model(tune):
    """The best is in the middle; another is better on the test set."""
    rows = [(0.5, 0.71, 0.93), (0.05, 0.88, 0.81), (0.2, 0.9, 0.84), (0.02, 0.6, 0.95)]
    spy = laboratory(rows)
    expect_equal(tune_with(tune, spy, [row[0] for row in rows]), (0.2, 0.9, 0.84))


@check(
    "tune",
    points=1,
    hidden=True,
    hint="Of two values with the same validation accuracy the smaller one is chosen, in whatever "
    "order they come.",
)
def tune_prefers_the_smaller_of_equals(tune):
    """A tie, with the smaller value first, last and in between."""
    rows = [(0.5, 0.8, 0.7), (0.05, 0.8, 0.6), (0.2, 0.8, 0.9), (0.02, 0.6, 0.95)]
    for order in ((0, 1, 2, 3), (1, 2, 3, 0), (3, 2, 0, 1)):
        values = [rows[k][0] for k in order]
        expect_equal(tune_with(tune, laboratory(rows), values)[0], 0.05)


@check(
    "tune",
    points=1,
    hidden=True,
    hint="The values came from a generator, which can be run through once only, and the accuracy "
    "of the only model is 0. Even that is the best of all.",
)
def tune_takes_a_generator(tune):
    """An iterator of one value, whose model is wrong about all validation data."""
    spy = laboratory([(0.4, 0.0, 0.3)])
    values = inside("builtins.iter")([0.4])
    expect_equal(tune_with(tune, spy, values), (0.4, 0.0, 0.3))


# ----------------------------------------------------------------------------- BatchNorm


@check(
    "BatchNorm",
    points=1,
    hint="The columns have means 1 and 20 and deviations ±1 and ±10, so the result is -1 and 1 in "
    "both. The running mean goes a tenth of the way from 0 to 1 and to 20.",
)
def normalises_and_remembers(BatchNorm):
    """Two examples with two features, in training mode."""
    layer = BatchNorm(2)
    x = torch.tensor([[0.0, 10.0], [2.0, 30.0]])
    expect_close(layer(x), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), atol=1e-4)
    expect_close(layer.running_mean, torch.tensor([0.1, 2.0]))


def normalised(x, mean, variance, gamma, beta, eps):
    """Return batch normalisation by the formula."""
    return gamma * (x - mean) / (variance + eps).sqrt() + beta


@check(
    "BatchNorm",
    points=1,
    hidden=True,
    hint="In training the result is not gamma times the normalised x plus beta. The variance of "
    "the batch divides by N, and eps stands inside the root.",
)
def norm_trains_as_the_formula(BatchNorm):
    """Other gamma, beta and eps than at the start."""
    layer, x = BatchNorm(3, eps=0.3), numbers(5, 3, seed=1141) * 2 + 1
    layer.gamma.data, layer.beta.data = numbers(3, seed=1142), numbers(3, seed=1143)
    expected = normalised(
        *(x, x.mean(dim=0), x.var(dim=0, unbiased=False)),
        *(numbers(3, seed=1142), numbers(3, seed=1143), 0.3),
    )
    expect_close(layer(x), expected, atol=1e-5)


@check(
    "BatchNorm",
    points=2,
    hidden=True,
    hint="After three batches with momentum 0.3 the running mean or variance is not that of "
    "torch.nn.BatchNorm1d. The momentum is the weight of the new batch; its variance divides by "
    "N - 1 here.",
)
def norm_remembers_as_torch(BatchNorm):
    """Three batches of different sizes."""
    layer, library = BatchNorm(4, momentum=0.3), torch.nn.BatchNorm1d(4, momentum=0.3)
    for k, size in enumerate((3, 6, 2)):
        x = numbers(size, 4, seed=1144 + k) * (k + 1) + 3
        layer(x)
        library(x)
    expect_close(layer.running_mean, library.running_mean, atol=1e-5)
    expect_close(layer.running_var, library.running_var, atol=1e-5)


@check(
    "BatchNorm",
    points=2,
    hidden=True,
    hint="In evaluation mode the running values normalise, so the answer for one example depends "
    "neither on the others nor on the batch, and the running values stay as they are.",
)
def norm_evaluates_by_what_it_remembers(BatchNorm):
    """Given running values; one example, then three."""
    layer, mean, variance = BatchNorm(2), torch.tensor([1.0, -2.0]), torch.tensor([4.0, 0.25])
    layer.load_state_dict({"running_mean": mean, "running_var": variance}, strict=False)
    layer.eval()
    for size in (1, 3):
        x = numbers(size, 2, seed=1150 + size)
        expected = normalised(x, mean, variance, torch.ones(2), torch.zeros(2), 1e-5)
        expect_close(layer(x), expected, atol=1e-5)
    expect_close(layer.running_mean, mean)
    expect_close(layer.running_var, variance)


@check(
    "BatchNorm",
    points=1,
    hidden=True,
    hint="model.parameters() must give gamma and beta alone, and model.state_dict() the two "
    "running values as well. Parameters, buffers and plain attributes differ in that.",
)
def norm_registers_its_tensors(BatchNorm):
    """Parameters and state."""
    layer = BatchNorm(3)
    expect_equal([tuple(p.shape) for p in layer.parameters()], [(3,), (3,)])
    names = {"gamma", "beta", "running_mean", "running_var"}
    expect(names <= set(layer.state_dict()), "state_dict() does not hold all four tensors")


@check(
    "BatchNorm",
    points=1,
    hidden=True,
    hint="The gradient with respect to x is wrong in training. Mean and variance of the batch "
    "depend on x, too, and the gradient flows through them.",
)
def norm_passes_gradients_through_the_statistics(BatchNorm):
    """Against torch.nn.BatchNorm1d, float64."""
    layer, library = BatchNorm(3).double(), torch.nn.BatchNorm1d(3).double()
    values, weights = numbers64(6, 3, seed=1161), numbers64(6, 3, seed=1162)
    x, other = parameter(values), values.clone().requires_grad_()
    (layer(x) * weights).sum().backward()
    (library(other) * weights).sum().backward()
    expect_close(x.grad, other.grad)


@check(
    "BatchNorm",
    points=1,
    hidden=True,
    hint="The running values record gradients: they hold the graph of every batch so far. Update "
    "them without recording.",
)
def norm_remembers_numbers(BatchNorm):
    """After a batch that requires gradients."""
    layer = BatchNorm(3)
    for k in range(2):
        layer(parameter(numbers(4, 3, seed=1171 + k)))
    expect_equal(layer.running_mean.requires_grad, False)
    expect_equal(layer.running_var.requires_grad, False)


@check(
    "BatchNorm",
    points=1,
    hidden=True,
    hint="The library's batch normalisation does the work. Write it with means and roots.",
)
def norm_is_written_by_hand(BatchNorm):
    """No library function in training or in evaluation."""
    layer, x = BatchNorm(3), numbers(4, 3, seed=1181)
    expect_written_by_hand("batch normalisation", layer, x)
    layer.eval()
    expect_written_by_hand("batch normalisation", layer, x)
