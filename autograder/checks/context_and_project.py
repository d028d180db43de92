"""The checks of notebook 09: chains of modules, an audit, a datasheet, a proposal."""

import math
import re

import torch
from torch import nn

from autograder.checks import check
from autograder.checks.shared.common import seeded, sgd
from autograder.checks.shared.makers import leaves_alone
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    inside,
    numbers,
    plain,
)

SPIES = "autograder.inside.spies_context_and_project"


def draws(count: int, high: int, seed: int) -> torch.Tensor:
    """Return random whole numbers from 0 to high - 1, int64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, high, (count,), generator=generator)


def pictures(*shape: int, seed: int) -> torch.Tensor:
    """Return random uint8 pictures."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).to(torch.uint8)


def audited(weight: torch.Tensor):
    """Return a linear model in the student's process that notes how it is called."""
    return inside(f"{SPIES}.Audited")(weight)


def likely(weight: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return the probabilities that the linear model gives."""
    scores = images.flatten(1).double() @ weight.double().T
    return (scores.exp() / scores.exp().sum(dim=1, keepdim=True)).float()


# ----------------------------------------------------------------------------- pipeline_accuracy


@check(
    "pipeline_accuracy",
    points=1,
    hint="Of 100 examples 90 are right after the first module. The second gets 80 % of these "
    "right: 72. Half of them survive the third: 36.",
)
def follows_three_modules(pipeline_accuracy):
    """Accuracies 0.9, 0.8, 0.5."""
    expect_close(pipeline_accuracy(torch.tensor([0.9, 0.8, 0.5])), [0.9, 0.72, 0.36], atol=1e-4)


@check(
    "pipeline_accuracy",
    points=1,
    hidden=True,
    hint="The accuracy of the chain after a module is the product of the accuracies up to it. "
    "Errors do not simply add up, and the worst module alone does not decide.",
)
def multiplies_up_to_each_module(pipeline_accuracy):
    """Seven modules, in float64."""
    each = 0.3 + 0.7 * numbers(7, seed=901, dtype=torch.float64).sigmoid()
    expected = torch.stack([each[: k + 1].log().sum().exp() for k in range(7)])
    expect_close(pipeline_accuracy(each.clone()), expected, rtol=1e-5, atol=1e-5)


leaves_alone(
    "pipeline_accuracy",
    "leaves_the_accuracies_alone",
    lambda: torch.tensor([0.7, 0.6, 0.95, 0.85]),
    hint="The tensor that was passed in has changed. Work on a new one.",
)


# ----------------------------------------------------------------------------- simulate_pipeline


@check(
    "simulate_pipeline",
    points=1,
    hint="The first module is never wrong, the second always, and the third repairs everything: "
    "the shares are 1, 0 and 1.",
)
def simulates_sure_modules(simulate_pipeline):
    """Probabilities 0 and 1 only, 40 examples."""
    generator = inside("torch.Generator")().manual_seed(0)
    accuracies, repairs = torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0.0, 0.0, 1.0])
    expect_close(
        simulate_pipeline(accuracies, repairs, 40, generator), torch.tensor([1.0, 0.0, 1.0])
    )


@check(
    "simulate_pipeline",
    points=2,
    hidden=True,
    hint="The shares are too far from c_k = a_k c_(k-1) + r_k (1 - c_(k-1)). An example that is "
    "right so far passes with a_k, one that is wrong is repaired with r_k, and every module draws "
    "new random numbers for every example.",
)
def agrees_with_the_recursion(simulate_pipeline):
    """Six modules with repairs, 20,000 examples, five standard errors."""
    accuracies = torch.tensor([0.9, 0.7, 0.85, 0.6, 0.95, 0.8])
    repairs = torch.tensor([0.5, 0.2, 0.0, 0.4, 0.1, 0.3])
    share, expected = 1.0, []
    for a, r in zip(accuracies.tolist(), repairs.tolist(), strict=True):
        share = a * share + r * (1 - share)
        expected.append(share)
    result = simulate_pipeline(accuracies, repairs, 20_000, seeded(902))
    expect_close(result, torch.tensor(expected), rtol=0, atol=0.018)


@check(
    "simulate_pipeline",
    points=1,
    hidden=True,
    hint="The random numbers do not come from the generator alone: the same seed must give the "
    "same shares, whatever was drawn elsewhere.",
)
def repeats_with_the_seed(simulate_pipeline):
    """Seed 903 twice, with other random numbers drawn in between."""
    accuracies, repairs = torch.tensor([0.8, 0.6, 0.7]), torch.tensor([0.1, 0.2, 0.3])
    first = plain(simulate_pipeline(accuracies, repairs, 300, seeded(903)))
    inside("torch.manual_seed")(5)
    expect_close(simulate_pipeline(accuracies, repairs, 300, seeded(903)), first)


@check(
    "simulate_pipeline",
    points=1,
    hidden=True,
    hint="The shares do not scatter as they should. With 50 examples a share is a multiple of "
    "1/50, and another seed gives other shares: count examples, and do not compute probabilities.",
)
def counts_whole_examples(simulate_pipeline):
    """50 examples, four seeds."""
    accuracies, repairs = torch.tensor([0.83, 0.71, 0.77]), torch.tensor([0.0, 0.13, 0.29])
    runs = [plain(simulate_pipeline(accuracies, repairs, 50, seeded(k))) for k in range(4)]
    counts = 50 * torch.stack(runs)
    expect_close(counts, counts.round(), atol=1e-3)
    expect(len({tuple(run.tolist()) for run in runs}) > 1, "four seeds give the same shares")


# ----------------------------------------------------------------------------- train_chain


def stages(seed: int) -> tuple:
    """Return two linear modules in the student's process, and their weights."""
    weights = 0.5 * numbers(3, 5, seed=seed), 0.5 * numbers(4, 3, seed=seed + 1)
    return *(audited(weight) for weight in weights), weights


def stepped(weights: tuple, x: torch.Tensor, labels: torch.Tensor, lr: float) -> tuple:
    """Return loss and weights after a joint step of gradient descent, by the formula."""
    w1, w2 = weights
    middle = x @ w1.T
    p = (middle @ w2.T).softmax(dim=1)
    loss = -p[range(len(labels)), labels].log().mean().item()
    error = (p - nn.functional.one_hot(labels, len(w2))) / len(labels)
    return loss, w1 - lr * (error @ w2).T @ x, w2 - lr * error.T @ middle


@check(
    "train_chain",
    points=1,
    hint="The first module passes 2 on. All weights of the second are 0, so both classes have "
    "probability 1/2: the loss is ln 2, the gradient of its weights is -1 and 1. With weights of 0 "
    "behind it the first module has gradient 0.",
)
def trains_two_numbers(train_chain):
    """One example, label 0, learning rate 0.5."""
    linear, constant = inside("torch.nn.Linear"), inside("torch.nn.init.constant_")
    first, second = linear(1, 1, bias=False), linear(1, 2, bias=False)
    constant(first.weight, 2.0)
    constant(second.weight, 0.0)
    both = [first.weight, second.weight]
    optimizer = inside("torch.optim.SGD")(both, lr=0.5)
    loss = train_chain(first, second, torch.ones(1, 1), torch.tensor([0]), optimizer, True)
    expect_close(loss, 0.6931, atol=1e-3)
    expect_close(second.weight, [[0.5], [-0.5]], atol=1e-4)
    expect_close(first.weight, [[2.0]], atol=1e-4)


@check(
    "train_chain",
    points=2,
    hidden=True,
    hint="With joint=True the first module is not where gradient descent on the loss at the end "
    "of the chain would put it. The graph must lead through both modules, and both take the step.",
)
def moves_both_modules(train_chain):
    """One step from random weights, against the formula."""
    first, second, weights = stages(905)
    x, labels = numbers(6, 5, seed=907), draws(6, 4, seed=908)
    loss = train_chain(first, second, x, labels, sgd(first, second, lr=0.7), True)
    expected = stepped(weights, x, labels, 0.7)
    expect_close(float(plain(loss)), expected[0], atol=1e-4)
    expect_close(first.weight, expected[1], atol=1e-4)
    expect_close(second.weight, expected[2], atol=1e-4)


@check(
    "train_chain",
    points=1,
    hidden=True,
    hint="With joint=False the first module has moved. Its output must not record how it was "
    "computed, and gradients that it already holds must be cleared before the step.",
)
def leaves_the_first_module(train_chain):
    """A step of the second module alone; the first holds an old gradient."""
    first, second, weights = stages(911)
    x, labels = numbers(6, 5, seed=913), draws(6, 4, seed=914)
    first(x).sum().backward()
    train_chain(first, second, x, labels, sgd(first, second, lr=0.7), False)
    expect_close(first.weight, weights[0])
    moved = (plain(second.weight) - weights[1]).abs().sum().item()
    expect(moved > 0, "the second module has not moved")


@check(
    "train_chain",
    points=1,
    hidden=True,
    hint="The parameters held gradients of an earlier backward, and the step with joint=True used "
    "them. Clear all gradients before you call backward.",
)
def ignores_older_gradients(train_chain):
    """Two equal chains; for one of them somebody has called backward before."""
    fresh, used = stages(917), stages(917)
    x, labels = numbers(6, 5, seed=919), draws(6, 4, seed=920)
    (used[1](used[0](x)) * 3).sum().backward()
    for first, second, _ in (fresh, used):
        train_chain(first, second, x, labels, sgd(first, second, lr=0.4), True)
    for k in (0, 1):
        expect_close(used[k].weight, plain(fresh[k].weight), atol=1e-4)


@check(
    "train_chain",
    points=1,
    hidden=True,
    hint="A module runs in the wrong mode. What is trained runs in training mode, however it came; "
    "a first module that is not trained runs in evaluation mode, or its running statistics move.",
)
def puts_each_module_into_its_mode(train_chain):
    """A joint step with modules in evaluation mode, then one without the first."""
    first, second, _ = stages(923)
    x, labels = numbers(4, 5, seed=925), draws(4, 4, seed=926)
    for joint in (True, False):
        first.eval()
        second.eval()
        if not joint:
            first.train()
        train_chain(first, second, x, labels, sgd(first, second, lr=0.1), joint)
    expect_equal(list(first.modes), [True, False])
    expect_equal(list(second.modes), [True, True])


@check(
    "train_chain",
    points=1,
    hidden=True,
    hint="The result is a tensor, which may keep a graph in memory. Return a Python float.",
)
def returns_a_plain_loss(train_chain):
    """The type of the result."""
    first, second, _ = stages(929)
    x, labels = numbers(4, 5, seed=931), draws(4, 4, seed=932)
    loss = train_chain(first, second, x, labels, sgd(first, second, lr=0.1), True)
    expect_equal(type(loss) is float, True)


# ------------------------------------------------------------------------- predict_probabilities


@check(
    "predict_probabilities",
    points=1,
    hint="The model returns the logits 0 and ln 3 for both images, so the probabilities are 1/4 "
    "and 3/4 in each row.",
)
def predicts_two_images(predict_probabilities):
    """A linear model with known weights."""
    model = inside("torch.nn.Linear")(1, 2, bias=False)
    inside("torch.nn.init.constant_")(model.weight[0], 0.0)
    inside("torch.nn.init.constant_")(model.weight[1], 1.0986123)
    expected = torch.tensor([[0.25, 0.75], [0.25, 0.75]])
    expect_close(predict_probabilities(model, torch.ones(2, 1), 2), expected, atol=1e-4)


@check(
    "predict_probabilities",
    points=1,
    hidden=True,
    hint="The probabilities of some images are wrong, missing or in another order. Each row is the "
    "softmax of its own logits, and the last batch may be smaller.",
)
def predicts_in_ragged_batches(predict_probabilities):
    """Eleven pictures in batches of 4."""
    weight, images = 0.01 * numbers(5, 12, seed=941), pictures(11, 3, 4, seed=942)
    result = predict_probabilities(audited(weight), images, 4)
    expect_close(result, likely(weight, images), atol=1e-4)


@check(
    "predict_probabilities",
    points=1,
    hidden=True,
    hint="The model got more images at once than batch_size. With 10,000 large images that "
    "exhausts the memory.",
)
def keeps_to_the_batch_size(predict_probabilities):
    """The number of images at every call."""
    model = audited(numbers(3, 4, seed=943))
    predict_probabilities(model, pictures(10, 2, 2, seed=944), 3)
    sizes = list(model.sizes)
    expect(sum(sizes) == 10 and max(sizes) <= 3, f"the model got {sizes} images")


@check(
    "predict_probabilities",
    points=1,
    hidden=True,
    hint="The model came in training mode and predicted in it: dropout and batch normalisation "
    "make the result random, or dependent on the batch.",
)
def predicts_in_evaluation_mode(predict_probabilities):
    """The mode of the model at every call."""
    model = audited(numbers(3, 4, seed=945))
    model.train()
    predict_probabilities(model, pictures(5, 2, 2, seed=946), 3)
    expect_equal(set(model.modes), {False})


@check(
    "predict_probabilities",
    points=1,
    hidden=True,
    hint="Afterwards the model is in another mode than before. An audit leaves no traces.",
)
def gives_the_mode_back(predict_probabilities):
    """A model in training mode, and one in evaluation mode."""
    model = audited(numbers(3, 4, seed=947))
    for mode in (True, False):
        model.train(mode)
        predict_probabilities(model, pictures(4, 2, 2, seed=948), 3)
        expect(model.training is mode, f"it came with training={mode} and left with {not mode}")


@check(
    "predict_probabilities",
    points=1,
    hidden=True,
    hint="The model recorded gradients while it predicted, which costs memory for nothing.",
)
def records_no_gradients(predict_probabilities):
    """Whether gradients were recorded at every call."""
    model = audited(numbers(3, 4, seed=949))
    predict_probabilities(model, pictures(4, 2, 2, seed=950), 3)
    expect_equal(set(model.recording), {False})


# ----------------------------------------------------------------------------- accuracy_by_group


@check(
    "accuracy_by_group",
    points=1,
    hint="Group 0 holds the first and the third example, one of which is right: 0.5. Group 1 holds "
    "the others, both right: 1.",
)
def divides_four_examples(accuracy_by_group):
    """Four examples, two groups."""
    predictions, labels = torch.tensor([7, 1, 2, 4]), torch.tensor([7, 1, 3, 4])
    groups = torch.tensor([0, 1, 0, 1])
    expect_close(accuracy_by_group(predictions, labels, groups, 2), torch.tensor([0.5, 1.0]))


@check(
    "accuracy_by_group",
    points=2,
    hidden=True,
    hint="The accuracies are wrong for groups of different sizes. For each group: its right "
    "predictions, divided by its own size. A group need not be a class.",
)
def divides_by_the_size_of_each_group(accuracy_by_group):
    """90 examples, three classes, five groups of different sizes."""
    labels, groups = draws(90, 3, seed=951), draws(90, 5, seed=952) * draws(90, 2, seed=953)
    predictions = torch.where(numbers(90, seed=954) > groups - 2, labels, (labels + 1) % 3)
    expected = []
    for k in range(5):
        right = [
            p == t
            for p, t, g in zip(predictions.tolist(), labels.tolist(), groups.tolist(), strict=True)
            if g == k
        ]
        expected.append(sum(right) / len(right))
    expect_close(accuracy_by_group(predictions, labels, groups, 5), torch.tensor(expected))


@check(
    "accuracy_by_group",
    points=1,
    hidden=True,
    hint="A group without examples, between two others, must have nan: 0 would accuse the model of "
    "errors that it has not made, and 1 would acquit it.",
)
def has_no_number_for_an_empty_group(accuracy_by_group):
    """Groups 0, 2 and 3 have members."""
    groups, labels = torch.tensor([3, 0, 2, 3, 3]), torch.tensor([1, 0, 1, 1, 0])
    result = plain(accuracy_by_group(torch.ones(5, dtype=torch.int64), labels, groups, 4))
    expect_equal(result.isnan().tolist(), [False, True, False, False])


@check(
    "accuracy_by_group",
    points=1,
    hidden=True,
    hint="The result must have one number for each of `count` groups, even if the last ones have "
    "no members, or their places are lost.",
)
def keeps_the_last_groups(accuracy_by_group):
    """Six groups; the last three are empty."""
    groups, labels = torch.tensor([1, 0, 2, 1]), torch.tensor([2, 0, 2, 1])
    expect_equal(accuracy_by_group(labels.clone(), labels, groups, 6).shape, (6,))


# ----------------------------------------------------------------------------- wilson_interval


@check(
    "wilson_interval",
    points=1,
    hint="With 9 of 10 the share is 0.9 and z²/n is 0.38416: (0.9 + 0.19208 ± 0.2673)/1.38416.",
)
def encloses_nine_of_ten(wilson_interval):
    """9 of 10 are right."""
    low, high = wilson_interval(9, 10)
    expect_close(float(low), 0.5958, atol=1e-3)
    expect_close(float(high), 0.9821, atol=1e-3)


def compatible(correct: int, total: int, z: float) -> list[float]:
    """Return the smallest and largest p with |share - p| <= z sqrt(p (1 - p) / n), by bisection."""
    share, ends = correct / total, []
    for outside in (0.0, 1.0):
        inner = share
        for _ in range(60):
            p = (inner + outside) / 2
            if abs(share - p) <= z * math.sqrt(p * (1 - p) / total):
                inner = p
            else:
                outside = p
        ends.append(inner)
    return ends


@check(
    "wilson_interval",
    points=2,
    hidden=True,
    hint="The interval does not hold the p with |share - p| <= 1.96 sqrt(p (1 - p)/n). Compare "
    "every term with the formula, also for shares near 0 and 1.",
)
def solves_the_quadratic_equation(wilson_interval):
    """Shares in the middle and at both ends, small and large n."""
    for correct, total in ((3, 7), (0, 12), (25, 25), (1, 40), (1870, 2000)):
        ends = [float(plain(end)) for end in wilson_interval(correct, total)]
        expected = compatible(correct, total, 1.96)
        expect_close(torch.tensor(ends), torch.tensor(expected), atol=1e-4)


@check(
    "wilson_interval",
    points=1,
    hidden=True,
    hint="The interval does not depend on z as it should. 1.96 is only the default.",
)
def widens_with_z(wilson_interval):
    """17 of 30, with z = 1 and z = 3."""
    for z in (1.0, 3.0):
        ends = [float(plain(end)) for end in wilson_interval(17, 30, z)]
        expect_close(torch.tensor(ends), torch.tensor(compatible(17, 30, z)), atol=1e-4)


@check(
    "wilson_interval",
    points=1,
    hidden=True,
    hint="Without examples nothing is known: the interval is 0 to 1, and nothing is divided by 0.",
)
def knows_nothing_without_examples(wilson_interval):
    """0 of 0."""
    expect_equal([float(plain(end)) for end in wilson_interval(0, 0)], [0.0, 1.0])


# ----------------------------------------------------------------------------- reliability_bins


@check(
    "reliability_bins",
    points=1,
    hint="The confidences are 0.7, 0.6 and 0.9. Two bins: none is at most 0.5, all three are above "
    "it. Their mean is 0.7333; the first and the third prediction are right.",
)
def sorts_three_confidences(reliability_bins):
    """Three examples of two classes, two bins."""
    p = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.1, 0.9]])
    counts, confidence, accuracy = reliability_bins(p, torch.tensor([0, 0, 1]), 2)
    expect_equal(counts.tolist(), [0, 3])
    expect_close(confidence[1], 0.7333, atol=1e-3)
    expect_close(accuracy[1], 0.6667, atol=1e-3)


def guesses(count: int, classes: int, scale: float, seed: int) -> tuple:
    """Return probabilities, and labels that they predict half of the time."""
    p = (scale * numbers(count, classes, seed=seed)).softmax(dim=1)
    lucky = draws(count, 2, seed=seed + 1).bool()
    labels = torch.where(lucky, p.argmax(dim=1), draws(count, classes, seed=seed + 2))
    return p, labels


def binned(p: torch.Tensor, labels: torch.Tensor, bins: int) -> list[tuple[int, float, float]]:
    """Return size, mean confidence and accuracy of each bin, example by example."""
    rows: list = [[] for _ in range(bins)]
    for row, label in zip(p.tolist(), labels.tolist(), strict=True):
        sure = max(row)
        k = next(k for k in range(bins) if sure <= (k + 1) / bins + 1e-9 or k == bins - 1)
        rows[k].append((sure, row.index(sure) == label))
    return [
        (len(row), *(sum(part) / len(row) for part in zip(*row, strict=True)))
        if row
        else (0, math.nan, math.nan)
        for row in rows
    ]


@check(
    "reliability_bins",
    points=2,
    hidden=True,
    hint="Sizes, confidences or accuracies of the bins are wrong. The confidence is the "
    "probability of the predicted class, right or wrong; both means are over the examples of the "
    "bin.",
)
def averages_within_each_bin(reliability_bins):
    """200 examples of four classes, four bins of which none but the first is empty."""
    p, labels = guesses(200, 4, 1.5, seed=961)
    result = [plain(part) for part in reliability_bins(p, labels, 4)]
    expected = binned(p, labels, 4)
    expect_equal(result[0].tolist(), [row[0] for row in expected])
    for column in (1, 2):
        wanted = torch.tensor([row[column] for row in expected[1:]])
        expect_close(result[column][1:], wanted, atol=1e-4)


@check(
    "reliability_bins",
    points=1,
    hidden=True,
    hint="A confidence on the edge between two bins belongs to the lower one, and confidence 1 to "
    "the last one. Every example is in exactly one bin.",
)
def puts_edges_into_the_lower_bin(reliability_bins):
    """Confidences 0.5, 0.75 and 1, once, twice and three times, four bins."""
    sure = torch.tensor([0.5, 0.75, 0.75, 1.0, 1.0, 1.0])
    counts, _, _ = reliability_bins(torch.stack([1 - sure, sure], dim=1), torch.ones(6).long(), 4)
    expect_equal(counts.tolist(), [0, 1, 2, 3])


@check(
    "reliability_bins",
    points=1,
    hidden=True,
    hint="A bin without examples must have size 0 and nan as confidence and as accuracy.",
)
def marks_empty_bins(reliability_bins):
    """Three examples in the last of five bins."""
    p = torch.tensor([[0.95, 0.05], [0.1, 0.9], [0.15, 0.85]])
    counts, confidence, accuracy = (plain(x) for x in reliability_bins(p, torch.ones(3).long(), 5))
    expect_equal(counts.tolist(), [0, 0, 0, 0, 3])
    missing = [True, True, True, True, False]
    expect_equal([confidence.isnan().tolist(), accuracy.isnan().tolist()], [missing, missing])


# ----------------------------------------------------------------- expected_calibration_error


@check(
    "expected_calibration_error",
    points=1,
    hint="Three examples in one bin with mean confidence 0.8, two of them right: |2/3 - 0.8|; one "
    "in another with confidence 0.6, and right: 0.4. Weights 3/4 and 1/4.",
)
def weighs_two_bins(expected_calibration_error):
    """Four examples, four bins, of which two are in use."""
    sure = torch.tensor([0.8, 0.85, 0.76, 0.6])
    p = torch.stack([sure, 1 - sure], dim=1)
    error = expected_calibration_error(p, torch.tensor([0, 0, 1, 0]), 4)
    expect_close(float(error), 0.2025, atol=1e-3)


def calibration_error(p: torch.Tensor, labels: torch.Tensor, bins: int) -> float:
    """Return the expected calibration error, example by example."""
    rows = binned(p, labels, bins)
    return sum(n * abs(right - sure) for n, sure, right in rows if n) / len(labels)


@check(
    "expected_calibration_error",
    points=2,
    hidden=True,
    hint="The error is wrong for bins of different sizes. Each bin counts as often as it has "
    "examples, and too high and too low confidence must not cancel.",
)
def weighs_bins_by_their_examples(expected_calibration_error):
    """Two bins, both in use; one too sure, one not sure enough."""
    p, labels = guesses(160, 3, 1.2, seed=965)
    low = p.amax(dim=1) <= 0.5
    labels = torch.where(low, p.argmax(dim=1), labels)
    labels[low.nonzero()[:3, 0]] = p[low].argmin(dim=1)[:3]
    p = torch.cat([p, p[~low], p[~low]])
    labels = torch.cat([labels, labels[~low], labels[~low]])
    error = float(plain(expected_calibration_error(p, labels, 2)))
    expect_close(error, calibration_error(p, labels, 2), atol=1e-4)


@check(
    "expected_calibration_error",
    points=1,
    hidden=True,
    hint="Bins without examples make the error nan or wrong. They add nothing.",
)
def passes_over_empty_bins(expected_calibration_error):
    """Twelve right predictions with confidences above 0.95, in the last of 15 bins."""
    sure = 1 - 0.04 * numbers(12, seed=969).sigmoid()
    error = expected_calibration_error(
        torch.stack([1 - sure, sure], dim=1), torch.ones(12).long(), 15
    )
    expect_close(float(plain(error)), (1 - sure).mean().item(), atol=1e-4)


@check(
    "expected_calibration_error",
    points=1,
    hidden=True,
    hint="The result is a tensor. Return a Python float.",
)
def returns_the_error_as_a_float(expected_calibration_error):
    """The type of the result."""
    p, labels = guesses(30, 3, 2.0, seed=973)
    expect_equal(type(expected_calibration_error(p, labels, 3)) is float, True)


# ----------------------------------------------------------------------------- best_temperature


@check(
    "best_temperature",
    points=1,
    hint="Three of four predictions are right, so the best probability is 3/4, the best distance "
    "of the logits ln 3 = 1.1. The distance is 3.3: T = 3.",
)
def cools_a_model_that_is_too_sure(best_temperature):
    """Four examples with the logits 3.3 and 0."""
    logits = torch.tensor([[3.3, 0.0]]).repeat(4, 1)
    candidates = torch.tensor([1.0, 3.0, 9.0])
    expect_close(float(best_temperature(logits, torch.tensor([0, 0, 0, 1]), candidates)), 3.0)


@check(
    "best_temperature",
    points=2,
    hidden=True,
    hint="It is not the candidate with the smallest mean cross-entropy of logits / T. Return the "
    "temperature, not its place, and expect the candidates in any order, below 1 as well.",
)
def finds_the_smallest_cross_entropy(best_temperature):
    """A model that is too sure, and one that is not sure enough; shuffled candidates."""
    candidates = torch.tensor([1.5, 0.25, 6.0, 1.0, 3.0, 0.5, 12.0, 2.0])
    for scale, seed in ((5.0, 975), (0.3, 979)):
        p, labels = guesses(120, 4, 1.0, seed=seed)
        logits = scale * p.log()
        losses = [
            -(logits.double() / t).log_softmax(dim=1)[range(120), labels].mean().item()
            for t in candidates.tolist()
        ]
        expected = candidates[losses.index(min(losses))].item()
        result = float(plain(best_temperature(logits.clone(), labels, candidates)))
        expect_close(result, expected, atol=1e-4)


@check(
    "best_temperature",
    points=1,
    hidden=True,
    hint="Large logits give nan or infinity. The logarithm of a softmax must be computed in one "
    "function.",
)
def stands_large_logits(best_temperature):
    """Logits of more than a hundred; only one of 400 predictions is wrong."""
    logits, labels = torch.tensor([[120.0, 0.0, -50.0]]).repeat(400, 1), torch.zeros(400).long()
    labels[7] = 1
    result = best_temperature(logits, labels, torch.tensor([1.0, 600.0]))
    expect_close(float(plain(result)), 1.0)


leaves_alone(
    "best_temperature",
    "leaves_the_logits_alone",
    lambda: (numbers(6, 3, seed=983), draws(6, 3, seed=984), torch.tensor([2.0])),
    hint="The logits that were passed in have changed, so the second candidate was divided twice.",
)


# ------------------------------------------------------------------------- accuracy_under_shift


@check(
    "accuracy_under_shift",
    points=1,
    hint="The model says class 1 for positive pixels. All four labels are 1: one of the four "
    "pixels is positive, and three are when the signs are changed.",
)
def changes_the_sign_of_four_pixels(accuracy_under_shift):
    """Four images of one pixel, one shift."""
    linear = inside("torch.nn.Linear")(1, 2, bias=False)
    inside("torch.nn.init.constant_")(linear.weight[0], 0.0)
    inside("torch.nn.init.constant_")(linear.weight[1], 1.0)
    model = inside("torch.nn.Sequential")(inside("torch.nn.Flatten")(), linear)
    images = torch.tensor([-1.0, -1.0, -1.0, 1.0])[:, None, None]
    shifts = {"minus": inside("torch.neg")}
    labels = torch.ones(4).long()
    expect_close(accuracy_under_shift(model, images, labels, shifts)["minus"], 0.75)


def shift_setting(seed: int) -> tuple:
    """Return weights of a linear model, images, and labels it mostly predicts."""
    weight, images = 0.02 * numbers(4, 15, seed=seed), pictures(60, 3, 5, seed=seed + 1)
    labels = likely(weight, images).argmax(dim=1)
    labels[:13] = draws(13, 4, seed=seed + 2)
    return weight, images, labels


def shares(weight: torch.Tensor, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the accuracy of the linear model."""
    return (likely(weight, images).argmax(dim=1) == labels).double().mean().item()


@check(
    "accuracy_under_shift",
    points=1,
    hidden=True,
    hint="An accuracy under a shift is wrong. Compare the predictions for the changed images with "
    "the true labels, as a share of all examples.",
)
def measures_two_shifts(accuracy_under_shift):
    """60 pictures, H not W."""
    weight, images, labels = shift_setting(985)
    names = ("turned", "complement")
    shifts = dict(zip(names, (inside(f"{SPIES}.turned"), inside("torch.bitwise_not")), strict=True))
    result = accuracy_under_shift(audited(weight), images.clone(), labels, shifts)
    found = [float(plain(result[name])) for name in names]
    expected = [shares(weight, images.flip(1, 2), labels), shares(weight, 255 - images, labels)]
    expect_close(torch.tensor(found), torch.tensor(expected), atol=1e-4)


@check(
    "accuracy_under_shift",
    points=1,
    hidden=True,
    hint="The baseline is missing or wrong: the result must have one entry for each shift, and "
    '"none" with the accuracy on the original images.',
)
def includes_the_baseline(accuracy_under_shift):
    """One shift, and none at all."""
    weight, images, labels = shift_setting(989)
    for shifts in ({"turned": inside(f"{SPIES}.turned")}, {}):
        result = accuracy_under_shift(audited(weight), images.clone(), labels, shifts)
        expect_equal(set(result), {"none", *shifts})
        expect_close(float(plain(result["none"])), shares(weight, images, labels), atol=1e-4)


@check(
    "accuracy_under_shift",
    points=1,
    hidden=True,
    hint="A shift that writes into the tensor it gets has spoiled the images, for the next shift "
    "or for the caller. Hand a copy to each shift.",
)
def protects_the_images(accuracy_under_shift):
    """Two shifts in place, one after the other; then the images."""
    weight, images, labels = shift_setting(993)
    before, names = images.clone(), ("halved", "blackened")
    shifts = {name: inside(f"{SPIES}.{name}") for name in names}
    result = accuracy_under_shift(audited(weight), images, labels, shifts)
    expect_equal(plain(images).tolist(), before.tolist())
    for name in names:
        alone = accuracy_under_shift(audited(weight), before.clone(), labels, {name: shifts[name]})
        expect_close(float(plain(result[name])), float(plain(alone[name])), atol=1e-4)


@check(
    "accuracy_under_shift",
    points=1,
    hidden=True,
    hint="The model predicted in training mode, or was left in another mode than it came in.",
)
def audits_in_evaluation_mode(accuracy_under_shift):
    """The mode of the model at every call, and afterwards."""
    weight, images, labels = shift_setting(997)
    model = audited(weight)
    accuracy_under_shift(model, images, labels, {"turned": inside(f"{SPIES}.turned")})
    expect_equal(set(model.modes), {False})
    expect(model.training is True, "the model came in training mode and left in evaluation mode")


# ----------------------------------------------------------------------------- occlusion_map


@check(
    "occlusion_map",
    points=1,
    hint="The model gives class 1 the probability 3/4. It looks at the left pixel alone: covered, "
    "1/2 is left, a drop of 0.25. To cover the right one changes nothing.",
)
def covers_two_pixels(occlusion_map):
    """An image of 1 by 2 pixels, a cover of one pixel."""
    linear = inside("torch.nn.Linear")(2, 2, bias=False)
    inside("torch.nn.init.zeros_")(linear.weight)
    inside("torch.nn.init.constant_")(linear.weight[1][0], 1.0986123)
    model = inside("torch.nn.Sequential")(inside("torch.nn.Flatten")(), linear)
    image = torch.tensor([[1.0, 5.0]])
    expect_close(occlusion_map(model, image, 1, 1), torch.tensor([[0.25, 0.0]]), atol=1e-4)


def drops(weight: torch.Tensor, image: torch.Tensor, label: int, size: int):
    """Return the map of the linear model for a black cover, place by place."""
    height, width = image.shape
    before, rows = likely(weight, image[None])[0, label], []
    for i in range(height - size + 1):
        row = []
        for j in range(width - size + 1):
            covered = image.clone()
            covered[i : i + size, j : j + size] = 0
            row.append(before - likely(weight, covered[None])[0, label])
        rows.append(torch.stack(row))
    return torch.stack(rows)


@check(
    "occlusion_map",
    points=2,
    hidden=True,
    hint="The map is wrong. Entry [i, j] belongs to a square with its upper left corner in row i "
    "and column j of the original image, it is the probability before minus the one after, and "
    "there are as many entries as places where the square fits.",
)
def maps_every_place(occlusion_map):
    """An image of 5 by 7 pixels, a cover of 2 by 2."""
    weight, image = 0.006 * numbers(3, 35, seed=1001), pictures(5, 7, seed=1002)
    result = occlusion_map(audited(weight), image.clone(), 2, 2)
    expect_close(result, drops(weight, image, 2, 2), atol=1e-4)


@check(
    "occlusion_map",
    points=1,
    hidden=True,
    hint="With another fill value the map is wrong: covered pixels get `fill`.",
)
def covers_with_the_fill_value(occlusion_map):
    """A grey cover of 3 by 3 pixels on an image of the same grey changes nothing."""
    weight, image = 0.006 * numbers(3, 24, seed=1003), torch.full((6, 4), 140, dtype=torch.uint8)
    result = occlusion_map(audited(weight), image, 1, 3, fill=140)
    expect_close(result, torch.zeros(4, 2), atol=1e-4)


@check(
    "occlusion_map",
    points=1,
    hidden=True,
    hint="The image that was passed in has changed. Cover copies.",
)
def leaves_the_image_alone(occlusion_map):
    """The input after the call."""
    weight, image = 0.006 * numbers(2, 20, seed=1005), pictures(4, 5, seed=1006)
    before = image.clone()
    occlusion_map(audited(weight), image, 0, 2)
    expect_equal(plain(image).tolist(), before.tolist())


@check(
    "occlusion_map",
    points=1,
    hidden=True,
    hint="The model predicted in training mode, or was left in another mode than it came in.",
)
def looks_in_evaluation_mode(occlusion_map):
    """The mode of the model at every call, and afterwards."""
    model = audited(0.006 * numbers(2, 20, seed=1007))
    occlusion_map(model, pictures(4, 5, seed=1008), 0, 2)
    expect_equal(set(model.modes), {False})
    expect(model.training is True, "the model came in training mode and left in evaluation mode")


@check(
    "occlusion_map",
    points=1,
    hidden=True,
    hint="Gradients were recorded: the map hangs on a graph of all covered images.",
)
def looks_without_gradients(occlusion_map):
    """Whether gradients were recorded at every call."""
    model = audited(0.006 * numbers(2, 20, seed=1009))
    occlusion_map(model, pictures(4, 5, seed=1010), 0, 2)
    expect_equal(set(model.recording), {False})


# ----------------------------------------------------------------------------- measure_data


@check(
    "measure_data",
    points=1,
    hint="Two of three training images are equal: one repeats. One of two test images is in the "
    "training part: one leaks.",
)
def measures_five_tiny_images(measure_data):
    """Images of one pixel."""
    train = torch.tensor([4, 9, 4], dtype=torch.uint8)[:, None, None]
    test = torch.tensor([9, 7], dtype=torch.uint8)[:, None, None]
    facts = measure_data(train, torch.tensor([0, 1, 0]), test, torch.tensor([1, 1]), 2)
    expect_equal(list(facts["sizes"]), [3, 2])
    expect_equal([facts["repeats"], facts["leaks"]], [1, 1])
    expect_equal(facts["class_counts"].tolist(), [[2, 1], [0, 2]])


def collection(seed: int) -> tuple:
    """Return training and test images, with repeats, leaks and near copies, and labels."""
    train, test = pictures(20, 3, 4, seed=seed), pictures(9, 3, 4, seed=seed + 1)
    train[7] = train[12] = train[3]
    train[15] = train[4]
    train[16] = train[5].flip(0)
    test[2] = test[6] = train[3]
    test[8] = test[1]
    test[0] = train[9].flip(1)
    return train, draws(20, 3, seed=seed + 2), test, draws(9, 3, seed=seed + 3)


@check(
    "measure_data",
    points=1,
    hidden=True,
    hint="The number of repeats is wrong. Three equal images are two repeats; images with the same "
    "pixels at other places are not equal; only the training part counts.",
)
def counts_repeats(measure_data):
    """A pair and a triple among 20 images, and a mirrored one."""
    expect_equal(int(plain(measure_data(*collection(1011), 3)["repeats"])), 3)


@check(
    "measure_data",
    points=1,
    hidden=True,
    hint="The number of leaks is wrong. Count the test images that occur in the training part, "
    "each once however often it occurs there; two equal test images that leak are two.",
)
def counts_leaks(measure_data):
    """Two test images are equal to the same three training images."""
    expect_equal(int(plain(measure_data(*collection(1015), 3)["leaks"])), 2)


@check(
    "measure_data",
    points=1,
    hidden=True,
    hint="The class counts are wrong: one row for each part, one column for each of `classes` "
    "classes, those without examples included.",
)
def counts_absent_classes(measure_data):
    """Five classes, of which the first and the last do not occur."""
    train, _, test, _ = collection(1019)
    labels, others = 1 + draws(20, 3, seed=1023), 1 + draws(9, 2, seed=1024)
    rows = [[part.tolist().count(k) for k in range(5)] for part in (labels, others)]
    counts = measure_data(train, labels, test, others, 5)["class_counts"]
    expect_close(counts, torch.tensor(rows))


# ----------------------------------------------------------------------------- datasheet

SECTIONS = (
    *("motivation", "composition", "collection", "preprocessing"),
    *("uses", "distribution", "maintenance"),
)
PLACEHOLDER = re.compile(
    r"\b(todo|tbd|fixme|xxx+|lorem ipsum|your (answer|text) here)\b"
    r"|<[a-z ]+>",
    re.IGNORECASE,
)


def is_filled(text: object, words: int = 1) -> bool:
    """Tell whether this is a text with so many words, without a placeholder."""
    return (
        isinstance(text, str)
        and len(re.findall(r"\w[\w.,'’/:-]*", text)) >= words
        and not PLACEHOLDER.search(text)
    )


def told_apart(texts: list[str]) -> bool:
    """Tell whether all texts differ in more than case, spaces and punctuation."""
    return len({re.sub(r"\W+", "", text).casefold() for text in texts}) == len(texts)


@check(
    "datasheet",
    points=1,
    hint="The result is a dictionary with exactly the seven sections of the form, and each is a "
    "pair of strings: statement and evidence.",
)
def has_seven_sections(datasheet):
    """The form."""
    sheet = datasheet()
    names = "collection composition distribution maintenance motivation preprocessing uses"
    expect_equal(sorted(sheet), names.split())
    for name, section in sheet.items():
        pair = len(section) == 2 and all(isinstance(part, str) for part in section)
        expect(pair, f"the section {name!r} is no pair of strings")


@check(
    "datasheet",
    points=2,
    hidden=True,
    hint="A statement is missing, a placeholder, or shorter than ten words. What is not known is a "
    "finding, too: say in a sentence that it is not known and where you looked.",
)
def states_something_in_each_section(datasheet):
    """The first string of every section."""
    sheet = datasheet()
    empty = [name for name in SECTIONS if not is_filled(sheet[name][0], words=10)]
    expect(not empty, f"not filled in: {', '.join(empty)}")


@check(
    "datasheet",
    points=1,
    hidden=True,
    hint="Evidence is missing: each statement needs a file, a cell or a publication where it can "
    "be looked up.",
)
def gives_evidence_for_each_section(datasheet):
    """The second string of every section."""
    sheet = datasheet()
    empty = [name for name in SECTIONS if not is_filled(sheet[name][1])]
    expect(not empty, f"no evidence: {', '.join(empty)}")


@check(
    "datasheet",
    points=1,
    hidden=True,
    hint="Two sections make the same statement. Each answers its own question.",
)
def repeats_no_statement(datasheet):
    """All statements, compared."""
    sheet = datasheet()
    expect(told_apart([sheet[name][0] for name in SECTIONS]), "two statements are the same")


@check(
    "datasheet",
    points=1,
    hidden=True,
    hint="The composition must give the numbers of examples of the shipped digits, which are not "
    "those of the full MNIST; measure_data has counted them.",
)
def counts_the_shipped_digits(datasheet):
    """10,000, or 8,000 and 2,000, in digits."""
    text = re.sub(r"(?<=\d)[ ,.'’_\u00a0\u202f](?=\d{3})", "", datasheet()["composition"][0])
    found = set(re.findall(r"\d+", text))
    expect("10000" in found or {"8000", "2000"} <= found, "it does not give their number")


@check(
    "datasheet",
    points=1,
    hidden=True,
    hint="The distribution must name the licences that data/README.md gives.",
)
def names_the_licences(datasheet):
    """That of the package and that of MNIST."""
    text = datasheet()["distribution"][0]
    both = re.search(r"\bMIT\b", text) and re.search(r"CC[ -]?BY|creative commons", text, re.I)
    expect(bool(both), "it does not name both licences")


# ----------------------------------------------------------------------------- candidates

COLUMNS = ("name", "page", "size", "licence", "task")


def rows_of(candidates) -> list:
    """Return the rows of the table; fail if there are none, since then all of them are right."""
    rows = candidates()
    expect(len(rows) > 0, "the table has no rows")
    return rows


@check(
    "candidates",
    points=1,
    hint="The result is a list of dictionaries. Each has exactly the keys name, page, size, "
    "licence and task, and strings as values.",
)
def has_rows_of_five_cells(candidates):
    """The form of every row."""
    expect(len(candidates()) > 0, "the table has no rows")
    for row in candidates():
        expect_equal(sorted(row), ["licence", "name", "page", "size", "task"])
        expect(all(isinstance(cell, str) for cell in row.values()), f"no string in {row}")


@check(
    "candidates",
    points=2,
    hidden=True,
    hint="The table has fewer than ten data sets.",
)
def has_ten_rows(candidates):
    """Count them."""
    count = len(candidates())
    expect(count >= 10, f"the table has {count} rows")


@check(
    "candidates",
    points=2,
    hidden=True,
    hint="A cell is empty or holds a placeholder. If the page states no licence, the cell says so.",
)
def fills_every_cell(candidates):
    """All cells of all rows."""
    rows = enumerate(rows_of(candidates), start=1)
    empty = [f"{key} of row {k}" for k, row in rows for key in COLUMNS if not is_filled(row[key])]
    expect(not empty, f"not filled in: {', '.join(empty)}")


@check(
    "candidates",
    points=1,
    hidden=True,
    hint="A data set occurs twice, perhaps spelt in another way, or on the same page.",
)
def repeats_no_data_set(candidates):
    """Names and pages, compared without case and punctuation."""
    rows = rows_of(candidates)
    for key in ("name", "page"):
        expect(told_apart([row[key] for row in rows]), f"two rows have the same {key}")


@check(
    "candidates",
    points=1,
    hidden=True,
    hint="The page of a row is no address that one can open: https://, the host, the path.",
)
def gives_an_address(candidates):
    """The column page."""
    address = re.compile(r"https?://[\w-]+(\.[\w-]+)+([/?#:]\S*)?")
    bad = [row["name"] for row in rows_of(candidates) if not address.fullmatch(row["page"].strip())]
    expect(not bad, f"no address: {', '.join(bad)}")


@check(
    "candidates",
    points=1,
    hidden=True,
    hint="The size of a data set must be a number, of images or of examples, not a word.",
)
def gives_the_size_as_a_number(candidates):
    """The column size."""
    bad = [row["name"] for row in rows_of(candidates) if not re.search(r"\d", row["size"])]
    expect(not bad, f"no number: {', '.join(bad)}")


# ----------------------------------------------------------------------------- proposal


@check(
    "proposal",
    points=1,
    hint="The result is a dictionary with exactly the sections goal, data, baseline, measure and "
    "risk, all of them strings.",
)
def has_five_sections(proposal):
    """The form."""
    plan = proposal()
    expect_equal(sorted(plan), ["baseline", "data", "goal", "measure", "risk"])
    expect(all(isinstance(text, str) for text in plan.values()), "a section is no string")


@check(
    "proposal",
    points=2,
    hidden=True,
    hint="A section is missing, empty, a placeholder, or shorter than twelve words.",
)
def writes_every_section(proposal):
    """At least twelve words each."""
    plan, names = proposal(), ("goal", "data", "baseline", "measure", "risk")
    empty = [name for name in names if not is_filled(plan.get(name), words=12)]
    expect(not empty, f"not filled in: {', '.join(empty)}")


@check(
    "proposal",
    points=1,
    hidden=True,
    hint="Two sections have the same text. Each answers its own question.",
)
def repeats_no_section(proposal):
    """All sections, compared."""
    expect(told_apart(list(proposal().values())), "two sections have the same text")


@check(
    "proposal",
    points=1,
    hidden=True,
    hint="The section data must contain the name of a data set as it stands in your table.",
)
def uses_a_candidate(proposal, candidates):
    """The names of the table, compared without case."""
    text, names = proposal()["data"].casefold(), [row["name"].casefold() for row in candidates()]
    expect(any(name and name in text for name in names), "it names no data set of candidates()")


@check(
    "proposal",
    points=1,
    hidden=True,
    hint="The measure of success has no number in it, so that nobody could tell a failure from a "
    "success afterwards.",
)
def measures_success_by_a_number(proposal):
    """A digit in the section measure."""
    found = re.search(r"\d", proposal()["measure"])
    expect(found is not None, "no number in the section measure")
