"""The checks of notebook 06: loaders, models, training, evaluation, and a fast convnet."""

import itertools
import math
import re

import torch
from torch import nn

from autograder.checks import check
from autograder.checks.shared.common import expect_device_of_input, seeded, sgd
from autograder.checks.shared.makers import leaves_alone
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

SPIES = "autograder.inside.spies_cnn_training"


def pictures(count: int, *shape: int, seed: int, low: int = 0, high: int = 256) -> torch.Tensor:
    """Return random uint8 pictures."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, *shape), generator=generator).to(torch.uint8)


def classes_of(count: int, classes: int, seed: int) -> torch.Tensor:
    """Return random labels, int64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, classes, (count,), generator=generator)


def batches_of(*sizes: int, seed: int, classes: int = 4) -> list:
    """Return batches of normalised pictures of 2 by 3 pixels with labels."""
    return [
        (numbers(size, 1, 2, 3, seed=seed + k), classes_of(size, classes, seed=seed + 50 + k))
        for k, size in enumerate(sizes)
    ]


def elsewhere(batches: list) -> list:
    """Return batches whose tensors have to be moved to the model's device."""
    move = inside("autograder.inside.spies.elsewhere")
    return [tuple(map(move, batch)) for batch in batches]


def joined(batches) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all pictures and all labels of a loader's batches."""
    images, labels = zip(*batches, strict=True)
    return torch.cat([plain(part) for part in images]), torch.cat([plain(part) for part in labels])


def descend(weight: torch.Tensor, batches: list, lr: float) -> tuple[torch.Tensor, list[float]]:
    """Return a linear model's weight after a gradient step a batch, and the losses before them."""
    losses = []
    for images, labels in batches:
        x = images.flatten(1)
        log_p = (x @ weight.T).log_softmax(dim=1)
        losses.append(-log_p[range(len(labels)), labels].mean().item())
        error = log_p.exp() - nn.functional.one_hot(labels, len(weight))
        weight = weight - lr * error.T @ x / len(labels)
    return weight, losses


def spy(weight: torch.Tensor):
    """Return a linear model in the student's process that notes how it is called."""
    return inside(f"{SPIES}.SpyModel")(weight)


# ----------------------------------------------------------------------------- make_loaders


@check(
    "make_loaders",
    points=1,
    hint="The training pixels 0, 0, 0, 0, 10, 10, 10, 10 have mean 5 and standard deviation 5.35, "
    "so they become -0.94 and 0.94. The test pixel 20 becomes (20 - 5)/5.35.",
)
def normalises_five_tiny_pictures(make_loaders):
    """Four training pictures and one test picture of 1 by 2 pixels, batches of 4."""
    train = torch.tensor([[[0, 10]]], dtype=torch.uint8).repeat(4, 1, 1)
    test = torch.tensor([[[20, 5]]], dtype=torch.uint8)
    labels = torch.tensor([3, 1, 4, 1])
    train_loader, test_loader = make_loaders(train, labels, test, labels[:1], 4, 0)
    [(images, _)] = list(train_loader)
    expect_close(images, torch.tensor([-0.9354, 0.9354]).repeat(4, 1, 1, 1), atol=0.1)
    [(images, answers)] = list(test_loader)
    expect_close(images, torch.tensor([[[[2.8062, 0.0]]]]), atol=0.3)
    expect_equal(answers.tolist(), [3])


@check(
    "make_loaders",
    points=2,
    hidden=True,
    hint="The pixels are normalised wrongly. One mean and one standard deviation, over all pixels "
    "of all training images, apply to the training images and to the test images alike. Test "
    "images must not enter them.",
)
def normalises_by_the_training_set(make_loaders):
    """Dark training pictures, bright test pictures, H not W."""
    train, test = pictures(40, 3, 5, seed=601, high=90), pictures(30, 3, 5, seed=602, low=120)
    train[:20] //= 3
    labels = torch.arange(40)
    mean, std = train.double().mean(), train.double().std()
    loaders = make_loaders(train, labels, test, labels[:30], 10, 1)
    for loader, pixels in zip(loaders, (train, test), strict=True):
        expected = ((pixels.flatten().double() - mean) / std).sort().values.float()
        images, _ = joined(loader)
        expect_equal(images.shape, (len(pixels), 1, 3, 5))
        expect_close(images.flatten().sort().values, expected, atol=0.02)


@check(
    "make_loaders",
    points=1,
    hidden=True,
    hint="The training batches come in the same order in every epoch, or in that of the data set. "
    "Sorted data would show the network one class after the other. Shuffle anew in each epoch.",
)
def shuffles_anew_in_every_epoch(make_loaders):
    """The labels count the examples; two epochs."""
    train, labels = pictures(30, 2, 2, seed=603), torch.arange(30)
    loader, _ = make_loaders(train, labels, train[:3], labels[:3], 7, 2)
    _, first = joined(loader)
    _, second = joined(loader)
    expect(not torch.equal(first, labels), "the first epoch is in the order of the data set")
    expect(not torch.equal(first, second), "the first and the second epoch have the same order")


@check(
    "make_loaders",
    points=1,
    hidden=True,
    hint="In one epoch some training examples are missing or come twice. Every example comes "
    "exactly once: shuffle, and keep the last batch even if it is smaller.",
)
def shows_every_example_once(make_loaders):
    """11 training and 5 test examples, batches of 4."""
    train, labels = pictures(11, 2, 3, seed=604), torch.arange(11)
    loaders = make_loaders(train, labels, train[:5], labels[:5], 4, 3)
    sizes = [[len(batch[1]) for batch in loader] for loader in loaders]
    expect_equal(sizes, [[4, 4, 3], [4, 1]])
    expect_equal([len(loader) for loader in loaders], [3, 2])
    _, seen = joined(loaders[0])
    expect_equal(sorted(seen.tolist()), list(range(11)))


@check(
    "make_loaders",
    points=1,
    hidden=True,
    hint="After shuffling, images have the labels of other images. One permutation for both.",
)
def keeps_images_and_labels_together(make_loaders):
    """The brighter a picture, the larger its label."""
    labels = torch.arange(24)
    train = labels.to(torch.uint8)[:, None, None].repeat(1, 2, 2) * 10
    train[:, 1] = 0
    loader, _ = make_loaders(train, labels, train[:2], labels[:2], 24, 4)
    images, answers = joined(loader)
    answers = answers[images.flatten(1)[:, 0].argsort()].tolist()
    expect(answers == sorted(answers), f"from dark to bright the labels are {answers}")


@check(
    "make_loaders",
    points=1,
    hidden=True,
    hint="The test loader changes the order. Without it predictions can no longer be matched with "
    "the images of the data set, and there is nothing to gain: nobody learns from the test set.",
)
def leaves_the_test_set_in_order(make_loaders):
    """The labels count the examples."""
    test, labels = pictures(19, 2, 3, seed=605), torch.arange(19)
    _, loader = make_loaders(test[:6], labels[:6], test, labels, 5, 5)
    expect_equal(joined(loader)[1].tolist(), list(range(19)))


@check(
    "make_loaders",
    points=1,
    hidden=True,
    hint="The order does not follow from the seed alone: either two loaders with the same seed "
    "differ, or two with different seeds do not. A torch.Generator of its own, seeded with "
    "`seed`, keeps a loader independent of all other random numbers.",
)
def takes_the_order_from_the_seed(make_loaders):
    """Twice seed 6, with other random numbers drawn in between, and seed 7."""
    train, labels, orders = pictures(25, 2, 2, seed=606), torch.arange(25), []
    for seed in (6, 6, 7):
        loader, _ = make_loaders(train, labels, train[:2], labels[:2], 25, seed)
        inside("torch.rand")(len(orders))
        orders.append(joined(loader)[1])
    expect(torch.equal(orders[0], orders[1]), "the same seed gives two orders")
    expect(not torch.equal(orders[0], orders[2]), "two seeds give the same order")


# ----------------------------------------------------------------------------- SoftmaxRegression


@check(
    "SoftmaxRegression",
    points=1,
    hint="Three images of 28 by 28 pixels give three rows of ten scores. Flatten all axes but the "
    "first.",
)
def scores_three_images(SoftmaxRegression):
    """The default sizes."""
    expect_equal(SoftmaxRegression()(torch.ones(3, 1, 28, 28)).shape, (3, 10))


@check(
    "SoftmaxRegression",
    points=1,
    hidden=True,
    hint="model.parameters() must hold one weight of shape (classes, pixels) and one bias of "
    "shape (classes,), for the sizes that were passed in.",
)
def registers_one_layer(SoftmaxRegression):
    """12 pixels, 4 classes."""
    shapes = [tuple(p.shape) for p in SoftmaxRegression(12, 4).parameters()]
    expect_equal(sorted(shapes), [(4,), (4, 12)])


@check(
    "SoftmaxRegression",
    points=1,
    hidden=True,
    hint="The result is not the linear function of the pixels that the parameters define. The "
    "model returns logits: the cross-entropy takes the softmax itself.",
)
def returns_linear_scores(SoftmaxRegression):
    """Six pictures of 3 by 5 pixels, 4 classes, against the formula."""
    model, x = SoftmaxRegression(15, 4), numbers(6, 1, 3, 5, seed=611)
    values = {len(p.shape): plain(p) for p in model.parameters()}
    expect_close(model(x), x.flatten(1) @ values[2].T + values.get(1, 0), atol=1e-4)


@check(
    "SoftmaxRegression",
    points=1,
    hidden=True,
    hint="A batch of one image must give a result with one row. Something removes the axis of the "
    "batch.",
)
def scores_a_single_image(SoftmaxRegression):
    """One picture of 3 by 4 pixels."""
    expect_equal(SoftmaxRegression(12, 5)(numbers(1, 1, 3, 4, seed=612)).shape, (1, 5))


# ----------------------------------------------------------------------------- MLP


@check(
    "MLP",
    points=1,
    hint="All parameters are 0.5. Four pixels of 1 give relu(2.5) in both hidden units and "
    "0.5·2.5 + 0.5·2.5 + 0.5 = 3 in each score; four pixels of -1 give relu(-1.5) = 0 and 0.5. "
    "In evaluation mode dropout does nothing.",
)
def computes_an_mlp_by_hand(MLP):
    """Two pictures of 2 by 2 pixels, two hidden units, three classes."""
    model = MLP((2,), 0.3, pixels=4, classes=3)
    model.eval()
    for p in model.parameters():
        inside("torch.nn.init.constant_")(p, 0.5)
    images = torch.tensor([1.0, -1.0])[:, None, None, None].repeat(1, 1, 2, 2)
    expect_close(model(images), [[3.0] * 3, [0.5] * 3])


@check(
    "MLP",
    points=1,
    hidden=True,
    hint="model.parameters() must hold a weight and a bias for every hidden layer, of the widths "
    "in `hidden`, and for the output layer. Layers in a plain list are not found.",
)
def registers_every_hidden_layer(MLP):
    """Three hidden layers of 7, 5 and 4 units between 6 pixels and 3 classes."""
    shapes = [tuple(p.shape) for p in MLP((7, 5, 4), 0.1, pixels=6, classes=3).parameters()]
    expect_equal([s for s in shapes if len(s) == 2], [(7, 6), (5, 7), (4, 5), (3, 4)])
    expect_equal([s for s in shapes if len(s) == 1], [(7,), (5,), (4,), (3,)])


@check(
    "MLP",
    points=2,
    hidden=True,
    hint="The model computes something else than linear, ReLU, linear, ReLU, ..., linear. Every "
    "hidden layer has a ReLU, and the scores at the end have neither ReLU nor softmax.",
)
def follows_the_mlp_formula(MLP):
    """Two hidden layers, no dropout, random parameters."""
    model, out = MLP((6, 5), 0.0, pixels=8, classes=4), numbers(7, 1, 2, 4, seed=621)
    for p in model.parameters():
        inside("torch.nn.init.normal_")(p, 0.0, 0.7)
    values = [plain(p) for p in model.parameters()]
    weights, biases = ([v for v in values if v.ndim == n] for n in (2, 1))
    expected = out.flatten(1)
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        expected = expected @ weight.T + bias
        expected = expected.clamp(min=0) if k < len(weights) - 1 else expected
    expect_close(model(out), expected, atol=1e-4)


@check(
    "MLP",
    points=1,
    hidden=True,
    hint="In evaluation mode the same images give different scores. Dropout must depend on the "
    "mode: nn.Dropout does by itself, nn.functional.dropout has to be told.",
)
def keeps_all_units_in_evaluation(MLP):
    """Twice the same pictures in evaluation mode."""
    model, x = MLP((40,), 0.5, pixels=6, classes=3), numbers(5, 1, 2, 3, seed=622)
    model.eval()
    expect_close(model(x), plain(model(x)))


@check(
    "MLP",
    points=1,
    hidden=True,
    hint="With dropout 1 all hidden units are dropped, and only the bias of the output layer is "
    "left. Is there a dropout after every hidden layer, with the share that was passed in, and "
    "none before or after?",
)
def drops_every_hidden_unit(MLP):
    """Training mode, dropout 1; then dropout 0, with which nothing is lost."""
    x = numbers(5, 1, 2, 3, seed=623)
    model = MLP((30, 20), 1.0, pixels=6, classes=3)
    bias = [plain(p) for p in model.parameters()][-1]
    expect_close(model(x), bias.repeat(5, 1))


@check(
    "MLP",
    points=1,
    hidden=True,
    hint="A batch of one image must give a result with one row. Something removes the axis of the "
    "batch.",
)
def feeds_a_single_image_through(MLP):
    """One picture of 2 by 3 pixels."""
    expect_equal(MLP((4, 3), 0.0, pixels=6, classes=5)(numbers(1, 1, 2, 3, seed=624)).shape, (1, 5))


# ----------------------------------------------------------------------------- CNN

NONLINEARITIES = re.findall(
    r"\w+",
    "relu elu celu selu gelu silu mish leaky_relu prelu _prelu_kernel rrelu rrelu_with_noise tanh "
    "sigmoid hardswish hardsigmoid hardtanh softplus threshold clamp clamp_min maximum",
)


def digits_like(count: int, seed: int) -> torch.Tensor:
    """Return noise in the shape of normalised digits."""
    return numbers(count, 1, 28, 28, seed=seed)


@check(
    "CNN",
    points=1,
    hint="Four images give four rows of ten scores, and model.parameters() holds some numbers, at "
    "most 500,000. Count the size of the feature maps before the dense layer.",
)
def scores_four_digits(CNN):
    """Four empty pictures of 28 by 28 pixels."""
    model = CNN()
    expect_equal(model(torch.zeros(4, 1, 28, 28)).shape, (4, 10))
    count = sum(math.prod(p.shape) for p in model.parameters())
    expect(0 < count <= 500_000, f"the model has {count:,} parameters")


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="The forward pass must run at least two convolutions, with a max-pooling after each "
    "block of them: convolution, ..., max-pooling, convolution, ..., max-pooling.",
)
def alternates_convolutions_and_pooling(CNN):
    """The order in which the library's layers run."""
    model = CNN()
    model.eval()
    names = inside(f"{SPIES}.operations")(model, digits_like(2, seed=631))
    order = "".join(
        "c" if "convolution" in name else "p"
        for name in names
        if re.search("convol|max_pool", name)
    )
    expect(re.search("cp.*cp", order) is not None, f"convolutions and poolings ran as {order!r}")


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="Fewer than two non-linearities run in a forward pass. Without one, layers in a row are "
    "hardly more than a single linear layer.",
)
def has_a_nonlinearity_in_each_block(CNN):
    """ReLU or another one, as a layer or as a function."""
    model = CNN()
    model.eval()
    names = inside(f"{SPIES}.operations")(model, digits_like(2, seed=632))
    count = sum(name.removesuffix("_") in NONLINEARITIES for name in names)
    expect(count >= 2, f"{count} non-linearities ran")


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="There is no batch normalisation at work: a forward pass in training mode must update "
    "running means and variances, and one in evaluation mode must leave them alone.",
)
def normalises_over_the_batch(CNN):
    """The buffers before and after a pass in each mode."""
    model, x = CNN(), digits_like(6, seed=633)
    states = []
    for mode in (False, False, True):
        states.append([plain(b).double() for b in model.buffers()])
        model.train(mode)
        model(x)
    states.append([plain(b).double() for b in model.buffers()])
    change = [
        sum((b - a).abs().sum().item() for a, b in zip(before, after, strict=True))
        for before, after in itertools.pairwise(states)
    ]
    expect(change[2] > 0, "a pass in training mode updates no running statistics")
    expect(change[1] == 0, "a pass in evaluation mode changes running statistics")


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="In training mode dropout must make two passes over the same images differ; in "
    "evaluation mode two passes must agree.",
)
def switches_dropout_with_the_mode(CNN):
    """Two passes in each mode."""
    model, x = CNN(), digits_like(8, seed=634)
    for p in model.parameters():
        inside("torch.nn.init.normal_")(p, 0.0, 0.3)
    first, second = plain(model(x)), plain(model(x))
    expect(not torch.equal(first, second), "two passes in training mode agree: nothing is dropped")
    model.eval()
    expect_close(model(x), plain(model(x)), rtol=1e-3, atol=1e-3)


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="The scores look like probabilities, log-probabilities, or the output of a ReLU. Return "
    "the output of the last linear layer as it is: the cross-entropy takes the softmax itself.",
)
def returns_raw_scores(CNN):
    """With random parameters raw scores have both signs; three tries."""
    for attempt in range(3):
        model = CNN()
        for p in model.parameters():
            inside("torch.nn.init.normal_")(p, 0.0, 0.5)
        model.eval()
        scores = plain(model(digits_like(20, seed=635 + attempt)))
        if scores.min() < 0 < scores.max():
            return
    expect(False, f"the scores lie between {scores.min():.3g} and {scores.max():.3g}")


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="In evaluation mode the scores of an image must not depend on the other images of its "
    "batch, and a batch of one image has one row of scores.",
)
def treats_every_image_alone(CNN):
    """Five pictures together, and one of them alone."""
    model, x = CNN(), digits_like(5, seed=638)
    model.eval()
    expect_close(model(x[2:3]), plain(model(x))[2:3], rtol=1e-3, atol=1e-3)


@check(
    "CNN",
    points=1,
    hidden=True,
    hint="model.parameters() lacks the weights of two convolutions, or no gradient reaches them. "
    "Layers must be attributes of the module, or in nn.Sequential, and nothing may cut the graph.",
)
def trains_its_convolutions(CNN):
    """A backward pass."""
    model = CNN()
    labels = classes_of(4, 10, seed=639)
    inside("torch.nn.functional.cross_entropy")(model(digits_like(4, seed=640)), labels).backward()
    kernels = [p.grad is not None for p in model.parameters() if len(p.shape) == 4]
    expect(len(kernels) >= 2, f"parameters() holds the weights of {len(kernels)} convolutions")
    expect(all(kernels), "a convolution has no gradient after the backward pass")


@check(
    "CNN",
    points=2,
    hidden=True,
    hint="After 25 steps of Adam on twenty images of ten simple patterns the network still knows "
    "few of them. Does every score depend on the image, and does dropout leave enough to learn?",
)
def learns_ten_patterns(CNN):
    """Two noisy copies of each of ten random patterns; chance is 0.1."""
    labels = torch.arange(20) % 10
    patterns = nn.functional.interpolate(numbers(10, 1, 7, 7, seed=641), scale_factor=4)
    images = patterns[labels] + 0.3 * digits_like(20, seed=642)
    share = inside(f"{SPIES}.learn")(CNN(), images, labels, 25)
    expect(share >= 0.5, f"it gets {share:.0%} of the patterns right")


# ----------------------------------------------------------------------------- train_epoch


@check(
    "train_epoch",
    points=1,
    hint="With all parameters 0 each of the three classes has probability 1/3, so the loss is "
    "ln 3 = 1.0986. The step of size 1.2 moves the bias by -1.2 times (1/3 - share of the class).",
)
def trains_on_one_batch(train_epoch):
    """A linear model, four pictures of 1 by 2 pixels, plain gradient descent."""
    model = inside("torch.nn.Sequential")(
        inside("torch.nn.Flatten")(), inside("torch.nn.Linear")(2, 3)
    )
    for p in model.parameters():
        inside("torch.nn.init.zeros_")(p)
    batch = torch.ones(4, 1, 1, 2), torch.tensor([0, 2, 2, 2])
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=1.2)
    expect_close(train_epoch(model, [batch], optimizer), 1.0986, atol=1e-3)
    expect_close(model[1].bias, [-0.1, -0.4, 0.5])


@check(
    "train_epoch",
    points=2,
    hidden=True,
    hint="After an epoch of three batches the parameters are not those of gradient descent on the "
    "cross-entropy of the logits. Is there one step after every batch, from the gradient of this "
    "batch alone?",
)
def steps_after_every_batch(train_epoch):
    """Three batches of the same size, against the formula."""
    weight, batches = 0.5 * numbers(4, 6, seed=651), batches_of(5, 5, 5, seed=652)
    model = spy(weight)
    train_epoch(model, batches, sgd(model, lr=0.8))
    expected, _ = descend(weight, batches, 0.8)
    expect_close(model.weight, expected, atol=1e-4)


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The mean loss is wrong when the last batch is smaller. The mean is over the examples, so "
    "a batch counts as often as it has examples.",
)
def averages_over_the_examples(train_epoch):
    """Batches of 6, 6 and 1, learning rate 0; the mean of the three losses is another number."""
    weight, batches = numbers(4, 6, seed=656), batches_of(6, 6, 1, seed=657)
    model = spy(weight)
    _, losses = descend(weight, batches, 0.0)
    expected = (6 * losses[0] + 6 * losses[1] + losses[2]) / 13
    result = train_epoch(model, batches, sgd(model, lr=0.0))
    expect_close(float(plain(result)), expected, atol=1e-4)


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The parameters held gradients before the epoch, and the first step used them. Clear the "
    "gradients before each backward.",
)
def forgets_older_gradients(train_epoch):
    """Two equal models; for one of them somebody has called backward before."""
    weight, batches = numbers(4, 6, seed=661), batches_of(5, seed=662)
    fresh, used = spy(weight), spy(weight)
    (used(batches[0][0]) * 3).sum().backward()
    for model in (fresh, used):
        train_epoch(model, batches, sgd(model, lr=0.8))
    expect_close(used.weight, plain(fresh.weight), atol=1e-4)


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The model was handed over in evaluation mode, and dropout and batch normalisation stayed "
    "off while it was trained. Put the model into training mode first.",
)
def trains_in_training_mode(train_epoch):
    """The mode of the model at every call."""
    model, batches = spy(numbers(4, 6, seed=664)), batches_of(3, 3, seed=665)
    model.eval()
    train_epoch(model, batches, sgd(model, lr=0.1))
    expect_equal(set(model.modes), {True})


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The update is not that of the optimizer that was passed in; here it is Adam, whose first "
    "step moves every parameter by the learning rate. Call its step, and make no optimizer of your "
    "own.",
)
def uses_the_given_optimizer(train_epoch):
    """One batch; the size of every change."""
    weight, batches = 0.5 * numbers(4, 6, seed=667), batches_of(4, seed=668)
    model = spy(weight)
    train_epoch(model, batches, inside("torch.optim.Adam")(model.parameters(), lr=0.03))
    expect_close((plain(model.weight) - weight).abs(), torch.full((4, 6), 0.03), atol=1e-4)


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The loss here is another one than the cross-entropy: call the loss_function that was "
    "passed in, with the logits first.",
)
def uses_the_given_loss_function(train_epoch):
    """The margin loss of the library, learning rate 0."""
    weight, batches = numbers(4, 6, seed=671), batches_of(5, seed=672)
    model = spy(weight)
    expected = nn.functional.multi_margin_loss(batches[0][0].flatten(1) @ weight.T, batches[0][1])
    margin = inside("torch.nn.functional.multi_margin_loss")
    result = train_epoch(model, batches, sgd(model, lr=0.0), margin)
    expect_close(float(plain(result)), expected.item(), atol=1e-4)


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The result is a tensor, which may keep a graph in memory. Return a Python float.",
)
def returns_the_loss_as_a_float(train_epoch):
    """The type of the result."""
    model = spy(numbers(4, 6, seed=674))
    loss = train_epoch(model, batches_of(3, 2, seed=675), sgd(model, lr=0.1))
    expect_equal(type(loss) is float, True)


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The graphs of all batches stay in memory until the epoch ends: something that you add "
    "up or collect still records gradients. Turn the loss into a number first.",
)
def frees_the_graph_of_every_batch(train_epoch):
    """How many graphs are alive of calls before the last one, at every call of five."""
    model = spy(numbers(4, 6, seed=677))
    train_epoch(model, batches_of(3, 3, 3, 3, 3, seed=678), sgd(model, lr=0.1))
    alive = max(list(model.graphs))
    expect(alive <= 1, f"{alive} graphs of earlier batches are in memory at the same time")


@check(
    "train_epoch",
    points=1,
    hidden=True,
    hint="The images or labels are on another device than the model. Move every batch to the "
    "device of the model's parameters.",
)
def moves_batches_to_the_model(train_epoch):
    """Batches that must be moved before anything else is done with them."""
    model = spy(numbers(4, 6, seed=681))
    batches = elsewhere(batches_of(3, 2, seed=682))
    train_epoch(model, batches, sgd(model, lr=0.1))
    expect(len(model.modes) >= 2, "the model was not called for every batch")


# ----------------------------------------------------------------------------- evaluate


@check(
    "evaluate",
    points=1,
    hint="With all parameters 0 all three scores are equal, so the loss is ln 3 = 1.0986. Then "
    "the bias prefers class 2, which three of four examples have: accuracy 0.75, a fraction.",
)
def evaluates_one_batch(evaluate):
    """A linear model, four pictures of 1 by 2 pixels."""
    model = inside("torch.nn.Sequential")(
        inside("torch.nn.Flatten")(), inside("torch.nn.Linear")(2, 3)
    )
    for p in model.parameters():
        inside("torch.nn.init.zeros_")(p)
    batch = torch.ones(4, 1, 1, 2), torch.tensor([0, 2, 2, 2])
    loss, _ = evaluate(model, [batch])
    expect_close(loss, 1.0986, atol=1e-3)
    inside("torch.nn.init.eye_")(model[1].weight)
    inside("torch.nn.init.constant_")(model[1].weight[2], 3.0)
    _, accuracy = evaluate(model, [batch])
    expect_close(accuracy, 0.75)


@check(
    "evaluate",
    points=2,
    hidden=True,
    hint="Loss or accuracy is wrong for batches of different sizes. Both are means over all "
    "examples, so add up over the examples and divide once. The loss is the cross-entropy of the "
    "logits; the prediction is the class with the largest score of its row.",
)
def is_exact_for_a_ragged_loader(evaluate):
    """Batches of 7, 7 and 2."""
    weight, batches = numbers(4, 6, seed=691), batches_of(7, 7, 2, seed=692)
    images, labels = joined(batches)
    scores = images.flatten(1) @ weight.T
    loss, accuracy = evaluate(spy(weight), batches)
    log_p = scores.log_softmax(dim=1)[range(16), labels]
    expect_close(float(plain(loss)), -log_p.mean().item(), atol=1e-4)
    expected = (scores.argmax(dim=1) == labels).double().mean().item()
    expect_close(float(plain(accuracy)), expected, atol=1e-4)


@check(
    "evaluate",
    points=1,
    hidden=True,
    hint="The model was handed over in training mode, and was evaluated in it: dropout was on, and "
    "batch normalisation used, and changed by, the test batch. Switch to evaluation mode.",
)
def evaluates_in_evaluation_mode(evaluate):
    """The mode of the model at every call."""
    model = spy(numbers(4, 6, seed=695))
    model.train()
    evaluate(model, batches_of(3, 2, seed=696))
    expect_equal(list(model.modes), [False, False])


@check(
    "evaluate",
    points=1,
    hidden=True,
    hint="Afterwards the model is in another mode than before. Whoever trains goes on in training "
    "mode, and a model that was in evaluation mode stays in it.",
)
def restores_the_mode(evaluate):
    """A model in training mode, and one in evaluation mode."""
    model = spy(numbers(4, 6, seed=698))
    for mode in (True, False):
        model.train(mode)
        evaluate(model, batches_of(3, seed=699))
        expect_equal(model.training, mode)


@check(
    "evaluate",
    points=1,
    hidden=True,
    hint="Gradients are recorded during the evaluation. That costs memory and time; "
    "torch.no_grad() switches it off.",
)
def records_no_gradients(evaluate):
    """Whether gradients are recorded, at every call."""
    model = spy(numbers(4, 6, seed=702))
    evaluate(model, batches_of(3, 2, seed=703))
    expect_equal(list(model.recording), [False, False])


@check(
    "evaluate",
    points=1,
    hidden=True,
    hint="The loss or the accuracy is a tensor. Return two Python floats.",
)
def returns_two_floats(evaluate):
    """The types of the results."""
    loss, accuracy = evaluate(spy(numbers(4, 6, seed=705)), batches_of(3, 3, seed=706))
    expect_equal([type(loss) is float, type(accuracy) is float], [True, True])


@check(
    "evaluate",
    points=1,
    hidden=True,
    hint="The images or labels are on another device than the model. Move every batch to the "
    "device of the model's parameters.",
)
def evaluates_on_the_device_of_the_model(evaluate):
    """Batches that must be moved before anything else is done with them."""
    model = spy(numbers(4, 6, seed=708))
    evaluate(model, elsewhere(batches_of(3, 2, seed=709)))
    expect(len(model.modes) >= 2, "the model was not called for every batch")


# ----------------------------------------------------------------------------- overfit_one_batch


@check(
    "overfit_one_batch",
    points=1,
    hint="A model with all parameters 0 has loss ln 2 = 0.693 on two classes. Three steps give "
    "three losses, each measured before its step, and each smaller than the one before.",
)
def lowers_the_loss_of_one_batch(overfit_one_batch):
    """Two pictures of 1 by 2 pixels that a linear model can tell apart."""
    model = inside("torch.nn.Sequential")(
        inside("torch.nn.Flatten")(), inside("torch.nn.Linear")(2, 2)
    )
    for p in model.parameters():
        inside("torch.nn.init.zeros_")(p)
    images, labels = torch.tensor([[[[1.0, 0.0]]], [[[0.0, 1.0]]]]), torch.tensor([0, 1])
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=1.0)
    losses = [float(plain(x)) for x in overfit_one_batch(model, images, labels, optimizer, 3)]
    expect_equal(len(losses), 3)
    expect_close(losses[0], 0.6931, atol=1e-3)
    expect(losses[0] > losses[1] > losses[2], f"the losses are {losses}")


@check(
    "overfit_one_batch",
    points=1,
    hidden=True,
    hint="The losses or the parameters after several steps are wrong. Every step uses the whole "
    "batch and clears the gradients before; there are exactly `steps` of them.",
)
def repeats_the_same_step(overfit_one_batch):
    """Six steps of a linear model, against the formula."""
    weight, [batch] = numbers(4, 6, seed=711), batches_of(9, seed=712)
    model = spy(weight)
    losses = overfit_one_batch(model, *batch, sgd(model, lr=0.7), 6)
    expected_weight, expected = descend(weight, [batch] * 6, 0.7)
    actual = [float(plain(loss)) for loss in losses]
    expect_close(torch.tensor(actual), torch.tensor(expected), atol=1e-4)
    expect_close(model.weight, expected_weight, atol=1e-4)


@check(
    "overfit_one_batch",
    points=1,
    hidden=True,
    hint="The losses are not Python floats. A tensor may keep its graph in memory.",
)
def collects_plain_floats(overfit_one_batch):
    """The types of the losses."""
    model, [batch] = spy(numbers(4, 6, seed=714)), batches_of(4, seed=715)
    losses = overfit_one_batch(model, *batch, sgd(model, lr=0.1), 2)
    expect_equal([type(loss) is float for loss in losses], [True, True])


@check(
    "overfit_one_batch",
    points=1,
    hidden=True,
    hint="The steps were not all taken in training mode. The model may come in any mode.",
)
def overfits_in_training_mode(overfit_one_batch):
    """The mode of the model at every call that records gradients."""
    model, [batch] = spy(numbers(4, 6, seed=717)), batches_of(4, seed=718)
    model.eval()
    overfit_one_batch(model, *batch, sgd(model, lr=0.1), 3)
    calls = zip(list(model.modes), list(model.recording), strict=True)
    expect_equal([mode for mode, recording in calls if recording], [True] * 3)


# ----------------------------------------------------------------------------- confusion_matrix


@check(
    "confusion_matrix",
    points=1,
    hint="Row 1 belongs to the two examples of class 1: one was taken for 0, one for 1. Rows are "
    "the true classes, columns the predicted ones.",
)
def counts_four_predictions(confusion_matrix):
    """Two classes, four examples."""
    predictions, labels = torch.tensor([0, 0, 1, 0]), torch.tensor([0, 1, 1, 0])
    expect_equal(confusion_matrix(predictions, labels, 2).tolist(), [[2, 0], [1, 1]])


def count_pairs(predictions: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Return how often every pair of true and predicted class occurs."""
    one_hot = nn.functional.one_hot
    return one_hot(labels, classes).T @ one_hot(predictions, classes)


@check(
    "confusion_matrix",
    points=1,
    hidden=True,
    hint="Counts are wrong where the same pair of classes occurs often, or rows and columns are "
    "exchanged. Note that m[labels, predictions] += 1 adds only once for all equal pairs.",
)
def counts_repeated_pairs(confusion_matrix):
    """60 examples, three classes, all of which occur."""
    predictions, labels = classes_of(60, 3, seed=721), classes_of(60, 3, seed=722).clamp(max=1)
    labels[:2] = 2
    matrix = confusion_matrix(predictions, labels, 3)
    expect_equal(matrix.tolist(), count_pairs(predictions, labels, 3).tolist())


@check(
    "confusion_matrix",
    points=1,
    hidden=True,
    hint="It goes wrong when some classes do not occur. The matrix has `classes` rows and columns, "
    "whatever the data hold.",
)
def has_rows_for_absent_classes(confusion_matrix):
    """Six classes, of which only 1 and 3 occur."""
    predictions, labels = torch.tensor([1, 3, 3]), torch.tensor([1, 1, 3])
    expected = count_pairs(predictions, labels, 6).tolist()
    expect_equal(confusion_matrix(predictions, labels, 6).tolist(), expected)


@check(
    "confusion_matrix",
    points=1,
    hidden=True,
    hint="The counts must be int64: shares, or counts as floating-point numbers, are something "
    "else.",
)
def counts_in_whole_numbers(confusion_matrix):
    """The dtype of the result."""
    matrix = confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0]), 2)
    expect_equal(matrix.dtype, torch.int64)


# ----------------------------------------------------------------------------- worst_mistakes


@check(
    "worst_mistakes",
    points=1,
    hint="Example 1 is right. Of the two mistakes example 2 gives its true class, 0, the smaller "
    "probability, so it comes first.",
)
def finds_two_mistakes(worst_mistakes):
    """Three examples, two classes."""
    logits = torch.tensor([[2.0, 1.0], [5.0, 0.0], [0.0, 4.0]])
    expect_equal(worst_mistakes(logits, torch.tensor([1, 0, 0]), 2).tolist(), [2, 0])


def mistakes_by_loss(logits: torch.Tensor, labels: torch.Tensor) -> list[int]:
    """Return the indices of all mistakes, the largest loss first."""
    losses = (-logits.double().log_softmax(dim=1)).tolist()
    wrong = (k for k in range(len(labels)) if logits[k].argmax() != labels[k])
    return sorted(wrong, key=lambda k: -losses[k][labels[k]])


@check(
    "worst_mistakes",
    points=1,
    hidden=True,
    hint="The order or the choice is wrong. The loss is minus the logarithm of the probability of "
    "the true class; neither raw scores nor the confidence in the predicted class decide.",
)
def sorts_by_the_loss(worst_mistakes):
    """60 examples, five classes, scores of different scales and offsets; the worst ten."""
    scale = numbers(60, 1, seed=731).exp()
    logits = scale * numbers(60, 5, seed=732) + 4 * numbers(60, 1, seed=733)
    labels = classes_of(60, 5, seed=734)
    result = worst_mistakes(logits, labels, 10)
    expect_equal(result.tolist(), mistakes_by_loss(logits, labels)[:10])


@check(
    "worst_mistakes",
    points=1,
    hidden=True,
    hint="The result contains an example that was classified correctly. With many classes the "
    "right one can win with a small probability, so that its loss is large.",
)
def leaves_out_what_is_right(worst_mistakes):
    """The unsure but right first example has a larger loss than the mistake."""
    logits = torch.tensor([[0.1, 0.0, 0.0, 0.0], [2.0, 1.9, -5.0, -5.0], [9.0, 0.0, 0.0, 0.0]])
    expect_equal(worst_mistakes(logits, torch.tensor([0, 1, 0]), 1).tolist(), [1])


@check(
    "worst_mistakes",
    points=1,
    hidden=True,
    hint="There are fewer mistakes than were asked for: then return them all, and an empty tensor "
    "of int64 if there are none.",
)
def returns_fewer_if_there_are_fewer(worst_mistakes):
    """One mistake among three examples, then none."""
    logits = 3 * torch.eye(3)
    result = worst_mistakes(logits, torch.tensor([0, 2, 2]), 5)
    expect_equal([result.tolist(), result.dtype], [[1], torch.int64])
    result = worst_mistakes(logits, torch.tensor([0, 1, 2]), 5)
    expect_equal([result.tolist(), result.dtype], [[], torch.int64])


# ----------------------------------------------------------------------------- shift_images


def shifted(images: torch.Tensor, dx: int, dy: int, fill: float = 0) -> torch.Tensor:
    """Return shifted images, pixel by pixel."""
    result = torch.full_like(images, fill)
    height, width = images.shape[-2:]
    for i in range(max(dy, 0), min(height, height + dy)):
        for j in range(max(dx, 0), min(width, width + dx)):
            result[..., i, j] = images[..., i - dy, j - dx]
    return result


@check(
    "shift_images",
    points=1,
    hint="One to the right: the last column leaves the picture, and the first is filled with 0.",
)
def shifts_one_to_the_right(shift_images):
    """A picture of 2 by 3 pixels."""
    image = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.uint8)
    expected = torch.tensor([[0, 1, 2], [0, 4, 5]], dtype=torch.uint8)
    expect_close(shift_images(image, 1, 0), expected)


@check(
    "shift_images",
    points=1,
    hidden=True,
    hint="It goes wrong for a shift by several pixels in both directions. dx moves to the right "
    "and dy down; what leaves on one side must not come in on the other.",
)
def shifts_right_and_down(shift_images):
    """Two columns and one row, H not W, a batch with a channel."""
    images = numbers(3, 1, 5, 7, seed=741)
    expected = shifted(images, 2, 1)
    expect_close(shift_images(images, 2, 1), expected)


@check(
    "shift_images",
    points=1,
    hidden=True,
    hint="It goes wrong for a negative shift, which moves to the left or up.",
)
def shifts_left_and_up(shift_images):
    """Each direction alone, then both."""
    images = numbers(2, 4, 6, seed=742)
    for dx, dy in ((-2, 0), (0, -1), (-3, -2)):
        expected = shifted(images, dx, dy)
        expect_close(shift_images(images.clone(), dx, dy), expected)


@check(
    "shift_images",
    points=1,
    hidden=True,
    hint="A shift by as many pixels as the picture has, or more, leaves only the fill value.",
)
def shifts_everything_out(shift_images):
    """4 by 6 pixels, shifted by 6 and by 9 columns and by -5 rows."""
    images = numbers(2, 4, 6, seed=743)
    for dx, dy in ((6, 0), (9, 0), (0, -5)):
        expect_close(shift_images(images.clone(), dx, dy), torch.zeros(2, 4, 6))


@check(
    "shift_images",
    points=1,
    hidden=True,
    hint="The new pixels must have the value `fill`: in normalised images the background is not 0.",
)
def fills_with_the_given_value(shift_images):
    """The fill value -0.42."""
    images = numbers(2, 1, 4, 3, seed=744)
    expected = shifted(images, 1, -1, -0.42)
    expect_close(shift_images(images, 1, -1, fill=-0.42), expected)


leaves_alone(
    "shift_images",
    "leaves_the_images_alone",
    lambda: (numbers(2, 4, 5, seed=745), 1, 1),
    hint="The images that were passed in have changed. Write into a new tensor.",
)


# ----------------------------------------------------------------------------- scramble


@check(
    "scramble",
    points=1,
    hint="Numbered row by row, the new pixel 0 is the old pixel permutation[0] = 2, which is 30.",
)
def scrambles_four_pixels(scramble):
    """A picture of 2 by 2 pixels."""
    image = torch.tensor([[10, 20], [30, 40]], dtype=torch.uint8)
    expected = torch.tensor([[30, 10], [20, 40]], dtype=torch.uint8)
    expect_close(scramble(image, torch.tensor([2, 0, 1, 3])), expected)


@check(
    "scramble",
    points=1,
    hidden=True,
    hint="It goes wrong for a batch. All images get the same permutation of their own H·W pixels; "
    "shape and axes before them stay.",
)
def scrambles_all_images_alike(scramble):
    """Four pictures with a channel, H not W."""
    images, order = numbers(4, 1, 3, 5, seed=751), numbers(15, seed=752).argsort()
    expected = torch.stack([image.flatten()[order].reshape(1, 3, 5) for image in images])
    expect_close(scramble(images, order), expected)


@check(
    "scramble",
    points=1,
    hidden=True,
    hint="It goes wrong for other axes than (N, 1, H, W): there may be several channels, each "
    "scrambled in the same way, or no axis for channels.",
)
def scrambles_every_channel_alike(scramble):
    """Two pictures with three channels, and two without an axis for channels."""
    images, order = numbers(2, 3, 2, 3, seed=753), numbers(6, seed=754).argsort()
    expected = images.flatten(2)[..., order].reshape(2, 3, 2, 3)
    expect_close(scramble(images.clone(), order), expected)
    expect_close(scramble(images[:, 0].clone(), order), expected[:, 0])


leaves_alone(
    "scramble",
    "leaves_the_originals_alone",
    lambda: (numbers(2, 2, 3, seed=755), numbers(6, seed=756).argsort()),
    hint="The images that were passed in have changed. Write into a new tensor.",
)


# ----------------------------------------------------------------------------- one_cycle_rate


@check(
    "one_cycle_rate",
    points=1,
    hint="With 9 steps t = (step + 1)/10. At step 0 t = 0.1, half of the way up to the peak at "
    "0.2; at step 1 the peak; at step 5 t = 0.6, half of the way down.",
)
def goes_up_and_down(one_cycle_rate):
    """Nine steps, peak 0.4, warm-up over the first fifth."""
    rates = [one_cycle_rate(step, 9, 0.4, warm_up=0.2) for step in (0, 1, 5)]
    expect_close(torch.tensor(rates), torch.tensor([0.2, 0.4, 0.2]))


def polygon(steps: int, peak: float, warm_up: float) -> torch.Tensor:
    """Return the rates of all steps as the smaller one of two straight lines."""
    t = torch.arange(1, steps + 1) / (steps + 1)
    return peak * torch.minimum(t / warm_up, (1 - t) / (1 - warm_up))


@check(
    "one_cycle_rate",
    points=1,
    hidden=True,
    hint="The rates of a whole cycle are wrong. They rise along a straight line to `peak`, reached "
    "at t = `warm_up`, and fall along another one that ends in 0 at t = 1.",
)
def follows_two_straight_lines(one_cycle_rate):
    """23 steps, a late and a high peak."""
    rates = [one_cycle_rate(step, 23, 2.5, 0.6) for step in range(23)]
    expect_close(torch.tensor(rates), polygon(23, 2.5, 0.6), atol=1e-4)


@check(
    "one_cycle_rate",
    points=1,
    hidden=True,
    hint="By default the first quarter of the cycle is the warm-up.",
)
def warms_up_for_a_quarter(one_cycle_rate):
    """Seven steps with the default."""
    rates = [one_cycle_rate(step, 7, 1.5) for step in range(7)]
    expect_close(torch.tensor(rates), polygon(7, 1.5, 0.25), atol=1e-4)


# ------------------------------------------------------------------------- smooth_cross_entropy


def _expect_loss(smooth_cross_entropy):
    """How a loss is computed counts only if it is one: not the same for every class.

    All but a function that computes nothing meets this, whatever its mistake.
    """
    logits = torch.tensor([[3.0, 0.0, -2.0], [-1.0, 2.0, 0.5]])
    right = plain(smooth_cross_entropy(logits, torch.tensor([0, 1]), 0.1))
    wrong = plain(smooth_cross_entropy(logits, torch.tensor([2, 0]), 0.1))
    expect(bool((wrong != right).all()), f"right and wrong classes cost {right}")


@check(
    "smooth_cross_entropy",
    points=1,
    hint="For equal scores of two classes the loss is ln 2 whatever the smoothing. For the scores "
    "0 and ln 3 the probabilities are 1/4 and 3/4; the targets are 0.1 and 0.9.",
)
def smooths_two_classes(smooth_cross_entropy):
    """Two examples with the label 1, smoothing 0.2."""
    logits = torch.tensor([[0.0, 0.0], [0.0, 1.0986123]])
    expect_close(smooth_cross_entropy(logits, torch.tensor([1, 1]), 0.2), 0.5453, atol=1e-3)


@check(
    "smooth_cross_entropy",
    points=2,
    hidden=True,
    hint="The loss is wrong for several classes and examples. The targets of an example sum to 1: "
    "`smoothing` is spread over all classes, the true one included, and the rest goes to the true "
    "one. The softmax is over the classes; the mean is over the examples.",
)
def agrees_with_smoothed_targets(smooth_cross_entropy):
    """Seven examples of five classes; the library takes probabilities as targets, too."""
    logits, labels = 2 * numbers(7, 5, seed=761), classes_of(7, 5, seed=762)
    targets = torch.full((7, 5), 0.3 / 5)
    targets[range(7), labels] += 0.7
    expected = nn.functional.cross_entropy(logits, targets)
    expect_close(smooth_cross_entropy(logits, labels, 0.3), expected, atol=1e-4)


@check(
    "smooth_cross_entropy",
    points=1,
    hidden=True,
    hint="Large scores give nan or infinity. An exponential of 200 overflows in float32: take the "
    "logarithm of the softmax in one function.",
)
def stands_large_scores(smooth_cross_entropy):
    """Scores of several hundred."""
    logits = torch.tensor([[300.0, -100.0, 0.0], [-500.0, 200.0, 10.0]])
    loss = plain(smooth_cross_entropy(logits, torch.tensor([2, 1]), 0.1))
    expect(bool(torch.isfinite(loss).all()), f"the loss is {loss}")
    _expect_loss(smooth_cross_entropy)


@check(
    "smooth_cross_entropy",
    points=1,
    hidden=True,
    hint="No gradient reaches the logits. The result must be a tensor that records gradients, so "
    "detach, item and no_grad have no place in it.",
)
def passes_the_gradient_to_the_logits(smooth_cross_entropy):
    """Four examples of three classes."""
    logits, labels = parameter(numbers(4, 3, seed=764)), classes_of(4, 3, seed=765)
    smooth_cross_entropy(logits, labels, 0.15).backward()
    gradient = plain(logits.grad)
    expect(bool((gradient != 0).any()), "the gradient of the logits is 0")
    _expect_loss(smooth_cross_entropy)


@check(
    "smooth_cross_entropy",
    points=1,
    hidden=True,
    hint="A loss function of the library did the work. log_softmax is allowed; the rest is yours.",
)
def smooths_by_hand(smooth_cross_entropy):
    """Watched while it runs."""
    logits, labels = numbers(4, 3, seed=766), classes_of(4, 3, seed=767)
    expect_written_by_hand("cross-entropy", smooth_cross_entropy, logits, labels, 0.1)
    _expect_loss(smooth_cross_entropy)


@check(
    "smooth_cross_entropy",
    points=1,
    hidden=True,
    hint="The result is on another device than the logits. A new tensor is made on the CPU unless "
    "you say otherwise.",
)
def smooths_on_the_device_of_the_logits(smooth_cross_entropy):
    """Five examples of three classes."""
    logits, labels = numbers(5, 3, seed=768), classes_of(5, 3, seed=769)
    expect_device_of_input(smooth_cross_entropy, logits, labels, 0.1)
    _expect_loss(smooth_cross_entropy)


# ----------------------------------------------------------------------------- random_shift


def shifts_found(result: torch.Tensor, images: torch.Tensor, most: int, fill: float) -> list:
    """Return the shift (dx, dy) of every image, or None where no shift gives the result."""
    found: list = [None] * len(images)
    for dx in range(-most, most + 1):
        for dy in range(-most, most + 1):
            same = (shifted(images, dx, dy, fill) == result).flatten(1).all(dim=1)
            for k in same.nonzero()[:, 0].tolist():
                found[k] = dx, dy
    return found


@check(
    "random_shift",
    points=1,
    hint="With most = 0 nothing moves. With most = 1 the single white pixel in the middle moves by "
    "at most one pixel in each direction, and does not leave the picture.",
)
def moves_a_pixel_by_one(random_shift):
    """One white pixel in 5 by 5."""
    images = torch.zeros(6, 1, 5, 5)
    images[:, 0, 2, 2] = 1
    generator = inside("torch.Generator")().manual_seed(0)
    expect_close(random_shift(images, 0, generator), images)
    moved = plain(random_shift(images, 1, generator))
    expect_close(moved[:, :, 1:4, 1:4].sum(dim=(1, 2, 3)), torch.ones(6))


@check(
    "random_shift",
    points=1,
    hidden=True,
    hint="Some result is no shift of its image by at most `most` pixels in each direction, filled "
    "with `fill`, all channels alike and without anything coming in on the other side.",
)
def shifts_every_image_as_a_whole(random_shift):
    """30 pictures with two channels, at most two pixels, fill value -0.5."""
    images = numbers(30, 2, 5, 6, seed=771)
    result = plain(random_shift(images.clone(), 2, seeded(1), fill=-0.5))
    expect_equal(result.shape, images.shape)
    missed = [k for k, found in enumerate(shifts_found(result, images, 2, -0.5)) if found is None]
    expect(not missed, f"{len(missed)} of 30 images are not shifted as a whole")


@check(
    "random_shift",
    points=1,
    hidden=True,
    hint="Not every shift from -most to most occurs, or some are much more frequent than others. "
    "Draw dx and dy independently and for each image, each of the 2·most + 1 values with the same "
    "probability.",
)
def draws_all_shifts_alike(random_shift):
    """900 pictures, nine possible shifts, 100 expected of each."""
    images = numbers(900, 1, 3, 4, seed=772)
    result = plain(random_shift(images.clone(), 1, seeded(2)))
    found = shifts_found(result, images, 1, 0.0)
    counts = [found.count((dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    expect(min(counts) >= 50 and max(counts) <= 160, f"the nine shifts occur {counts} times")


@check(
    "random_shift",
    points=1,
    hidden=True,
    hint="The random numbers do not come from the generator alone. Two calls with generators of "
    "the same seed must agree, and two calls with the same generator must not.",
)
def draws_from_the_generator(random_shift):
    """Seed 6 twice, with other random numbers drawn in between; then once more."""
    images, generator = numbers(50, 1, 4, 4, seed=774), seeded(6)
    first = plain(random_shift(images.clone(), 1, generator))
    inside("torch.manual_seed")(99)
    same = plain(random_shift(images.clone(), 1, seeded(6)))
    expect(torch.equal(same, first), "the same seed gives two results")
    again = plain(random_shift(images.clone(), 1, generator))
    expect(not torch.equal(again, first), "a second call repeats the first")


leaves_alone(
    "random_shift",
    "leaves_the_batch_alone",
    lambda: (numbers(12, 1, 4, 4, seed=775), 1, seeded(7)),
    hint="The images that were passed in have changed: every epoch would shift them further.",
)
