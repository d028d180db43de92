# %% [markdown]
# # 06 · Training a convolutional network
#
# From raw digits to a tested classifier: loaders, models, training, evaluation, and what makes
# training fast.
#
# **You will be able to**
#
# - feed images to a network in batches, normalised without a look at the test set;
# - write the training and the evaluation of a classifier, with no mistake of the classic dozen;
# - prove that a training program works before you trust its numbers;
# - compare a linear model, a multilayer perceptron and a convnet by their learning curves;
# - find out where a model fails, and what it assumes about images;
# - train a convnet in seconds, and say which technique saves what.
#
# **You need to know** modules and autograd (notebooks 01 and 02), batch normalisation (03),
# convolution and pooling (04), optimisers and dropout (05).
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 Data in batches | `make_loaders` | 30 |
# | 2 Three models | `SoftmaxRegression`, `MLP`, `CNN` | 60 |
# | 3 Training and evaluating | `train_epoch`, `evaluate` | 50 |
# | 4 Does it work at all? | `overfit_one_batch`, written | 35 |
# | 5 Three learning curves | written (two) | 50 |
# | 6 Where it fails | `confusion_matrix`, `worst_mistakes` | 35 |
# | 7 What a convnet assumes | `shift_images`, `scramble`, written | 50 |
# | 8 What makes it fast | `one_cycle_rate`, `smooth_cross_entropy`, `random_shift` | 60 |
#
# "Written" stands for a question that you answer in words.

# %%
import copy
import math
import os
import time

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, load_digits, play, use_course_style, waits_for
from torch import nn

use_course_style()
torch.set_num_threads(1)  # one thread, so that the seconds of all models can be compared
device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## Before you start: how strange can a 4 be?
#
# Each row holds training digits of one class. On the left is the one that is nearest to the mean
# of its class, pixel by pixel; to the right they get stranger, up to the farthest one. Whoever
# compares pixels with one template a class has an easy time on the left and a hard one on the
# right.

# %% tags=["skip-execution"]
train_digits, train_labels = load_digits(full=False)
test_digits, test_labels = load_digits(train=False, full=False)

strips = []
for digit in range(10):
    of_class = train_digits[train_labels == digit]
    distance = (of_class.float() - of_class.float().mean(dim=0)).square().sum(dim=(1, 2))
    places = torch.linspace(0, 1, 22).square() * (len(of_class) - 1)
    places = (len(of_class) - 1) - places.flip(0)  # more of the strange ones
    strips.append(torch.cat(list(of_class[distance.argsort()[places.long()]]), dim=1))
figure, panel = plt.subplots(figsize=(12, 5.6), layout="constrained")
panel.imshow(torch.cat(strips), cmap="gray_r")
panel.set(yticks=[14 + 28 * k for k in range(10)], xticks=[14, 28 * 22 - 14])
panel.set_yticklabels(range(10))
panel.set_xticklabels(["nearest to the mean", "farthest"])
panel.grid(False)
panel.tick_params(length=0)
panel.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# ## 1 Data in batches
#
# A **loader** is something to loop over: one round, an **epoch**, gives all examples in batches of
# images and labels. PyTorch has one ready, `torch.utils.data.DataLoader`; it takes a
# `TensorDataset` of images and labels. Four things have to be right.
#
# - *Normalisation.* Subtract a mean $\mu$ from every pixel and divide by a standard deviation
#   $\sigma$, so that the inputs have the size that initialisations count on (notebook 03). Two
#   numbers for all pixels of all images, so that no information is lost.
# - *The test set stays unseen.* $\mu$ and $\sigma$ come from the training set. They are
#   parameters of the model like its weights: a model in use meets one image at a time, and there
#   is no mean of the test set to subtract.
# - *Shuffling.* A batch stands for the whole training set only if it is a random sample. A data
#   set sorted by class would teach the network one digit after the other, and it would forget
#   each for the next.
# - *The last batch.* 8,000 images are 62 batches of 128 and a last, **ragged** one of 64.
#
# ### Exercise 1: `make_loaders`
#
# *Medium, 20 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - `result type Float can't be cast` *or a mean that is refused*: `uint8` has no mean; convert to
#   float first.
# - *images of shape (N, 28, 28)*: a convolution wants an axis of channels; `images[:, None]` adds
#   one.
# - *the same order in every epoch*: a permutation that is drawn once is not drawn for each epoch.
# - *the order depends on what ran before*: `DataLoader` has an argument `generator`.
#
# </details>


# %% exercise="make_loaders"
def make_loaders(train_images, train_labels, test_images, test_labels, batch_size, seed):
    """Return two loaders of normalised batches, for training and for testing.

    Both loaders can be looped over any number of times, and `len(loader)` is the number of
    batches. A batch is a pair: images, float32, shape (n, 1, H, W), and labels, int64, shape
    (n,). n is batch_size; in the last batch it may be smaller. An epoch holds every example once.

    The training loader shuffles anew in every epoch; the order depends on the seed alone. The
    test loader keeps the order of the data.

    Args:
        train_images, test_images: uint8, shapes (N, H, W) and (M, H, W).
        train_labels, test_labels: int64, shapes (N,) and (M,).
        batch_size: an int.
        seed: an int, for the order of the training examples.

    Returns:
        train_loader, test_loader. Pixels are normalised to (pixel - mean) / std with the mean
        and the standard deviation of all pixels of all training images.
    """
    ### BEGIN SOLUTION
    pixels = train_images.float()
    mean, std = pixels.mean(), pixels.std()

    def dataset(images, labels):
        normalised = (images.float() - mean) / std
        return torch.utils.data.TensorDataset(normalised.unsqueeze(1), labels)

    train_loader = torch.utils.data.DataLoader(
        dataset(train_images, train_labels),
        batch_size,
        shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )
    return train_loader, torch.utils.data.DataLoader(dataset(test_images, test_labels), batch_size)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("make_loaders"):
    train_loader, test_loader = make_loaders(
        train_digits, train_labels, test_digits, test_labels, 128, seed=0
    )
    sizes = [len(labels) for _, labels in train_loader]
    print(f"{len(train_digits):,} training digits: {len(sizes)} batches, the last of {sizes[-1]}")
    print("test digits:", f"{len(test_digits):,}, in {len(test_loader)} batches")
    for name, loader in (("training", train_loader), ("test", test_loader)):
        values = torch.cat([images for images, _ in loader])
        print(
            f"{name} pixels: mean {values.mean():.4f}, standard deviation {values.std():.4f},",
            end="",
        )
        print(f" smallest {values.min():.3f}, largest {values.max():.3f}")

# %% [markdown]
# The test pixels have nearly, not exactly, mean 0 and standard deviation 1. That is as it should
# be.
#
# ## 2 Three models
#
# All three take images, shape (N, 1, H, W), and return ten **logits** for each, shape (N, 10):
# real numbers of any size, one a class. Probabilities are their softmax,
#
# $$p_c = \frac{e^{z_c}}{\sum_k e^{z_k}},$$
#
# but the model does not compute them: the loss does. For an example of class $y$ it is the
# **cross-entropy** $-\ln p_y$, and `nn.functional.cross_entropy` takes the *logits*, because the
# logarithm of a softmax can be computed without overflow only in one piece. To give it
# probabilities is not an error that anybody reports. The loss is then at least
# $-\ln\frac{e}{e + 9} = 1.46$ for ten classes, the gradients are small, and training is just bad.
#
# The third model is your own design. Read exercises 2 to 4 before you start.
#
# ### Exercise 2: `SoftmaxRegression`
#
# *Easy, 5 minutes.* The linear model: every logit is a weighted sum of all pixels plus a bias.
# A row of its weight matrix is a template for one digit.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `mat1 and mat2 shapes cannot be multiplied (84x28 and 784x10)`: the layer wants one row of
#   pixels for each image.
# - `size mismatch, got input (784), ...` *or one row for the whole batch*: the first axis, the
#   batch, must stay; `flatten` has an argument for where to start.
#
# </details>


# %% exercise="SoftmaxRegression"
class SoftmaxRegression(nn.Module):
    """A linear classifier of images.

    Args:
        pixels: the number of pixels of an image, an int.
        classes: the number of classes, an int.

    Called with images, float32, shape (N, ..., H, W) with pixels numbers each, it returns
    logits, shape (N, classes).
    """

    def __init__(self, pixels=784, classes=10):
        ### BEGIN SOLUTION
        super().__init__()
        self.linear = nn.Linear(pixels, classes)
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        return self.linear(images.flatten(1))
        ### END SOLUTION


# %% [markdown]
# ### Exercise 3: `MLP`
#
# *Medium, 15 minutes.* A multilayer perceptron: linear layers with a ReLU after each but the last.
# After each ReLU stands **dropout** (notebook 05): while the model trains, each hidden unit is set
# to zero with probability $p$ and the others are divided by $1 - p$. In evaluation mode it does
# nothing. `model.train()` and `model.eval()` switch `nn.Dropout`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *parameters are missing*: a Python list hides layers; `nn.Sequential(*layers)` and
#   `nn.ModuleList` do not.
# - *random results in evaluation mode*: `nn.functional.dropout` does not know the mode of your
#   module.
#
# </details>


# %% exercise="MLP"
class MLP(nn.Module):
    """A multilayer perceptron for images: linear, ReLU, dropout for every hidden layer.

    The layers have biases. The output layer is linear, without ReLU and dropout.

    Args:
        hidden: the widths of the hidden layers, at least one, a tuple of ints.
        dropout: the probability with which a hidden unit is dropped in training mode.
        pixels: the number of pixels of an image, an int.
        classes: the number of classes, an int.

    Called with images, float32, shape (N, ..., H, W) with pixels numbers each, it returns
    logits, shape (N, classes).
    """

    def __init__(self, hidden=(128, 64), dropout=0.2, pixels=784, classes=10):
        ### BEGIN SOLUTION
        super().__init__()
        layers = [nn.Flatten()]
        for width in hidden:
            layers += [nn.Linear(pixels, width), nn.ReLU(), nn.Dropout(dropout)]
            pixels = width
        self.layers = nn.Sequential(*layers, nn.Linear(pixels, classes))
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        return self.layers(images)
        ### END SOLUTION


# %% [markdown]
# ### Exercise 4: `CNN`
#
# *Medium, 30 minutes.* Your own convnet. It consists of at least two **blocks**, each made of a
# convolution, a non-linearity and a max-pooling, in the order that you like, and of one or more
# dense layers after them. Batch normalisation and dropout each have a place somewhere. Sizes,
# kernels, strides and the rest are yours; a written question in section 5 asks for your reasons.
# Two to start from: with every pooling there are fewer pixels, so the network can afford more
# channels; and most parameters usually sit in the first dense layer.
#
# Begin small. On one core of a laptop an epoch of 8,000 digits should take about a second or two.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `mat1 and mat2 shapes cannot be multiplied (128x392 and 784x10)`: print the shape before the
#   dense layer. A 3 by 3 convolution without padding takes two pixels off, a pooling halves.
# - `Expected more than 1 value per channel when training`: batch normalisation over a batch of one
#   example without pixels. Its place is between the convolutions.
# - *it does not learn*: dropout at the very end throws away scores; batch normalisation of the
#   scores, too, does no good.
#
# </details>


# %% exercise="CNN"
class CNN(nn.Module):
    """A convnet for digits: two or more blocks of convolution, non-linearity and max-pooling.

    Layers come from torch.nn. It has at least one batch normalisation and one dropout, which
    both depend on the mode, and at most 500,000 parameters.

    Called with images, float32, shape (N, 1, 28, 28), it returns logits, shape (N, 10).
    """

    def __init__(self):
        ### BEGIN SOLUTION
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 24, 5),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(24),
            nn.ReLU(),
        )
        self.classify = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(24 * 4 * 4, 10))
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        return self.classify(self.features(images))
        ### END SOLUTION


# %%
with waits_for("SoftmaxRegression", "MLP", "CNN"):
    for kind in (SoftmaxRegression, MLP, CNN):
        shapes = [tuple(p.shape) for p in kind().parameters()]
        total = sum(math.prod(shape) for shape in shapes)
        largest = max(shapes, key=math.prod)
        print(f"{kind.__name__}: {total:,} parameters, the largest tensor of shape {largest}")

# %% [markdown]
# ## 3 Training and evaluating
#
# ### Exercise 5: `train_epoch`
#
# *Medium, 20 minutes.* One epoch of training. For every batch: logits, loss, gradient, step. What
# can go wrong has mostly no error message.
#
# - The model may come in evaluation mode, and its parameters may hold gradients of somebody's
#   `backward`.
# - Move images and labels to the device of the model; `next(model.parameters()).device` names it.
# - The result is the mean over the *examples*. A ragged batch of 64 counts half as much as one of
#   128. `cross_entropy` has divided by the size of its batch already.
# - A loss is the end of a graph. If you add up losses as tensors, the graphs of all batches stay in
#   memory until the epoch is over. `loss.item()` is a float.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `Expected all tensors to be on the same device`: images *and* labels have to move.
# - *the loss falls at first, then jumps about*: whose gradients does the optimizer use?
# - *`'list' object has no attribute 'dataset'`*: a loader is anything that gives batches; count the
#   examples yourself.
#
# </details>


# %% exercise="train_epoch"
def train_epoch(model, loader, optimizer, loss_function=nn.functional.cross_entropy):
    """Train a model for one epoch, one step of the optimizer after each batch.

    The model is trained, and left, in training mode. Batches are moved to its device.

    Args:
        model: a module that returns logits, shape (n, C), for images, shape (n, 1, H, W).
        loader: gives batches (images, labels), for instance a list of such pairs.
        optimizer: a torch optimizer that holds the parameters of the model.
        loss_function: takes logits and labels, returns the mean loss of the batch, a tensor of
            shape ().

    Returns:
        the mean loss over all examples of the epoch, a float; the loss of a batch is that before
        its step.
    """
    ### BEGIN SOLUTION
    place = next(model.parameters()).device
    model.train()
    total, examples = 0.0, 0
    for images, labels in loader:
        labels = labels.to(place)
        loss = loss_function(model(images.to(place)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        examples += len(labels)
    return total / examples
    ### END SOLUTION


# %% [markdown]
# ### Exercise 6: `evaluate`
#
# *Medium, 15 minutes.* Loss and accuracy of a model on a data set. **Accuracy** is the share of the
# examples whose largest logit is that of the true class, a number from 0 to 1. Evaluation mode is
# necessary, no gradients are; and the caller gets the model back in the mode in which it came:
# `model.training` tells it.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *an accuracy of about 90 where 0.9 is expected*: a percentage is not a fraction.
# - `The size of tensor a (10) must match the size of tensor b (128)`: the largest logit of each
#   *row*.
# - *dropout is off after the first evaluation*: see the last sentence above.
#
# </details>


# %% exercise="evaluate"
def evaluate(model, loader):
    """Return the mean cross-entropy and the accuracy of a model on the examples of a loader.

    The model works in evaluation mode and records no gradients. Afterwards it is in the mode in
    which it was before. Batches are moved to its device.

    Args:
        model: a module that returns logits, shape (n, C), for images, shape (n, 1, H, W).
        loader: gives batches (images, labels), which may differ in size.

    Returns:
        loss: the mean over all examples, a float.
        accuracy: the share of the examples that are classified correctly, a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    place = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total, correct, examples = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            labels = labels.to(place)
            logits = model(images.to(place))
            total += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            correct += (logits.argmax(dim=1) == labels).sum().item()
            examples += len(labels)
    model.train(was_training)
    return total / examples, correct / examples
    ### END SOLUTION


# %% [markdown]
# ## 4 Does it work at all?
#
# A training program with a mistake often trains, only worse. Three quick experiments find most
# mistakes before the long run.
#
# **The first loss.** A new model knows nothing: it should give every one of $C$ classes about the
# probability $1/C$. Its loss is then near $\ln C$, for ten classes 2.303. Much more means that it
# is *sure* of wrong answers: look at initialisation and normalisation.

# %% tags=["skip-execution"]
with waits_for("SoftmaxRegression", "MLP", "CNN", "evaluate", "test_loader"):
    print(f"ln 10 = {math.log(10):.3f}")
    raw_loader = [(test_digits[:, None].float(), test_labels)]
    for kind in (SoftmaxRegression, MLP, CNN):
        torch.manual_seed(0)
        fresh = kind().to(device)
        loss, accuracy = evaluate(fresh, test_loader)
        raw_loss, _ = evaluate(fresh, raw_loader)
        print(f"{kind.__name__}: first loss {loss:.3f}, accuracy {accuracy:.3f};", end="")
        print(f" with pixels from 0 to 255: loss {raw_loss:.3f}")

# %% [markdown]
# **One batch.** A network with more parameters than a batch has labels can learn the batch by
# heart, so its loss must go to zero. If it does not, something is broken: a layer without
# gradients, a learning rate out of range, images that lost their labels.
#
# ### Exercise 7: `overfit_one_batch`
#
# *Easy, 5 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - `not enough values to unpack` *or* `too many values`: a loader is a *list of* batches, even if
#   there is only one.
#
# </details>


# %% exercise="overfit_one_batch"
def overfit_one_batch(model, images, labels, optimizer, steps):
    """Train a model on the same batch again and again, in training mode.

    Args:
        model, optimizer: as for train_epoch.
        images, labels: the batch, shapes (n, 1, H, W) and (n,).
        steps: how many steps of the optimizer to take, an int.

    Returns:
        a list of floats: the cross-entropy before each step.
    """
    ### BEGIN SOLUTION
    return [train_epoch(model, [(images, labels)], optimizer) for _ in range(steps)]
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("CNN", "train_epoch", "overfit_one_batch", "test_loader"):
    images, labels = (part[:32] for part in next(iter(test_loader)))
    torch.manual_seed(1)
    experiments = {
        "true labels": (images, labels),
        "labels drawn by lot": (images, torch.randint(0, 10, (32,))),
        "images replaced by zeros": (torch.zeros_like(images), labels),
    }
    figure, panel = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
    for name, batch in experiments.items():
        torch.manual_seed(2)
        model = CNN().to(device)
        adam = torch.optim.Adam(model.parameters(), lr=3e-3)
        losses = overfit_one_batch(model, *batch, adam, 40)
        panel.semilogy(range(40), losses, label=name)
        print(
            f"{name}: loss {losses[0]:.3f} before the first step, {losses[-1]:.4f} before the last"
        )
    shares = labels.bincount() / 32
    entropy = -(shares * shares.clamp(min=1e-9).log()).sum()
    print(f"entropy of the 32 true labels: {entropy:.3f}, ln 10: {math.log(10):.3f}")
    panel.axhline(math.log(10), color="0.4", lw=1, ls=":")
    panel.text(39, math.log(10) * 1.08, "ln 10", color="0.3", ha="right")
    panel.set(xlabel="step", ylabel="cross-entropy", title="A convnet learns 32 digits by heart")
    panel.legend(loc="lower left")
    plt.show()

# %% [markdown]
# Even labels drawn by lot are learned: to fit the training set proves nothing about digits. And
# without images a model can learn how frequent each class is, and no more: the loss cannot fall
# below the entropy of the labels. If *your* loss curve looks like that one, your images do not
# arrive.
#
# **Permuted labels.** Now permute the labels of a training set of 2,000 digits. Whatever the
# network learns is noise, so on the test set it must be near chance, 10 %. Much more would mean
# that test data leak into training. (A few per cent to either side are no leak: the network gives
# many similar test digits the same wrong label, so its hits are not independent.)

# %% tags=["skip-execution"]
with waits_for("make_loaders", "MLP", "train_epoch", "evaluate", "test_loader"):
    torch.manual_seed(3)
    permuted = train_labels[:2000][torch.randperm(2000)]
    noise_loader, _ = make_loaders(
        train_digits[:2000], permuted, test_digits, test_labels, 64, seed=1
    )
    model = MLP(dropout=0.0).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    seen, unseen = [], []
    for _ in range(15):
        train_epoch(model, noise_loader, adam)
        seen.append(evaluate(model, noise_loader)[1])
        unseen.append(evaluate(model, test_loader)[1])
    figure, panel = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
    panel.plot(range(1, 16), seen, label="training set, permuted labels")
    panel.plot(range(1, 16), unseen, label="test set, true labels")
    panel.axhline(0.1, color="0.4", lw=1, ls=":")
    panel.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1), title="An MLP learns noise")
    panel.set_xticks(range(0, 16, 5))
    panel.legend(loc="upper left")
    plt.show()
    print(f"after {len(seen)} epochs: accuracy {seen[-1]:.3f} on the training examples,", end="")
    print(f" {unseen[-1]:.3f} on the test set")

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: what the experiments rule out
#
# *3 points, 15 minutes.* For each of the three experiments name one mistake in a training program
# that it would reveal, and say what you would see. Then name a mistake that none of them reveals.

# %% [markdown] points=3 written="sanity_checks"
# ### BEGIN SOLUTION
# *First loss.* Images that are not normalised: the first loss is far above $\ln 10$, as the last
# column of the table shows. (Also: an output layer with large weights, or a wrong number of
# classes.) Softmax before the cross-entropy does *not* show here: equal probabilities
# have the loss $\ln 10$, too.
#
# *One batch.* A step that is missing, an optimizer that holds the parameters of another model, a
# layer without gradients: the loss stays near its first value. Softmax before the cross-entropy:
# it stops at 1.46. Images that do not arrive: it stops at the entropy of the labels.
#
# *Permuted labels.* Test images, or their labels, that leak into training: the test accuracy is
# far above 10 %.
#
# None of them reveals, for example, that the model is evaluated in training mode, that the training
# data are not shuffled (one batch needs no order, nor does chance), or that the mean
# loss is wrong for a ragged batch. These need checks of their own.
#
# ### BEGIN RUBRIC
# - 1 point: a fitting mistake and its symptom for the first loss and for the single batch (half a
#   point each).
# - 1 point: permuted labels: leakage from the test set, test accuracy above chance.
# - 1 point: a mistake that none reveals, with the reason.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 5 Three learning curves
#
# Now the long run. The next cell shows progress while it works: a bar for the batches, and the
# **learning curves** so far after each epoch. Loss and accuracy are measured at the same moment, in
# evaluation mode, on the test set and on about 2,000 training examples. The mean loss that
# `train_epoch` returns is no substitute for the latter: it belongs to the changing weights of a
# whole epoch, with dropout on.
#
# All three models get the same batches, Adam with learning rate 0.002, and the same number of
# epochs. These were fixed beforehand. Whoever tries several and takes the one with the best *test*
# accuracy has trained on the test set, by hand; choose on validation data (notebook 05).

# %% tags=["skip-execution"]
LIVE = not os.environ.get("COURSE_STATIC_FIGURES")


class Progress:
    """A bar that fills while somebody loops over batches; nothing where nobody is watching."""

    def __init__(self, total):
        self.total, self.done, self.text, self.shown, self.handle = total, 0, "", 0.0, None
        if LIVE:
            from IPython.display import HTML, display

            self.html = HTML
            self.handle = display(HTML(""), display_id=True)

    def watch(self, batches, text):
        """Give the batches on, one by one, and count them."""
        self.text = text
        for batch in batches:
            yield batch
            self.done += 1
            if self.handle and (time.time() - self.shown > 0.2 or self.done == self.total):
                self.shown = time.time()
                bar = f'<progress value="{self.done}" max="{self.total}"></progress>'
                self.handle.update(
                    self.html(f"{bar} {self.text}, batch {self.done} of {self.total}")
                )


def draw_curves(axes, histories):
    """Draw loss and accuracy against the epoch: dashed for training data, solid for test data."""
    for panel, column, name in zip(axes, (0, 1), ("cross-entropy", "accuracy"), strict=True):
        panel.clear()
        panel.grid(visible=True, alpha=0.3)
        for colour, marker, (model_name, rows) in zip(
            COLOURS, "os^", histories.items(), strict=False
        ):
            for offset, dash, part in ((0, "--", "training"), (2, "-", "test")):
                values = [row[column + offset] for row in rows]
                label = f"{model_name}, {part}"
                size = {"marker": marker, "ms": 5, "mfc": "white" if dash == "--" else colour}
                panel.plot(range(len(rows)), values, dash, color=colour, label=label, **size)
        panel.set(xlabel="epoch", ylabel=name)
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set(yscale="log", title="Loss")
    axes[1].set(ylim=(0.8, 1.005), title="Accuracy")
    axes[1].legend(fontsize=9, loc="lower right")


def fit(models, epochs, loaders, rate=2e-3):
    """Train models and draw their learning curves while they grow.

    Args:
        models: a dictionary from a name to a module.
        epochs: how many.
        loaders: a training loader and a test loader.
        rate: Adam's learning rate.

    Returns:
        histories: for every model a list of rows, before and after every epoch: training loss and
            accuracy, test loss and accuracy.
        seconds: for every model the CPU time of its training alone.
    """
    batches, tests = loaders
    sample, count = [], 0
    for images, labels in batches:
        sample.append((images, labels))
        count += len(labels)
        if count >= 2000:
            break
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    histories, seconds, shown = {}, {}, None
    if LIVE:
        from IPython.display import display

        shown = display(figure, display_id=True)
    progress = Progress(len(models) * epochs * len(batches))
    for name, model in models.items():
        adam = torch.optim.Adam(model.parameters(), lr=rate)
        rows, seconds[name] = histories.setdefault(name, []), 0.0
        for epoch in range(epochs + 1):
            if epoch:
                start = time.process_time()
                train_epoch(model, progress.watch(batches, f"{name}, epoch {epoch}"), adam)
                seconds[name] += time.process_time() - start
            rows.append((*evaluate(model, sample), *evaluate(model, tests)))
            draw_curves(axes, histories)
            if shown:
                shown.update(figure)
    if shown:
        plt.close(figure)
    else:
        plt.show()
    return histories, seconds


# %% tags=["skip-execution"]
needed = ("SoftmaxRegression", "MLP", "CNN", "train_epoch", "evaluate", "train_loader")
with waits_for(*needed):
    untrained = {}
    for name, kind in (("softmax regression", SoftmaxRegression), ("MLP", MLP), ("CNN", CNN)):
        torch.manual_seed(4)
        untrained[name] = kind().to(device)
    histories, seconds = fit(untrained, 4, (train_loader, test_loader))
    models = untrained

# %% tags=["skip-execution"]
with waits_for("histories"):
    print(
        "model                parameters   CPU s   train loss   test loss   train acc.   test acc."
    )
    for name, rows in histories.items():
        total = sum(p.numel() for p in models[name].parameters())
        seen_loss, seen_share, test_loss, test_share = rows[-1]
        print(f"{name:20s}  {total:9,}  {seconds[name]:6.1f}", end="")
        print(f"  {seen_loss:11.3f}  {test_loss:10.3f}  {seen_share:11.2%}  {test_share:10.2%}")
    error = math.sqrt(0.97 * 0.03 / len(test_labels))
    print(f"standard error of an accuracy of 97 % on {len(test_labels):,} digits: {error:.2%}")

# %% [markdown]
# The last line says how far chance alone moves such an accuracy: differences below twice that are
# not worth a story.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: do they generalise?
#
# *5 points, 25 minutes.* For each of the three models: does it generalise? Read the gap between
# training and test curves, for the loss and for the accuracy, and where each curve is heading.
# Which model underfits, which begins to overfit? Compare the convnet with the two others in
# accuracy, parameters and seconds.

# %% [markdown] points=5 written="do_they_generalise"
# ### BEGIN SOLUTION
# *Softmax regression* underfits. It has the lowest accuracy on the training examples, too: 94.0 %,
# and 91.4 % on the test set. Its test loss moves little after the second epoch and ends at 0.32;
# more epochs would mostly widen the gap to the training loss, 0.24. One template a class cannot
# express more.
#
# *The MLP* reaches 97 % on the training examples and 94 % on the test set. Its training loss
# goes on falling, to 0.11, and its test loss follows ever more slowly, to 0.21: the gap grows with
# every epoch, so it begins to overfit. It still generalises: the test curves have not turned.
#
# *The convnet* has 99 % and 97.3 %, losses 0.05 and 0.09. Its gap in accuracy, 1.5 points, is
# half of the MLP's 2.8 points, and its test loss is still falling. It generalises best.
#
# The convnet beats the MLP by more than 3 points of accuracy, many times the standard error, with
# 8,946 parameters against 109,386, hardly more than the 7,850 of the linear model. It costs more:
# about five times the CPU seconds of the MLP. The reason of both is weight sharing. A shared weight
# is one parameter, and takes part in a multiplication at every place.
#
# ### BEGIN RUBRIC
# - 1 point: softmax regression: small gap, both curves flatten at a poor value: underfits.
# - 1 point: MLP: training curve goes on to fall, the gap grows: begins to overfit, yet generalises.
# - 1 point: CNN: best test curve, small gap.
# - 1 point: reads loss and accuracy, and refers to numbers or places of the figure.
# - 1 point: compares accuracy, parameters and seconds of the three, with a reason (shared weights).
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: your design
#
# *5 points, 25 minutes.* Describe your MLP and your convnet: depth, widths, kernels, pooling,
# where batch normalisation and dropout stand and why there, the loss, the optimiser with its
# learning rate, batch size, number of epochs, initialisation. Give a reason for each choice: a
# measurement, an argument, or "a default, not explored". What would you try next, and how would
# you decide whether it is better?

# %% [markdown] points=5 written="design"
# ### BEGIN SOLUTION
# *MLP.* Two hidden layers of 128 and 64 units with ReLU, so that gradients do not vanish; 109,386
# parameters, most of them in the first layer. Dropout 0.2 after each hidden layer, because there
# are more parameters than training examples. Widths and dropout are guesses, not explored.
#
# *Convnet.* Convolution 5 by 5 to 8 channels, max-pooling, batch normalisation, ReLU; the same to
# 24 channels; then dropout 0.3 and one dense layer from 24 · 4 · 4 = 384 numbers to 10 logits.
# Sizes: 28, 24, 12, 8, 4. Two blocks, because after them a number sees 16 by 16 pixels, most of a
# digit. No padding: the digits have an empty margin, so nothing is lost there, and smaller maps are
# faster. More channels where there are fewer pixels. Batch normalisation after pooling, on a
# quarter of the pixels. Dropout only before the dense layer: convolutions have few parameters. No
# hidden dense layer, which would hold most of the parameters.
#
# *Loss.* Cross-entropy of the logits: minus the log-likelihood of the labels, and its gradient,
# softmax minus target, does not vanish where the model is wrong and sure.
#
# *Optimiser.* Adam, since it needs little tuning; rate 0.002, batches of 128 and four epochs are
# values that worked, the same for all three models; initialisation is PyTorch's default.
#
# *Next* I would try a falling learning rate and shifted training images, on 1,000 digits set aside
# from the training set, with three seeds each, and touch the test set once, at the end. The
# convnet does clearly better than the two other models.
#
# ### BEGIN RUBRIC
# - 2 points: the architecture is described so that somebody could rebuild it, with reasons for the
#   number of blocks, the channels and the places of pooling, batch normalisation and dropout.
# - 1 point: the loss and why it takes logits.
# - 1 point: optimiser, learning rate, batch size, epochs, initialisation: each chosen, or named
#   as a default.
# - 1 point: a next experiment, decided on validation data, not on the test set.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 6 Where it fails
#
# One number hides which digits are confused. The **confusion matrix** counts, for every true class
# (its row), how often every class (its column) was predicted. The diagonal holds what is right.
#
# ### Exercise 8: `confusion_matrix`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *only ones and zeros*: with an index that holds a place twice, `+=` adds once. Loop over the
#   examples, or count the numbers `classes * label + prediction` with `torch.bincount`.
# - *the transposed matrix*: what is a row, what is a column?
#
# </details>


# %% exercise="confusion_matrix"
def confusion_matrix(predictions, labels, classes):
    """Count how often every class was taken for every other.

    Args:
        predictions: the predicted classes, int64, shape (N,).
        labels: the true classes, int64, shape (N,).
        classes: the number of classes, an int; some may not occur.

    Returns:
        int64, shape (classes, classes): entry [i, j] is the number of examples of the true class
        i that were predicted as class j.
    """
    ### BEGIN SOLUTION
    pairs = torch.bincount(classes * labels + predictions, minlength=classes**2)
    return pairs.reshape(classes, classes)
    ### END SOLUTION


# %% tags=["skip-execution"]
def logits_of(model, images):
    """Return the logits of normalised images on the CPU, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part.to(device)).cpu() for part in images.split(500)])


with waits_for("models", "test_loader", "confusion_matrix"):
    test_images = torch.cat([images for images, _ in test_loader])
    logits = {name: logits_of(model, test_images) for name, model in models.items()}
    figure, axes = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained")
    for panel, name in zip(axes, ("softmax regression", "CNN"), strict=True):
        matrix = confusion_matrix(logits[name].argmax(dim=1), test_labels, 10)
        mistakes = matrix - torch.diag(matrix.diag())
        panel.imshow(mistakes, cmap="Oranges", vmin=0, vmax=14)
        for i in range(10):
            for j in range(10):
                if matrix[i, j]:
                    colour = "0.55" if i == j else "white" if matrix[i, j] > 8 else "black"
                    panel.text(j, i, matrix[i, j].item(), ha="center", va="center", color=colour)
        panel.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true class")
        panel.set_title(f"{name}: {mistakes.sum()} mistakes in {matrix.sum():,}")
        panel.grid(False)
        worst = mistakes.flatten().argmax().item()
        print(f"{name}: most often {worst // 10} is taken for {worst % 10}, {mistakes.max()} times")
    plt.show()

# %% [markdown]
# ### Exercise 9: `worst_mistakes`
#
# *Medium, 15 minutes.* Look at the data, above all at what the model gets wrong. The worst mistakes
# are those with the largest loss: the model gave the truth next to no probability.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *an example that is right*: keep the mistakes first, then sort.
# - *indices that are too small*: positions among the mistakes are not positions in the data set.
# - *another order*: compare probabilities, not logits, of the true class.
#
# </details>


# %% exercise="worst_mistakes"
def worst_mistakes(logits, labels, count):
    """Return the indices of the wrongly classified examples with the largest cross-entropy.

    Args:
        logits: floating point, shape (N, C).
        labels: the true classes, int64, shape (N,).
        count: how many to return at most, an int.

    Returns:
        int64, shape (k,), the largest loss first; k is count, or the number of mistakes if that
        is smaller, possibly 0. No two losses are equal.
    """
    ### BEGIN SOLUTION
    losses = nn.functional.cross_entropy(logits, labels, reduction="none")
    wrong = (logits.argmax(dim=1) != labels).nonzero()[:, 0]
    return wrong[losses[wrong].argsort(descending=True)][:count]
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("logits", "worst_mistakes"):
    worst = worst_mistakes(logits["CNN"], test_labels, 16).tolist()
    shares = logits["CNN"].softmax(dim=1)
    figure, axes = plt.subplots(2, 8, figsize=(12, 4.1), layout="constrained")
    for panel, k in zip(axes.flat, worst, strict=False):
        panel.imshow(test_digits[k], cmap="gray_r")
        guess = shares[k].argmax().item()
        panel.set_title(f"{test_labels[k]}, taken for {guess}", fontsize=10)
        panel.set_xlabel(f"p({guess}) = {shares[k, guess]:.2f}", fontsize=9)
    for panel in axes.flat:
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
        panel.spines[:].set_visible(False)
    figure.suptitle("The convnet's worst mistakes")
    plt.show()

# %% [markdown]
# Some of them you might have got wrong, too. Others nobody would: there the model lacks something
# that you know. Go through the mistakes one by one, and see what the other models say.


# %% tags=["skip-execution"]
def show_mistake(number):
    """Draw one of the convnet's mistakes, and what all models think of it."""
    with waits_for("logits", "worst_mistakes"):
        wrong = worst_mistakes(logits["CNN"], test_labels, 1000).tolist()
        k = wrong[min(number, len(wrong)) - 1]
        _, axes = plt.subplots(1, 2, figsize=(10, 3.3), width_ratios=(1, 2.4), layout="constrained")
        axes[0].imshow(test_digits[k], cmap="gray_r")
        axes[0].set(xticks=[], yticks=[], title=f"test digit {k}, a {test_labels[k]}")
        axes[0].grid(False)
        for offset, (name, hatch) in enumerate(zip(logits, ("", "//", ".."), strict=True)):
            places = [c + 0.27 * (offset - 1) for c in range(10)]
            axes[1].bar(places, logits[name][k].softmax(dim=0), 0.27, label=name, hatch=hatch)
        axes[1].axvspan(test_labels[k] - 0.5, test_labels[k] + 0.5, color="0.9", zorder=0)
        axes[1].set(xticks=range(10), ylim=(0, 1), xlabel="class (grey: the truth)")
        axes[1].set(
            ylabel="probability", title=f"mistake {min(number, len(wrong))} of {len(wrong)}"
        )
        axes[1].legend()
        plt.show()


play(show_mistake, number=(3, 1, 40, 1))

# %% [markdown]
# ## 7 What a convnet assumes
#
# A convolution looks at neighbouring pixels, with the same weights everywhere. These are
# assumptions about images. The MLP makes neither. To see what they are worth, break them: shift
# the digits, and scramble their pixels.
#
# ### Exercise 10: `shift_images`
#
# *Medium, 15 minutes.* What leaves the picture is lost, and what comes in has a fixed value.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the digit comes in again on the other side*: `torch.roll` turns the picture round.
# - *wrong for negative shifts, or for 0*: `images[..., -0:]` is everything, not nothing.
# - *`The expanded size of the tensor` for large shifts*: then nothing is left of the picture.
#
# </details>


# %% exercise="shift_images"
def shift_images(images, dx, dy, fill=0):
    """Shift images by whole pixels.

    Args:
        images: shape (..., H, W), any dtype; they stay as they are.
        dx: by how many pixels to the right, an int; negative: to the left. It may exceed W.
        dy: by how many pixels down, an int; negative: up. It may exceed H.
        fill: the value of the pixels that come in.

    Returns:
        a new tensor of the same shape, dtype and device.
    """
    ### BEGIN SOLUTION
    height, width = images.shape[-2:]
    result = torch.full_like(images, fill)
    if abs(dx) < width and abs(dy) < height:
        to_rows, to_columns = (
            slice(max(dy, 0), height + min(dy, 0)),
            slice(max(dx, 0), width + min(dx, 0)),
        )
        rows, columns = (
            slice(max(-dy, 0), height - max(dy, 0)),
            slice(max(-dx, 0), width - max(dx, 0)),
        )
        result[..., to_rows, to_columns] = images[..., rows, columns]
    return result
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("models", "test_images", "evaluate", "shift_images"):
    background = test_images.min().item()
    steps = list(range(-8, 9, 2))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 4), layout="constrained", width_ratios=(1.4, 1)
    )
    for (name, model), marker in zip(models.items(), "os^", strict=True):
        shares = []
        for dx in steps:
            moved = shift_images(test_images[:1000], dx, 0, background)
            shares.append(evaluate(model, [(moved, test_labels[:1000])])[1])
        left.plot(steps, shares, marker=marker, label=name)
        print(f"{name}: shifted by 0, 2, 4, 6 pixels to the right: accuracy", end=" ")
        print(", ".join(f"{share:.3f}" for share in shares[4:8]))
    left.axhline(0.1, color="0.4", lw=1, ls=":")
    left.set(xlabel="pixels to the right", ylabel="accuracy", ylim=(0, 1.02))
    left.set(title="Trained on centred digits, tested on shifted ones")
    left.legend(loc="upper left", fontsize=10)
    rows = [
        torch.cat([shift_images(test_digits[k], dx, 0) for dx in (-6, -3, 0, 3, 6)], 1)
        for k in (1, 2, 4)
    ]
    right.imshow(torch.cat(rows), cmap="gray_r")
    right.set(xticks=[14 + 28 * k for k in range(5)], yticks=[], xlabel="pixels to the right")
    right.set_xticklabels([-6, -3, 0, 3, 6])
    for k in range(1, 5):
        right.axvline(28 * k - 0.5, color="0.6", lw=1, ls="-")
    right.grid(False)
    plt.show()

# %% [markdown]
# Convolution is shift *equivariant*: the feature maps shift with the digit (notebook 04). Pooling
# makes them tolerant of a pixel or two. But the dense layer at the end has a weight of its own for
# every place of the last feature map, and the training digits are all centred. So the convnet
# stands shifts better, and yet not well. Try it:


# %% tags=["skip-execution"]
def show_shifted(right, down, digit):
    """Draw a shifted test digit and the probabilities of two models."""
    with waits_for("models", "test_images", "shift_images"):
        k = (test_labels == digit).nonzero()[3, 0]
        image = shift_images(test_images[k : k + 1], right, down, test_images.min().item())
        _, axes = plt.subplots(1, 2, figsize=(10, 3.3), width_ratios=(1, 2.4), layout="constrained")
        axes[0].imshow(image[0, 0], cmap="gray_r")
        axes[0].set(xticks=[], yticks=[], title=f"{right} to the right, {down} down")
        axes[0].grid(False)
        for offset, name, hatch in ((-0.2, "MLP", ""), (0.2, "CNN", "//")):
            share = logits_of(models[name], image)[0].softmax(dim=0)
            places = [c + offset for c in range(10)]
            axes[1].bar(places, share, 0.4, label=name, hatch=hatch)
        axes[1].axvspan(digit - 0.5, digit + 0.5, color="0.9", zorder=0)
        axes[1].set(xticks=range(10), ylim=(0, 1.02), xlabel="class (grey: the truth)")
        axes[1].set(ylabel="probability", title="What the models think it is")
        axes[1].legend()
        plt.show()


play(show_shifted, right=(4, -12, 12, 1), down=(0, -12, 12, 1), digit=(7, 0, 9, 1))

# %% [markdown]
# ### Exercise 11: `scramble`
#
# *Easy, 10 minutes.* One permutation of the pixels, the same for all images. No information is
# lost: whoever knows the permutation can undo it.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *another permutation than expected*: the new pixel $k$ is the old pixel `permutation[k]`, not
#   the other way round.
# - *wrong for a batch*: number the pixels of each image for itself.
#
# </details>


# %% exercise="scramble"
def scramble(images, permutation):
    """Permute the pixels of images, in the same way in all of them.

    Args:
        images: shape (..., H, W), any dtype; they stay as they are.
        permutation: int64, shape (H * W,), each of 0 to H * W - 1 once. Pixels are numbered row by
            row.

    Returns:
        a new tensor of the same shape and dtype, whose pixel k of every image (and channel) is
        its old pixel permutation[k].
    """
    ### BEGIN SOLUTION
    return images.flatten(-2)[..., permutation].reshape(images.shape)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("make_loaders", "MLP", "CNN", "train_epoch", "evaluate", "scramble"):
    order = torch.randperm(28 * 28, generator=torch.Generator().manual_seed(5))
    scrambled = [scramble(digits, order) for digits in (train_digits, test_digits)]
    figure, axes = plt.subplots(2, 8, figsize=(11, 3), layout="constrained")
    for column in range(8):
        for row, digits in enumerate((test_digits, scrambled[1])):
            axes[row, column].imshow(digits[column], cmap="gray_r")
            axes[row, column].set(xticks=[], yticks=[])
            axes[row, column].grid(False)
    axes[0, 0].set_ylabel("digits")
    axes[1, 0].set_ylabel("scrambled")
    plt.show()

    loaders = make_loaders(scrambled[0], train_labels, scrambled[1], test_labels, 128, seed=0)
    shares = {}
    for name, kind in (("MLP", MLP), ("CNN", CNN)):
        torch.manual_seed(4)
        model = kind().to(device)
        adam = torch.optim.Adam(model.parameters(), lr=2e-3)
        for _ in range(4):
            train_epoch(model, loaders[0], adam)
        shares[name] = evaluate(model, loaders[1])[1]
    scrambled_share = shares

# %% tags=["skip-execution"]
with waits_for("histories", "test_images", "background", "scrambled_share", "shift_images"):
    moved = shift_images(test_images, 3, 0, background)
    print("test accuracy            digits   digits shifted by 3   trained and tested scrambled")
    for name in ("MLP", "CNN"):
        shifted_share = evaluate(models[name], [(moved, test_labels)])[1]
        print(f"{name:22s}  {histories[name][-1][3]:7.2%}  {shifted_share:20.2%}", end="")
        print(f"  {scrambled_share[name]:28.2%}")

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: what scrambling tells
#
# *4 points, 20 minutes.* (a) Why does scrambling leave the MLP as good as before? (b) What does it
# take from the convnet, and which of the convnet's assumptions does that show to hold for digits?
# (c) Why is the convnet not perfect on shifted digits, although convolution is shift equivariant?
# Name two ways to make it better.

# %% [markdown] points=4 written="scrambling"
# ### BEGIN SOLUTION
# (a) A dense layer does not know the order of its inputs. If the pixels are permuted, the same
# permutation of the columns of the first weight matrix gives the same function, and the random
# start treats all columns alike. Before and after it reads 94 %; another seed could make the few
# tenths between them, too.
#
# (b) The convnet falls from 97 % to 92 %, below the MLP. Its kernels look at pixels that are
# neighbours no longer, so there are no strokes to find; a kernel that fits at one place means
# nothing at another, so weights are shared for no reason; pooling throws away which of four
# unrelated pixels was on. On real digits these assumptions gain more than 3 points: pixels that
# belong together lie together, and the same strokes occur at different places.
#
# (c) Only convolution is equivariant. The dense layer behind it has its own weights for each place
# of the last 4 by 4 map, and has seen centred digits only; pooling is equivariant only to multiples
# of 2, and pixels leave at the border. So about 86 % are left at a shift by 3 (the MLP: half).
# Better: train on shifted digits; average over all places (global pooling) before the dense layer;
# or centre every digit by its centre of mass first.
#
# ### BEGIN RUBRIC
# - 1 point: (a) a dense layer does not know the order of its inputs: the columns of its first
#   weight matrix are permuted; initialisation treats all pixels alike.
# - 1 point: (b) neighbours, local patterns are gone; weights shared over places no longer help;
#   with the numbers.
# - 1 point: (b) so in digits near pixels belong together and patterns recur at different places
#   (locality, stationarity).
# - 1 point: (c) the dense layer, the border and pooling are not invariant, training digits are
#   centred; shifted training images, global pooling, or centring the input.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 8 What makes it fast
#
# A course homework of 2019 trained a convnet on the full MNIST: two convolutions of 5 by 5 with 32
# and 64 channels, each with a pooling, two dense layers of 100, Adam with rate $10^{-3}$, batches
# of 128, four epochs. It reports 99.15 %. How much of that work was necessary? The techniques below
# come from people who train the same accuracy in a fraction of the time. `benchmarks/mnist.py` in
# the course repository runs both on the full MNIST and prints what it costs.
#
# **Fewer operations a step.**
#
# - *Leave out what is empty.* A digit has a margin without ink; whoever crops the outermost pixels
#   saves their multiplications. And where a first layer moves its kernel by two pixels at a time,
#   by **stride** 2, the second, the most expensive one, has a quarter of the places.
# - *Small kernels.* A kernel of 3 by 3 has 9 weights where one of 5 by 5 has 25, and two layers
#   in a row see as far.
# - *Pool before you normalise.* Most of the pixels are in front of the pooling. Batch
#   normalisation and ReLU behind it have a quarter of the work. Max-pooling and ReLU may change
#   places without any effect on the result: both keep the order of numbers.
# - *Memory layout.* A tensor (N, C, H, W) usually lies in memory channel by channel. With
#   `torch.channels_last` all channels of a pixel lie together, which convolutions on many
#   processors like better. Shapes and results stay the same.
#
# How much is it? The cell times one training step of four networks on the same batch.


# %% tags=["skip-execution"]
def block(inputs, outputs, pool_first):
    """Return a convolution, then pooling and normalisation in one order or the other."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    pooling, normalisation = nn.MaxPool2d(2), nn.BatchNorm2d(outputs)
    middle = (pooling, normalisation) if pool_first else (normalisation, pooling)
    return nn.Sequential(convolution, *middle, nn.ReLU())


def small_convnet(pool_first=True):
    """Return the fast convnet: three blocks of 16, 32 and 64 channels and one dense layer."""
    blocks = [block(a, b, pool_first) for a, b in ((1, 16), (16, 32), (32, 64))]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(64 * 3 * 3, 10))


def homework_convnet():
    """Return the convnet of the homework."""
    convolutions = [
        part
        for inputs, outputs in ((1, 32), (32, 64))
        for part in (nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
    ]
    dense = [nn.Linear(64 * 7 * 7, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), *dense, nn.Linear(100, 10))


def seconds_of_a_step(model, images, labels):
    """Return the CPU time of a training step, the median of seven after two for warming up."""
    adam, times = torch.optim.Adam(model.parameters()), []
    for _ in range(9):
        start = time.process_time()
        nn.functional.cross_entropy(model(images), labels).backward()
        adam.step()
        times.append(time.process_time() - start)
    return sorted(times[2:])[3]


torch.manual_seed(6)
batch = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
layout = torch.channels_last
table = {
    "the homework's network": seconds_of_a_step(homework_convnet(), *batch),
    "small, normalised before pooling": seconds_of_a_step(small_convnet(pool_first=False), *batch),
    "small, normalised after pooling": seconds_of_a_step(small_convnet(), *batch),
    "the same, channels last": seconds_of_a_step(
        small_convnet().to(memory_format=layout), batch[0].to(memory_format=layout), batch[1]
    ),
}
for name, value in table.items():
    print(f"{name:35s} {1000 * value:7.1f} ms for a batch of 128")

# %% [markdown]
# **Fewer steps.** The other half is to learn more in each step.
#
# - *A rate that goes up and down.* A large learning rate travels far, a small one settles: gradient
#   noise keeps the weights in motion, and the smaller the rate, the smaller the motion. So begin
#   small, because the first gradients of a random network are unreliable, rise quickly to a rate
#   that would be too large for the end, and let it fall to zero. One such **cycle** is the whole
#   training.
# - *Nesterov momentum* (notebook 05) makes large steps steady.
#
# ### Exercise 12: `one_cycle_rate`
#
# *Easy, 10 minutes.* With $n$ steps, numbered $k = 0, \dots, n - 1$, let $t = (k + 1)/(n + 1)$; so
# $0 < t < 1$, and no step is wasted at rate 0. The rate rises in proportion to $t$ and reaches its
# peak at $t = w$, the warm-up; from there it falls along a straight line to 0 at $t = 1$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *more than the peak*: the two lines meet at $t = w$; each holds on its own side.
# - *the first rate is 0*: see the definition of $t$.
#
# </details>


# %% exercise="one_cycle_rate"
def one_cycle_rate(step, steps, peak, warm_up=0.25):
    """Return the learning rate of one step of a cycle.

    Args:
        step: the number of the step, an int from 0 to steps - 1.
        steps: how many steps the cycle has, an int.
        peak: the largest rate, a float.
        warm_up: the share of the cycle in which the rate rises, between 0 and 1.

    Returns:
        the rate, a float.
    """
    ### BEGIN SOLUTION
    t = (step + 1) / (steps + 1)
    if t < warm_up:
        return peak * t / warm_up
    return peak * (1 - t) / (1 - warm_up)
    ### END SOLUTION


# %% [markdown]
# - *Label smoothing.* Cross-entropy is never content: it pushes the logits of an example that is
#   right apart, for ever. Smoothing with $\varepsilon$ asks for a little less. Of the target
#   probability 1 of the true class $y$ it takes $\varepsilon$ and spreads it over all $C$ classes,
#
#   $$q_c = (1 - \varepsilon)\,[c = y] + \frac{\varepsilon}{C}, \qquad
#   \text{loss} = -\sum_c q_c \ln p_c.$$
#
#   Now there is a best logit, at a finite value, and examples that are right leave the gradient to
#   the others.
#
# ### Exercise 13: `smooth_cross_entropy`
#
# *Medium, 10 minutes.* By hand, from `log_softmax`; the library's losses do not count. PyTorch has
# the argument `label_smoothing`: afterwards you have earned it.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `nan`: the logarithm of a softmax that has become 0. `log_softmax` does both in one.
# - *a little too large*: the true class keeps $1 - \varepsilon$ *and* gets its share
#   $\varepsilon/C$.
# - `Index tensor must have the same number of dimensions`: `gather` wants labels of shape (N, 1).
#
# </details>


# %% exercise="smooth_cross_entropy"
def smooth_cross_entropy(logits, labels, smoothing):
    """Return the mean cross-entropy with smoothed labels.

    Args:
        logits: floating point, shape (N, C).
        labels: the true classes, int64, shape (N,).
        smoothing: the share of the target that is spread over all C classes, from 0 to 1.

    Returns:
        the mean over the examples, a tensor of shape () that passes on gradients; its dtype and
        device are those of the logits.
    """
    ### BEGIN SOLUTION
    log_p = logits.log_softmax(dim=1)
    of_truth = log_p.gather(1, labels[:, None]).mean()
    return -(1 - smoothing) * of_truth - smoothing * log_p.mean()
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("one_cycle_rate", "smooth_cross_entropy"):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.7), layout="constrained")
    left.plot(range(252), [one_cycle_rate(k, 252, 0.1) for k in range(252)])
    left.set(xlabel="step", ylabel="learning rate", title="One cycle of 252 steps")
    margin = torch.linspace(-2, 12, 141)
    for smoothing in (0.0, 0.1, 0.2):
        losses = []
        for value in margin:
            scores = torch.zeros(1, 10)
            scores[0, 3] = value
            losses.append(smooth_cross_entropy(scores, torch.tensor([3]), smoothing).item())
        right.plot(margin, losses, label=f"smoothing {smoothing:g}")
        best = margin[torch.tensor(losses).argmin()]
        where = "at the end of the axis" if best == margin[-1] else f"at the logit {best:.1f}"
        print(f"smoothing {smoothing:g}: the smallest loss is {where}")
    right.set(xlabel="logit of the true class (the nine others: 0)", ylabel="loss of the example")
    right.set_title("What smoothing asks for")
    right.legend()
    plt.show()

# %% [markdown]
# **More data for nothing.**
#
# - *Augmentation.* A digit shifted by a pixel is the same digit. Shift every training image at
#   random, anew in every epoch: the network never sees the same image twice, and learns what it
#   did not assume.
#
# ### Exercise 14: `random_shift`
#
# *Medium, 15 minutes.* Every image of the batch has its own shift. Nine shifts are possible if
# `most` is 1, so nine calls of `shift_images` do for a whole batch.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *no shift to the right or down ever occurs*: `torch.randint` leaves out its upper end.
# - *the same seed gives different results*: every draw takes `generator=generator`.
#
# </details>


# %% exercise="random_shift"
def random_shift(images, most, generator, fill=0):
    """Shift every image of a batch by its own random number of pixels.

    Args:
        images: shape (N, C, H, W), any dtype; they stay as they are.
        most: the largest shift in each direction, an int. The shifts to the right and down are
            drawn independently, from -most to most, each with the same probability.
        generator: the torch.Generator, on the CPU, that all random numbers come from.
        fill: the value of the pixels that come in.

    Returns:
        a new tensor of the same shape, dtype and device.
    """
    ### BEGIN SOLUTION
    moves = torch.randint(-most, most + 1, (len(images), 2), generator=generator)
    result = images.clone()
    for dx, dy in moves.unique(dim=0).tolist():
        chosen = (moves == torch.tensor([dx, dy])).all(dim=1).to(images.device)
        result[chosen] = shift_images(images[chosen], dx, dy, fill)
    return result
    ### END SOLUTION


# %% [markdown]
# - *A loader that picks whole batches.* `DataLoader` fetches example by example and stacks them. If
#   all data fit into memory, one index does it.
# - *Averaging the weights.* Near the end the weights jump about the minimum. A running mean,
#   $\bar{w} \leftarrow \alpha\,\bar{w} + (1 - \alpha)\,w$ after each step, is nearer to it than any
#   of them, and costs one more copy of the weights.
# - *Whitening the first layer.* Neighbouring pixels are nearly equal, so the inputs of the first
#   kernels are strongly correlated, which makes gradient descent slow (notebook 04, section 7).
#   The remedy without training: fix the first kernels as the eigenvectors of the covariance of the
#   patches, each divided by the root of its eigenvalue. Their outputs are uncorrelated and of the
#   same size. The cell computes these kernels.
# - *Several views.* Predict for a test digit and for copies of it that are shifted by a pixel, and
#   take the mean of the probabilities. The mistakes of the views differ and partly cancel. A view
#   costs a pass forward, and no training.

# %% tags=["skip-execution"]
with waits_for("train_loader"):
    images = next(iter(train_loader))[0]
    patches = nn.functional.unfold(images, 3).transpose(1, 2).reshape(-1, 9)
    patches = patches - patches.mean(dim=0)
    eigenvalues, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    figure, axes = plt.subplots(1, 9, figsize=(12, 1.9), layout="constrained")
    for panel, value, vector in zip(axes, eigenvalues.flip(0), vectors.T.flip(0), strict=True):
        panel.imshow(vector.reshape(3, 3), cmap="PuOr_r", vmin=-0.7, vmax=0.7)
        panel.set(xticks=[], yticks=[], title=f"variance {value:.2g}")
        panel.title.set_fontsize(10)
        panel.grid(False)
    plt.show()
    ratio = eigenvalues[-1] / eigenvalues[0]
    print(f"patches of 3 by 3 pixels: largest / smallest variance {ratio:.0f}")

# %% [markdown]
# ### Everything together
#
# The cell trains the small convnet on the course's 8,000 training digits: three epochs, shifts by
# one pixel, Nesterov momentum, one cycle, smoothed labels, channels last, and a running mean of the
# weights besides. Your `train_epoch` does the work; the generator `fast_batches` gives it augmented
# batches and sets the rate before each.


# %% tags=["skip-execution"]
def fast_batches(images, labels, optimizer, epochs, peak, seed, each_step):
    """Give shuffled, shifted batches of 128 for several epochs, and set the rate before each."""
    generator = torch.Generator().manual_seed(seed)
    background, steps = images.min().item(), epochs * math.ceil(len(images) / 128)
    step = 0
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=generator).split(128):
            optimizer.param_groups[0]["lr"] = one_cycle_rate(step, steps, peak)
            shifted = random_shift(images[chosen], 1, generator, background)
            yield shifted.contiguous(memory_format=torch.channels_last), labels[chosen]
            each_step()
            step += 1


needed = ("train_epoch", "evaluate", "shift_images", "test_loader")
needed += ("one_cycle_rate", "smooth_cross_entropy", "random_shift", "test_images", "background")
with waits_for(*needed):
    mean, std = train_digits.float().mean(), train_digits.float().std()
    fast_images = ((train_digits.float() - mean) / std)[:, None]
    start = time.process_time()
    torch.manual_seed(7)
    fast = small_convnet().to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(fast)

    def average_weights():
        """Move the running mean 5 % of the way towards the weights of now."""
        with torch.no_grad():
            for old, new in zip(
                average.state_dict().values(), fast.state_dict().values(), strict=True
            ):
                if old.is_floating_point():
                    old.lerp_(new, 0.05)

    nesterov = torch.optim.SGD(
        fast.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    progress = Progress(3 * math.ceil(len(fast_images) / 128))
    supply = fast_batches(fast_images, train_labels, nesterov, 3, 0.1, 8, average_weights)
    train_epoch(
        fast,
        progress.watch(supply, "fast convnet"),
        nesterov,
        lambda logits, labels: smooth_cross_entropy(logits, labels, 0.1),
    )
    used = time.process_time() - start
    for name, model in (("the last weights", fast), ("their running mean", average)):
        _, share = evaluate(model, test_loader)
        print(f"{name}: {share:.2%} of {len(test_labels):,} test digits after {used:.1f} CPU s")
    views = [shift_images(test_images, k, k, background) for k in (-1, 0, 1)]
    likely = sum(logits_of(fast, view).softmax(dim=1) for view in views).argmax(dim=1)
    print(f"the last weights, three views: {(likely == test_labels).float().mean():.2%}")
    total = sum(p.numel() for p in fast.parameters())
    print(f"{total:,} parameters; goal: 97.5 % in at most 30 s")

# %% [markdown]
# The same 8,000 digits, about as many CPU seconds as the convnet of section 5, and more than half
# of its mistakes are gone. The running mean is hardly better than the last weights here: the cycle
# ends at rate 0, so the weights have come to rest by themselves. It pays where the rate stays
# large. What three views gain is less than 2,000 test digits can tell.
#
# Every technique above is a hypothesis about *your* problem. Switch one off and measure; on other
# data the answer may differ.
#
# *On a GPU* the same code runs as it is, with `device = "cuda"`: `train_epoch` and `evaluate` move
# the batches. For so small a network most of the time goes into starting operations, so larger
# batches cost next to nothing.
#
# ## What you should be able to explain now
#
# - Why do mean and standard deviation come from the training set alone?
# - Why does a model return logits, and what happens if it returns probabilities?
# - What are the four lines of a training step, and which of them fail silently if they are missing?
# - What do `train()` and `eval()` switch, and why does `evaluate` restore the mode?
# - What is the first loss of a ten-class model, and what do one batch and permuted labels prove?
# - How do you see underfitting and overfitting in learning curves?
# - What stands in row $i$ and column $j$ of a confusion matrix?
# - What does a convnet assume about images, and how did scrambling show it?
# - Which techniques save operations a step, which save steps, and which replace data?
#
# **Next: notebook 07, reading out AlexNet.**
