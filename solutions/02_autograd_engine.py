# %% [markdown]
# # 02 · An autograd engine
#
# Backpropagation, from four scalar functions to a small convolutional network, on an engine that
# you write yourself.
#
# **You will be able to**
#
# - differentiate a composition of functions by local derivatives, and sum over all paths of a
#   computation graph;
# - say what shape a gradient has, and derive the backward function of a matrix product;
# - write a reverse-mode automatic differentiation engine, and say why it needs a topological order;
# - push a gradient back through a convolution and a max-pooling layer by hand, and check it
#   numerically;
# - explain what a linear model and a toy convnet can learn, what they cannot, and why a network
#   must not start at zero.
#
# **You need to know** notebook 01 (tensors, broadcasting, gradient descent), partial derivatives,
# the chain rule for one variable, and Python classes with operators such as `__add__`.
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 A chain of modules | `chain_of_modules` | 25 |
# | 2 Many paths, many numbers | `linear_backward` | 30 |
# | 3 The engine | `unbroadcast`, `topological_order`, `Tensor` | 100 |
# | 4 The sigmoid | `sigmoid_backward`, a written question | 25 |
# | 5 Convolution and pooling | `conv2d_backward`, `max_pool2d_backward`, a written question | 60 |
# | 6 Two models | `LinearModel`, `ToyConvnet`, `regularized_loss`, `train`; two questions | 75 |
#
# PyTorch's own `backward()` only serves to check yours. Where an exercise asks for a gradient,
# `backward`, `torch.autograd` and `torch.func` are forbidden, and a check notices them. You still
# use torch for the arithmetic.

# %%
import itertools
import math

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, play, use_course_style, waits_for
from matplotlib.collections import LineCollection
from matplotlib.patches import FancyBboxPatch

use_course_style()

# %% [markdown]
# ## Before you start: the same network, in both directions
#
# Below, one network with random weights is drawn twice. On the left, numbers flow from the nine
# inputs to the output. On the right, the derivative of the output with respect to every node flows
# back along the same edges. Thick edges carry large numbers. Hollow nodes are ReLU units that are
# switched off: they pass nothing on, in either direction.
#
# One walk back gives all derivatives at once. To get those of the edges by trying, that is by
# changing one weight at a time, you would have to walk forward once per edge.


# %% tags=["skip-execution"]
def draw_flow(panel, sizes, nodes, edges, title):
    """Draw layers of nodes; a thicker edge or a bigger node is a larger number."""
    heights = [torch.linspace(-1, 1, n) if n > 1 else torch.zeros(1) for n in sizes]
    for layer, flow in enumerate(edges):
        ends = [
            [(layer, a), (layer + 1, b)]
            for b in heights[layer + 1].tolist()
            for a in heights[layer]
        ]
        strength = (flow.abs() / flow.abs().max()).flatten().tolist()
        colours = [COLOURS[0] if value > 0 else COLOURS[1] for value in flow.flatten().tolist()]
        lines = LineCollection(
            ends,
            colors=colours,
            linewidths=[4 * s for s in strength],
            alpha=[s**0.5 for s in strength],
        )
        panel.add_collection(lines)
    for layer, values in enumerate(nodes):
        size = 25 + 190 * values.abs() / values.abs().max()
        colour = [
            COLOURS[0] if v > 0 else COLOURS[1] if v < 0 else "white" for v in values.tolist()
        ]
        spots = [layer] * len(values), heights[layer]
        panel.scatter(*spots, s=size, c=colour, edgecolors="0.35", zorder=3)
    panel.set(xlim=(-0.3, len(sizes) - 0.7), ylim=(-1.12, 1.12), yticks=[], title=title)
    panel.set_xticks(range(len(sizes)), ["inputs", "layer 1", "layer 2", "layer 3", "output"])
    panel.grid(False)


generator = torch.Generator().manual_seed(10)
sizes = (9, 14, 14, 14, 1)
weights = [
    torch.randn(after, before, generator=generator) * (2 / before) ** 0.5
    for before, after in itertools.pairwise(sizes)
]
values = [torch.randn(9, generator=generator)]
for weight in weights[:-1]:
    values.append((weight @ values[-1]).clamp(min=0))
values.append(weights[-1] @ values[-1])
gradients = [torch.ones(1)]
for number in range(len(weights) - 1, -1, -1):
    passed_on = weights[number].T @ gradients[0]
    gradients.insert(0, passed_on * (values[number] > 0) if number else passed_on)

figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.2), layout="constrained")
forward = [weight * value for weight, value in zip(weights, values, strict=False)]
back = [w * g[:, None] * (v != 0) for w, g, v in zip(weights, gradients[1:], values, strict=False)]
draw_flow(left, sizes, values, forward, "forward: values  →")
draw_flow(right, sizes, gradients, back, "←  backward: derivatives of the output")
handles = [plt.Line2D([], [], color=COLOURS[k], lw=3, ls="-") for k in (0, 1)]
figure.legend(handles, ["positive", "negative"], loc="outside lower center", ncols=2)
plt.show()
edge_count = sum(weight.numel() for weight in weights)
print(f"{edge_count} edges: one walk back, or {edge_count + 1} walks forward")

# %% [markdown]
# ## 1 A chain of modules
#
# A function as awkward as
#
# $$f(x) = \frac{2}{\sin(e^{-x})}$$
#
# is a chain of four functions that are not awkward at all. Call each of them a **module**:
#
# | module | local derivative |
# |---|---|
# | $a = -x$ | $\partial a/\partial x = -1$ |
# | $b = e^a$ | $\partial b/\partial a = e^a$ |
# | $c = \sin b$ | $\partial c/\partial b = \cos b$ |
# | $d = 2/c$ | $\partial d/\partial c = \;?$ |
#
# The derivative of a module with respect to its own input is a **local derivative**. The
# derivative of the whole is the **global derivative**, and the chain rule makes it from the local
# ones:
#
# $$\frac{\partial f}{\partial x} = \frac{\partial d}{\partial c}\,\frac{\partial c}{\partial b}\,
# \frac{\partial b}{\partial a}\,\frac{\partial a}{\partial x}.$$
#
# **Backpropagation** is this recipe in three steps:
#
# 1. Cut the function into modules and work out each local derivative *symbolically*. How fine you
#    cut is your choice. Small modules have simple derivatives; many of them mean many roundings.
# 2. **Forward pass**: compute the value for a given $x$ and keep $a, b, c, d$.
# 3. **Backward pass**: put those numbers into the local derivatives and multiply, from the output
#    to the input.
#
# Nothing here is approximate. It differs from a difference quotient, which is, and it never writes
# down a formula for $f'$.
#
# ### Exercise 1: `chain_of_modules`
#
# *Easy, 10 minutes.* Write the forward pass, keep the four values, then the backward pass. No
# difference quotients, and none of torch's automatic differentiation.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the right value and a derivative of the wrong sign*: there are two minus signs, one from
#   $a = -x$ and one from $2/c$.
# - *the right value and a derivative off by a factor*: print the four local derivatives. Each is
#   evaluated at the input of *its own* module.
# - `must be Tensor, not float` or the reverse: stay with functions of torch, `torch.exp` and
#   `torch.sin`; `math.exp` returns a float and takes one number.
#
# </details>


# %% exercise="chain_of_modules"
def chain_of_modules(x):
    """Return f(x) = 2 / sin(exp(-x)) and its derivative, the latter by local derivatives.

    Angles are in radians. The derivative is exact up to rounding.

    Args:
        x: a floating-point tensor of any shape; f is applied to every entry.

    Returns:
        value: f at every entry, of the shape and dtype of x.
        derivative: df/dx at every entry, of the shape and dtype of x.
    """
    ### BEGIN SOLUTION
    a = -x
    b = torch.exp(a)
    c = torch.sin(b)
    d = 2 / c
    derivative = -2 / c**2
    derivative = derivative * torch.cos(b)
    derivative = derivative * b  # exp is its own derivative
    derivative = derivative * -1
    return d, derivative
    ### END SOLUTION


# %% [markdown]
# ### A slide that rounds
#
# A lecture slide evaluates this function at $x = -4.499$ and gets $b = 90$, $c = \sin 90 = 1$,
# $f = 2$ and the derivative $0$. The cell below computes the same chain with the sine in radians,
# in radians with $b$ rounded to 90, and in degrees.

# %%
x0 = torch.tensor(-4.499, dtype=torch.float64)
b_exact = torch.exp(-x0)
degree = math.pi / 180
for label, b, unit in (
    ("radians", b_exact, 1.0),
    ("radians, b rounded", b_exact.round(), 1.0),
    ("degrees", b_exact, degree),
    ("degrees, b rounded", b_exact.round(), degree),
):
    c = torch.sin(b * unit)
    slope = -2 / c**2 * unit * torch.cos(b * unit) * b * -1
    print(f"{label:19s} b = {b:7.4f}  c = {c:7.4f}  f = {2 / c:7.4f}  f' = {slope:9.4f}")

with waits_for("chain_of_modules"):
    value, derivative = chain_of_modules(x0)
    print(f"your function: f = {value:.4f}, f' = {derivative:.4f}")

# %% [markdown]
# In degrees the slide is right: at $b = 90°$ the sine has its maximum, so $f' = 0$. For the
# function as it is written, with radians, it is not. Two lessons:
#
# - In radians $b$ is more than 14 full turns of the sine. Rounding $b$ by less than one part in a
#   thousand changes the derivative by a quarter. Round what you print, never what you compute with.
# - The factor $\pi/180$ is the local derivative of one more module, "degrees to radians". Leave a
#   module out of the chain and its factor is missing from the product.
#
# Below, the slider moves $x$. The left panel shows the function and the tangent whose slope is your
# derivative. The right panel shows the size of each local derivative: where does the steepness
# come from?


# %% tags=["skip-execution"]
def draw_chain(x):
    """Draw f near x with its tangent, and the four local derivatives at x."""
    with waits_for("chain_of_modules"):
        grid = torch.linspace(-2.6, 1, 4000, dtype=torch.float64)
        curve, _ = chain_of_modules(grid)
        here = torch.tensor(x, dtype=torch.float64)
        value, slope = (float(number) for number in chain_of_modules(here))
        b = torch.exp(-here)
        local = {
            "∂d/∂c": -2 / torch.sin(b) ** 2,
            "∂c/∂b": torch.cos(b),
            "∂b/∂a": b,
            "∂a/∂x": torch.tensor(-1.0),
        }
        _, (left, right) = plt.subplots(
            1, 2, figsize=(11.5, 4), width_ratios=(2, 1), layout="constrained"
        )
        left.plot(grid, curve.masked_fill(curve.abs() > 30, math.nan), color=COLOURS[0])
        ends = torch.tensor([-0.35, 0.35]) / math.sqrt(1 + (slope / 8) ** 2)
        left.plot(x + ends, value + slope * ends, color=COLOURS[1], ls="-", lw=3)
        left.plot(x, value, "o", color=COLOURS[1], markersize=9)
        left.set(xlim=(-2.6, 1), ylim=(-15, 15), xlabel="x", ylabel="f(x)")
        left.set_title(f"f({x:.2f}) = {value:.2f},  f'({x:.2f}) = {slope:.2f}")
        sizes = [abs(float(number)) for number in local.values()]
        colours = [COLOURS[0] if number > 0 else COLOURS[1] for number in local.values()]
        bars = right.bar(list(local), sizes, color=colours)
        right.bar_label(bars, [f"{float(number):.2f}" for number in local.values()])
        right.set_yscale("log")
        right.set(ylim=(1e-2, 1e3), ylabel="size", title="Local derivatives (blue: positive)")
        plt.show()


play(draw_chain, x=(-1.5, -2.5, 0.9, 0.01))

# %% [markdown]
# ## 2 Many paths, many numbers
#
# ### Computation graphs
#
# A **computation graph** has a node for every value and an edge from each value to what is computed
# from it; it has no cycles. A deep learning system fills it while it computes. This is **eager
# evaluation**: `c = a * b` computes the product at once and remembers in `c` where it came from.
# Every training step builds a new graph over the same parameters and then forgets it, so the
# program may contain loops and conditions.
#
# A function in the graph may take several tensors and return several, of whatever shapes. A node is
# a whole tensor rather than a single number, because matrix products are what computers, GPUs above
# all, do fastest. One thing is required: the graph ends in **one number**, the loss, and every
# derivative is the derivative of that number. A model with many outputs is no exception, as its
# loss is still one number.
#
# ### Diamonds
#
# If $c$ depends on $a$ and $b$, and both depend on $x$, the graph is a diamond. There are two paths
# from $x$ to $c$. The **multivariate chain rule** takes both: differentiate along each path, as
# if the other inputs were constants, and *sum*:
#
# $$\frac{\partial c}{\partial x} = \sum_i \frac{\partial c}{\partial a_i}\,
# \frac{\partial a_i}{\partial x}.$$
#
# For $c = ab$ this is the product rule, $b\,\partial a/\partial x + a\,\partial b/\partial x$. A
# value that is used in several places gets a contribution from each; whoever keeps only one of
# them gets a wrong gradient without an error message.
#
# ### Derivatives of tensors
#
# What is the derivative of a vector with respect to a matrix? Take it apart: every number of the
# output has a derivative with respect to every number of the input. The tensor derivative is all
# of these, arranged in some way.
#
# | function of a … | that returns a scalar | a vector | a matrix |
# |---|---|---|---|
# | scalar | number | vector | matrix |
# | vector | **vector** | matrix | 3 axes |
# | matrix | **matrix** | 3 axes | 4 axes |
#
# For instance $\partial(\mathbf{a}^\top\mathbf{b})/\partial a_3 = b_3$, so
# $\partial(\mathbf{a}^\top\mathbf{b})/\partial\mathbf{a} = \mathbf{b}$. And
# $\partial(B\mathbf{a})_2/\partial a_3 = B_{23}$, so $\partial(B\mathbf{a})/\partial\mathbf{a} =
# B$. But $\partial(W\mathbf{x})/\partial W$ has three axes: for $W$ with 1,000 rows and 1,000
# columns that is a billion numbers, nearly all of them zero.
#
# Two decisions make this easy:
#
# 1. The loss $\ell$ is a scalar, so only its column of the table is needed in the end. The
#    **gradient** of $\ell$ with respect to a tensor has the **shape of that tensor**.
# 2. Multiply from the left. For the network $\mathbf{k} = W\mathbf{x} + \mathbf{b}$,
#    $\mathbf{h} = \sigma(\mathbf{k})$, $\mathbf{y} = V\mathbf{h} + \mathbf{c}$,
#    $\ell = \sum (\mathbf{y} - \mathbf{t})^2$ the chain is
#    $$\frac{\partial \ell}{\partial W} = \frac{\partial \ell}{\partial \mathbf{y}}
#    \frac{\partial \mathbf{y}}{\partial \mathbf{h}} \frac{\partial \mathbf{h}}{\partial \mathbf{k}}
#    \frac{\partial \mathbf{k}}{\partial W}.$$
#    It starts with the gradient of a scalar, and each product gives the gradient of a scalar again.
#    No local derivative is ever stored.
#
# So each function comes with two programs:
#
# - **forward**: from its inputs compute its outputs;
# - **backward**: from the gradient of the loss with respect to its *outputs* compute the gradient
#   with respect to its *inputs*.
#
# To find a backward function: (1) write the derivative for *one* entry of the input; (2) sum over
# all entries of the output, by the multivariate chain rule; (3) recognise the matrix operation.
#
# ### Why an outer product
#
# Take $\mathbf{k} = W\mathbf{x} + \mathbf{b}$ and write $g_i = \partial\ell/\partial k_i$. For one
# weight,
#
# $$\frac{\partial \ell}{\partial W_{23}} = \sum_i g_i\,\frac{\partial k_i}{\partial W_{23}}
# = \sum_i g_i\,\frac{\partial}{\partial W_{23}} \sum_j W_{ij}x_j .$$
#
# $W_{23}$ occurs in $k_2$ only, and there with the factor $x_3$. One term of the sum is left,
# $g_2 x_3$. Which matrix has the entry $g_i x_j$ in row $i$, column $j$?
#
# ### Exercise 2: `linear_backward`
#
# *Medium, 15 minutes.* Do the same for $\mathbf{x}$ and $\mathbf{b}$, then write all three. For a
# batch the rows of `x` are examples, and $W$ and $\mathbf{b}$ are used once per example: what
# does a value that is used several times get?
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a gradient of the wrong shape*: it has the shape of the thing. Write the three shapes down
#   first; often only one product fits them.
# - `mat1 and mat2 shapes cannot be multiplied`, `size mismatch`: a transpose is missing.
# - *wrong for a batch only*: sum over the examples, do not average; the average belongs to the
#   loss, and `gradient` already contains it.
#
# </details>


# %% exercise="linear_backward"
def linear_backward(gradient, weight, x):
    """Return the gradients of the loss with respect to W, x and b for k = W x + b.

    For a batch k = x @ W.T + b, a row per example. The bias b itself is not needed.

    Args:
        gradient: of the loss with respect to k; shape (M,), for a batch (N, M).
        weight: the matrix W, shape (M, K).
        x: shape (K,), for a batch (N, K).

    Returns:
        three tensors in the dtype of the arguments: the gradient with respect to W, of shape
        (M, K), with respect to x, of the shape of x, and with respect to b, of shape (M,).
    """
    ### BEGIN SOLUTION
    rows, inputs = gradient.reshape(-1, weight.shape[0]), x.reshape(-1, weight.shape[1])
    return rows.T @ inputs, gradient @ weight, rows.sum(dim=0)
    ### END SOLUTION


# %% [markdown]
# ## 3 The engine
#
# Now the machine that does this for every graph. It consists of a class `Tensor`, whose objects are
# the nodes, and of two helpers. The whole fits on two pages.
#
# ### Gradients and broadcasting
#
# In `a + b` with shapes $(2, 3)$ and $(3,)$ every entry of `b` is used twice, once per row. So its
# gradient is the *sum* of two entries of the gradient of the result: whatever broadcasting
# repeated in the forward pass is summed in the backward pass.
#
# ### Exercise 3: `unbroadcast`
#
# *Medium, 10 minutes.* Given a gradient of the broadcast shape, sum it to the shape of the operand.
# Recall the two rules of notebook 01: missing axes on the left, and axes of length 1.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *right for `(3,)` and wrong for `(2, 1)`*: an axis of length 1 is summed as well, and stays
#   there with length 1; see the argument `keepdim` of `sum`.
# - *an axis too many or too few*: first remove the extra axes on the left, then look at the rest.
#   After a sum without `keepdim` the axes are numbered anew.
# - *wrong for shape ()*: then every axis is an extra axis.
#
# </details>


# %% exercise="unbroadcast"
def unbroadcast(gradient, shape):
    """Sum a gradient over everything that broadcasting has repeated.

    Args:
        gradient: a tensor of a shape to which `shape` can be broadcast.
        shape: the shape of the operand, a tuple of ints or a torch.Size; () is a scalar.

    Returns:
        a tensor of exactly this shape, in the dtype of the gradient.
    """
    ### BEGIN SOLUTION
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=0)
    for axis, length in enumerate(shape):
        if length == 1:
            gradient = gradient.sum(dim=axis, keepdim=True)
    return gradient
    ### END SOLUTION


# %% [markdown]
# ### The order of the backward pass
#
# A node may hand its gradient on to its parents only when that gradient is complete: when *every*
# node computed from it has added its share. In $y = b \cdot c$ with $c = b + a$ the node $b$ waits
# for $y$ and for $c$.
#
# A **topological order** lists every node after all nodes it was computed from. Walk through it
# backwards, and each node is complete when its turn comes.
#
# A depth-first search gives such an order: list a node when all its parents are listed. Written
# with recursion it is five lines, and fails for a chain of 1,000 nodes: Python allows about 1,000
# nested calls. Keep a stack of your own instead. Push a node a second time, marked "parents done",
# before you push its parents.
#
# ### Exercise 4: `topological_order`
#
# *Hard, 25 minutes.* A node here is *any* object with an attribute `parents`. Tell nodes apart by
# identity, as `is` and `id(node)` do, never by `==`: two leaves that hold the same numbers are two
# leaves.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `maximum recursion depth exceeded`: replace the recursion by a list that you use as a stack.
# - `unhashable type`: a set or dictionary of nodes needs a hash and compares with `==`. Keep a set
#   of the numbers `id(node)`.
# - *a node is listed twice*: it was pushed by two children before its turn came. Look again whether
#   it is listed when you take it from the stack.
# - *a child stands before its parent*: you listed a node when you first saw it. List it when its
#   parents are listed.
#
# </details>


# %% exercise="topological_order"
def topological_order(root):
    """List a node and everything it was computed from, parents before children.

    It works for chains of any length. Nodes are told apart by identity; they may be equal to
    each other, and they need not be hashable.

    Args:
        root: an object with an attribute `parents`, a tuple of such objects, () for a leaf;
            a node may occur in it twice.

    Returns:
        a list in which every node stands once, after all its parents; the root is the last.
    """
    ### BEGIN SOLUTION
    order, listed = [], set()
    stack = [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if id(node) in listed:
            continue
        if parents_done:
            order.append(node)
            listed.add(id(node))
        else:
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order
    ### END SOLUTION


# %% [markdown]
# ### Exercise 5: `Tensor`
#
# *Hard, 60 minutes.* Each operation returns a new `Tensor` that knows its data, its parents, and a
# **pullback**: the backward function of section 2 for this one operation. It takes the gradient of
# the loss with respect to the result and returns a tuple with the gradient with respect to each
# parent. The product, `__mul__`, is written already as an example. A pullback computes with `torch`
# tensors, such as `self.data`, and not with `Tensor` objects. It need not care about broadcasting
# if `backward` calls `unbroadcast` for everything that a pullback returns. A short one may be a
# `lambda`; the tuple for a single parent needs its comma, `(share,)`.
#
# Write the methods in this order, and run the public checks as you go; there is one for each step:
#
# 1. `__add__` and `backward`. With `__mul__` this is the engine; the rest is a list of derivatives.
# 2. `__neg__`, `__sub__`, `__truediv__`, `__pow__`, and the reflected operators. Python calls
#    `a.__rsub__(2)` for `2 - a`; mind the order.
# 3. `__matmul__`, `sum`, `amax`. The gradient of a sum is repeated, that of a maximum goes to the
#    entry that was the largest.
# 4. `exp`, `log`, `relu`, `sigmoid`.
#
# What `backward` does to gradients that are already there is torch's rule, too: in **leaves**, the
# nodes without parents, it adds, so that several losses can share parameters; in inner nodes it
# starts afresh, because an old gradient there would be handed on a second time.
#
# None of torch's automatic differentiation here, and no difference quotients.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a gradient half as large as it should be*: an assignment where an addition is needed. In
#   `a * a` both parents are the same object.
# - *gradients change that you did not touch*: `+=` on a torch tensor changes it in place, and the
#   pullback of `+` may have handed the *same* tensor to both parents.
# - *right for one path, wrong for a diamond*: print the `op` of the nodes in the order in which you
#   visit them. Does the root come first?
# - *the second `backward` gives too much*: inner nodes must forget the gradient of the first.
# - `unsupported operand type(s) for -: 'int' and 'Tensor'`: the reflected operator is missing.
# - `'float' object has no attribute 'data'`: `self._wrap(other)` makes a `Tensor` of a number.
# - *the matrix product of two vectors fails*: make a row of the left and a column of the right one,
#   and remove the extra axis afterwards.
# - *wrong numbers in all products made in a loop*: a function made in a loop looks its variables up
#   when it is *called*; by then they have their last values.
#
# </details>


# %% exercise="Tensor"
class Tensor:
    """A node of a computation graph: a torch tensor that remembers how it was computed.

    Args:
        data: a torch tensor, a number or nested lists; what holds no floating-point numbers
            becomes float32.
        parents: a tuple of the Tensors that it was computed from; () for a leaf.
        op: the name of the operation, for drawings.
        pullback: takes the gradient of the loss with respect to this node, returns a tuple:
            the gradient with respect to each parent. None for a leaf.

    The gradient of the loss with respect to `data` is in `grad`: None before a backward pass
    has reached the node, then a torch tensor of the same shape and dtype as `data`.

    Operations take Tensors, torch tensors and numbers, the latter two as constants, broadcast
    as torch does, and return new Tensors. They never change `data`.
    """

    def __init__(self, data, parents=(), op="", pullback=None):
        data = torch.as_tensor(data).detach()
        self.data = data if data.is_floating_point() else data.to(torch.float32)
        self.grad = None
        self.parents = parents
        self.op = op
        self.pullback = pullback

    def __repr__(self):
        return f"Tensor({self.data.tolist()}, op={self.op!r})"

    def _wrap(self, other):
        """Return other if it is a Tensor, else a leaf; a number gets the dtype of self."""
        if isinstance(other, Tensor):
            return other
        if isinstance(other, torch.Tensor):
            return Tensor(other)
        return Tensor(torch.tensor(other, dtype=self.data.dtype, device=self.data.device))

    def backward(self, gradient=None):
        """Differentiate this node with respect to everything it was computed from.

        A leaf's grad is added to, as in torch. The grad of an inner node is that of this call
        alone, so a second call on the same graph adds the same to every leaf again.

        Args:
            gradient: of the loss with respect to this node, a torch tensor of the shape of
                data. None means that this node is the loss: its gradient is 1.

        Raises:
            ValueError: gradient is None and data has more than one entry.
        """
        ### BEGIN SOLUTION
        if gradient is None:
            if self.data.numel() != 1:
                raise ValueError(f"a tensor of shape {tuple(self.data.shape)} is no loss")
            gradient = torch.ones_like(self.data)
        order = topological_order(self)
        for node in order:
            if node.parents:
                node.grad = None
        self.grad = gradient if self.grad is None else self.grad + gradient
        for node in reversed(order):
            if node.parents:
                for parent, share in zip(node.parents, node.pullback(node.grad), strict=True):
                    share = unbroadcast(share, parent.data.shape)
                    parent.grad = share if parent.grad is None else parent.grad + share
        ### END SOLUTION

    # Step 1: two operations and backward make an engine. The product is an example.

    def __mul__(self, other):
        """Return self * other, entry by entry."""
        other = self._wrap(other)

        def pullback(gradient):
            return gradient * other.data, gradient * self.data

        return Tensor(self.data * other.data, (self, other), "*", pullback)

    def __add__(self, other):
        """Return self + other."""
        ### BEGIN SOLUTION
        other = self._wrap(other)
        total = self.data + other.data
        return Tensor(total, (self, other), "+", lambda gradient: (gradient, gradient))
        ### END SOLUTION

    # Step 2: the other operators, and numbers on the left.

    def __neg__(self):
        """Return -self."""
        ### BEGIN SOLUTION
        return Tensor(-self.data, (self,), "neg", lambda gradient: (-gradient,))
        ### END SOLUTION

    def __sub__(self, other):
        """Return self - other."""
        ### BEGIN SOLUTION
        other = self._wrap(other)
        difference = self.data - other.data
        return Tensor(difference, (self, other), "-", lambda gradient: (gradient, -gradient))
        ### END SOLUTION

    def __truediv__(self, other):
        """Return self / other, entry by entry."""
        ### BEGIN SOLUTION
        other = self._wrap(other)
        quotient, below = self.data / other.data, other.data
        return Tensor(
            quotient,
            (self, other),
            "/",
            lambda gradient: (gradient / below, -gradient * quotient / below),
        )
        ### END SOLUTION

    def __pow__(self, exponent):
        """Return self ** exponent, entry by entry; the exponent is a number."""
        ### BEGIN SOLUTION
        slope = exponent * self.data ** (exponent - 1)
        return Tensor(
            self.data**exponent, (self,), f"**{exponent:g}", lambda gradient: (gradient * slope,)
        )
        ### END SOLUTION

    def __radd__(self, other):
        """Return other + self, where other is a torch tensor or a number."""
        ### BEGIN SOLUTION
        return self._wrap(other) + self
        ### END SOLUTION

    def __rmul__(self, other):
        """Return other * self, where other is a torch tensor or a number."""
        ### BEGIN SOLUTION
        return self._wrap(other) * self
        ### END SOLUTION

    def __rsub__(self, other):
        """Return other - self, where other is a torch tensor or a number."""
        ### BEGIN SOLUTION
        return self._wrap(other) - self
        ### END SOLUTION

    def __rtruediv__(self, other):
        """Return other / self, where other is a torch tensor or a number."""
        ### BEGIN SOLUTION
        return self._wrap(other) / self
        ### END SOLUTION

    # Step 3: matrix products, sums, maxima.

    def __matmul__(self, other):
        """Return self @ other, for as many axes as torch's @ takes, vectors included."""
        ### BEGIN SOLUTION
        other = self._wrap(other)
        # A vector on the left is a row, one on the right a column.
        left = self.data if self.data.ndim > 1 else self.data[None, :]
        right = other.data if other.data.ndim > 1 else other.data[:, None]
        shape = (left @ right).shape
        return Tensor(
            self.data @ other.data,
            (self, other),
            "@",
            lambda gradient: (
                gradient.reshape(shape) @ right.mT,
                # A column loses its second axis again.
                (left.mT @ gradient.reshape(shape)).reshape(-1, *other.data.shape),
            ),
        )
        ### END SOLUTION

    def __rmatmul__(self, other):
        """Return other @ self, where other is a torch tensor."""
        ### BEGIN SOLUTION
        return self._wrap(other) @ self
        ### END SOLUTION

    def sum(self, dim=None):
        """Return the sum over an axis, a tuple of axes, or all entries; those axes vanish."""
        ### BEGIN SOLUTION
        kept = self.data.sum(dim, keepdim=True).shape
        return Tensor(
            self.data.sum(dim),
            (self,),
            "sum",
            lambda gradient: (gradient.reshape(kept).expand(self.data.shape),),
        )
        ### END SOLUTION

    def amax(self, dim=()):
        """Return the maximum over an axis, a tuple of axes, or all entries; those axes vanish.

        Where several entries are the largest they share the gradient equally, as in torch.amax.
        """
        ### BEGIN SOLUTION
        largest = self.data.amax(dim, keepdim=True)
        chosen = (self.data == largest).to(self.data.dtype)
        shares = chosen / chosen.sum(dim, keepdim=True)
        return Tensor(
            self.data.amax(dim),
            (self,),
            "max",
            lambda gradient: (gradient.reshape(largest.shape) * shares,),
        )
        ### END SOLUTION

    # Step 4: four functions.

    def exp(self):
        """Return e to the power of every entry."""
        ### BEGIN SOLUTION
        result = self.data.exp()
        return Tensor(result, (self,), "exp", lambda gradient: (gradient * result,))
        ### END SOLUTION

    def log(self):
        """Return the natural logarithm of every entry."""
        ### BEGIN SOLUTION
        return Tensor(self.data.log(), (self,), "log", lambda gradient: (gradient / self.data,))
        ### END SOLUTION

    def relu(self):
        """Return max(0, entry) for every entry; the derivative at 0 is 0."""
        ### BEGIN SOLUTION
        slope = (self.data > 0).to(self.data.dtype)
        return Tensor(self.data.clamp(min=0), (self,), "relu", lambda gradient: (gradient * slope,))
        ### END SOLUTION

    def sigmoid(self):
        """Return 1 / (1 + exp(-entry)) for every entry; entries of any size give no nan."""
        ### BEGIN SOLUTION
        result = torch.sigmoid(self.data)
        slope = result * (1 - result)
        return Tensor(result, (self,), "sigmoid", lambda gradient: (gradient * slope,))
        ### END SOLUTION


# %% [markdown]
# Two tests that no longer need a person. A **numerical gradient** moves one entry at a time by a
# small $h$ and looks at the loss: $\partial\ell/\partial x_i \approx
# (\ell(x_i + h) - \ell(x_i - h))/2h$. It is slow and only roughly right, and it knows nothing about
# your code: a good judge and a bad engine. The second test is PyTorch.


# %%
def numerical_gradient(loss, x, h=1e-6):
    """Return the gradient of a function that returns a number, by central differences.

    Args:
        loss: takes a torch tensor, returns a number.
        x: where to differentiate, float64.
        h: half the distance of the two points.
    """
    gradient = torch.zeros_like(x)
    for place in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[place] = h
        gradient.view(-1)[place] = (float(loss(x + step)) - float(loss(x - step))) / (2 * h)
    return gradient


def soft_network(x, first, second):
    """An expression that uses most operations; its arguments are of your kind or of torch's."""
    hidden = (x @ first - 0.5).sigmoid()
    scores = hidden @ second
    return (scores.exp().sum(1).log() - scores.amax(1) / 2).sum() + (first**2).sum()


def random64(*shape, seed):
    """Return standard normal numbers, float64, that depend on the seed alone."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


with waits_for("unbroadcast", "topological_order", "Tensor"):
    arrays = random64(5, 3, seed=1), random64(3, 4, seed=2), random64(4, 2, seed=3)
    x, W, V = (Tensor(array) for array in arrays)
    soft_network(x, W, V).backward()
    numerical = numerical_gradient(lambda w: soft_network(arrays[0], w, arrays[2]), arrays[1])
    print(
        "largest difference from the numerical gradient:", f"{(W.grad - numerical).abs().max():.1e}"
    )
    ours, theirs = W.grad, arrays[1].clone().requires_grad_()
    soft_network(arrays[0], theirs, arrays[2]).backward()
    print(
        "largest difference from torch's gradient:      ", f"{(ours - theirs.grad).abs().max():.1e}"
    )

# %% [markdown]
# ### The graph, drawn
#
# `draw_graph(root, x=x, …)` draws what your engine has recorded: a box for every node with its
# operation, its data and, after `backward()`, its gradient. Of a tensor with several entries it
# shows the shape of the data and the largest size of an entry of the gradient.


# %%
def draw_graph(root, title="", **names):
    """Draw a computation graph.

    Args:
        root: the Tensor at its end.
        title: of the figure.
        names: Tensors to be called by a name in the drawing, as in x=x.
    """
    order = topological_order(root)
    name_of = {id(node): name for name, node in names.items()}
    column = {}
    for node in order:
        column[id(node)] = 1 + max((column[id(p)] for p in node.parents), default=-1)
    for node in order[::-1]:  # a leaf moves up to the first node that uses it
        users = [column[id(n)] for n in order if any(p is node for p in n.parents)]
        if not node.parents and users:
            column[id(node)] = min(users) - 1
    columns = [[n for n in order if column[id(n)] == k] for k in range(column[id(root)] + 1)]
    height = {id(node): float(k) for nodes in columns for k, node in enumerate(nodes)}
    for _ in range(8):  # move nodes beside those that they are joined to
        for nodes in columns:
            wish = {}
            for node in nodes:
                joined = [*node.parents, *(n for n in order if any(p is node for p in n.parents))]
                wish[id(node)] = sum(height[id(n)] for n in joined) / max(len(joined), 1)
            ranked = sorted(nodes, key=lambda node: wish[id(node)])
            middle = sum(wish.values()) / len(wish)
            for k, node in enumerate(ranked):
                height[id(node)] = middle + k - (len(ranked) - 1) / 2

    def tell(values):
        return f"{values.item():.4g}" if values.numel() == 1 else f"{tuple(values.shape)}"

    low, high = min(height.values()), max(height.values())
    size = 1.75 * len(columns) + 0.3, 1.25 * (high - low + 1) + 0.5
    _, panel = plt.subplots(figsize=size, layout="constrained")
    for node in order:
        x, y = column[id(node)], height[id(node)]
        for parent in node.parents:
            start = column[id(parent)] + 0.36, height[id(parent)]
            bend = 0.25 if sum(p is parent for p in node.parents) > 1 else 0
            for sign in (1, -1) if bend else (0,):
                shape = {"arrowstyle": "-|>", "color": "0.45", "lw": 1.6}
                shape["connectionstyle"] = f"arc3,rad={sign * bend}"
                panel.annotate("", xy=(x - 0.36, y), xytext=start, arrowprops=shape)
        face = "#FFF3D6" if not node.parents else "#E3F0FA"
        box = FancyBboxPatch(
            (x - 0.35, y - 0.33), 0.7, 0.66, boxstyle="round,pad=0,rounding_size=0.08", fc=face
        )
        box.set_edgecolor(COLOURS[4] if not node.parents else COLOURS[0])
        panel.add_patch(box)
        title_of_box = name_of.get(id(node), "")
        operation = node.op or ("" if title_of_box else "constant")
        label = ": ".join(part for part in (title_of_box, operation) if part)
        panel.text(x, y + 0.19, label, ha="center", va="center", weight="bold", fontsize=11)
        panel.text(x, y - 0.02, tell(node.data), ha="center", va="center", fontsize=10)
        gradient = "no grad yet"
        if node.grad is not None:
            several = node.grad.numel() > 1
            gradient = (
                f"|grad| ≤ {node.grad.abs().max():.3g}" if several else f"grad {tell(node.grad)}"
            )
        panel.text(x, y - 0.21, gradient, ha="center", va="center", fontsize=10, color="#A23B00")
    panel.set(xlim=(-0.45, len(columns) - 0.55), ylim=(low - 0.45, high + 0.45), title=title)
    panel.axis("off")
    plt.show()


# %% [markdown]
# First the diamond. Follow the gradient from right to left: $x$ is reached on three paths, twice
# through $a = x \cdot x$ and once through $b$.

# %% tags=["skip-execution"]
with waits_for("unbroadcast", "topological_order", "Tensor"):
    x = Tensor(torch.tensor(1.5))
    a, b = x * x, x.exp()
    c = a * b
    c.backward()
    draw_graph(c, "c = x² exp(x): the gradients of all paths are summed", x=x, a=a, b=b, c=c)
    print(f"by the product rule: {(2 * 1.5 + 1.5**2) * math.exp(1.5):.4f}")

# %% [markdown]
# ## 4 The sigmoid
#
# Before the ReLU became the usual choice, most networks used the **sigmoid**
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}},$$
#
# which maps every number into $(0, 1)$. The ReLU's backward function is simple: remember which
# units were positive. The sigmoid looks worse, as its graph has several nodes. Here it is, built
# from elementary operations of your engine.

# %% tags=["skip-execution"]
with waits_for("unbroadcast", "topological_order", "Tensor"):
    x = Tensor(torch.tensor(0.7, dtype=torch.float64))
    s = 1 / (1 + (-x).exp())
    s.backward()
    draw_graph(s, "The sigmoid as a graph", x=x, s=s)
    single = Tensor(x.data)
    single.sigmoid().backward()
    print(f"gradient through all nodes: {x.grad:.12f}")
    print(f"gradient of one sigmoid:    {single.grad:.12f}")

# %% [markdown]
# All these factors multiply out to an expression in $\sigma(x)$ alone. So a sigmoid layer needs to
# remember nothing but its own output. Find that expression, with pencil and paper, from the
# graph above.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: the derivative of the sigmoid
#
# *3 points, 10 minutes.* Write $\sigma$ as a computation graph: list its nodes, from $x$ to
# $\sigma(x)$, with the local derivative of each. Backpropagate through them, and show that the
# result can be written with $\sigma(x)$ alone. Why is that useful in a network?

# %% [markdown] points=3 written="sigmoid_derivative"
# ### BEGIN SOLUTION
# The nodes, with their local derivatives:
#
# - $a = -x$, $\;\partial a/\partial x = -1$
# - $b = e^{a}$, $\;\partial b/\partial a = e^{a} = b$
# - $c = 1 + b$, $\;\partial c/\partial b = 1$
# - $s = 1/c$, $\;\partial s/\partial c = -1/c^2$
#
# The backward pass multiplies them from the output to the input:
#
# $$\frac{\partial s}{\partial x} = -\frac{1}{c^2} \cdot 1 \cdot b \cdot (-1) = \frac{b}{c^2}
# = \frac{1}{c} \cdot \frac{b}{c}.$$
#
# The first factor is $s$. For the second, $b = c - 1$, so $b/c = 1 - 1/c = 1 - s$. Hence
# $\sigma'(x) = \sigma(x)\,(1 - \sigma(x))$.
#
# It is useful because the forward pass has computed $\sigma(x)$ already, and the next layer needs
# it anyway. The layer keeps its output and forgets its input and all inner nodes; the backward
# pass costs a subtraction and a product, and no exponential. It is also safe: $e^{-x}$ may
# overflow, $\sigma(x)$ stays between 0 and 1.
#
# ### BEGIN RUBRIC
# - 1 point: a graph with all nodes (negate, exp, add 1, reciprocal) and their local derivatives.
# - 1 point: a complete chain from them to σ(1 - σ), including the step b/c = 1 - 1/c. Stating the
#   result, or differentiating by the quotient rule without the graph: half a point.
# - 1 point: the activation is stored in the forward pass, so the backward pass needs neither x nor
#   the inner nodes nor another exponential.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ### Exercise 6: `sigmoid_backward`
#
# *Easy, 5 minutes.* The backward function of a sigmoid layer, from what the layer has remembered.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *wrong numbers, but the formula is right*: is $\sigma$ applied to something that is an
#   activation already?
# - *right in the check with ones, wrong elsewhere*: every backward function multiplies by the
#   gradient that it is given.
#
# </details>


# %% exercise="sigmoid_backward"
def sigmoid_backward(gradient, activation):
    """Return the gradient of the loss with respect to the input of a sigmoid.

    Args:
        gradient: of the loss with respect to the activation, any shape.
        activation: what the sigmoid returned in the forward pass, the same shape and dtype.

    Returns:
        a tensor of that shape and dtype.
    """
    ### BEGIN SOLUTION
    return gradient * activation * (1 - activation)
    ### END SOLUTION


# %% [markdown]
# ## 5 Convolution and pooling
#
# The smallest network with all parts of a convnet, for an image of 4×4 pixels:
#
# | layer | computes | shape |
# |---|---|---|
# | input | the image $X$ | $(4, 4)$ |
# | convolution | $V = X \star F$, filter $F$ of 2×2, stride 1; then $\sigma$ | $(3, 3)$ |
# | max-pooling | the largest of each window of 2×2, stride 1 | $(2, 2)$ |
# | dense | $\mathbf{k} = W\,\mathrm{flatten}(M) + \mathbf{b}$; then $\sigma$ | $(2,)$ |
# | loss | $C = \frac12 \lVert \sigma(\mathbf{k}) - \mathbf{t} \rVert^2$ | $()$ |
#
# What deep learning calls a **convolution** slides the filter over the image as it is and sums the
# products (mathematicians call this a cross-correlation; notebook 04 has more):
#
# $$V_{ij} = \sum_{p,q} X_{i+p,\,j+q}\, F_{pq} .$$
#
# Each entry of $F$ is used at every position: **shared weights**. Each pixel is used in up to four
# windows. Shared use means summed gradients, twice.
#
# The pooling windows overlap, as the stride is smaller than the window. A **maximum** passes the
# gradient on to the entry that won; the others did not matter and get nothing. An entry that wins
# in several windows gets the sum.


# %%
def conv2d(image, kernel):
    """Slide a kernel over an image without padding, stride 1."""
    tall, wide = kernel.shape
    rows, columns = image.shape[0] - tall + 1, image.shape[1] - wide + 1
    result = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            result[i, j] = (image[i : i + tall, j : j + wide] * kernel).sum()
    return result


def max_pool2d(image, size, stride):
    """Return the maximum of every window of size x size; rows left over at the end are dropped."""
    rows, columns = ((length - size) // stride + 1 for length in image.shape)
    result = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            y, x = i * stride, j * stride
            result[i, j] = image[y : y + size, x : x + size].max()
    return result


# %% [markdown]
# ### Exercise 7: `conv2d_backward`
#
# *Medium, 15 minutes.* Use the recipe of section 2: in which outputs does $X_{ij}$ occur, and
# with which factor? In which does $F_{pq}$? Loops over the output are fine. The convolutions of
# torch and of other libraries are forbidden here, and so is automatic differentiation.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *only the last window has left a trace*: windows overlap; add to what is there.
# - *the gradient of the image looks turned by 180°*: the output `[i, j]` multiplied
#   `image[i + p, j + q]` by `kernel[p, q]`; its gradient goes back along the same pairs.
# - *a shape error for a kernel that is not square*: rows come from `shape[0]`, columns from
#   `shape[1]`, for the image and for the kernel.
# - `expected … float64`: `torch.zeros` makes `float32` unless you give a dtype.
#
# </details>


# %% exercise="conv2d_backward"
def conv2d_backward(gradient, image, kernel):
    """Return the gradients of the loss for V = conv2d(image, kernel): no padding, stride 1.

    Args:
        gradient: of the loss with respect to V, shape (H - P + 1, W - Q + 1).
        image: shape (H, W).
        kernel: shape (P, Q).

    Returns:
        two tensors in the dtype of the image: the gradient with respect to the image, shape
        (H, W), and with respect to the kernel, shape (P, Q).
    """
    ### BEGIN SOLUTION
    height, width = kernel.shape
    of_image, of_kernel = torch.zeros_like(image), torch.zeros_like(kernel)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            of_image[i : i + height, j : j + width] += gradient[i, j] * kernel
            of_kernel += gradient[i, j] * image[i : i + height, j : j + width]
    return of_image, of_kernel
    ### END SOLUTION


# %% [markdown]
# ### Exercise 8: `max_pool2d_backward`
#
# *Medium, 15 minutes.* Find the winner of every window again and give it the gradient of the
# window. On a tie, the first one in reading order wins, as in torch's pooling. Pooling functions
# of libraries and automatic differentiation are forbidden.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *an entry that wins twice gets too little*: add, do not assign.
# - *on a tie everybody gets something*: `window == window.max()` can hold in several places; a
#   single winner is needed. `argmax` of the flattened window gives one index.
# - *wrong for a stride other than the size*: window $(i, j)$ starts at row $i \cdot$ stride, column
#   $j \cdot$ stride.
#
# </details>


# %% exercise="max_pool2d_backward"
def max_pool2d_backward(gradient, image, size, stride):
    """Return the gradient of the loss with respect to the input of max_pool2d.

    Each window's gradient goes to its largest entry, to the first of them in reading order
    (row by row) if several are equal. Windows may overlap.

    Args:
        gradient: of the loss with respect to the maxima, shape (R, C), with
            R = (H - size) // stride + 1 and C = (W - size) // stride + 1.
        image: what was pooled, shape (H, W).
        size: the height and width of a window, an int.
        stride: the distance of neighbouring windows, an int.

    Returns:
        shape (H, W), the dtype of the image.
    """
    ### BEGIN SOLUTION
    of_image = torch.zeros_like(image)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            top, left = i * stride, j * stride
            window = image[top : top + size, left : left + size]
            row, column = divmod(window.flatten().argmax().item(), size)
            of_image[top + row, left + column] += gradient[i, j]
    return of_image
    ### END SOLUTION


# %% [markdown]
# ### The whole network, by hand
#
# Now all parts together: forward, then backward with your four backward functions. The gradient of
# the loss with respect to the input $z$ of an activation is written $\delta$.

# %%
X = random64(4, 4, seed=5)
F, W, b = random64(2, 2, seed=6), random64(2, 4, seed=7), random64(2, seed=8)
wanted = torch.tensor([1.0, 0.0], dtype=torch.float64)


def forward_pass(image, kernel, weight, bias):
    """Return the values of all layers, and the loss as the last."""
    z_conv = conv2d(image, kernel)
    a_conv = torch.sigmoid(z_conv)
    pooled = max_pool2d(a_conv, size=2, stride=1)
    output = torch.sigmoid(weight @ pooled.flatten() + bias)
    return z_conv, a_conv, pooled, output, (output - wanted).square().sum() / 2


z_conv, a_conv, pooled, output, cost = forward_pass(X, F, W, b)
layers = []  # name, values and gradient of each layer
with waits_for("linear_backward", "sigmoid_backward", "conv2d_backward", "max_pool2d_backward"):
    delta_output = sigmoid_backward(output - wanted, output)
    grad_weight, grad_pooled, grad_bias = linear_backward(delta_output, W, pooled.flatten())
    grad_pooled = grad_pooled.reshape(2, 2)
    grad_a_conv = max_pool2d_backward(grad_pooled, a_conv, size=2, stride=1)
    delta_conv = sigmoid_backward(grad_a_conv, a_conv)
    grad_image, grad_kernel = conv2d_backward(delta_conv, X, F)
    layers = [
        ("image X", X, grad_image),
        ("σ(convolution)", a_conv, grad_a_conv),
        ("max-pooling", pooled, grad_pooled),
        ("output", output[:, None], (output - wanted)[:, None]),
    ]

    print("largest difference from the numerical gradient")
    for name, backpropagated, numerical in (
        ("X", grad_image, numerical_gradient(lambda value: forward_pass(value, F, W, b)[-1], X)),
        ("F", grad_kernel, numerical_gradient(lambda value: forward_pass(X, value, W, b)[-1], F)),
        ("W", grad_weight, numerical_gradient(lambda value: forward_pass(X, F, value, b)[-1], W)),
        ("b", grad_bias, numerical_gradient(lambda value: forward_pass(X, F, W, value)[-1], b)),
    ):
        gap = (backpropagated - numerical).abs().max()
        print(f"  {name}: {gap:.1e}, of a gradient of size {numerical.abs().max():.1e}")

# %% tags=["skip-execution"]
with waits_for("linear_backward", "sigmoid_backward", "conv2d_backward", "max_pool2d_backward"):
    if not layers:
        raise NotImplementedError
    figure, axes = plt.subplots(
        2, 4, figsize=(8.6, 5.7), width_ratios=(4, 3, 2, 1), layout="constrained"
    )
    for number, (name, layer_values, layer_gradient) in enumerate(layers):
        for panel, table, cmap in (
            (axes[0, number], layer_values, "PuOr"),
            (axes[1, number], layer_gradient, "PuOr"),
        ):
            bound = table.abs().max()
            panel.imshow(table, cmap=cmap, vmin=-1.6 * bound, vmax=1.6 * bound)
            digits_shown = 2 if panel in axes[0] else 4
            for i in range(table.shape[0]):
                for j in range(table.shape[1]):
                    text = f"{table[i, j]:.{digits_shown}f}"
                    panel.text(j, i, text, ha="center", va="center", fontsize=9)
            panel.set(xticks=[], yticks=[])
            panel.grid(False)
        axes[0, number].set_title(name, fontsize=11)
    axes[0, 0].set_ylabel("value  →", fontsize=13)
    axes[1, 0].set_ylabel("←  gradient of the loss", fontsize=13)
    plt.show()

# %% [markdown]
# In the second column most gradients are exactly zero: these entries won no window. Compare the
# winners with the values above them. The convolution then spreads each remaining gradient over the
# 2×2 pixels of its window.
#
# A convolution is a linear map of the image, and its backward function is the **adjoint** map: for
# every image $X$ and every $Y$ of the shape of the output,
#
# $$\langle X \star F,\; Y \rangle
# = \langle X,\; \mathrm{conv2d\_backward}(Y)_{\text{image}} \rangle .$$
#
# In matrix terms: if the forward pass multiplies by $A$, the backward pass multiplies by $A^\top$.
# Because this holds for any $X$ and $Y$, it tests a backward function without a derivative.

# %%
with waits_for("conv2d_backward"):
    for seed in (1, 2, 3):
        image, kernel = random64(6, 7, seed=seed), random64(3, 2, seed=10 + seed)
        y = random64(4, 6, seed=20 + seed)
        left = (conv2d(image, kernel) * y).sum()
        right = (image * conv2d_backward(y, image, kernel)[0]).sum()
        print(f"⟨conv(x), y⟩ = {left:10.6f}   ⟨x, conv_backward(y)⟩ = {right:10.6f}")

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: the four equations
#
# *4 points, 20 minutes.* For a network of dense layers $\mathbf{z}^l = W^l\mathbf{a}^{l-1} +
# \mathbf{b}^l$, $\mathbf{a}^l = \sigma(\mathbf{z}^l)$, backpropagation is often written as four
# equations:
#
# 1. $\delta^L = \nabla_{\mathbf{a}} C \odot \sigma'(\mathbf{z}^L)$
# 2. $\delta^l = \big((W^{l+1})^\top \delta^{l+1}\big) \odot \sigma'(\mathbf{z}^l)$
# 3. $\partial C/\partial b^l_j = \delta^l_j$
# 4. $\partial C/\partial W^l_{jk} = a^{l-1}_k\,\delta^l_j$
#
# How does each of them change for the network of this section: convolution with one filter $F$ and
# one bias for all positions, max-pooling with overlapping windows, dense output layer? Say which
# stay as they are, and write the others with indices.

# %% [markdown] points=4 written="four_equations"
# ### BEGIN SOLUTION
# Notation: $z_{ij} = \sum_{pq} X_{i+p,j+q} F_{pq} + \beta$ and $a_{ij} = \sigma(z_{ij})$ in the
# convolutional layer, $m_{rs} = \max$ of the window $\Omega_{rs}$ of $a$, and
# $\mathbf{z}^L = W\,\mathrm{flatten}(m) + \mathbf{b}$.
#
# 1. **Output error**: unchanged, as the last layer is dense.
#    $\delta^L = \nabla_{\mathbf{a}} C \odot \sigma'(\mathbf{z}^L)$.
# 2. **Backward from layer to layer**: two steps instead of one.
#    - Dense to pool: $\partial C/\partial m = W^\top\delta^L$, put back into the shape $(2, 2)$. No
#      factor $\sigma'$, because pooling has no activation of its own; the maximum's local
#      derivative is 1 or 0.
#    - Pool to convolution: let $w(r, s)$ be the position that won window $(r, s)$. Then
#      $$\delta_{ij} = \sigma'(z_{ij})
#      \sum_{r,s:\; w(r,s) = (i,j)} \frac{\partial C}{\partial m_{rs}} .$$
#      An entry that wins nowhere has error 0; one that wins in several overlapping windows gets the
#      sum. In matrix form the pooling is $m = Pa$ with a 0-1 matrix $P$ that depends on the input,
#      and the gradient is multiplied by $P^\top$.
#    - A layer below the convolution would get $\partial C/\partial X_{uv} = \sum_{pq}
#      \delta_{u-p,v-q}
#      F_{pq}$, where terms outside the map are zero: a full convolution of $\delta$ with $F$ (the
#      filter turned by 180° if written as a cross-correlation).
# 3. **Bias**: in the dense layer unchanged. The convolution's single bias acts at every position,
#    so $\partial C/\partial \beta = \sum_{ij} \delta_{ij}$. Pooling has no bias.
# 4. **Weights**: in the dense layer unchanged, with $\mathrm{flatten}(m)$ as its input. The
#    filter is shared by all positions, so $$\frac{\partial C}{\partial F_{pq}} = \sum_{ij}
#    X_{i+p,\,j+q}\,\delta_{ij} ,$$ a valid cross-correlation of the input with the error. Pooling
#    has no weights.
#
# The common reason: a value that is used in several places (a shared weight, a pixel in several
# windows) gets the sum of the gradients of all its uses.
#
# ### BEGIN RUBRIC
# - 1 point: equation 1 unchanged; 3 and 4 unchanged in the dense layer, with the flattened pooled
#   values as its input.
# - 1 point: pooling routes the gradient to the winner of each window, zero elsewhere, summed where
#   windows overlap; no weights and no σ' of its own.
# - 1 point: the filter's gradient as a sum over all positions (correlation of input and error).
# - 1 point: the bias gradient as a sum over positions, and how the error would go on to the image
#   (transposed or full convolution), or the reason "shared use means summed gradients".
# - σ'(z) belongs to all positions of the convolution. Evaluating it at the pooled values alone is
#   fine if the answer says that the other errors are zero.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 6 Two models, three functions
#
# The engine is ready to train something. Fix a matrix $W \in \mathbb{R}^{4\times4}$ that the models
# do not know, and three functions of $\mathbf{x} \in \mathbb{R}^4$:
#
# $$y_1 = \sum_i (W\mathbf{x})_i, \qquad y_2 = \max_i x_i, \qquad
# y_3 = \log \sum_i e^{(W\mathbf{x})_i}.$$
#
# Two models try to learn each of them from examples:
#
# - a **linear model** $p = \mathbf{w}^\top\mathbf{x}$ with 4 parameters;
# - a **toy convnet** with 8 parameters: the last section's network in one dimension. Two filters
#   $\mathbf{w}_1, \mathbf{w}_2 \in \mathbb{R}^2$ slide over $\mathbf{x}$ (3 positions each), ReLU,
#   max-pooling over 2 neighbouring positions with stride 1 (2 windows each), and a dense layer
#   $\mathbf{u}$ over the 2×2 pooled values.
#
# Neither has biases. An object that keeps parameters together with the computation that uses them,
# as these two do, is what frameworks call a module or a layer.
#
# Which positions a filter sees is fixed, so the windows are plain data. `cut_windows` gathers
# them: `cut_windows(x)[n, p, s]` holds the two numbers at position $s$ of pooling window $p$ of
# example $n$.


# %%
def cut_windows(x):
    """Cut rows of four numbers into windows for a filter of length 2 and a pool of size 2.

    Args:
        x: a torch tensor, shape (N, 4).

    Returns:
        shape (N, 2, 2, 2): example, pooling window, position in the pooling window, filter entry.
    """
    positions = torch.stack([x[:, 0:2], x[:, 1:3], x[:, 2:4]], dim=1)
    return torch.stack([positions[:, 0:2], positions[:, 1:3]], dim=1)


print(cut_windows(torch.tensor([[10.0, 20.0, 30.0, 40.0]])))

# %% [markdown]
# ### Exercise 9: `LinearModel`
#
# *Easy, 5 minutes.* Parameters may be `Tensor` objects of your engine or torch tensors that record
# gradients. Write the models with operators and methods that both have (`@`, `*`, `sum`, `relu`,
# `amax`), and they work with either: afterwards you can train the same model on both engines.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `unsupported operand type(s) for @: 'Tensor' and 'Tensor'`: one is torch's, one is yours. Your
#   class needs `__rmatmul__`.
# - *a single number for several rows*: a row of x gives one prediction; nothing is summed over
#   rows.
#
# </details>


# %% exercise="LinearModel"
class LinearModel:
    """A linear function without a bias: p = w · x for every row x.

    Args:
        w: the parameter, shape (D,): a Tensor, or a torch tensor that records gradients.
    """

    def __init__(self, w):
        self.w = w

    def parameters(self):
        """Return the parameters as a list."""
        return [self.w]

    def __call__(self, x):
        """Return the predictions, shape (N,), of the kind of w, for a torch tensor x, (N, D)."""
        ### BEGIN SOLUTION
        return x @ self.w
        ### END SOLUTION


# %% [markdown]
# ### Exercise 10: `ToyConvnet`
#
# *Medium, 15 minutes.* Both filters at once: they are the columns of a matrix `w`, so one `@`
# applies them to all windows. Follow the shape through the layers: (N, 2, 2, 2) → … → (N,).
#
# <details><summary>Hints: if you see ...</summary>
#
# - `'Tensor' object has no attribute 'max'`, or `'torch.return_types.max' object …`: use `amax`,
#   which both kinds of tensor have.
# - `relu(): argument 'input' must be Tensor, not Tensor`: write `t.relu()`, not `torch.relu(t)`.
# - *the right shape and wrong numbers*: over which axis does the maximum run? The axes are example,
#   pooling window, position, filter.
# - *too large for a batch*: the sum at the end leaves the axis of the examples alone.
#
# </details>


# %% exercise="ToyConvnet"
class ToyConvnet:
    """Two filters, ReLU, max-pooling and a dense layer, for rows of four numbers.

    The filters slide as they are, unflipped; cut_windows gives the windows.

    Args:
        w: the filters, shape (2, 2): column f is filter f; a Tensor, or a torch tensor that
            records gradients.
        u: the dense layer, shape (2, 2): u[p, f] multiplies pooling window p of filter f; of
            the same kind as w.
    """

    def __init__(self, w, u):
        self.w = w
        self.u = u

    def parameters(self):
        """Return the parameters as a list."""
        return [self.w, self.u]

    def __call__(self, x):
        """Return the predictions, shape (N,), of the kind of w, for a torch tensor x, (N, 4)."""
        ### BEGIN SOLUTION
        hidden = (cut_windows(x) @ self.w).relu()  # example, window, position, filter
        return (hidden.amax(2) * self.u).sum((1, 2))
        ### END SOLUTION


# %% [markdown]
# ### Exercise 11: `regularized_loss`
#
# *Easy, 10 minutes.* The squared error, plus a penalty on large parameters:
#
# $$\ell = \frac{1}{N}\sum_{n=1}^{N} (p_n - y_n)^2 + \frac{\lambda}{2} \sum_{\theta}
# \lVert\theta\rVert^2 .$$
#
# The second sum runs over all parameters $\theta$ and the square over all their entries. With
# $\frac12$ the penalty adds exactly $\lambda\theta$ to the gradient: every step shrinks the
# parameters a little, hence the name **weight decay** for $\lambda$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `'Tensor' object has no attribute 'mean'`: your engine has `sum` and division.
# - *the penalty has no influence on training*: with `.data` the penalty is a constant.
#
# </details>


# %% exercise="regularized_loss"
def regularized_loss(prediction, target, parameters, decay):
    """Return the mean squared error plus decay / 2 times the sum of all squared parameters.

    Args:
        prediction: shape (N,), a Tensor or a torch tensor that records gradients.
        target: a torch tensor of the same shape.
        parameters: a list of such as prediction, of any shapes.
        decay: a float, the factor lambda.

    Returns:
        the loss, shape (), of the kind of prediction; it can be differentiated with respect to
        the prediction and to the parameters.
    """
    ### BEGIN SOLUTION
    loss = ((prediction - target) ** 2).sum() / len(target)
    for parameter in parameters:
        loss = loss + (parameter**2).sum() * (decay / 2)
    return loss
    ### END SOLUTION


# %% [markdown]
# ### Exercise 12: `train`
#
# *Medium, 15 minutes.* **Stochastic gradient descent**: each step looks at the next few examples
# only, a *mini-batch*. Its gradient is a noisy estimate of the gradient over all examples, and it
# costs a fraction. The order of the examples is random already, so take them as they come, each
# once.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the first loss is right, the second is not*: the gradients of the first step are still there.
#   Set `grad` to None.
# - *nothing is learned*: does the update reach the model's own parameters? `p.data` exists for both
#   kinds of tensor.
# - *one loss too few*: the last mini-batch may be smaller than the others.
#
# </details>


# %% exercise="train"
def train(model, x, y, lr, decay, batch):
    """Train a model by stochastic gradient descent on regularized_loss, one pass over the data.

    Step t uses the examples t * batch to (t + 1) * batch - 1; the last step uses what is left.
    Gradients that the parameters hold from before do not count. Only the parameters change, in
    place: the model sees their new values.

    Args:
        model: model(x) predicts; model.parameters() gives an iterable of Tensors, or of torch
            tensors that record gradients. All of them take part in the loss.
        x: a torch tensor with a row per example.
        y: a torch tensor with the targets, as many.
        lr: the learning rate, a float.
        decay: the factor lambda of the loss, a float.
        batch: the number of examples in a mini-batch, an int.

    Returns:
        a list of Python floats: the loss of each mini-batch before its step.
    """
    ### BEGIN SOLUTION
    losses = []
    for start in range(0, len(x), batch):
        parameters = list(model.parameters())
        chosen = slice(start, start + batch)
        loss = regularized_loss(model(x[chosen]), y[chosen], parameters, decay)
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        for parameter in parameters:
            parameter.data = parameter.data - lr * parameter.grad
        losses.append(float(loss.data))
    return losses
    ### END SOLUTION


# %% [markdown]
# The inputs are standard normal. The test error is given as a share of the variance of $y$: 0 is
# perfect, and 1 is what the best *constant* prediction, the mean of $y$, would reach. The convnet
# starts from small random numbers, four times. First a short run on both engines, yours and
# torch's.

# %%
unknown = random64(4, 4, seed=0)
functions = {
    "y₁ = sum(Wx)": lambda x: (x @ unknown.T).sum(1),
    "y₂ = max(x)": lambda x: x.amax(1),
    "y₃ = log sum exp(Wx)": lambda x: (x @ unknown.T).logsumexp(1),
}
train_x, test_x = random64(6_400, 4, seed=41), random64(4_000, 4, seed=42)


def start_convnet(seed, kind):
    """Return a ToyConvnet whose parameters, of the given kind, are small random numbers."""
    return ToyConvnet(
        kind(0.5 * random64(2, 2, seed=seed)), kind(0.5 * random64(2, 2, seed=90 + seed))
    )


with waits_for("Tensor", "ToyConvnet", "regularized_loss", "train"):
    short_x, short_y = train_x[:80], train_x[:80].amax(1)
    ours = train(start_convnet(1, Tensor), short_x, short_y, lr=0.03, decay=1e-4, batch=8)
    theirs = train(
        start_convnet(1, torch.nn.Parameter), short_x, short_y, lr=0.03, decay=1e-4, batch=8
    )
    print("losses on your engine:", [f"{loss:.4f}" for loss in ours[:5]])
    print("losses on torch's:    ", [f"{loss:.4f}" for loss in theirs[:5]])
    gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    print(f"largest difference in {len(ours)} steps: {gap:.1e}")

# %% tags=["skip-execution"]
trained = {}  # (function, model) -> list of (model, test errors over the steps)
checkpoints = (0, 4, 8, 16, 32, 64, 125, 250, 400, 600, 800)


def train_and_test(model, function):
    """Train a model on a function; return its test error, as a share, at every checkpoint."""
    y, test_y = function(train_x), function(test_x)
    errors = []
    for done, until in zip((0, *checkpoints), checkpoints, strict=False):
        part = slice(8 * done, 8 * until)
        train(model, train_x[part], y[part], lr=0.03, decay=1e-4, batch=8)
        errors.append(((model(test_x).data - test_y).square().mean() / test_y.var()).item())
    return errors


with waits_for("Tensor", "LinearModel", "ToyConvnet", "regularized_loss", "train"):
    for name, function in functions.items():
        model = LinearModel(Tensor(0.5 * random64(4, seed=50)))
        trained[name, "linear"] = [(model, train_and_test(model, function))]
        trained[name, "convnet"] = []
        for seed in (1, 2, 3, 4):
            model = start_convnet(seed, Tensor)
            trained[name, "convnet"].append((model, train_and_test(model, function)))
        print("trained on", name)

# %% tags=["skip-execution"]
with waits_for("Tensor", "LinearModel", "ToyConvnet", "regularized_loss", "train"):
    if not trained:
        raise NotImplementedError
    figure, axes = plt.subplots(
        2, 3, figsize=(12, 7.6), height_ratios=(1, 1.15), layout="constrained"
    )
    looks = {"linear": (COLOURS[1], "--", "s"), "convnet": (COLOURS[0], "-", "o")}
    steps = [max(step, 1) for step in checkpoints]
    for (name, function), (top, below) in zip(functions.items(), axes.T, strict=True):
        test_y = function(test_x)
        for kind, (colour, dashes, marker) in looks.items():
            runs = trained[name, kind]
            for number, (_, errors) in enumerate(runs):
                label = f"{kind} model" if kind == "linear" else "toy convnet, 4 starts"
                label = label if number == 0 else None
                top.loglog(steps, errors, color=colour, ls=dashes, lw=1.8, label=label)
            best = min(runs, key=lambda run: run[1][-1])[0]
            below.scatter(
                test_y[:400],
                best(test_x[:400]).data,
                s=14,
                color=colour,
                marker=marker,
                alpha=0.55,
                linewidths=0,
                label=f"{kind}" if kind == "linear" else "convnet, best start",
            )
        top.axhline(1, color="0.3", lw=1.2, ls=":", label="best constant")
        ends = [float(test_y.min()), float(test_y.max())]
        below.plot(ends, ends, color="0.3", lw=1.2, ls=":")
        top.set(title=name, xlabel="step (mini-batches of 8)", ylim=(1e-4, 20))
        below.set(xlabel="true y", ylim=(ends[0] - 2, ends[1] + 1))
    axes[0, 0].set_ylabel("test error / variance of y")
    axes[1, 0].set_ylabel("predicted y")
    axes[0, 0].legend(loc="lower left", fontsize=10)
    axes[1, 0].legend(loc="upper left", fontsize=10)
    plt.show()

    for name, function in functions.items():
        linear = trained[name, "linear"][0][1][-1]
        convnet = sorted(errors[-1] for _, errors in trained[name, "convnet"])
        mean, variance = function(test_x).mean(), function(test_x).var()
        print(f"{name:21s} mean² / variance of y: {mean**2 / variance:6.3f}")
        print(f"   test error, linear: {linear:.2g}; convnet: {[f'{e:.2g}' for e in convnet]}")
    first, second, _ = functions
    print("y₁, linear: w =", trained[first, "linear"][0][0].w.data.numpy().round(4))
    print("    the sums of the columns of W:", unknown.sum(0).numpy().round(4))
    best = min(trained[second, "convnet"], key=lambda run: run[1][-1])[0]
    w1, w2 = best.w.data.T.numpy().round(2)
    print("y₂, best convnet: filters", w1, "and", w2, " u =", best.u.data.numpy().round(2).tolist())

# %% [markdown]
# What can a linear model do at best? Least squares on the same examples tells, once as the model
# is, and once with a bias.

# %% tags=["skip-execution"]
for name, function in functions.items():
    y, test_y = function(train_x), function(test_x)
    shares = []
    for columns in (lambda x: x, lambda x: torch.cat([x, torch.ones(len(x), 1)], dim=1)):
        best = torch.linalg.lstsq(columns(train_x).double(), y[:, None]).solution
        error = (columns(test_x).double() @ best - test_y[:, None]).square().mean()
        shares.append((error / test_y.var()).item())
    odd = (function(test_x) - function(-test_x)) / 2
    print(f"{name:21s} best linear {shares[0]:.2g}, with a bias {shares[1]:.2g}", end="")
    print(f"; odd part: {odd.var() / test_y.var():.2f} of the variance")

# %% [markdown]
# Some facts to use in your answer. The linear model satisfies $p(-\mathbf{x}) = -p(\mathbf{x})$: it
# is an **odd** function. Both models satisfy $p(c\,\mathbf{x}) = c\,p(\mathbf{x})$ for every
# $c \ge 0$, so both predict 0 at $\mathbf{x} = 0$. Which of the three functions have these
# properties?
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: which model learns which function
#
# *4 points, 20 minutes.* Did each model learn each function? When is the linear model better, when
# the convnet, and why? Name for each model a limit that no training can overcome. Refer to the
# figure and to numbers from the cells above.

# %% [markdown] points=4 written="which_model"
# ### BEGIN SOLUTION
# **The linear model** learns $y_1$ exactly: the test error is about $10^{-9}$ of the variance
# after 800 steps. $y_1 = \mathbf{1}^\top W\mathbf{x}$ *is* linear, and the learned $\mathbf{w}$
# agrees with the column sums of $W$ to three decimals; the rest is the decay, which shrinks it a
# little.
#
# It learns neither $y_2$ nor $y_3$: its error is about 3 and 4 times the variance, worse than
# always predicting the mean. Training is not the reason, as least squares reaches only 2.6 and
# 3.9. The model is odd and has no bias, so over inputs that are symmetric about 0 its mean
# prediction is 0, while the mean of $y$ is not: mean² is 2.2 and 3.5 variances. It cannot
# represent the even part of a function either, about 40 % of the variance here. With a bias least
# squares would leave 0.49 and 0.48: what is lost then is the even part and some curvature.
#
# **The convnet** does better on both. For $y_2$ the best starts leave 0.16 of the variance,
# others 0.45: the loss is not convex, and where gradient descent ends depends on the start. The
# best filters are nearly $(1, 0)$ and $(0, 1)$: they copy single entries, the pool takes maxima
# of neighbours, and $\mathbf{u}$ adds such maxima up. That resembles the maximum of all, and is
# not equal to it: a second maximum over the pools would be needed, and the dense layer is linear.
# In the scatter plot $y_2$ below 0 is predicted as 0, because the ReLU has cut negative numbers
# off. For $y_3$ all four starts leave 0.71, better than a constant by little.
#
# For $y_1$ the convnet leaves 0.5, and the linear model wins by far. ReLU and maximum discard
# information: of two neighbouring positions only the larger one counts, and only if positive. A
# weighted sum needs all four entries, each with its own sign and weight. Two filters shared between
# positions cannot supply four different weights (here -3.4, -1.4, -1.3, 2.5).
#
# **Limits that no training removes.** Linear: odd, no curvature. Convnet: $p(c\mathbf{x}) =
# c\,p(\mathbf{x})$, so $p(\mathbf{0}) = 0$, while $y_3(\mathbf{0}) = \log 4$; it sees neighbours
# only and has 8 parameters, while $y_3$ depends on all 16 entries of $W$. A bias would remove the
# first limit of each; for $y_3$ the linear model with a bias would even beat this convnet.
#
# In short: a model wins where its form agrees with the form of the function. Linear functions to
# the linear model, maxima of positive features to max-pooling.
#
# ### BEGIN RUBRIC
# - 1 point: y₁: linear exact because y₁ is linear in x; the convnet is not, with a reason (ReLU and
#   maximum cannot keep all four signed inputs; shared weights).
# - 1 point: y₂ and y₃: convnet better, with numbers from the figure; the linear model is worse than
#   a constant there.
# - 1 point: why the linear model is worse than a constant: odd, no bias, so it can represent
#   neither a mean nor an even part. "It is not linear" alone earns half.
# - 1 point: a limit of the convnet that training does not overcome (value 0 at x = 0 for lack of a
#   bias; filters see neighbours only; a sum of maxima is no maximum of all) or, with evidence, its
#   dependence on the start.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ### Starting at zero
#
# Parameters of linear regression may start at zero, as in notebook 01. What about the toy convnet?

# %%
batch_x = train_x[:8].float()
with waits_for("Tensor", "ToyConvnet", "regularized_loss", "train"):
    zero = ToyConvnet(Tensor(torch.zeros(2, 2)), Tensor(torch.zeros(2, 2)))
    regularized_loss(zero(batch_x), batch_x.amax(1), zero.parameters(), decay=1e-4).backward()
    print("gradient of w:", zero.w.grad.tolist())
    print("gradient of u:", zero.u.grad.tolist())
    losses = train(zero, train_x.float(), train_x.float().amax(1), lr=0.03, decay=1e-4, batch=600)
    print("losses:", [f"{loss:.3f}" for loss in losses[:3]], "…", f"{losses[-1]:.3f}")
    print(
        "largest parameter after training:",
        max(float(p.data.abs().max()) for p in zero.parameters()),
    )

    print("\nboth filters and both columns of u equal, but not zero:")
    same = torch.tensor([[0.3], [-0.2]]).expand(2, 2)
    twins = ToyConvnet(Tensor(same), Tensor(torch.full((2, 2), 0.4)))
    train(twins, train_x.float(), train_x.float().amax(1), lr=0.03, decay=1e-4, batch=600)
    print("w after training:", [[round(v, 4) for v in row] for row in twins.w.data.tolist()])

# %% tags=["skip-execution"]
with waits_for("Tensor", "ToyConvnet", "regularized_loss"):
    zero = ToyConvnet(Tensor(torch.zeros(2, 2)), Tensor(torch.zeros(2, 2)))
    p = zero(batch_x)
    regularized_loss(p, batch_x.amax(1), [], decay=0.0).backward()
    draw_graph(
        p, "A convnet that starts at zero, with gradients of its loss", w=zero.w, u=zero.u, p=p
    )

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: zero initialisation
#
# *3 points, 10 minutes.* Somebody initialises $\mathbf{u}$, $\mathbf{w}_1$ and $\mathbf{w}_2$
# with zeros. Calculate the gradient with respect to each, and explain why training cannot
# succeed. Would it help to initialise only $\mathbf{u}$, or only the filters, with random
# numbers? With equal numbers?

# %% [markdown] points=3 written="zero_initialisation"
# ### BEGIN SOLUTION
# Write $m_{qf}$ for the pooled value of window $q$ and filter $f$. The prediction is
# $p = \sum_{qf} u_{qf}\, m_{qf}$.
#
# With all parameters zero every filter output is 0, so every $m_{qf} = 0$ and $p = 0$. Then
#
# - $\partial\ell/\partial u_{qf} = 2(p - y)\, m_{qf} = 0$, because $m_{qf} = 0$;
# - $\partial\ell/\partial \mathbf{w}_f = 2(p - y) \sum_q u_{qf}\,
#   \partial m_{qf}/\partial\mathbf{w}_f = 0$, because $u_{qf} = 0$ (the derivative of the ReLU at 0
#   would do it as well);
# - the penalty adds $\lambda\theta = 0$.
#
# The gradient is zero for *every* example: a stationary point, a saddle and no minimum. Gradient
# descent, stochastic or not, never moves; the cell shows a parameter change of exactly 0. The error
# $2(p - y)$ itself is not zero, but each path back to a parameter has a factor that is.
#
# Random $\mathbf{u}$ and zero filters: $\partial\ell/\partial u = 0$ since $m = 0$; the filters'
# gradient has the factor $\mathrm{relu}'(0)$, which is 0 by convention, so nothing moves (only
# the penalty shrinks $\mathbf{u}$). Random filters and $\mathbf{u} = 0$: now $m \ne 0$, so
# $\mathbf{u}$ moves in the first step, and from the second step on the filters do as well. That
# works. Equal numbers for both filters: equal values, equal gradients, so they stay equal
# forever, as the last lines of the cell show, and the network has one filter instead of two.
# Random numbers break this symmetry.
#
# ### BEGIN RUBRIC
# - 1 point: the gradient with respect to u is zero because the pooled values are, with respect to w
#   because u is (or by relu'(0) = 0).
# - 1 point: zero for every example, so SGD never leaves the point; it is no minimum.
# - 1 point: symmetry (equal filters stay equal), or a correct discussion of which group must be
#   non-zero.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## What you should be able to explain now
#
# - What is local and what is global about a derivative in a computation graph?
# - Why are gradients summed in a diamond, over a batch, over shared weights, and over what
#   broadcasting repeated?
# - Why does the gradient of $W\mathbf{x}$ with respect to $W$ never need three axes?
# - What goes wrong without a topological order, and what if stale gradients stay in inner nodes?
# - Why does a sigmoid layer need to remember its output only, and a ReLU layer only a sign?
# - Where does the gradient go in a max-pooling layer with overlapping windows?
# - How do you test a backward function, numerically and by adjointness?
# - What can an odd model, or one without biases, never learn?
# - Why must a network not start at zero, and why not with equal filters?
#
# **Next: notebook 03, vanishing gradients.** A long product of local derivatives can shrink to
# nothing. There you find out when, and what helps.
