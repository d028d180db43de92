# %% [markdown]
# # 01 · PyTorch basics
#
# Tensors, broadcasting, gradient descent, and a first neural network.
#
# **You will be able to**
#
# - put a table, an image, a batch of images and class labels into tensors;
# - predict the shape of an expression that broadcasts, and spot the broadcast that you did not
#   mean;
# - write gradient descent with automatic differentiation, and say what it costs to forget one
#   line of it;
# - write a model as an `nn.Module`, train it with `torch.optim`, and choose its hyper-parameters
#   with validation data.
#
# **You need to know** Python functions and classes, vectors and matrices, the partial
# derivative, and the mean and standard deviation. No PyTorch.
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 Data as tensors | `one_hot`, `standardize`, `channels_first` | 30 |
# | 2 Broadcasting | `pairwise_squared_distances` | 20 |
# | 3 Loss and gradient | `mse_loss`, `gradient_step` | 35 |
# | 4 Linear regression by hand | `train_linear_regression` | 25 |
# | 5 The same with `torch.nn` | `LinearRegression`, `fit`, a written question | 35 |
# | 6 A neural network | `MLP`, a written question | 40 |
#
# Each exercise is a function or class with a docstring, which is its specification. Write the
# body, run the cell, then run the checks below it. More checks, which you cannot see, run when
# the notebook is graded; they test what the docstring promises and the examples leave out.

# %%
import math

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, load_digits, play, use_course_style, waits_for
from torch import nn

use_course_style()

# %% [markdown]
# ## Before you start: a picture made of hinges
#
# A network with one hidden layer of ReLU units computes a sum of *hinges*: each unit is zero on
# one side of a line and rises linearly on the other side,
#
# $$f(\mathbf{p}) = c + \sum_{j=1}^{k} v_j\,\max(0,\; \mathbf{w}_j^\top\mathbf{p} + b_j).$$
#
# Below, $\mathbf{p}$ is a position in the picture and $f$ the ink at that position. The lines are
# random; only the heights $v_j$ and $c$ are fitted, by least squares. At the end of this notebook
# you will train $\mathbf{w}_j$ and $b_j$ as well.

# %% tags=["skip-execution"]
digits, digit_labels = load_digits(full=False)
ink = digits[(digit_labels == 2).nonzero()[4, 0]] / 255

generator = torch.Generator().manual_seed(4)
angle = 2 * math.pi * torch.rand(400, generator=generator)
directions = torch.stack([angle.sin(), angle.cos()])
offsets = 2.2 * torch.rand(400, generator=generator) - 1.1


def draw_positions(size):
    """Return the positions of the pixels of a square picture, shape (size * size, 2)."""
    axis = torch.linspace(-1, 1, size)
    return torch.cartesian_prod(axis, axis)


def evaluate_hinges(positions, k):
    """Return the first k hinges and the constant 1 at these positions."""
    hinges = (positions @ directions[:, :k] + offsets[:k]).clamp(min=0)
    return torch.cat([hinges, torch.ones(len(positions), 1)], dim=1)


figure, axes = plt.subplots(2, 6, figsize=(12, 4.6), layout="constrained")
for (lines, panel), k in zip(axes.T, (4, 15, 40, 100, 250), strict=False):
    design = evaluate_hinges(draw_positions(28), k)
    heights = torch.linalg.lstsq(design, ink.reshape(-1, 1), driver="gelsd").solution
    error = (design @ heights - ink.reshape(-1, 1)).square().mean()
    painted = (evaluate_hinges(draw_positions(168), k) @ heights).reshape(168, 168)
    panel.imshow(painted, vmin=0, vmax=1, extent=(-1, 1, 1, -1), cmap="magma")
    panel.set_xlabel(f"squared error {error:.4f}")
    for (down, across), offset in zip(directions.T[:k], offsets[:k], strict=True):
        foot = (-offset * across, -offset * down)
        lines.axline(foot, (foot[0] - down, foot[1] + across), color=COLOURS[0], lw=0.8, ls="-")
    lines.set_title(f"{k} hinges")
axes[0, 5].imshow(ink, vmin=0, vmax=1, cmap="magma")
axes[0, 5].set_title("the digit")
axes[1, 5].axis("off")
for panel in axes.flat[[0, 1, 2, 3, 4, 6, 7, 8, 9, 10]]:
    panel.set(xlim=(-1, 1), ylim=(1, -1), aspect="equal")
for panel in axes.flat:
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
axes[0, 0].set_ylabel("where they bend")
axes[1, 0].set_ylabel("their sum")
plt.show()

# %% [markdown]
# ## 1 Data as tensors
#
# A **tensor** is an array of numbers of one type. Five properties tell nearly everything about
# it:
#
# | Property | Meaning |
# |---|---|
# | `t.ndim` | the number of axes: 0 for a number, 1 for a vector, 2 for a matrix |
# | `t.shape` | the length of each axis |
# | `t.dtype` | the type of the entries: `float32` for data, `int64` for labels, … |
# | `t.device` | where the entries lie: `cpu` or, on a GPU, `cuda:0` |
# | `t.requires_grad` | whether operations on it are recorded for differentiation (section 3) |
#
# ### A table is a 2-tensor
#
# One row per example, one column per feature. The table below holds nine leaves; each was
# measured in two directions and comes from one of three species.

# %%
leaves = torch.tensor(
    [
        # length and width in centimetres
        [12.1, 6.8],
        [10.4, 6.1],
        [13.0, 7.9],
        [8.2, 5.0],
        [7.5, 4.9],
        [9.1, 5.6],
        [4.8, 3.9],
        [5.6, 4.1],
        [4.1, 3.2],
    ]
)
species = ["oak", "beech", "birch"]
leaf_species = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])

print("leaves:", tuple(leaves.shape), leaves.dtype, leaves.device)
print("one leaf (a row):", leaves[0])
print("one feature (a column):", leaves[:, 1])
print("leaf_species:", tuple(leaf_species.shape), leaf_species.dtype)

# %% [markdown]
# A **class label** is a name, not a quantity: species 2 is not twice species 1. A model that
# computes with labels therefore gets them **one-hot**: a vector with one entry per class, 1 for
# the class and 0 for the others.
#
# ### Exercise 1: `one_hot`
#
# *Easy, 5 minutes.* From $N$ labels make an $N \times K$ table of zeros with one 1 per row.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `expected a tensor of shape (2, 3), float32`, and yours has another dtype: `torch.zeros` makes
#   `float32`; other functions may not, and `.float()` converts.
# - *whole columns are 1*: `table[:, labels] = 1` fills a column for every row. Index the rows as
#   well, one index per label.
# - `tensors used as indices must be long, int, byte or bool`: an index tensor holds integers.
#
# </details>


# %% exercise="one_hot"
def one_hot(labels, classes):
    """Return the one-hot vectors of class labels.

    Args:
        labels: int64, shape (N,), each from 0 to classes - 1.
        classes: the number of classes, an int; some may not occur among the labels.

    Returns:
        float32, shape (N, classes), on the device of the labels.
    """
    ### BEGIN SOLUTION
    table = torch.zeros(len(labels), classes, device=labels.device)
    return table.scatter(1, labels[:, None], 1.0)
    ### END SOLUTION


# %%
with waits_for("one_hot"):
    for row, label in zip(one_hot(leaf_species, 3).tolist(), leaf_species.tolist(), strict=True):
        print(row, species[label])

# %% [markdown]
# Columns come in different units and scales. **Standardising** a column subtracts its mean $\mu$
# and divides by its standard deviation $\sigma$:
#
# $$z_{ij} = \frac{x_{ij} - \mu_j}{\sigma_j}, \qquad
# \mu_j = \frac{1}{N}\sum_i x_{ij}, \qquad \sigma_j^2 = \frac{1}{N}\sum_i (x_{ij} - \mu_j)^2.$$
#
# Here $\sigma$ is the *population* standard deviation: it divides by $N$. (The unbiased sample
# estimate divides by $N - 1$.) After standardising, a column has no unit any more.
#
# ### Exercise 2: `standardize`
#
# *Medium, 10 minutes.* Standardise every column; think of integers, and of a column whose
# entries are all equal.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `could not infer output dtype`, `only support floating point`: integers have no mean in torch.
#   Convert first.
# - *entries off by the factor $\sqrt{(N-1)/N}$*: look up the argument `correction` of `torch.std`.
# - `nan`: $0/0$. Decide what to divide by where $\sigma = 0$.
# - *a shape such as (N, N)*: `dim=0` runs down the rows and leaves one number per column.
#
# </details>


# %% exercise="standardize"
def standardize(table):
    """Return a table whose columns have mean 0 and standard deviation 1.

    The standard deviation divides by N. It is 1 in the result whatever the unit of the
    column, however small its numbers. A column whose entries are all equal becomes 0.
    The input is not changed.

    Args:
        table: shape (N, D), any real dtype, integers included.

    Returns:
        shape (N, D), float32 if the input holds integers, else the dtype of the input.
    """
    ### BEGIN SOLUTION
    if not table.is_floating_point():
        table = table.to(torch.float32)
    constant = (table == table[:1]).all(dim=0)
    deviation = table.std(dim=0, correction=0)
    return ((table - table.mean(dim=0)) / deviation).masked_fill(constant, 0)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("standardize"):
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 4), layout="constrained")
    for panel, table in zip(axes, (leaves, standardize(leaves)), strict=True):
        for k, name in enumerate(species):
            length, width = table[leaf_species == k].T
            panel.scatter(length, width, s=70, color=COLOURS[k], marker="os^"[k], label=name)
        panel.set_aspect("equal")
    axes[0].set(xlim=(0, 14), ylim=(0, 14))
    axes[1].set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5))
    axes[0].set(xlabel="length (cm)", ylabel="width (cm)", title="Nine leaves as measured")
    axes[1].set(xlabel="length", ylabel="width", title="The same, standardised")
    axes[0].legend()
    plt.show()

# %% [markdown]
# ### An image is a 3-tensor
#
# A colour image has a height, a width and three **channels**: red, green and blue. Files and
# cameras store it as `uint8` numbers from 0 to 255, and most libraries put the channels last:
# $(H, W, C)$. PyTorch's layers want them before the pixels: $(C, H, W)$.

# %% tags=["skip-execution"]
row = torch.linspace(0, 1, 60)[:, None]
column = torch.linspace(-1, 1, 90)
sun = torch.exp(-12 * ((row - 0.55) ** 2 + column**2 / 2))
red, green = 0.25 + 0.7 * row + sun, 0.2 + 0.3 * row + 0.7 * sun
blue = 0.55 - 0.3 * row + 0.1 * column.square()
image = torch.stack([red, green, blue], dim=2)
image = (255 * image.clamp(0, 1)).to(torch.uint8)
image[40:] = image[40:] // 2  # the sea

print("image:", tuple(image.shape), image.dtype)
print("the pixel in row 10, column 20:", image[10, 20].tolist())
figure, axes = plt.subplots(1, 4, figsize=(12, 2.6), layout="constrained")
axes[0].imshow(image)
axes[0].set_title("image, shape (60, 90, 3)")
for k, name in enumerate(("red", "green", "blue")):
    axes[k + 1].imshow(image[:, :, k], vmin=0, vmax=255)
    axes[k + 1].set_title(f"image[:, :, {k}]: {name}")
for panel in axes:
    panel.set(xlabel="column", ylabel="row")
    panel.grid(False)
plt.show()

# %% [markdown]
# ### A batch of images is a 4-tensor
#
# Networks take several images at a time. A **batch** adds an axis in front: $(N, C, H, W)$ in
# PyTorch, $(N, H, W, C)$ elsewhere. Greyscale images have one channel; some data sets leave
# that axis out, as the digits here do.

# %% tags=["skip-execution"]
print("digits:", tuple(digits.shape), digits.dtype)
print("digit_labels:", tuple(digit_labels.shape), digit_labels.dtype)
batch = digits[:24, None]
print("a batch of 24 with a channel axis:", tuple(batch.shape))

figure, axes = plt.subplots(3, 8, figsize=(9, 4), layout="constrained")
for panel, one, label in zip(axes.flat, batch, digit_labels, strict=False):
    panel.imshow(one[0])
    panel.set_title(f"{label.item()}", fontsize=11)
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
figure.suptitle("The first 24 digits and their labels")
plt.show()

# %% [markdown]
# ### Exercise 3: `channels_first`
#
# *Easy, 5 minutes.* Turn a batch from a file into a batch for a network: move the channels,
# convert to floats, scale 0…255 to 0…1.
#
# To **reshape** (`reshape`, `view`) keeps the order of the numbers in memory and cuts it into new
# rows. To **permute** (`permute`, `transpose`, `movedim`) renames the axes, so that a number
# moves from `[n, h, w, c]` to `[n, c, h, w]`. Both can give the right shape; one gives the right
# image.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the right shape and wrong entries*: a reshape where a permutation is needed.
# - *entries of 0 and 1 only*, or dtype `uint8`: an integer type cannot hold 0.4.
# - *a shape with height and width swapped*: `transpose(1, 3)` swaps two axes; here three move.
#
# </details>


# %% exercise="channels_first"
def channels_first(images):
    """Turn stored images into input for a network.

    Args:
        images: uint8, shape (N, H, W, C), 0 to 255; any number C of channels.

    Returns:
        float32, shape (N, C, H, W), each number divided by 255.
    """
    ### BEGIN SOLUTION
    return images.permute(0, 3, 1, 2).to(torch.float32) / 255
    ### END SOLUTION


# %% [markdown]
# ## 2 Broadcasting
#
# `leaves - leaves.mean(dim=0)` subtracts a tensor of shape $(2,)$ from one of shape $(9, 2)$.
# When the shapes of two operands differ, PyTorch applies two rules:
#
# 1. Write the shapes one above the other, **aligned at the right**. Missing axes on the left
#    count as 1.
# 2. Axes match if they are equal or one of them is 1. An axis of length 1 is **repeated** to the
#    length of the other one. Any other pair is an error.
#
# | left | right | result | |
# |---|---|---|---|
# | `(9, 2)` | `(2,)` | `(9, 2)` | the row is used for each of the nine rows |
# | `(4, 1)` | `(1, 5)` | `(4, 5)` | every entry of a column with every entry of a row |
# | `(6, 1, 3)` | `(1, 4, 3)` | `(6, 4, 3)` | every row of one table with every row of another |
# | `(9, 2)` | `(9,)` | error | aligned at the right, 2 meets 9 |
# | `(9, 1)` | `(9,)` | `(9, 9)` | **no error**, and hardly ever what you want |
#
# `t[:, None]`, or `t.unsqueeze(1)`, inserts an axis of length 1.

# %% tags=["skip-execution"]
left, right = torch.tensor([[0], [10], [20], [30]]), torch.tensor([[1, 2, 3, 4, 5]])
operands = (left.expand(4, 5), right.expand(4, 5), left + right)
titles = (f"{tuple(left.shape)}", f"{tuple(right.shape)}", f"{tuple((left + right).shape)}")

figure, axes = plt.subplots(1, 3, figsize=(11, 2.9), layout="constrained")
for panel, values, title in zip(axes, operands, titles, strict=True):
    panel.pcolormesh(values, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=2)
    for i in range(4):
        for j in range(5):
            given = (title == "(4, 1)" and j == 0) or (title == "(1, 5)" and i == 0)
            given = given or title == "(4, 5)"
            panel.text(
                j + 0.5,
                i + 0.5,
                f"{values[i, j]}",
                ha="center",
                va="center",
                color="black" if given else "0.5",
                weight="bold" if given else "normal",
            )
    panel.set(title=f"shape {title}", xticks=[], yticks=[], xlabel="axis 1", ylabel="axis 0")
    panel.invert_yaxis()
    panel.set_aspect("equal")
figure.suptitle("column + row: what is stored (black) and what is repeated (grey)")
plt.show()

# %% [markdown]
# The last row of the table is the most expensive bug of this notebook. A model returns a column
# of predictions; the targets are a vector; nothing complains.

# %%
column_of_three, vector_of_three = (
    torch.tensor([[1.0], [2.0], [3.0]]),
    torch.tensor([1.0, 2.0, 3.0]),
)
difference = column_of_three - vector_of_three
print(
    f"{tuple(column_of_three.shape)} - {tuple(vector_of_three.shape)} = {tuple(difference.shape)}"
)
print(difference)
print("The prediction is perfect, yet the mean square is", difference.square().mean().item())

# %% [markdown]
# ### Exercise 4: `pairwise_squared_distances`
#
# *Medium, 10 minutes.* For points $\mathbf{x}_1, …, \mathbf{x}_N$ and
# $\mathbf{y}_1, …, \mathbf{y}_M$ in $D$ dimensions compute all
#
# $$d_{ij} = \lVert \mathbf{x}_i - \mathbf{y}_j \rVert^2 = \sum_{k=1}^{D} (x_{ik} - y_{jk})^2 .$$
#
# Write it without a Python loop. Which shapes must `x` and `y` have so that their difference has
# shape $(N, M, D)$?
#
# <details><summary>Hints: if you see ...</summary>
#
# - `The size of tensor a (2) must match the size of tensor b (3)`: the axes of the points are
#   aligned with each other. Insert an axis of length 1 into each operand.
# - *a shape (N, D) or (M, D)*: the sum ran over the wrong axis.
# - *negative or inexact distances*: the formula $|x|^2 + |y|^2 - 2x^\top y$ loses digits far from
#   the origin. Subtract first, then square.
#
# </details>


# %% exercise="pairwise_squared_distances"
def pairwise_squared_distances(x, y):
    """Return the squared Euclidean distance of every point of x to every point of y.

    The result is as exact far from the origin as it is near: points are subtracted first.

    Args:
        x: floating point, shape (N, D).
        y: the same dtype and device, shape (M, D).

    Returns:
        shape (N, M), not negative; dtype and device are those of the input.
    """
    ### BEGIN SOLUTION
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=2)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("pairwise_squared_distances"):
    chosen = torch.cat([(digit_labels == k).nonzero()[:8, 0] for k in range(10)])
    flat = digits[chosen].reshape(80, 784) / 255
    distances = pairwise_squared_distances(flat, flat)

    figure, panel = plt.subplots(figsize=(6.2, 5.2), layout="constrained")
    mesh = panel.imshow(distances, cmap="viridis")
    panel.set(
        xlabel="digit", ylabel="digit", title="Squared distances of 80 digits, 8 of each kind"
    )
    panel.set_xticks([8 * k + 3.5 for k in range(10)], range(10))
    panel.set_yticks([8 * k + 3.5 for k in range(10)], range(10))
    panel.grid(False)
    figure.colorbar(mesh, label="squared distance")
    plt.show()

    same = digit_labels[chosen][:, None] == digit_labels[chosen]
    itself = torch.eye(80, dtype=torch.bool)
    print(f"mean squared distance, same digit:       {distances[same & ~itself].mean():.1f}")
    print(f"mean squared distance, different digits: {distances[~same].mean():.1f}")
    nearest = distances.masked_fill(itself, math.inf).argmin(dim=1)
    share = (digit_labels[chosen][nearest] == digit_labels[chosen]).double().mean()
    print(f"the nearest other digit is of the same kind in {share:.0%} of the cases")

# %% [markdown]
# Dark blocks on the diagonal are digits that resemble their own kind. Which digit has the
# darkest block, and why?
#
# ## 3 Loss and gradient
#
# ### Exercise 5: `mse_loss`
#
# *Medium, 10 minutes.* The **mean squared error** of predictions $\hat y_i$ for targets $y_i$ is
#
# $$L = \frac{1}{N} \sum_{i=1}^{N} (\hat y_i - y_i)^2 .$$
#
# Guard it against the broadcast of section 2: a column and a vector of the same length mean the
# same thing.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a number that is $N$ times too large*: a sum where a mean is needed.
# - *wrong only if one argument is a column*: print the shape of the difference.
# - `element 0 of tensors does not require grad`: `.item()`, `float(...)`, `.detach()` and
#   `torch.tensor(...)` return a number that has forgotten where it came from.
#
# </details>


# %% exercise="mse_loss"
def mse_loss(prediction, target):
    """Return the mean squared error, differentiable in both arguments.

    Args:
        prediction: floating point, shape (N,) or (N, 1), or any shape that target has too.
        target: the same number of entries and the same dtype; if both have one axis or one
            column, shapes (N,) and (N, 1) may be mixed.

    Returns:
        a tensor of shape () and of the same dtype: the mean over all entries.
    """
    ### BEGIN SOLUTION
    return (prediction - target.reshape(prediction.shape)).square().mean()
    ### END SOLUTION


# %% [markdown]
# ### Automatic differentiation
#
# A tensor with `requires_grad=True` remembers what is computed from it. `backward()` walks back
# through that record, applies the chain rule, and leaves $\partial f/\partial t$ in `t.grad`.
# Notebook 02 builds this machine; here you use it.

# %%
t = torch.tensor(2.0, requires_grad=True)
f = t**3
f.backward()
print("f(2) =", f.item(), " f'(2) =", t.grad.item(), " by hand: 3·2² =", 3 * 2**2)

# %% [markdown]
# Three facts about it decide whether training works:
#
# - `backward()` **adds** to `.grad`; it does not replace what is there.
# - Everything computed from `t` is recorded, an update of `t` itself included. Inside
#   `with torch.no_grad():` nothing is recorded.
# - `t -= 1` changes the tensor that `t` names; `t = t - 1` makes a new tensor and gives it the
#   name, and whoever holds the old one never sees the change.

# %%
t = torch.tensor(2.0, requires_grad=True)
for call in (1, 2, 3):
    (t**3).backward()
    print(f"t.grad after {call} backward call(s): {t.grad.item()}")
same_tensor = t
with torch.no_grad():
    t -= 0.5
print("in place: same_tensor is", same_tensor.item(), "and records gradients:", t.requires_grad)
t = t - 0.5
print("new name: same_tensor is", same_tensor.item(), "and t is a leaf:", t.is_leaf)

# %% [markdown]
# ### Exercise 6: `gradient_step`
#
# *Medium, 15 minutes.* One step of **gradient descent** with learning rate $\eta$:
#
# $$\theta \leftarrow \theta - \eta\, \frac{\partial L}{\partial \theta}
# \qquad\text{for every parameter } \theta.$$
#
# <details><summary>Hints: if you see ...</summary>
#
# - `a leaf Variable that requires grad is being used in an in-place operation`: the update is
#   being recorded. Use `torch.no_grad()`.
# - *the parameter has not changed*: `p = p - …` gives a new tensor the name `p`.
# - *the second step is too large*: the gradient of the first is still in `.grad`.
# - *nothing happens with `model.parameters()`*: it is a generator, and you can loop over a
#   generator once. Make a list of it first.
# - `unsupported operand type(s) for *: 'float' and 'NoneType'`: the loss does not depend on that
#   parameter.
#
# </details>


# %% exercise="gradient_step"
def gradient_step(parameters, loss, lr):
    """Take one step of gradient descent, in place.

    Only the gradient of this loss counts: gradients that the parameters hold from before
    are cleared first. Afterwards every p.grad is None or zero again. The parameters stay
    leaf tensors that record gradients. A parameter that the loss does not depend on
    keeps its value.

    Args:
        parameters: an iterable of tensors with requires_grad=True, also a generator such
            as model.parameters().
        loss: a tensor of shape () computed from the parameters.
        lr: the learning rate, a float.
    """
    ### BEGIN SOLUTION
    parameters = list(parameters)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= lr * p.grad
                p.grad = None
    ### END SOLUTION


# %% [markdown]
# ## 4 Linear regression by hand
#
# The data for the rest of the notebook: the temperature at a weather station, measured at random
# times of the day, with noise. The numbers are simulated, so the true curve is known.
#
# Gradient descent works best on numbers of size 1. So the inputs are $x = (h - 12)/6$ for the
# hour $h$, and the targets $y = (T - 14)/5$ for the temperature $T$ in °C.


# %%
def true_temperature(hours):
    """The daily curve in °C, which no model gets to see."""
    day = 2 * math.pi * hours / 24
    return 14 + 5.5 * torch.sin(day - 2.4) + 1.8 * torch.sin(2 * day - 0.6)


def measure(count, seed):
    """Return x and y, both of shape (count, 1), sorted by time."""
    generator = torch.Generator().manual_seed(seed)
    hours = (24 * torch.rand(count, 1, generator=generator)).sort(dim=0).values
    noise = 1.2 * torch.randn(count, 1, generator=generator)
    return (hours - 12) / 6, (true_temperature(hours) + noise - 14) / 5


def draw_measurements(panel, x, y, **style):
    """Draw measurements in hours and °C."""
    panel.scatter(6 * x + 12, 5 * y + 14, s=14, color="0.55", linewidths=0, **style)
    panel.set(xlabel="hour of the day", ylabel="temperature (°C)", xticks=range(0, 25, 4))


x, y = measure(120, seed=1)
x_validation, y_validation = measure(120, seed=2)
print("x:", tuple(x.shape), x.dtype, f"mean {x.mean():.2f}, standard deviation {x.std():.2f}")
print("y:", tuple(y.shape), y.dtype, f"mean {y.mean():.2f}, standard deviation {y.std():.2f}")
print(f"mean squared error of the true curve: {1.2**2 / 25:.4f} (the noise)")

# %% [markdown]
# The model is a line, $\hat y = \mathbf{w}^\top\mathbf{x} + b$, or in general a plane in $D$
# dimensions. All $N$ predictions at once are $\hat{\mathbf{y}} = X\mathbf{w} + b$.
#
# Before you let the computer search, search yourself: move the sliders until the dot sits in the
# middle of the valley.


# %% tags=["skip-execution"]
def draw_line_and_loss(slope, intercept):
    """Draw a line in the data, and its place on the loss surface."""
    with waits_for("mse_loss"):
        slopes, intercepts = torch.linspace(-1, 1.5, 41), torch.linspace(-1, 1, 41)
        surface = torch.tensor(
            [[mse_loss(w * x + b, y).item() for w in slopes] for b in intercepts]
        )
        loss = mse_loss(slope * x + intercept, y).item()

        _, (data, valley) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
        draw_measurements(data, x, y)
        ends = torch.tensor([-2.0, 2.0])
        data.plot(6 * ends + 12, 5 * (slope * ends + intercept) + 14, color=COLOURS[1])
        on_line = 5 * (slope * x + intercept) + 14
        data.vlines(6 * x + 12, 5 * y + 14, on_line, color=COLOURS[1], lw=0.7, alpha=0.5)
        data.set(title=f"slope {slope:g}, intercept {intercept:g}", ylim=(4, 23))
        lowest = surface.min()
        levels = lowest + (surface.max() - lowest) * torch.linspace(0, 1, 14) ** 2
        valley.contourf(slopes, intercepts, surface, levels=levels, cmap="viridis_r")
        valley.plot(slope, intercept, "o", color=COLOURS[1], markersize=11, mec="white")
        valley.set(xlabel="slope w", ylabel="intercept b", title=f"loss at the dot: {loss:.4f}")
        valley.grid(False)
        plt.show()


play(draw_line_and_loss, slope=(-0.5, -1.0, 1.5, 0.05), intercept=(0.5, -1.0, 1.0, 0.05))

# %% [markdown]
# ### Exercise 7: `train_linear_regression`
#
# *Medium, 15 minutes.* Start with $\mathbf{w} = 0$ and $b = 0$. In each step compute the
# predictions of *all* examples, the mean squared error, and take a gradient step. Use your
# `mse_loss` and `gradient_step`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `input tensors must have the same dtype`: `torch.zeros(D)` is `float32`; x may be `float64`.
# - *the loss does not fall*: are `weight` and `bias` made with `requires_grad=True`, outside the
#   loop?
# - *the loss falls to the variance of y and no further*: `(N,)` against `(N, 1)`.
# - `Trying to backward through the graph a second time`: the prediction must be computed anew in
#   every step.
#
# </details>


# %% exercise="train_linear_regression"
def train_linear_regression(x, y, lr, steps):
    """Fit y ≈ x @ weight + bias by gradient descent on the mean squared error, from zeros.

    Every step uses all examples.

    Args:
        x: floating point, shape (N, D).
        y: the same dtype, shape (N,) or (N, 1).
        lr: the learning rate, a float.
        steps: the number of steps, an int.

    Returns:
        weight: shape (D,), the dtype of x.
        bias: shape (), the dtype of x.
        losses: a list of `steps` Python floats: the loss before each step.
    """
    ### BEGIN SOLUTION
    weight = torch.zeros(x.shape[1], dtype=x.dtype, device=x.device, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, device=x.device, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = mse_loss(x @ weight + bias, y)
        losses.append(loss.item())
        gradient_step([weight, bias], loss, lr)
    return weight.detach(), bias.detach(), losses
    ### END SOLUTION


# %% [markdown]
# ### Against the closed form
#
# Least squares has an exact solution. With a column of ones appended to $X$, the best
# $(\mathbf{w}, b)$ solves $\min \lVert [X\;\mathbf{1}]\,(\mathbf{w}, b) - \mathbf{y} \rVert^2$;
# `torch.linalg.lstsq` computes it. Gradient descent should approach that solution, by a constant
# factor per step, which is a straight line on a logarithmic axis.

# %%
design = torch.cat([x, torch.ones_like(x)], dim=1)
best = torch.linalg.lstsq(design, y).solution[:, 0]
best_loss = (design @ best - y[:, 0]).square().mean().item()
print(f"closed form:      w = {best[0]:.6f}  b = {best[1]:.6f}  loss = {best_loss:.6f}")

with waits_for("mse_loss", "gradient_step", "train_linear_regression"):
    weight, bias, losses = train_linear_regression(x, y, lr=0.2, steps=100)
    print(f"gradient descent: w = {weight[0]:.6f}  b = {bias:.6f}  loss = {losses[-1]:.6f}")

# %% tags=["skip-execution"]
with waits_for("mse_loss", "gradient_step", "train_linear_regression"):
    x64, y64 = x.double(), y.double()
    exact = torch.linalg.lstsq(design.double(), y64).solution
    lowest = (design.double() @ exact - y64).square().mean().item()
    curvature = torch.linalg.eigvalsh(2 * design.double().T @ design.double() / len(x))

    figure, (fall, data) = plt.subplots(1, 2, figsize=(11, 3.9), layout="constrained")
    draw_measurements(data, x, y)
    ends = torch.tensor([-2.0, 2.0])
    for rate in (0.01, 0.05, 0.2, 0.8):
        w, b, losses = train_linear_regression(x64, y64, lr=rate, steps=150)
        gap = [max(loss - lowest, 1e-17) for loss in losses]
        fall.semilogy(gap, label=f"learning rate {rate:g}")
    for steps in (3, 10, 150):
        w, b, _ = train_linear_regression(x, y, lr=0.05, steps=steps)
        data.plot(6 * ends + 12, 5 * (w * ends + b) + 14, label=f"after {steps} steps")
    fall.set(xlabel="step", ylabel="loss - smallest loss", title="Straight lines down, or up")
    fall.set_ylim(1e-15, 1e9)
    fall.legend(loc="upper left", ncols=2, fontsize=10)
    data.set_title("The line, learning rate 0.05")
    data.legend()
    plt.show()
    print(f"largest stable learning rate, 2 / largest curvature: {2 / curvature.max():.3f}")

# %% [markdown]
# A learning rate above $2/\lambda_{\max}$, where $\lambda_{\max}$ is the largest eigenvalue of
# the Hessian of $L$, makes every step overshoot by more than the last one. The loss rises from a
# small number without bound: the first thing to suspect when a loss becomes `nan`.
#
# ## 5 The same with `torch.nn`
#
# PyTorch keeps ready what you have just written:
#
# | By hand | In PyTorch |
# |---|---|
# | `weight`, `bias` with `requires_grad=True` | `nn.Linear(inputs, outputs)`, an `nn.Module` |
# | `mse_loss` | `nn.MSELoss()` |
# | the update in `gradient_step` | `torch.optim.SGD(model.parameters(), lr=…)` and its `step()` |
# | clearing `.grad` | `optimizer.zero_grad()` |
#
# An `nn.Module` finds its parameters by itself: every `nn.Parameter`, and every module, that is
# assigned to an attribute in `__init__`. `model.parameters()` lists them for the optimiser.
# `model(x)` calls `forward(x)`.
#
# ### Exercise 8: `LinearRegression`
#
# *Easy, 5 minutes.* A module with one `nn.Linear`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `cannot assign module before Module.__init__() call`: `super().__init__()` comes first.
# - `optimizer got an empty parameter list`: the layer is not an attribute of the module, or it is
#   hidden in a plain Python list.
# - *a shape (N,)*: the result is a column; leave the shape that `nn.Linear` gives.
#
# </details>


# %% exercise="LinearRegression"
class LinearRegression(nn.Module):
    """A linear model with one output: x @ weight.T + bias.

    Its parameters are those of one nn.Linear: a weight of shape (1, inputs), a bias of
    shape (1,).

    Args:
        inputs: the number D of features, an int.
    """

    def __init__(self, inputs):
        ### BEGIN SOLUTION
        super().__init__()
        self.linear = nn.Linear(inputs, 1)
        ### END SOLUTION

    def forward(self, x):
        """Return the predictions, shape (N, 1), for x of shape (N, inputs)."""
        ### BEGIN SOLUTION
        return self.linear(x)
        ### END SOLUTION


# %% [markdown]
# ### Exercise 9: `fit`
#
# *Medium, 15 minutes.* The training loop, once for all models, losses and optimisers. The order
# of its lines is the order of the sentence: *predict, measure, clear, differentiate, step*.
#
# `model.train()` puts a model into training mode. A linear model does not care; layers such as
# dropout (notebook 05) do.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the first loss is right, later ones are not*: gradients of earlier steps add up.
# - *the loss never changes*: `optimizer.step()` is missing, or the optimiser belongs to another
#   model.
# - *memory grows with the number of steps*: `losses` keeps tensors, and each keeps its graph. The
#   method `item()` gives the number alone.
#
# </details>


# %% exercise="fit"
def fit(model, x, y, loss_function, optimizer, steps):
    """Put a model into training mode and train it on all examples at once.

    Gradients that the parameters hold from before do not count.

    Args:
        model: an nn.Module; model(x) gives its predictions.
        x: the inputs.
        y: the targets, in the form that loss_function wants.
        loss_function: loss_function(prediction, y) gives a tensor of shape ().
        optimizer: a torch.optim optimiser of the model's parameters.
        steps: the number of steps, an int.

    Returns:
        a list of `steps` Python floats: the loss before each step.
    """
    ### BEGIN SOLUTION
    model.train()
    losses = []
    for _ in range(steps):
        loss = loss_function(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses
    ### END SOLUTION


# %%
with waits_for("LinearRegression", "fit"):
    for seed in (0, 1):
        torch.manual_seed(seed)
        line = LinearRegression(1)
        optimizer = torch.optim.SGD(line.parameters(), lr=0.2)
        for steps in (0, 5, 95):
            fit(line, x, y, nn.MSELoss(), optimizer, steps)
            w, b = (p.item() for p in line.parameters())
            print(f"seed {seed}, {steps:2d} more steps: w = {w:.6f}  b = {b:.6f}")
    print(f"closed form:           w = {best[0]:.6f}  b = {best[1]:.6f}")

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: by hand or with `nn`
#
# *3 points, 10 minutes.* Does the `nn` version give a different answer from your hand-written
# one? Say what differs at the start, what differs after few steps, what differs after many, and
# why. Support it with numbers from the cells above.

# %% [markdown] points=3 written="nn_or_by_hand"
# ### BEGIN SOLUTION
# The two differ in where they start and agree in where they end.
#
# `train_linear_regression` starts from zeros; `nn.Linear` starts from small random numbers that
# depend on the seed. After few steps the parameters therefore differ, from each other and between
# seeds. The update is the same: the gradient of the same loss, the same learning rate.
#
# The mean squared error of a linear model is a convex quadratic function of $(w, b)$. As the
# inputs are not all equal it is strictly convex, so there is exactly one minimum, the closed
# form. With a learning rate below $2/\lambda_{\max}$ gradient descent reaches it from every start,
# and the difference between two runs shrinks by a constant factor per step. After 100 steps the
# printed digits agree with each other and with `torch.linalg.lstsq`. What is left is rounding:
# float32 has about seven digits, and sums are taken in another order.
#
# So a visible difference means that training was stopped early, that a learning rate differs, or
# that there is a bug. For the MLP of section 6 this would not hold: its loss is not convex.
#
# ### BEGIN RUBRIC
# - 1 point: names the initialisation (zeros against random) as the difference at the start, and
#   that few steps leave a difference.
# - 1 point: same minimum in the end *because* the loss is convex with a single minimum (or: both
#   reach the closed form). "They are both linear regression" alone earns half.
# - 1 point: what remains: stopping early, learning rate, rounding in float32; with at least one
#   number from the notebook.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 6 A neural network
#
# No line follows the temperature through a day. A **multi-layer perceptron** (MLP) with one
# hidden layer puts a non-linear function between two linear ones:
#
# $$\mathbf{h} = \mathrm{relu}(W_1\mathbf{x} + \mathbf{b}_1), \qquad
# \hat{\mathbf{y}} = W_2\mathbf{h} + \mathbf{b}_2, \qquad \mathrm{relu}(z) = \max(0, z).$$
#
# Without the ReLU the two layers would multiply out to a single linear one. With it, every hidden
# unit is a hinge, as in the picture at the top. For one input the hinge of unit $j$ bends at
# $x = -b_{1j}/w_{1j}$, so the network is a line with at most as many **kinks** as hidden units.
#
# ### Exercise 10: `MLP`
#
# *Easy, 10 minutes.* Two `nn.Linear` layers with a ReLU between them.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `mat1 and mat2 shapes cannot be multiplied`: the second layer takes `hidden` numbers in.
# - *outputs are never negative*: there is a ReLU after the last layer.
# - *the fit is a straight line*: the ReLU is missing.
#
# </details>


# %% exercise="MLP"
class MLP(nn.Module):
    """A network with one hidden layer: linear, ReLU, linear.

    Its parameters are two weights, of shapes (hidden, inputs) and (outputs, hidden), and two
    biases, of shapes (hidden,) and (outputs,).

    Args:
        inputs, hidden, outputs: the number of features, of hidden units and of outputs.
    """

    def __init__(self, inputs, hidden, outputs):
        ### BEGIN SOLUTION
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)
        ### END SOLUTION

    def forward(self, x):
        """Return the outputs, shape (N, outputs), for x of shape (N, inputs)."""
        ### BEGIN SOLUTION
        return self.second(torch.relu(self.first(x)))
        ### END SOLUTION


# %% [markdown]
# Now all models on the same data. The upper panel shows what they predict, with a triangle at
# every kink of the network with two hidden units. The lower panel shows how far each is from the
# true curve, which you know only because the data are simulated.
#
# With two hidden units much depends on the random start. So that network is trained from six
# starts, and the one with the lowest *training* loss is kept.


# %% tags=["skip-execution"]
def train_mlp(hidden, seed, lr=0.03, steps=400):
    """Return an MLP(1, hidden, 1) and its losses, trained with Adam on x and y."""
    torch.manual_seed(seed)
    model = MLP(1, hidden, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return model, fit(model, x, y, nn.MSELoss(), optimizer, steps)


def find_kinks(model, hidden):
    """Return the hours between 0 and 24 at which an MLP(1, hidden, 1) bends, in order."""
    w = next(p for p in model.parameters() if p.shape == (hidden, 1)).detach()[:, 0]
    b = next(p for p in model.parameters() if p.shape == (hidden,)).detach()
    hours = 6 * (-b / w) + 12
    return hours[(hours > 0) & (hours < 24)].sort().values


runs = {}  # the trained networks and their losses, by number of hidden units
with waits_for("train_linear_regression", "LinearRegression", "fit", "MLP"):
    w, b, _ = train_linear_regression(x, y, lr=0.2, steps=100)
    torch.manual_seed(1)
    line = LinearRegression(1)
    fit(line, x, y, nn.MSELoss(), torch.optim.SGD(line.parameters(), lr=0.2), 100)
    for hidden, seeds in ((2, (16, 5, 1, 10, 2, 0)), (20, (0, 1, 3))):
        runs[hidden] = [train_mlp(hidden, seed) for seed in seeds]
        print(f"trained {len(seeds)} networks with {hidden} hidden units")
    small, large = (min(runs[k], key=lambda run: run[1][-1])[0] for k in (2, 20))

    models = {
        "line by hand": lambda x: x @ w[:, None] + b,
        "line with nn": line,
        "MLP, 2 hidden units": small,
        "MLP, 20 hidden units": large,
    }
    styles = [
        {"color": COLOURS[5], "linewidth": 5, "linestyle": "-"},
        {"color": COLOURS[7], "linewidth": 1.6, "linestyle": (0, (5, 3))},
        {"color": COLOURS[1], "linewidth": 2.4, "linestyle": "-"},
        {"color": COLOURS[0], "linewidth": 2.4, "linestyle": "-"},
    ]
    noise = 1.2  # standard deviation in °C
    hours = torch.linspace(0, 24, 481)[:, None]
    truth = true_temperature(hours)

    figure, (top, below) = plt.subplots(
        2, 1, figsize=(10, 7.4), sharex=True, height_ratios=(2.6, 1), layout="constrained"
    )
    top.fill_between(
        hours[:, 0],
        (truth - noise)[:, 0],
        (truth + noise)[:, 0],
        color="0.92",
        linewidth=0,
        zorder=0,
        label="true curve ± noise",
    )
    draw_measurements(top, x, y, label="measurements")
    below.axhspan(-noise, noise, color="0.92", linewidth=0, zorder=0)
    with torch.no_grad():
        for (name, model), style in zip(models.items(), styles, strict=True):
            celsius = 5 * model((hours - 12) / 6) + 14
            loss = (model(x) - y).square().mean()
            top.plot(hours, celsius, label=f"{name}: loss {loss:.3f}", **style)
            below.plot(hours, celsius - truth, **style)
        bends = find_kinks(small, 2)
        heights = 5 * small((bends[:, None] - 12) / 6) + 14
        largest = 5 * (models["line by hand"](x) - line(x)).abs().max().item()
    marks = {"linestyle": "", "marker": "^", "markersize": 14, "markeredgecolor": "white"}
    top.plot(bends, heights, color=COLOURS[1], label="kinks of the 2 units", zorder=5, **marks)
    for panel in (top, below):
        for bend in bends.tolist():
            panel.axvline(bend, color=COLOURS[1], linewidth=1, linestyle=":", zorder=0)
    top.set(xlabel="", title="One day, four models", xlim=(0, 24), ylim=(6, 26))
    top.legend(ncols=2, loc="upper left", fontsize=10)
    below.set(xlabel="hour of the day", ylabel="fit - truth (°C)")
    plt.show()

    print(f"largest difference between the two lines: {largest:.2g} °C")
    print("the MLP with two hidden units bends at", [f"{h:.1f} h" for h in bends.tolist()])
    print(f"the best possible loss on average, the noise: {noise**2 / 25:.3f}")

# %% [markdown]
# ### How the loss falls
#
# The six starts with two hidden units were chosen, out of twenty, because they end in different
# places. Both axes are logarithmic: the first steps matter as much as the last ones.

# %% tags=["skip-execution"]
with waits_for("train_linear_regression", "LinearRegression", "fit", "MLP"):
    if not runs:
        raise NotImplementedError
    _, _, hand_losses = train_linear_regression(x, y, lr=0.2, steps=400)
    torch.manual_seed(1)
    line = LinearRegression(1)
    line_losses = fit(line, x, y, nn.MSELoss(), torch.optim.SGD(line.parameters(), lr=0.2), 400)

    figure, panel = plt.subplots(figsize=(9, 4.6), layout="constrained")
    step = range(1, 401)
    panel.loglog(step, hand_losses, color=COLOURS[5], lw=5, ls="-", label="line by hand")
    panel.loglog(step, line_losses, color=COLOURS[7], ls="--", label="line with nn")
    for hidden, colour in ((2, COLOURS[1]), (20, COLOURS[0])):
        for number, (_, losses) in enumerate(runs[hidden]):
            label = f"MLP, {hidden} hidden units" if number == 0 else None
            panel.loglog(step, losses, color=colour, ls="-", lw=1.4, label=label)
    panel.axhline(1.2**2 / 25, color="0.4", lw=1.2, ls=":", label="variance of the noise")
    panel.set(xlabel="step", ylabel="training loss", title="Training loss of lines and networks")
    panel.set_yticks([0.05, 0.1, 0.2, 0.5, 1], ["0.05", "0.1", "0.2", "0.5", "1"])
    panel.legend(fontsize=10, loc="lower left")
    plt.show()

    for model, losses in sorted(runs[2], key=lambda run: run[1][-1]):
        bends = [f"{h:.1f} h" for h in find_kinks(model, 2).tolist()]
        print(f"2 hidden units: final loss {losses[-1]:.3f}, kinks at {', '.join(bends) or 'none'}")

# %% [markdown]
# The lines stop at the error of the best line. A network with two hidden units stops at one of
# several plateaus. If its units bend only outside the data, it is a line; if both are zero on all
# data, it is a constant, and no gradient reaches them any more. The loss of the MLP is not convex:
# where gradient descent ends depends on where it starts. Of twenty hidden units some start in a
# useful place, and every start ends close to the noise.
#
# ### Choosing hyper-parameters
#
# The learning rate, the number of hidden units and the number of steps are **hyper-parameters**:
# gradient descent does not find them. Choose them by the loss on **validation data** that were not
# used for training. A learning rate can be wrong by orders of magnitude, so try values on a
# logarithmic scale. The cell below does so for a few; change it.

# %% tags=["skip-execution"]
with waits_for("fit", "MLP"):
    sizes, rates = (2, 5, 20, 100), (0.0003, 0.003, 0.03, 0.3, 3.0)
    validation = torch.zeros(len(sizes), len(rates))
    for i, hidden in enumerate(sizes):
        for j, rate in enumerate(rates):
            model, _ = train_mlp(hidden, seed=1, lr=rate, steps=250)
            with torch.no_grad():
                validation[i, j] = (model(x_validation) - y_validation).square().mean()
            print(
                f"{hidden:3d} hidden units, rate {rate:g}: validation loss {validation[i, j]:.4f}"
            )

    figure, panel = plt.subplots(figsize=(7, 4.2), layout="constrained")
    mesh = panel.imshow(validation.log10(), cmap="viridis_r", aspect="auto")
    for i in range(len(sizes)):
        for j in range(len(rates)):
            dark = validation[i, j].log10() > validation.log10().mean()
            panel.text(
                j,
                i,
                f"{validation[i, j]:.3g}",
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
    panel.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    panel.set_yticks(range(len(sizes)), sizes)
    panel.set(xlabel="learning rate of Adam", ylabel="hidden units")
    panel.set_title("Validation loss after 250 steps")
    panel.grid(False)
    figure.colorbar(mesh, label="log₁₀ of the validation loss")
    plt.show()

# %% [markdown]
# And by hand: how many hidden units, and how many steps, until the curve is good? Where does it
# begin to follow the noise?


# %% tags=["skip-execution"]
def draw_mlp(hidden, steps):
    """Train an MLP with this many hidden units and steps, and draw it."""
    with waits_for("fit", "MLP"):
        model, _ = train_mlp(hidden, seed=0, steps=steps)
        hours = torch.linspace(0, 24, 481)[:, None]
        with torch.no_grad():
            curve = 5 * model((hours - 12) / 6) + 14
            training = (model(x) - y).square().mean().item()
            unseen = (model(x_validation) - y_validation).square().mean().item()
        _, panel = plt.subplots(figsize=(9, 4), layout="constrained")
        draw_measurements(panel, x, y)
        panel.plot(hours, curve, color=COLOURS[0])
        bends = find_kinks(model, hidden)
        panel.plot(bends, torch.full_like(bends, 4.6), "^", ls="", color=COLOURS[1], label="kinks")
        panel.set(ylim=(4, 25), xlim=(0, 24))
        panel.set_title(f"training loss {training:.4f}, validation loss {unseen:.4f}")
        panel.legend(loc="upper left")
        plt.show()


play(draw_mlp, hidden=(5, 1, 100, 1), steps=(400, 50, 2000, 50))

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: hyper-parameters
#
# *3 points, 10 minutes.* Which hyper-parameters did you choose for the MLP, and how did you find
# them? Name the values you tried and the measure you compared them by. Compare two hidden units
# with twenty: what did you see, and why?

# %% [markdown] points=3 written="hyper_parameters"
# ### BEGIN SOLUTION
# I trained on `x`, `y` and compared the mean squared error on `x_validation`, `y_validation`, which
# training never sees. I varied the learning rate of Adam by factors of ten, from 0.0003 to 3,
# together with the number of hidden units, 2 to 100, at 250 steps each, then refined around the
# best cells and tried more steps. With 0.0003 the loss has hardly moved when training stops; with
# 3 it jumps about and ends high; in between there is a broad valley. I chose 20 hidden units,
# learning rate 0.03 and 400 steps: the validation loss is then close to the variance of the noise,
# which no model beats on average, and neither more units nor more steps lower it clearly.
#
# Two hidden units give a line with at most two kinks, that is three straight pieces. At its best
# that follows the day roughly, with one kink in the morning and one in the afternoon, but most
# starts end on a higher plateau: a constant (both units zero on all data), a straight line, or a
# single useful kink. Gradient descent stays in the minimum near its start. Twenty units can bend in
# twenty places and some of them always start in a useful one: each start reaches about the
# noise.
#
# ### BEGIN RUBRIC
# - 1 point: compares on validation data (not on training data), and says which values were tried;
#   learning rates on a logarithmic scale.
# - 1 point: states the choice with the loss that supports it, and what goes wrong on either side
#   (too small: no progress; too large: jumps or diverges).
# - 1 point: two hidden units: at most two kinks, and the result depends on the start; twenty: near
#   the noise from every start. A reason for either (kinks, dead units, local minima).
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## What you should be able to explain now
#
# - Why are labels one-hot, and what does standardising do to the unit of a column?
# - Why do `reshape` and `permute` give the same shape and different images?
# - What is the shape of `a - b` for shapes `(N, 1)` and `(N,)`, and how do you prevent it?
# - What happens without `zero_grad`, without `no_grad`, and with `p = p - …`?
# - Which learning rates make gradient descent on a quadratic loss diverge?
# - Why do two trainings of a linear model end at the same place, and two trainings of an MLP
#   perhaps not?
# - What does a hidden unit with ReLU contribute to the fit, and what does the number of them
#   limit?
# - Why are hyper-parameters chosen on data that training has not seen?
#
# **Next: notebook 02, an autograd engine.** You used `backward()` as a black box; there you build
# it.
