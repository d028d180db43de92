# %% [markdown]
# # 08 · Autoencoders against PCA
#
# This notebook draws images of 784 numbers as points in a plane: by a projection, and by a network
# that learns to fold.
#
# **You will be able to**
#
# - compute a principal component analysis from a singular value decomposition, and say what it
#   keeps;
# - design and train an autoencoder, and read its learning curves;
# - put a number on "this picture keeps the structure better", judged on digits not seen before;
# - say in what sense a linear autoencoder *is* PCA, and compare subspaces instead of weights;
# - read the map that a decoder draws, and say where it is wrong.
#
# **You need to know** modules and gradient descent (notebooks 01 and 05), batch normalisation
# (03), training and evaluation modes and learning curves (06). From mathematics: eigenvectors of a
# symmetric matrix.
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 PCA | `pca_fit`, `pca_transform`, `pca_reconstruct`, `explained_variance` | 70 |
# | 2 An autoencoder | `Autoencoder`, `train_autoencoder`, written | 90 |
# | 3 Which picture keeps the structure? | `knn_accuracy`, written | 50 |
# | 4 A linear autoencoder | `LinearAutoencoder`, `projector`, written | 50 |
# | 5 How many numbers does a digit need? | | 15 |
# | 6 The plane, decoded | `decode_grid` | 35 |
#
# "Written" stands for a question that you answer in words.

# %%
import importlib.util
import itertools
import math
import os
import time

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, load_digits, play, use_course_style, waits_for
from torch import nn

use_course_style()
torch.set_num_threads(1)  # one thread, so that seconds can be compared
device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## Before you start: halfway between two digits
#
# Each row goes from one training digit, on the left, to another one, on the right, in equal steps:
# every pixel changes along a straight line. Halfway lie two faint digits on top of each other, not
# one digit between them. The digits are points of a space with 784 dimensions, and they lie on
# something *curved*: the straight line between two of them leaves it.

# %% tags=["skip-execution"]
train_digits, train_labels = load_digits(full=False)
test_digits, test_labels = load_digits(train=False, full=False)
train_images = train_digits.float().flatten(1) / 255  # shape (8000, 784), pixels from 0 to 1
test_images = test_digits.float().flatten(1) / 255


def show_images(panel, images, columns):
    """Draw images of 784 pixels, row by row, into one panel."""
    rows = images.cpu().reshape(-1, columns, 28, 28)
    panel.imshow(
        rows.permute(0, 2, 1, 3).reshape(28 * len(rows), -1), cmap="gray_r", vmin=0, vmax=1
    )
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
    panel.spines[:].set_visible(False)


def leaning(images):
    """Return for every image how far its strokes lean to the right."""
    ink = images.reshape(-1, 28, 28)
    ink = ink / ink.sum(dim=(1, 2), keepdim=True)
    place = torch.arange(28.0)
    x, y = (ink.sum(dim=1) @ place)[:, None], (ink.sum(dim=2) @ place)[:, None]
    dx, dy = place - x, y - place
    mixed = torch.einsum("nij,ni,nj->n", ink, dy, dx)
    return mixed / (ink.sum(dim=2) * dy.square()).sum(dim=1)


lean = leaning(train_images)
pairs = []  # places of the first and the last digit of every row
for first, last in ((1, 1), (0, 0), (7, 9), (3, 8), (0, 6)):
    places = [(train_labels == digit).nonzero()[:, 0] for digit in (first, last)]
    if first == last:  # from the left to the right
        order = places[0][lean[places[0]].argsort()]
        pairs.append((order[3].item(), order[-4].item()))
    else:  # typical ones
        centres = [train_images[mine].mean(dim=0) for mine in places]
        gaps = [
            (train_images[mine] - centre).square().sum(dim=1)
            for mine, centre in zip(places, centres, strict=True)
        ]
        pairs.append(tuple(m[g.argmin()].item() for m, g in zip(places, gaps, strict=True)))
steps = torch.linspace(0, 1, 13)[:, None]
rows = [torch.lerp(train_images[a], train_images[b], steps) for a, b in pairs]
figure, panel = plt.subplots(figsize=(11, 4.4), layout="constrained")
show_images(panel, torch.cat(rows), 13)
panel.set(xticks=[14, 14 + 28 * 6, 14 + 28 * 12])
panel.set_xticklabels(["a digit", "halfway", "another digit"])
panel.tick_params(length=0)
plt.show()

# %% [markdown]
# A method that describes a digit by a few numbers, the **code**, and draws it again from them must
# find that curved thing, or a flat one that comes near it. This notebook compares the best flat one
# with a learned curved one. At its end stands the same figure, drawn by your autoencoder.
#
# ## 1 PCA
#
# **Principal component analysis** is the best *linear* method. $N$ examples of $d$ numbers are the
# rows of a matrix $X$, their mean is $\mu$. The first **principal axis** is the direction, a unit
# vector, along which the examples vary most; the next one is that among the directions
# perpendicular to it, and so on. The axes are the eigenvectors of the covariance matrix
#
# $$C = \frac{1}{N - 1}\, \tilde{X}^T \tilde{X}, \qquad \tilde{X} = X - \mu,$$
#
# and the eigenvalues are the variances along them. There is no need to compute $C$. The **singular
# value decomposition** of the centred data,
#
# $$\tilde{X} = U S V^T, \qquad \text{gives} \qquad C = \frac{1}{N - 1}\, V S^2 V^T,$$
#
# since $U^T U = 1$. So the columns of $V$ are the axes, and the variances are the *squares* of the
# singular values over $N - 1$. Besides saving a step this is more exact: to square a matrix
# squares the ratio of its largest to its smallest singular value, and small ones drown in
# rounding errors.
#
# Three facts about axes cost people hours. An axis has no sign: $-v$ is as good as $v$, and
# different programs give different ones. Singular values come in descending order, but the
# eigenvalues that `torch.linalg.eigh` returns ascend. And what `torch.linalg.svd` returns as its
# third result is not $V$.
#
# ### Exercise 1: `pca_fit`
#
# *Medium, 20 minutes.* Use `torch.linalg.svd` or `torch.linalg.eigh`. `torch.pca_lowrank` and
# scikit-learn's `PCA`, which do all of it, do not count.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a matrix of N by N, or no memory left*: `torch.linalg.svd` has the argument `full_matrices`.
# - *axes of N numbers instead of d*: that is $U$, which belongs to the examples.
# - *variances that are too large or small by a constant factor*: $N - 1$; and they are squares.
# - *the first axis looks like the mean*: is $X$ centred?
#
# </details>


# %% exercise="pca_fit"
def pca_fit(x, k):
    """Return the mean, the first k principal axes of the data, and the variances along them.

    Args:
        x: one example a row, floating point, shape (N, d); it stays as it is.
        k: how many axes, an int, at most N - 1 and d.

    Returns:
        mean: shape (d,).
        axes: one axis a row, unit vectors perpendicular to each other, shape (k, d); the axis
            with the largest variance comes first. The sign of each is arbitrary.
        variances: of the data along the axes, with N - 1 in the denominator, shape (k,).
        All have the dtype of x.
    """
    ### BEGIN SOLUTION
    mean = x.mean(dim=0)
    _, singular_values, vt = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k], singular_values[:k].square() / (len(x) - 1)
    ### END SOLUTION


# %% [markdown]
# Two independent ways to the same numbers are the best test of a program like this one: the next
# cell compares your result with eigenvectors of the covariance matrix, and with scikit-learn if it
# is installed. An axis may come with the other sign, so it compares $|\cos|$ of the angle.

# %% tags=["skip-execution"]
with waits_for("pca_fit"):
    start = time.process_time()
    mean, axes, variances = pca_fit(train_images, 64)
    print(f"64 axes of {len(train_images):,} digits in {time.process_time() - start:.2f} CPU s")
    total_variance = train_images.var(dim=0).sum()
    values, vectors = torch.linalg.eigh(train_images.double().T.cov())
    others = {"eigh": (vectors.flip(1).T[:64], values.flip(0)[:64])}
    if importlib.util.find_spec("sklearn"):
        from sklearn.decomposition import PCA

        by_sklearn = PCA(64, svd_solver="full").fit(train_images.double().numpy())
        others["scikit-learn"] = tuple(
            map(torch.from_numpy, (by_sklearn.components_, by_sklearn.explained_variance_))
        )
    for name, (other_axes, other_variances) in others.items():
        cosines = (axes.double() * other_axes).sum(dim=1).abs()
        difference = ((variances - other_variances) / other_variances).abs().max()
        print(f"{name}: smallest |cos| of 64 angles {cosines.min():.6f}", end="")
        print(f", largest relative difference of variances {difference:.1e}")
    print("share of the variance along the first two axes:", end="")
    print(f" {variances[:2].sum() / total_variance:.1%}; along 64: ", end="")
    print(f"{variances.sum() / total_variance:.1%}")

    figure, rows = plt.subplots(2, 6, figsize=(11, 4.1), layout="constrained")
    pictures = [("mean", mean)] + [(f"axis {j + 1}", axes[j]) for j in range(11)]
    for panel, (name, picture) in zip(rows.flat, pictures, strict=True):
        if name == "mean":
            panel.imshow(picture.reshape(28, 28), cmap="gray_r")
        else:
            limit = picture.abs().max()
            panel.imshow(picture.reshape(28, 28), cmap="PuOr_r", vmin=-limit, vmax=limit)
            share = variances[int(name[5:]) - 1] / total_variance
            name = f"{name}: {share:.1%}"
        panel.set_title(name, fontsize=11)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
        panel.grid(False)
    plt.show()

# %% [markdown]
# An axis is an image: orange and purple pixels change in opposite directions, and the number above
# is its share of the variance. The first axes are broad; later ones have ever finer stripes.
#
# A code is the list of an example's coordinates along the axes, counted from the mean. With the
# axes as the rows of $W$, shape $(k, d)$,
#
# $$z = W (x - \mu), \qquad \hat{x} = W^T z + \mu.$$
#
# $\hat{x}$ is the point of the flat through $\mu$ that is nearest to $x$. Of all flats with $k$
# dimensions this one has the smallest sum of squared distances from the examples (Eckart and
# Young): it is the best that a linear method can do.
#
# The mean belongs to the fit, like the axes. A test digit is described relative to the mean of the
# *training* digits; the test digits' own mean would change the code of one digit with its company.
#
# ### Exercise 2: `pca_transform`
#
# *Easy, 5 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - `mat1 and mat2 shapes cannot be multiplied`: examples are rows here, in the formula a column.
#
# </details>


# %% exercise="pca_transform"
def pca_transform(x, mean, axes):
    """Return the codes of examples: their coordinates along the axes, counted from the mean.

    Args:
        x: one example a row, shape (N, d), training data or others; it stays as it is.
        mean, axes: from pca_fit, shapes (d,) and (k, d).

    Returns:
        shape (N, k).
    """
    ### BEGIN SOLUTION
    return (x - mean) @ axes.T
    ### END SOLUTION


# %% [markdown]
# ### Exercise 3: `pca_reconstruct`
#
# *Easy, 5 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *faint digits with negative pixels*: one of the two terms of the formula is missing.
#
# </details>


# %% exercise="pca_reconstruct"
def pca_reconstruct(codes, mean, axes):
    """Return the examples that belong to codes: the way back from pca_transform.

    Args:
        codes: shape (N, k).
        mean, axes: from pca_fit, shapes (d,) and (k, d).

    Returns:
        shape (N, d); values outside the range of the data are left as they are.
    """
    ### BEGIN SOLUTION
    return mean + codes @ axes
    ### END SOLUTION


# %% [markdown]
# How good is a reconstruction? The squared distance from the data, by itself, says little: 40 may
# be much or nothing. Compare it with the crudest reconstruction, which draws the mean of the
# training data for every example. The **explained variance** is the share of its error that has
# gone:
#
# $$1 - \frac{\sum_n \lVert x_n - \hat{x}_n \rVert^2}{\sum_n \lVert x_n - \mu \rVert^2}.$$
#
# It is 1 for a perfect reconstruction and 0 for one that is as bad as the mean; it can be negative.
# For PCA, on the data of the fit, it equals the sum of the first $k$ variances over the sum of
# all. This form has the advantage that it applies to any method and to any data.
#
# ### Exercise 4: `explained_variance`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a value per example or per pixel*: each sum runs over all examples and all pixels.
# - *nearly, not exactly, the expected value*: the ratio of sums is not the mean of ratios.
#
# </details>


# %% exercise="explained_variance"
def explained_variance(x, reconstruction, mean):
    """Return the share of the variance of the data that a reconstruction explains.

    Args:
        x: the data, shape (N, d).
        reconstruction: what a method made of them, shape (N, d).
        mean: the mean of the training data, shape (d,).

    Returns:
        one minus the ratio of two sums of squares, of x around the reconstruction and of x around
        the mean; a float, at most 1.
    """
    ### BEGIN SOLUTION
    left = (x - reconstruction).square().sum()
    return 1 - (left / (x - mean).square().sum()).item()
    ### END SOLUTION


# %% tags=["skip-execution"]
SIZES = (1, 2, 4, 8, 16, 32, 64)  # of codes
with waits_for("pca_fit", "pca_transform", "pca_reconstruct", "explained_variance", "mean"):
    chosen = [(test_labels == digit).nonzero()[5, 0].item() for digit in range(10)]
    strips = [test_images[chosen]]
    for k in SIZES:
        codes = pca_transform(test_images, mean, axes[:k])
        images = pca_reconstruct(codes, mean, axes[:k])
        strips.append(images[chosen].clamp(0, 1))
        share = explained_variance(test_images, images, mean)
        by_sum = (variances[:k].sum() / total_variance).item()
        print(f"{k:2d} numbers: {share:.1%} of the variance of the test digits,", end="")
        print(f" {by_sum:.1%} of that of the training digits")
    figure, panel = plt.subplots(figsize=(8.5, 6.4), layout="constrained")
    show_images(panel, torch.cat(strips), 10)
    panel.set(yticks=[14 + 28 * j for j in range(len(strips))])
    panel.set_yticklabels(["test digits", *(f"k = {k}" for k in SIZES)])
    panel.tick_params(length=0)
    plt.show()

# %% [markdown]
# With two numbers PCA draws the same few ghosts for all digits.
#
# ## 2 An autoencoder
#
# An **autoencoder** is a network that is trained to reproduce its input, with a narrow place in the
# middle. The **encoder** $f$ maps an image to a code, the **decoder** $g$ a code to an image, and
# both are trained together to make
#
# $$\frac{1}{Nd} \sum_n \lVert x_n - g(f(x_n)) \rVert^2$$
#
# small. The target is the input, so no labels are needed. If the code were as large as the image,
# the network could copy; since it is small, the network has to find out what digits have in common.
# With layers that are not linear, $g$ can draw a curved surface through the data, and $f$ finds for
# each image a place on it.
#
# ### Exercise 5: `Autoencoder`
#
# *Medium, 30 minutes.* The design is yours; a written question below asks for your reasons. To
# consider:
#
# - *The code* is the output of a linear layer, without ReLU, sigmoid or tanh after it: a ReLU would
#   squeeze all digits into a quarter of the plane. (Batch normalisation does no harm.)
# - *Depth.* One hidden layer can hardly fold 784 dimensions to a plane. The decoder needs depth as
#   much as the encoder.
# - *Trainability.* Notebook 03 has told what makes deep networks trainable, and 05 what makes them
#   fast.
# - *The last layer.* The pixels lie between 0 and 1, most of them exactly at 0. Which function has
#   this range? (It would be a mistake for standardised data, which know no such bounds.)
# - *Large codes.* Section 5 uses the same class with up to 64 numbers. A hidden layer that is
#   narrower than the code would be the true bottleneck.
#
# On one core of a laptop an epoch of 8,000 digits should take about a second or less.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the same grey blob for every digit, and the loss stays at about 0.067*: that is the mean image.
#   The code carries nothing: a dead ReLU, or gradients that vanish on their way to the encoder.
# - `Expected more than 1 value per channel when training`: batch normalisation and a batch of one.
# - *some parameters have no gradient*: a layer that forward does not use.
#
# </details>


# %% exercise="Autoencoder"
class Autoencoder(nn.Module):
    """An autoencoder of digits: an encoder to a short code, and a decoder from it.

    Encoder and decoder each have at least one hidden layer with a non-linearity. The code is the
    output of a linear layer. It has at most 1,000,000 parameters. No dropout, no noise: in
    evaluation mode the same image has always the same code, whatever else is in its batch.

    Args:
        code: how many numbers the code has, an int from 1 to 64.

    encode: maps images, float32, shape (N, 784), pixels from 0 to 1, to codes, shape (N, code).
    decode: maps codes to images of shape (N, 784). It gets nothing but the codes.
    Called with images, it returns decode(encode(images)).
    """

    def __init__(self, code=2):
        ### BEGIN SOLUTION
        super().__init__()
        widths = [784, 128, 128, 128, 128, code]

        def layers(widths):
            parts = []
            for inputs, outputs in itertools.pairwise(widths):
                parts += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
            return parts[:-2]  # the last one is linear

        self.encoder = nn.Sequential(*layers(widths))
        self.decoder = nn.Sequential(*layers(widths[::-1]), nn.Sigmoid())
        ### END SOLUTION

    def encode(self, images):
        ### BEGIN SOLUTION
        return self.encoder(images)
        ### END SOLUTION

    def decode(self, codes):
        ### BEGIN SOLUTION
        return self.decoder(codes)
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        return self.decode(self.encode(images))
        ### END SOLUTION


# %%
with waits_for("Autoencoder"):
    for code in (2, 64):
        shapes = [tuple(p.shape) for p in Autoencoder(code).parameters()]
        total = sum(math.prod(shape) for shape in shapes)
        matrices = [f"{shape[0]} x {shape[1]}" for shape in shapes if len(shape) == 2]
        print(f"code of {code}: {total:,} parameters; weights:")
        print("   ", ", ".join(matrices))

# %% [markdown]
# ### Exercise 6: `train_autoencoder`
#
# *Medium, 30 minutes.* The training of notebook 06, with three differences: the target is the
# image; several epochs in one call; and a **learning curve** for each of the two parts of the data.
#
# - The loader is the usual one, with labels in its batches. They play no part.
# - The error is a mean over examples and pixels, as in `nn.functional.mse_loss`. A sum over the
#   pixels would be 784 times as large, and so would its gradient.
# - After every epoch the model is measured on the test images. Measuring needs evaluation mode;
#   the next epoch needs training mode.
# - The test images are for measuring only: no step, and no decision, may depend on them.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *from the second epoch on it learns more slowly*: in which mode did the first one end?
# - *the first epoch is right, the others are empty*: loop over the loader itself in every epoch.
# - `Expected all tensors to be on the same device`: images move to the device of the model,
#   `next(model.parameters()).device`; the test images do, too.
#
# </details>


# %% exercise="train_autoencoder"
def train_autoencoder(model, loader, optimizer, epochs, test_images):
    """Train a model to reproduce its input, and return its learning curves.

    One step of the optimizer follows every batch, in training mode. After every epoch the model is
    measured on the test images, in evaluation mode and without recording gradients. It has the
    weights of the last step in the end, and is in evaluation mode. Images are moved to its device.

    Args:
        model: a module that maps images, float32, shape (n, d), to images of the same shape.
        loader: gives batches (images, labels), for instance a list of such pairs; it is looped
            over once an epoch. The last batch may be smaller. Labels are not used.
        optimizer: a torch optimizer that holds the parameters of the model.
        epochs: how often to go through the loader, an int.
        test_images: shape (M, d).

    Returns:
        train_errors: for every epoch the squared error, averaged over all its examples and their
            pixels; the error of a batch is that before its step. A list of floats.
        test_errors: the same for the test images, after every epoch. A list of floats.
    """
    ### BEGIN SOLUTION
    place = next(model.parameters()).device
    test_images = test_images.to(place)
    train_errors, test_errors = [], []
    for _ in range(epochs):
        model.train()
        total, examples = 0.0, 0
        for images, _ in loader:
            images = images.to(place)
            loss = nn.functional.mse_loss(model(images), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
            examples += len(images)
        train_errors.append(total / examples)
        model.eval()
        with torch.no_grad():
            test_errors.append(nn.functional.mse_loss(model(test_images), test_images).item())
    return train_errors, test_errors
    ### END SOLUTION


# %% [markdown]
# The class below is a loader for your function. It gives shuffled batches of 128, sets the learning
# rate before each of them, one cycle over all epochs (notebook 06), and shows progress.


# %% tags=["skip-execution"]
class Cycle:
    """A loader: shuffled batches, and a learning rate that rises, then falls to zero.

    Args:
        images, labels: the training data.
        optimizer: its rate is set before every batch.
        peak: the largest rate.
        epochs: how many epochs make the cycle.
        seed: an int, for the order of the examples.
        text: what to show beside the bar.
    """

    def __init__(self, images, labels, optimizer, peak, epochs, seed, text):
        self.data, self.optimizer, self.peak, self.text = (images, labels), optimizer, peak, text
        self.generator = torch.Generator().manual_seed(seed)
        self.done, self.total = 0, epochs * math.ceil(len(images) / 128)
        self.shown, self.handle = 0.0, None
        if not os.environ.get("COURSE_STATIC_FIGURES"):
            from IPython.display import HTML, display

            self.html, self.handle = HTML, display(HTML(""), display_id=True)

    def __iter__(self):
        images, labels = self.data
        for chosen in torch.randperm(len(images), generator=self.generator).split(128):
            t = (self.done + 1) / (self.total + 1)
            self.optimizer.param_groups[0]["lr"] = self.peak * min(4 * t, (1 - t) / 0.75)
            self.done += 1
            self.report()
            yield images[chosen], labels[chosen]

    def report(self):
        """Move the bar, at most five times a second."""
        if self.handle and (time.time() - self.shown > 0.2 or self.done == self.total):
            self.shown = time.time()
            bar = f'<progress value="{self.done}" max="{self.total}"></progress>'
            self.handle.update(self.html(f"{bar} {self.text}, batch {self.done} of {self.total}"))


def fit(model, images, tests, epochs, peak, seed, text):
    """Train a model with Adam and one cycle; return both curves and the CPU seconds."""
    adam = torch.optim.Adam(model.parameters(), lr=peak)
    batches = Cycle(images, train_labels, adam, peak, epochs, seed, text)
    start = time.process_time()
    curves = train_autoencoder(model, batches, adam, epochs, tests)
    return *curves, time.process_time() - start


# %% tags=["skip-execution"]
needed = ("Autoencoder", "train_autoencoder", "pca_transform", "pca_reconstruct", "mean")
with waits_for(*needed, "explained_variance"):
    torch.manual_seed(0)
    model = Autoencoder(2).to(device)
    train_errors, test_errors, seconds = fit(
        model, train_images, test_images, 18, 3e-2, 0, "autoencoder, code of 2"
    )
    flat = pca_reconstruct(pca_transform(test_images, mean, axes[:2]), mean, axes[:2])
    pca_error = (flat - test_images).square().mean().item()
    mean_error = (mean - test_images).square().mean().item()
    figure, panel = plt.subplots(figsize=(8.5, 4.2), layout="constrained")
    epochs = range(1, len(train_errors) + 1)
    panel.plot(epochs, train_errors, "--o", ms=5, mfc="white", label="autoencoder, training digits")
    panel.plot(epochs, test_errors, "-s", ms=4, label="autoencoder, test digits")
    for error, name in ((mean_error, "the mean image"), (pca_error, "PCA, two axes, test digits")):
        panel.axhline(error, color="0.35", lw=1.2, ls=":")
        panel.text(len(epochs), error * 1.01, name, ha="right", va="bottom", color="0.25")
    panel.set(xlabel="epoch", ylabel="squared error per pixel", title="Learning curves")
    panel.set_xticks(range(1, len(epochs) + 1, 2))
    panel.legend(loc="upper right", bbox_to_anchor=(1, 0.72))
    plt.show()
    print(f"{seconds:.1f} CPU s; squared error per pixel of the test digits: ", end="")
    print(f"mean image {mean_error:.4f}, PCA {pca_error:.4f}, autoencoder {test_errors[-1]:.4f}")
    print(f"last epoch: training digits {train_errors[-1]:.4f}, test digits {test_errors[-1]:.4f}")
    with torch.no_grad():
        curved = model(test_images.to(device)).cpu()
    for name, drawn_again in (("PCA", flat), ("autoencoder", curved)):
        share = explained_variance(test_images, drawn_again, mean)
        print(f"explained variance of the test digits, {name}: {share:.1%}")

# %% [markdown]
# The training error of an epoch is that of changing weights, and with batch normalisation that of
# training mode. So it may lie above the test error.

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: your architecture
#
# *5 points, 25 minutes.* Describe your encoder and decoder, so that somebody could build them
# again, and your training. Give a reason for each choice: a measurement, an argument, or "a
# default, not explored". Then read the learning curves: does the network underfit or overfit, and
# what would you change first?

# %% [markdown] points=5 written="architecture"
# ### BEGIN SOLUTION
# *Encoder.* 784, four hidden layers of 128, then 2. After each hidden linear layer batch
# normalisation and ReLU; the code is the plain output of the last linear layer, so that the whole
# plane is there to be used. *Decoder.* The mirror image: 2, four hidden layers of 128, 784, and a
# sigmoid, because pixels lie between 0 and 1 and most are at an end of that range. 303,378
# parameters. Four hidden layers, because a plane has to be folded around digits of 784 numbers; the
# decoder draws all of that from two numbers, so it is as deep as the encoder. Batch normalisation,
# because without it so deep a network trains slowly (notebook 03), and because it tolerates a large
# learning rate. Constant width 128: no hidden layer is narrower than a code of 64, and a step is
# cheap; not explored further.
#
# *Training.* The mean squared error, as PCA minimises it, so the two can be compared. Adam with one
# cycle up to 0.03, the best of 0.01, 0.02 and 0.03 in a few runs; 128 images a batch are a default,
# 18 epochs what ten seconds allow; the initialisation is PyTorch's.
#
# *Curves.* Test and training error fall together, to less than 0.04, and neither has turned: no
# overfitting. (The training error is the larger one: it belongs to changing weights and to
# batch statistics.) The network underfits, since two numbers are few. Both curves still fall
# slightly at the end, so more epochs come first, and a wider network second.
#
# ### BEGIN RUBRIC
# - 2 points: encoder and decoder are described completely, with reasons for depth and widths.
# - 1 point: a linear code, and a last layer that fits the range of the pixels, with reasons.
# - 1 point: loss, optimiser, rate, batches, epochs: each chosen or named as a default.
# - 1 point: reads both curves (gap, trend) and draws a conclusion.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 3 Which picture keeps the structure?
#
# The codes of 5,000 training digits, drawn at random, by both methods. Neither has seen a label;
# colour and shape of the points show them to *you*.

# %% tags=["skip-execution"]
PALETTE = (*COLOURS[:6], "#8C6D1F", "#000000", "#7F7F7F", "#5B3A8E")


def codes_of(model, images):
    """Return the codes of images in evaluation mode, on the CPU."""
    with torch.no_grad():
        return model.eval().encode(images.to(device)).cpu()


def draw_plane(panel, codes, labels, size=16):
    """Draw codes of digits in the plane, each as its digit, and large digits near the medians."""
    low, high = codes.quantile(0.003, dim=0), codes.quantile(0.997, dim=0)
    medians = torch.stack([codes[labels == k].median(dim=0).values for k in range(10)])
    width = (high - low).clamp(min=1e-6)
    places = (medians - low) / width
    for _ in range(50):  # labels closer than 0.06 of the width push each other apart
        gaps = places[:, None] - places
        distances = gaps.norm(dim=2, keepdim=True).clamp(min=1e-6)
        places += 0.25 * (gaps / distances * (0.06 - distances).clamp(min=0)).sum(dim=1)
    for digit in range(10):
        mine = codes[labels == digit]
        panel.scatter(*mine.T, s=size, c=PALETTE[digit], marker=f"${digit}$", lw=0.3, alpha=0.7)
    for digit in range(10):
        panel.text(
            *(low + places[digit] * width).tolist(),
            str(digit),
            size=17,
            weight="bold",
            color=PALETTE[digit],
            ha="center",
            va="center",
            bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": PALETTE[digit], "lw": 1.5},
        )
    margin = 0.04 * (high - low)
    for limits, a, b in zip(
        (panel.set_xlim, panel.set_ylim), low - margin, high + margin, strict=True
    ):
        limits(a.item(), b.item())
    panel.grid(False)


with waits_for("model", "mean", "pca_transform"):
    planes = {
        "PCA": tuple(pca_transform(x, mean, axes[:2]) for x in (train_images, test_images)),
        "autoencoder": tuple(codes_of(model, x) for x in (train_images, test_images)),
    }
    drawn = torch.randperm(len(train_images), generator=torch.Generator().manual_seed(1))[:5000]
    figure, panels = plt.subplots(1, 2, figsize=(13, 6.6), layout="constrained")
    for panel, (name, (codes, _)) in zip(panels, planes.items(), strict=True):
        draw_plane(panel, codes[drawn], train_labels[drawn])
        panel.set(title=f"{name}: {len(drawn):,} training digits", xlabel="$z_1$", ylabel="$z_2$")
    plt.show()

# %% [markdown]
# One looks better. "Looks better" is no result; so ask a question with a number for an answer. If a
# picture keeps the structure, the neighbours of a digit in it are digits of the same class. So
# **classify by the neighbours**: give every point the most frequent label among the $k$ nearest
# ones, and count how often that is right. There is nothing to train, so the number judges the
# picture alone.
#
# Who may be a neighbour? If a point counted itself, $k = 1$ would give 100 % for noise. And the
# autoencoder has been trained on the training digits: it may treat them better than others. So the
# points to classify are *test* digits, encoded by methods that have never met them, and their
# neighbours are training digits.
#
# ### Exercise 7: `knn_accuracy`
#
# *Medium, 20 minutes.* `torch.cdist` gives all distances between two sets of points, `topk` the
# smallest ones.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *an accuracy far below chance*: the largest distances instead of the smallest?
# - *an accuracy of exactly 1 for k = 1*: every point found itself.
# - *slow*: a loop over 2,000 digits is fine, one over 16 million distances is not.
#
# </details>


# %% exercise="knn_accuracy"
def knn_accuracy(train_codes, train_labels, test_codes, test_labels, k):
    """Classify test points by their nearest training points; return the share that is right.

    A test point gets the most frequent label among the k training points that are nearest to it
    by Euclidean distance. Where two labels are equally frequent, either will do.

    Args:
        train_codes, test_codes: floating point, shapes (N, d) and (M, d).
        train_labels, test_labels: int64, shapes (N,) and (M,), 0 or larger.
        k: the number of neighbours, an int, at most N.

    Returns:
        the accuracy on the test points, a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    nearest = torch.cdist(test_codes, train_codes).topk(k, largest=False).indices
    votes = nn.functional.one_hot(train_labels)[nearest].sum(dim=1)
    return (votes.argmax(dim=1) == test_labels).double().mean().item()
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("knn_accuracy", "planes"):
    for name, (codes, test_codes) in planes.items():
        for k in (1, 5, 15, 50):
            share = knn_accuracy(codes, train_labels, test_codes, test_labels, k)
            print(f"{name:12s} {k:2d} neighbours: accuracy {share:.1%}")
    gain = [knn_accuracy(a, train_labels, b, test_labels, 15) for a, b in planes.values()]
    print(f"difference with 15 neighbours: {100 * (gain[1] - gain[0]):.1f} points; ", end="")
    error = math.sqrt(0.25 / len(test_labels))
    print(f"standard error of a share of one half: {100 * error:.1f} points")
    codes = planes["PCA"][0]
    own = knn_accuracy(codes, train_labels, codes[:2000], train_labels[:2000], 1)
    print(f"PCA judged on training digits, each its own nearest neighbour: {own:.1%}")
    all_pixels = knn_accuracy(train_images, train_labels, test_images, test_labels, 15)
    print(f"with all 784 pixels: {all_pixels:.1%}")

    figure, panel = plt.subplots(figsize=(9, 3.8), layout="constrained")
    for offset, hatch, colour, (name, (codes, test_codes)) in zip(
        (-0.2, 0.2), ("//", ""), COLOURS, planes.items(), strict=False
    ):
        shares = []
        for digit in range(10):
            mine = test_labels == digit
            shares.append(
                knn_accuracy(codes, train_labels, test_codes[mine], test_labels[mine], 15)
            )
        places = [digit + offset for digit in range(10)]
        panel.bar(places, shares, 0.38, color=colour, hatch=hatch, ec="white", label=name)
        ordered = sorted(range(10), key=shares.__getitem__)
        print(f"{name}: worst {ordered[0]} ({shares[ordered[0]]:.0%}),", end="")
        print(f" {ordered[1]} ({shares[ordered[1]]:.0%}); best {ordered[-1]}", end="")
        print(f" ({shares[ordered[-1]]:.0%})")
    panel.axhline(0.1, color="0.35", lw=1.2, ls=":")
    panel.set(xticks=range(10), ylim=(0, 1), xlabel="true digit", ylabel="accuracy")
    panel.set_title("Test digits, classified by 15 neighbours in the plane (dotted: chance)")
    panel.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: does it beat PCA, and at what?
#
# *5 points, 20 minutes.* Compare the two methods in at least three respects: the reconstruction
# error, the structure in the plane, classes that stay mixed, what the distances and directions in
# the plane mean, the effort, what happens if you run it again. Then answer: does the autoencoder
# extract the structure of the data better? You may come back to this question after section 5.

# %% [markdown] points=5 written="beats_pca"
# ### BEGIN SOLUTION
# *Error.* With two numbers PCA leaves a squared error of 0.0557 a pixel on the test digits, the
# autoencoder about 0.037; drawing the mean image leaves 0.0679. In explained variance these are
# 18 % and 45 %: PCA needs eight numbers for as much.
#
# *Structure.* Test digits, classified by their 15 nearest training digits in the plane: 46.8 % with
# PCA, 76 % with the autoencoder. The difference, 29 points, is many times its standard error.
# All 784 pixels give 93.8 %, so the plane loses much in either case.
#
# *What stays mixed.* In PCA's plane everything but 0 and 1 overlaps: of the fives 19 % are right.
# The autoencoder separates most classes, but of the nines, which lie among 4 and 7, only about half
# are right.
#
# *Meaning.* PCA's plane is a projection: a distance in it never exceeds that in the data, its axes
# have an order and are unique up to sign, and every direction can be drawn as an image. The
# autoencoder's plane has no scale and no preferred axes; distances depend on how the decoder
# stretches it; another seed gives another picture. PCA takes a second and has nothing to tune.
#
# *Large codes.* With three epochs of training the autoencoder has the smaller error up to a code of
# 8; at 16 they are nearly equal, and at 64 PCA is far better, 0.0093 against 0.0257.
#
# So: the autoencoder extracts the structure better if the picture is for the eye and has two
# dimensions. For codes of 16 and more, for speed, or where coordinates must mean something, PCA.
#
# ### BEGIN RUBRIC
# - 1 point: reconstruction error of both, on test digits, with numbers.
# - 1 point: kNN accuracy of both, with the difference against its standard error, and who the
#   neighbours are.
# - 1 point: names classes that stay mixed, in either picture.
# - 1 point: an advantage of PCA (unique, ordered axes, exact, fast, distances mean something, large
#   codes).
# - 1 point: a conclusion that says in what sense the one or the other is better.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 4 A linear autoencoder
#
# What is it that beats PCA, the training or the non-linearity? Take the non-linearity away. With
# linear layers the decoder can only reach a flat with as many dimensions as the code, and the best
# flat is known: it is PCA's. So the smallest error of a linear autoencoder is that of PCA, and
# there its decoder spans the same **subspace**.
#
# It does *not* find PCA's axes. With any invertible matrix $A$, the encoder $A\,W$ and the decoder
# $W^T A^{-1}$ have the same product as $W$ and $W^T$, so the same error. The loss cannot tell them
# apart. A comparison of weights with axes would prove nothing; compare subspaces.
#
# ### Exercise 8: `LinearAutoencoder`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *it is not linear*: no ReLU, no sigmoid, anywhere.
#
# </details>


# %% exercise="LinearAutoencoder"
class LinearAutoencoder(nn.Module):
    """An autoencoder without non-linearities: one linear layer each way, biases allowed.

    Args:
        pixels: how many numbers an example has, an int.
        code: how many numbers its code has, an int.

    encode: maps examples, float32, shape (N, pixels), to codes, shape (N, code).
    decode: maps codes back, to shape (N, pixels).
    Called with examples, it returns decode(encode(examples)).
    """

    def __init__(self, pixels, code):
        ### BEGIN SOLUTION
        super().__init__()
        self.down = nn.Linear(pixels, code)
        self.up = nn.Linear(code, pixels)
        ### END SOLUTION

    def encode(self, examples):
        ### BEGIN SOLUTION
        return self.down(examples)
        ### END SOLUTION

    def decode(self, codes):
        ### BEGIN SOLUTION
        return self.up(codes)
        ### END SOLUTION

    def forward(self, examples):
        ### BEGIN SOLUTION
        return self.decode(self.encode(examples))
        ### END SOLUTION


# %% [markdown]
# A subspace has many bases, but only one **projector**: the matrix $P$ that maps every vector to
# the nearest one in the subspace. For an orthonormal basis in the columns of $Q$ it is $Q Q^T$. For
# any basis $B$, columns that are linearly independent,
#
# $$P = B\,(B^T B)^{-1} B^T.$$
#
# Two subspaces are equal if and only if their projectors are. For two subspaces with $k$ dimensions
# the number $\lVert P_1 - P_2 \rVert_F / \sqrt{2k}$ is the root of the mean of $\sin^2$ of the
# angles between them: 0 if they are equal, 1 if they are perpendicular.
#
# ### Exercise 9: `projector`
#
# *Medium, 10 minutes.* The basis need be neither orthogonal nor normalised.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a matrix of k by k*: the projector acts on vectors with d numbers.
# - $P P \neq P$: then it is no projector. Is the inverse in its place?
#
# </details>


# %% exercise="projector"
def projector(basis):
    """Return the matrix that projects orthogonally onto the span of the columns of a matrix.

    Args:
        basis: floating point, shape (d, k), its k columns linearly independent but otherwise
            arbitrary; it stays as it is.

    Returns:
        a symmetric matrix, shape (d, d), of the same dtype.
    """
    ### BEGIN SOLUTION
    q, _ = torch.linalg.qr(basis)
    return q @ q.T
    ### END SOLUTION


# %% [markdown]
# The cell trains linear autoencoders on *centred* digits and measures after every epoch how far
# their decoder's subspace is from PCA's.

# %% tags=["skip-execution"]
with waits_for("LinearAutoencoder", "projector", "train_autoencoder", "mean"):
    centred, centred_tests = train_images - mean, test_images - mean
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    for k, marker in ((2, "o"), (9, "s")):
        best = projector(axes[:k].T)
        torch.manual_seed(3)
        linear = LinearAutoencoder(784, k).to(device)
        adam = torch.optim.Adam(linear.parameters(), lr=3e-2)
        batches = Cycle(centred, train_labels, adam, 3e-2, 15, 4, f"linear, code of {k}")
        distances, excess = [], []
        for _ in range(15):
            _, (error,) = train_autoencoder(linear, batches, adam, 1, centred_tests)
            points = torch.cat([torch.zeros(1, k), torch.eye(k)]).to(device)
            with torch.no_grad():
                images = linear.decode(points).cpu()
            basis = (images[1:] - images[0]).T
            distances.append(((projector(basis) - best).norm() / math.sqrt(2 * k)).item())
            by_pca = (centred_tests - centred_tests @ best).square().mean().item()
            excess.append(error / by_pca)
        left.semilogy(range(1, 16), distances, marker=marker, ms=5, label=f"code of {k}")
        right.plot(range(1, 16), excess, marker=marker, ms=5, label=f"code of {k}")
        cosines = nn.functional.normalize(basis, dim=0).T @ axes[:k].T
        print(f"code of {k}: distance of the subspaces {distances[-1]:.4f},", end="")
        print(f" error {error:.5f}, PCA's {by_pca:.5f}")
        if k == 2:
            print("  cosines of the angles between its columns and PCA's axes:", end="")
            print("", [[round(value, 2) for value in row] for row in cosines.tolist()])
    left.set(xlabel="epoch", ylabel="distance of the subspaces", title="It finds the subspace ...")
    right.axhline(1, color="0.35", lw=1.2, ls=":")
    right.set(xlabel="epoch", ylabel="test error / PCA's test error", title="... and the error")
    for panel in (left, right):
        panel.set_xticks(range(1, 16, 2))
        panel.legend()
    plt.show()

# %% [markdown]
# The error arrives first. Near the best flat it hardly changes if an axis is exchanged for a
# mixture with another one of nearly the same variance: the second and third axis explain 7.2 % and
# 6.1 %. So gradient descent takes its time to turn the subspace. (On test digits PCA's flat need
# not be the very best; a ratio a little below 1 is no mistake.)
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: the same plane, other axes
#
# *3 points, 15 minutes.* The subspaces agree, the columns of the decoder do not agree with the
# axes. Why does the loss not care? What does PCA ask for besides the smallest error, and name one
# use for which this matters. What then made the autoencoder of section 2 better than PCA?

# %% [markdown] points=3 written="other_axes"
# ### BEGIN SOLUTION
# Put any invertible matrix after the encoder and its inverse before the decoder: the code changes,
# the reconstruction does not, and the loss sees the reconstruction alone. Only the subspace is
# determined.
#
# PCA also asks that the axes be perpendicular unit vectors, sorted by variance; then the numbers of
# a code are uncorrelated and the first $k$ of them are the best code of size $k$. That is of use,
# for instance, to shorten a code afterwards, to look at single axes, or to whiten data.
#
# The linear autoencoder was trained in the same way, and its error comes down to PCA's, not below
# it. So what made the network of section 2 better is not the training but the layers that are not
# linear.
#
# ### BEGIN RUBRIC
# - 1 point: an invertible matrix between encoder and decoder cancels, so the error is the same.
# - 1 point: PCA also asks for perpendicular unit axes in the order of variance (uncorrelated
#   codes); a use that needs it.
# - 1 point: the gain comes from the non-linearity, as linear training ends at PCA's error.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 5 How many numbers does a digit need?
#
# Two is for the eye. The next cell trains your autoencoder with codes of 1 to 64 numbers, three
# epochs each, and compares it with PCA: by the error, and by what the neighbours in the space of
# the codes know about the class.

# %% tags=["skip-execution"]
with waits_for("Autoencoder", "knn_accuracy", "model", "mean"):
    results, models = {"PCA": [], "autoencoder": []}, {}
    for number, k in enumerate(SIZES):
        torch.manual_seed(10 + number)
        models[k] = Autoencoder(k).to(device)
        *_, errors, _ = fit(
            models[k], train_images, test_images, 3, 1e-2, 20 + number, f"code of {k}"
        )
        both = [codes_of(models[k], x) for x in (train_images, test_images)]
        share = knn_accuracy(both[0], train_labels, both[1], test_labels, 15)
        results["autoencoder"].append((errors[-1], share))
        both = [pca_transform(x, mean, axes[:k]) for x in (train_images, test_images)]
        share = knn_accuracy(both[0], train_labels, both[1], test_labels, 15)
        flat = pca_reconstruct(both[1], mean, axes[:k])
        results["PCA"].append(((flat - test_images).square().mean().item(), share))
    figure, panels = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    for name, marker in (("PCA", "o"), ("autoencoder", "s")):
        for panel, values in zip(panels, zip(*results[name], strict=True), strict=True):
            panel.plot(SIZES, values, marker=marker, ms=6, label=name)
    panels[0].set(yscale="log", ylabel="squared error per pixel", title="Error, test digits")
    panels[1].set(ylabel="accuracy", ylim=(0, 1), title="15 neighbours, test digits")
    for panel in panels:
        panel.set_xscale("log", base=2)
        panel.set(xticks=SIZES, xticklabels=SIZES, xlabel="numbers in the code")
        panel.legend()
    plt.show()
    print("numbers      error: PCA   autoencoder      neighbours: PCA   autoencoder")
    for k, flat, curved in zip(SIZES, *results.values(), strict=True):
        print(f"{k:7d} {flat[0]:15.4f} {curved[0]:13.4f}", end="")
        print(f" {flat[1]:20.1%} {curved[1]:13.1%}")

# %% [markdown]
# With few numbers the autoencoder is far ahead: a curved surface of one or two dimensions comes
# nearer to the digits than a flat one. With many numbers PCA is ahead, in this comparison. A flat
# with 64 dimensions is near every digit, and PCA finds the best one at once, while three epochs are
# short for a deep network; and for the neighbours a code of 16 of PCA's numbers does already as
# well as all pixels. Train longer, or with fewer layers, and the curves cross later: try it.
#
# ## 6 The plane, decoded
#
# An encoder tells where a digit lies; a decoder tells what lies *anywhere*, also where no digit has
# ever been. Decode a grid of points, and the plane becomes a map.
#
# ### Exercise 10: `decode_grid`
#
# *Medium, 20 minutes.* One large image out of many small ones. It has to lie like the scatter plot:
# $z_1$ to the right, $z_2$ *upwards*. In an array row 0 is at the top.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *small images torn to stripes*: (rows, columns, 28, 28) becomes (28 rows, 28 columns) only after
#   the axes have been put in the right order; `permute`.
# - *digits in places where the scatter plot has others*: which coordinate changes along a row of
#   the large image, and which way up is it?
#
# </details>


# %% exercise="decode_grid"
def decode_grid(decode, z1, z2):
    """Decode all points of a grid in the plane, and return one large image.

    Args:
        decode: a function from codes, shape (n, 2), to images, shape (n, 784). It is called
            without recording gradients; all codes may go into one call.
        z1: the grid's first coordinates, ascending, float32, shape (A,).
        z2: its second coordinates, ascending, shape (B,).

    Returns:
        shape (28 B, 28 A): the image of the code (z1[a], z2[b]) stands in column a, counted from
        the left, and in row b, counted from the *bottom*. Each image is 28 by 28, its pixels row by
        row. The result records no gradients.
    """
    ### BEGIN SOLUTION
    codes = torch.cartesian_prod(z2.flip(0), z1).flip(1)
    with torch.no_grad():
        images = decode(codes).reshape(len(z2), len(z1), 28, 28)
    return images.permute(0, 2, 1, 3).reshape(28 * len(z2), 28 * len(z1))
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("decode_grid", "model", "planes"):
    codes = planes["autoencoder"][0]
    low, high = codes.quantile(0.01, dim=0).tolist(), codes.quantile(0.99, dim=0).tolist()
    z1, z2 = (torch.linspace(a, b, 22) for a, b in zip(low, high, strict=True))
    model.eval()
    maps = {
        "PCA": decode_grid(
            lambda points: pca_reconstruct(points, mean, axes[:2]),
            *(torch.linspace(-s, s, 22) for s in (2 * variances[:2].sqrt()).tolist()),
        ),
        "autoencoder": decode_grid(lambda points: model.decode(points.to(device)).cpu(), z1, z2),
    }
    figure, panels = plt.subplots(1, 2, figsize=(13, 6.7), layout="constrained")
    for panel, (name, image) in zip(panels, maps.items(), strict=True):
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        panel.set(xticks=[], yticks=[], title=name, xlabel="$z_1$", ylabel="$z_2$")
        panel.grid(False)
    plt.show()

# %% [markdown]
# PCA's map fades from one ghost to another, because each image in it is the mean plus a multiple of
# two axes. The autoencoder's map has regions with clear digits, and borders. At a border a digit
# either turns into another one by steps that are digits themselves, or there is a seam, where the
# decoder mixes what it knows. A seam means that no training digit has taught it anything there; it
# draws something all the same, and does not say how sure it is.
#
# Now move a point yourself. Both sliders run from 0 to 100, along $z_1$ and $z_2$.


# %% tags=["skip-execution"]
def show_point(right, up):
    """Draw the plane with a point in it, what the point decodes to, and the nearest digits."""
    with waits_for("model", "planes"):
        codes = planes["autoencoder"][0]
        low, high = codes.quantile(0.01, dim=0), codes.quantile(0.99, dim=0)
        point = low + (high - low) * torch.tensor([right, up]) / 100
        with torch.no_grad():
            decoded = model.eval().decode(point[None].to(device)).cpu()
        distances = (codes - point).norm(dim=1)
        near = distances.argsort()[:3]
        _, panels = plt.subplots(
            1, 3, figsize=(12, 4.9), layout="constrained", width_ratios=(5, 3, 1)
        )
        draw_plane(panels[0], codes[drawn[:2500]], train_labels[drawn[:2500]], 12)
        panels[0].plot(*point, "o", ms=18, mfc="none", mec="black", mew=3, zorder=9)
        panels[0].set(xlabel="$z_1$", ylabel="$z_2$", title="the point (ring)")
        show_images(panels[1], decoded, 1)
        panels[1].set_title(f"decoded: ({point[0]:.1f}, {point[1]:.1f})")
        show_images(panels[2], train_images[near], 1)
        panels[2].set_title(f"nearest: {', '.join(map(str, train_labels[near].tolist()))}")
        panels[2].title.set_fontsize(11)
        plt.show()


play(show_point, right=(45, 0, 100, 1), up=(75, 0, 100, 1))

# %% [markdown]
# Last, the figure from the beginning. The upper row of each pair changes the pixels along a
# straight line. The lower one goes along a straight line in the *plane*, from the code of the first
# digit to that of the last one, and draws what lies on the way.

# %% tags=["skip-execution"]
with waits_for("model", "planes"):
    rows = []
    for a, b in pairs:
        rows.append(torch.lerp(train_images[a], train_images[b], steps))
        first, last = planes["autoencoder"][0][[a, b]]
        with torch.no_grad():
            on_the_way = torch.lerp(first, last, steps).to(device)
            rows.append(model.eval().decode(on_the_way).cpu())
    figure, panel = plt.subplots(figsize=(11, 8.3), layout="constrained")
    show_images(panel, torch.cat(rows), 13)
    panel.set(yticks=[14 + 28 * j for j in range(len(rows))])
    panel.set_yticklabels(["pixels", "plane"] * len(pairs))
    panel.tick_params(length=0)
    for j in range(1, len(pairs)):
        panel.axhline(56 * j - 0.5, color=COLOURS[1], lw=1.5)
    plt.show()

# %% [markdown]
# Along the lower rows one digit turns into the other by way of digits, if blurred ones, and the 0
# tilts to the right instead of doubling. The ends show the price. Two numbers keep the kind of
# a digit, not its hand: the decoder draws a smoother relative of the digit above, and now and then,
# as for the 1 that leans to the left, the wrong one.
#
# ## What you should be able to explain now
#
# - What do the three factors of a singular value decomposition mean for PCA, and where do the
#   variances come from?
# - Why does a test digit get the mean of the training digits subtracted?
# - What is the target of an autoencoder, and what keeps it from copying?
# - Which non-linearity belongs after the code, which after the last layer, and why?
# - How is an embedding judged by neighbours, and who may be a neighbour?
# - Why does a linear autoencoder find PCA's subspace, but not its axes?
# - Where does the autoencoder beat PCA, and where does PCA win?
# - What does a decoder draw where no data have been?
#
# **Next: notebook 09, networks in the world, and your own project.**
