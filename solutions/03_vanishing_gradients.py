# %% [markdown]
# # 03 · Vanishing gradients
#
# Why a deep network may not learn at all, how to see it, and three cures.
#
# **You will be able to**
#
# - say which factors the gradient of an early layer is made of, and bound their product;
# - measure the gradient of every layer of a network before you train it;
# - initialise weights by the rules of Glorot and He, and with orthogonal matrices, and say what
#   each rule keeps constant;
# - normalise a layer over the batch, and say what that does to the gradients;
# - recognise exploding gradients, saturated units and dead ReLUs.
#
# **You need to know** notebooks 01 and 02: modules, the chain rule, backpropagation, and the
# derivative of the sigmoid. From statistics: the variance of a sum of independent numbers.
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 A chain of derivatives | `sigmoid_prime` | 20 |
# | 2 How wide is the good interval? | `active_interval_width`, `find_maximum`, written | 45 |
# | 3 A bound for the whole network | `gradient_bound`, written | 40 |
# | 4 Measuring | `DeepMLP`, `layer_gradient_magnitudes`, written (two) | 60 |
# | 5 Initialisation | `glorot_uniform_`, `he_normal_`, `orthogonal_` | 50 |
# | 6 Exploding gradients | written | 20 |
# | 7 Batch normalisation | `batch_norm` | 30 |
# | 8 Dead ReLUs | `dead_fraction`, written | 30 |
# | 9 Everything together | | 10 |
#
# "Written" stands for a question that you answer in words and formulas.

# %%
import itertools
import math

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, load_digits, play, use_course_style, waits_for
from torch import nn

use_course_style()
torch.set_num_threads(1)  # for networks as small as these, more threads cost more than they give

# %% [markdown]
# ## Before you start: deeper is worse?
#
# Each network below gets the position of a pixel and has to answer with the ink there. All are
# trained on the same picture, with the same optimiser and the same number of steps. Only the
# number of hidden layers grows from left to right. More layers can express more; yet with the
# sigmoid the picture is lost, first its details and then all of it. With ReLU and a suitable start
# it gets better with every layer, as one would hope.
#
# The rows differ in two things, the function between the layers and the first values of the
# weights. By the end of this notebook you will know why they make the difference.

# %% tags=["skip-execution"]
digits, digit_labels = load_digits(full=False)
target = digits[(digit_labels == 5).nonzero()[12, 0]] / 255
axis = torch.linspace(-1, 1, 28)
positions = torch.cartesian_prod(axis, axis)


def learn_picture(depth, activation, scale):
    """Train a network with this many hidden layers on the picture; return what it draws."""
    torch.manual_seed(2)
    sizes = [2, *[32] * depth]
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        nn.init.normal_(linear.weight, std=math.sqrt(scale / inputs))
        layers += [linear, activation]
    model = nn.Sequential(*layers, nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        loss = (model(2 * positions) - target.reshape(-1, 1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model(2 * positions).detach().reshape(28, 28), loss.item()


depths = (1, 2, 4, 8, 12)
figure, axes = plt.subplots(2, 6, figsize=(12, 4.7), layout="constrained")
for row, (name, activation, scale) in zip(
    axes, (("sigmoid", nn.Sigmoid(), 1), ("ReLU", nn.ReLU(), 2)), strict=True
):
    for panel, depth in zip(row, depths, strict=False):
        drawn, loss = learn_picture(depth, activation, scale)
        panel.imshow(drawn, vmin=0, vmax=1, cmap="magma")
        panel.set_xlabel(f"squared error {loss:.4f}")
        print(f"{name}, {depth} hidden layers: squared error {loss:.4f}")
    row[0].set_ylabel(name, fontsize=13)
for panel, depth in zip(axes[0], depths, strict=False):
    panel.set_title(f"{depth} hidden layer{'s' if depth > 1 else ''}")
axes[0, 5].imshow(target, vmin=0, vmax=1, cmap="magma")
axes[0, 5].set_title("the picture")
axes[1, 5].axis("off")
for panel in axes.flat:
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
plt.show()

# %% [markdown]
# ## 1 A chain of derivatives
#
# Start with the thinnest deep network: $L$ layers of one unit each,
#
# $$x_k = \sigma(s_k), \qquad s_k = w_k x_{k-1} + b_k, \qquad
# \sigma(s) = \frac{1}{1 + e^{-s}}, \qquad k = 1, \dots, L.$$
#
# By the chain rule the output depends on the input through a product with one factor per layer,
#
# $$\frac{\partial x_L}{\partial x_0} = \prod_{k=1}^{L} w_k\, \sigma'(s_k).
# \tag{1}$$
#
# The same factors stand in the gradient of every weight: that of $w_k$ holds the factors of all
# layers *behind* $k$, up to the output. So the earliest weights have the longest products. If the
# factors are smaller than 1 in absolute value the product shrinks exponentially with the number of
# layers: the gradient **vanishes**. If they are larger than 1 it **explodes**.
#
# How large can a factor be? From notebook 02, $\sigma' = \sigma\,(1 - \sigma)$. A product
# $p(1-p)$ is largest at $p = \tfrac12$, so
#
# $$0 < \sigma'(s) \le \tfrac14, \qquad \sigma'(s) = \tfrac14 \text{ only at } s = 0.$$
#
# ### Exercise 1: `sigmoid_prime`
#
# *Medium, 15 minutes.* The formula is short; computing it is not trivial. Far from zero
# $\sigma'(s) \approx e^{-|s|}$, and a floating-point number can hold that. But $e^{100}$
# overflows in `float32`, and $1 - \sigma(20)$ is a difference of nearly equal numbers: in
# `float32` nothing is left of it. Two facts help: $\sigma'$ is even, and
# $1 - \sigma(s) = \sigma(-s)$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `nan`: infinity divided by infinity. An exponential of a large positive number overflows;
#   one of a large negative number does not.
# - *right at -20, and 0 at 20*: your formula subtracts from 1 a number that is rounded to 1.
# - *at 0 you get 0.235*: the sigmoid was applied to something that is a sigmoid already.
# - *more than 0.25*: look at the sign in $\sigma\,(1 - \sigma)$.
#
# </details>


# %% exercise="sigmoid_prime"
def sigmoid_prime(x):
    """Return the derivative of the sigmoid function, entry by entry.

    It is accurate far from zero, too: for |x| <= 80 the error is at most one part in
    100,000 of the result. For larger |x| the result is tiny or 0, never nan or infinite.

    Args:
        x: float32 or float64, any shape.

    Returns:
        the same shape and dtype.
    """
    ### BEGIN SOLUTION
    return torch.sigmoid(x) * torch.sigmoid(-x)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("sigmoid_prime"):
    s = torch.linspace(-8, 8, 401)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    left.plot(s, torch.sigmoid(s), label="σ(s)")
    left.plot(s, sigmoid_prime(s), label="σ′(s)")
    left.axhline(0.25, color="0.4", lw=1, ls=":")
    left.text(-7.9, 0.27, "1/4", color="0.3")
    left.set(xlabel="weighted sum s", title="The sigmoid and its derivative")
    left.legend(loc="center left")
    depth = torch.arange(1, 31)
    for k, sum_here in enumerate((0.0, 1.0, 2.0, 4.0)):
        factor = sigmoid_prime(torch.tensor(sum_here, dtype=torch.float64))
        marker = {"marker": "os^D"[k], "markevery": 5}
        right.semilogy(depth, factor**depth, label=f"all sums s = {sum_here:g}", **marker)
    right.axhline(2**-24, color="0.4", lw=1, ls=":")
    right.text(30, 2**-24, "half a float32 step at 1", color="0.3", va="bottom", ha="right")
    right.set(xlabel="number of layers L", ylabel="product of the σ′", ylim=(1e-30, 2))
    right.set_title("The product (1) for weights 1")
    right.legend(loc="lower left", fontsize=10)
    plt.show()

# %% [markdown]
# Even the best case, all sums at 0, loses a factor of 4 per layer. A unit whose sum is far from 0
# is **saturated**: its output is near 0 or 1 and its derivative near 0. Large weights of either
# sign make large sums, so "take larger weights" fights against itself. How much can it win?
#
# ## 2 How wide is the good interval?
#
# Take one unit with one input $a$. Its factor in the product (1) is $w\,\sigma'(wa + b)$. For which
# inputs is $|w\,\sigma'(wa+b)| \ge 1$, so that this layer does not shrink the gradient? The answer:
#
# - for none, if $|w| < 4$;
# - for an interval of inputs, if $|w| \ge 4$. Its width is
#
# $$\Delta(w) = \frac{2}{|w|} \ln\!\left(\frac{|w|\left(1 + \sqrt{1 - 4/|w|}\right)}{2} - 1\right),
# $$
#
# whatever $b$ is; the bias only shifts the interval. You will prove both in the written question
# below. First compute it.
#
# ### Exercise 2: `active_interval_width`
#
# *Medium, 10 minutes.* The formula for a whole tensor of weights at once, of either sign, small
# ones included.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `nan` *for small weights*: the square root of a negative number. `torch.where` picks the right
#   values after both sides have been computed; `clamp` keeps a number in its range.
# - `nan` *for negative weights only*: the formula has $|w|$, not $w$.
# - *half of what is expected*: the interval reaches to both sides of its middle.
#
# </details>


# %% exercise="active_interval_width"
def active_interval_width(w):
    """Return how wide the interval of inputs a is for which |w σ'(w a + b)| >= 1.

    The sign of w does not matter. The width is 0 where |w| <= 4, also at w = 0.

    Args:
        w: the weights, float32 or float64, any shape, also ().

    Returns:
        the same shape and dtype.
    """
    ### BEGIN SOLUTION
    size = w.abs().clamp(min=4)
    larger_root = size * (1 + torch.sqrt(1 - 4 / size)) / 2 - 1
    return 2 / size * torch.log(larger_root)
    ### END SOLUTION


# %% [markdown]
# ### Exercise 3: `find_maximum`
#
# *Medium, 15 minutes.* Which weight has the widest interval? Setting the derivative of $\Delta$ to
# zero leads to an equation without a closed solution, so search. Compute in `float64`: near its
# maximum a smooth function is flat. A step of $\delta$ away from it changes the value by about
# $\delta^2$, and in `float32` the steps that can be told apart are as large as
# $\sqrt{6\cdot 10^{-8}} \approx 2\cdot 10^{-4}$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a whole number where a place is expected*: `argmax` gives an index; the place is the entry of
#   your grid at that index.
# - *right for a short interval, imprecise for a long one* (or the other way round): the number of
#   grid points should not depend on the length. Search again between the neighbours of the
#   best point.
# - *wrong only if the function rises all the way*: `torch.arange` stops before its end,
#   `torch.linspace` does not.
# - `only one element tensors can be converted`: the function returns a tensor; `float(...)` or
#   `.item()` makes a number of one entry.
#
# </details>


# %% exercise="find_maximum"
def find_maximum(function, low, high):
    """Find where a function of one variable is largest on the interval [low, high].

    Args:
        function: takes a float64 tensor of any shape, works entry by entry, and returns
            a tensor of the same shape. Between low and high it rises up to its only
            maximum and falls after it; the maximum may be at low or at high.
        low, high: the ends of the interval, numbers, low < high.

    Returns:
        place: where the maximum is, a float, to within (high - low) / 100,000.
        value: function(place), a float.
    """
    ### BEGIN SOLUTION
    for _ in range(4):
        grid = torch.linspace(low, high, 101, dtype=torch.float64)
        best = int(function(grid).argmax())
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 100)]
    return grid[best].item(), function(grid)[best].item()
    ### END SOLUTION


# %%
with waits_for("active_interval_width", "find_maximum"):
    widest, width = find_maximum(active_interval_width, 4, 100)
    print(f"the interval is widest at |w| = {widest:.4f}; it is {width:.4f} wide there")

# %% tags=["skip-execution"]
with waits_for("sigmoid_prime", "active_interval_width", "find_maximum"):
    widest, width = find_maximum(active_interval_width, 4, 100)
    a = torch.linspace(-1, 1, 801, dtype=torch.float64)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.9), layout="constrained")
    for w in (2.0, 4.0, widest, 20.0):
        factor = w * sigmoid_prime(w * a)
        (line,) = left.plot(a, factor, label=f"w = {w:.3g}")
        left.fill_between(a, 1, factor, where=factor > 1, color=line.get_color(), alpha=0.25, lw=0)
    left.axhline(1, color="0.3", lw=1, ls="-")
    left.set(xlabel="input a (with b = 0)", ylabel="factor w σ′(wa)", ylim=(0, 5.2))
    left.set_title("Inputs whose factor is at least 1 (shaded)")
    left.legend()
    w = torch.logspace(0, 3, 601, dtype=torch.float64)
    right.semilogx(w, active_interval_width(w))
    right.plot(widest, width, "o", color=COLOURS[1])
    right.annotate(
        f"|w| = {widest:.2f}, width {width:.3f}", (widest, width), (15, 0.46), color=COLOURS[1]
    )
    right.set_xticks([1, 4, 10, 100, 1000], ["1", "4", "10", "100", "1000"])
    right.set(xlabel="|w|", ylabel="width of the interval", ylim=(-0.02, 0.5))
    right.set_title("How wide that interval is")
    plt.show()

# %% [markdown]
# Even for the best weight the input has to lie in an interval less than half a unit wide. (The
# output of a sigmoid unit lies in an interval of width 1.) For many layers in a row it must hit
# such an interval every time. A factor near 1 in *every* layer would be a coincidence, and nothing
# in training looks after it.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: the interval
#
# *4 points, 20 minutes.* (a) Show that $|w\,\sigma'(wa+b)| \ge 1$ is possible only for
# $|w| \ge 4$. (b) For $|w| \ge 4$, show that the inputs $a$ with $|w\,\sigma'(wa+b)| \ge 1$ form an
# interval, and derive its width $\Delta(w)$. Substitute $u = e^{-(wa+b)}$. (c) Describe
# $\Delta$ for $|w| \to \infty$ and say why very large weights do not help.

# %% [markdown] points=4 written="narrow_interval"
# ### BEGIN SOLUTION
# (a) $0 < \sigma' \le \tfrac14$, so $|w\,\sigma'(wa+b)| \le |w|/4$. If the left side is at least 1,
# then $|w| \ge 4$.
#
# (b) Write $m = |w|$ and $u = e^{-(wa+b)} > 0$. Then
# $\sigma' = \dfrac{u}{(1+u)^2}$, and
#
# $$m\,\frac{u}{(1+u)^2} \ge 1 \iff (1+u)^2 \le m u \iff u^2 - (m-2)\,u + 1 \le 0.$$
#
# The parabola opens upwards, so this holds exactly between its roots
#
# $$u_\pm = \frac{(m-2) \pm \sqrt{(m-2)^2 - 4}}{2} = \frac{m\left(1 \pm \sqrt{1 - 4/m}\right)}{2}
# - 1,$$
#
# using $(m-2)^2 - 4 = m^2 - 4m = m^2(1 - 4/m)$. The roots are real because $m \ge 4$. Their
# product is the constant coefficient, $u_+ u_- = 1$, and their sum $m - 2$ is positive, so both
# are positive and $\ln u_- = -\ln u_+$. The condition is thus
# $-\ln u_+ \le wa + b \le \ln u_+$: the sum lies in an interval of width $2 \ln u_+$ about 0.
# Since $a = (s - b)/w$ is linear in the sum $s$, the inputs form an interval as well, of width
# $2 \ln u_+ / m = \Delta(w)$, whatever $b$ is.
#
# (c) $u_+ \approx m$ for large $m$, so $\Delta \approx 2 \ln m / m \to 0$. A large weight makes
# the factor large at $s = 0$, but the sum leaves the neighbourhood of 0 for a small change of the
# input, and the unit saturates. The maximum in between is the compromise: width 0.448 at
# $|w| = 6.89$.
#
# ### BEGIN RUBRIC
# - 1 point: (a) from $\sigma' \le 1/4$.
# - 1 point: (b) the quadratic inequality, solved *between* the roots (not only at the roots).
# - 1 point: (b) why the width is twice the one logarithm ($u_+ u_- = 1$) and why it is divided by
#   $|w|$. "There is a ±, so double it" earns half.
# - 1 point: (c) tends to 0 like $2 \ln|w| / |w|$, because the unit saturates.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 3 A bound for the whole network
#
# Now $K$ units per layer. A network with $L$ hidden layers, and a linear output with one value:
#
# $$\mathbf{x}_k = \sigma(W_k \mathbf{x}_{k-1} + \mathbf{b}_k), \quad k = 1, \dots, L, \qquad
# f = \mathbf{c}^\top \mathbf{x}_L,$$
#
# where the input $\mathbf{x}_0$ has $K$ entries, too. The product (1) becomes a product of
# matrices,
#
# $$\frac{\partial f}{\partial \mathbf{x}_0} = \mathbf{c}^\top\, D_L W_L \cdots D_1 W_1,
# \qquad D_k = \operatorname{diag}\bigl(\sigma'(\mathbf{s}_k)\bigr). \tag{2}$$
#
# Multiplied out, every entry is a sum over *paths* through the network. A path picks one unit in
# each of the $L$ layers, so there are $K^L$ of them, and each contributes a product of $L$ weights,
# $L$ derivatives $\sigma'$ and one entry of $\mathbf{c}$. Suppose that no weight is larger than
# $m$ in absolute value, no derivative larger than $d$, and no entry of $\mathbf{c}$ larger
# than 1. Then
#
# $$\left|\frac{\partial f}{\partial x_{0,i}}\right| \le (K\,m\,d)^L, \tag{3}$$
#
# which for the sigmoid, $d = \tfrac14$, with weights at most 1 is $(K/4)^L$, and for $K = 3$
# it is $(3/4)^L$.
#
# ### Exercise 4: `gradient_bound`
#
# *Easy, 5 minutes.* The bound (3) as a function.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *right for width 3 only*: the 3 in $(3/4)^L$ is the width.
# - *nothing changes with `largest_weight`*: every factor of the product has a weight in it.
# - *the bound does not depend enough on the depth*: the power belongs to the whole product.
#
# </details>


# %% exercise="gradient_bound"
def gradient_bound(depth, width, largest_weight=1.0, largest_slope=0.25):
    """Bound the derivative of a deep network's output by one of its inputs, formula (3).

    The output weights c are at most 1 in absolute value.

    Args:
        depth: the number L of hidden layers, an int.
        width: the number K of units in every hidden layer, an int.
        largest_weight: no weight of a hidden layer is larger in absolute value.
        largest_slope: no derivative of the activation function is larger in absolute
            value; 1/4 for the sigmoid.

    Returns:
        the bound, a float.
    """
    ### BEGIN SOLUTION
    return float(width * largest_weight * largest_slope) ** depth
    ### END SOLUTION


# %% [markdown]
# Against it: networks with $K = 3$ whose weights, biases and inputs are drawn uniformly from
# $[-1, 1]$, and one that is built to be as bad for us as possible. Its weights are all 1, and its
# biases are chosen so that every sum is 0.


# %% tags=["skip-execution"]
def measure_input_gradients(depth, nets, seed, worst=False):
    """Return |∂f/∂x₀| of random networks with three units a layer, shape (nets, 3)."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return 2 * torch.rand(nets, *shape, generator=generator, dtype=torch.float64) - 1

    x, jacobian = draw(3, 1), torch.eye(3, dtype=torch.float64).expand(nets, 3, 3)
    for _ in range(depth):
        weight, bias = draw(3, 3), draw(3, 1)
        if worst:
            weight = torch.ones_like(weight)
            bias = -weight @ x
        s = weight @ x + bias
        jacobian = sigmoid_prime(s) * (weight @ jacobian)
        x = torch.sigmoid(s)
    c = torch.ones(nets, 1, 3, dtype=torch.float64) if worst else draw(1, 3)
    return (c @ jacobian).abs()[:, 0]


with waits_for("sigmoid_prime", "gradient_bound"):
    depths = range(1, 41)
    random_nets = [measure_input_gradients(depth, 2000, seed=depth) for depth in depths]
    worst_net = [measure_input_gradients(depth, 1, seed=0, worst=True).max() for depth in depths]
    bound = [gradient_bound(depth, 3) for depth in depths]

    figure, panel = plt.subplots(figsize=(8.5, 4.6), layout="constrained")
    panel.semilogy(depths, bound, ls="-", lw=5, color=COLOURS[5], label="bound $(3/4)^L$")
    panel.semilogy(depths, worst_net, ls=(0, (4, 3)), color="black", label="all sums 0, weights 1")
    largest = [values.max() for values in random_nets]
    median = torch.tensor([values.median() for values in random_nets], dtype=torch.float64)
    panel.semilogy(
        depths, largest, "^", ls="", ms=5, color=COLOURS[1], label="largest of 6,000 random ones"
    )
    panel.semilogy(depths, median, "o", ls="", ms=5, color=COLOURS[2], label="their median")
    panel.set(xlabel="number of hidden layers L", ylabel="|∂f / ∂x₀ᵢ|")
    panel.set_title("The bound, the worst network, and random networks")
    panel.legend()
    plt.show()
    rate = (median[39] / median[9]) ** (1 / 30)
    print(f"the bound shrinks by 0.75 per layer, the median by {rate:.3f}")
    print(f"worst network at L = 40: {worst_net[-1]:.6e}, bound: {bound[-1]:.6e}")

# %% [markdown]
# The bound is attained, so it cannot be improved without more assumptions. Typical networks are far
# below it, because their weights are smaller than 1 and have both signs. With four or more units
# the bound says nothing, as $(K/4)^L \ge 1$; the gradients vanish all the same, as you will see.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: the bound for a weight
#
# *4 points, 20 minutes.* Training needs derivatives by *weights*. Take the network above with
# sigmoid units, $K$ units per layer, and all weights and all entries of $\mathbf{c}$ at most 1 in
# absolute value. Prove for the first weight of the first layer
#
# $$\left|\frac{\partial f}{\partial w^{(1)}_{11}}\right| \le
# \frac{|x_{0,1}|}{K} \left(\frac{K}{4}\right)^{L}.$$
#
# Why does that vanish like $(3/4)^L$ for $K = 3$? What is the bound for a weight of layer
# $\ell > 1$, and which layer has the smallest bound?

# %% [markdown] points=4 written="bound_proof"
# ### BEGIN SOLUTION
# The weight $w^{(1)}_{11}$ enters through $s_{1,1} = \sum_j w^{(1)}_{1j} x_{0,j} + b_{1,1}$ alone,
# so
#
# $$\frac{\partial f}{\partial w^{(1)}_{11}} = x_{0,1}\, \sigma'(s_{1,1})\,
# \frac{\partial f}{\partial x_{1,1}}.$$
#
# Let $g_k = \max_i \left|\partial f / \partial x_{k,i}\right|$. At the top
# $\partial f/\partial x_{L,i} = c_i$, so $g_L \le 1$. Going down one layer, by the chain rule,
#
# $$\left|\frac{\partial f}{\partial x_{k,i}}\right| =
# \left|\sum_{j=1}^{K} w^{(k+1)}_{ji}\, \sigma'(s_{k+1,j})\,
# \frac{\partial f}{\partial x_{k+1,j}}\right|
# \le \sum_{j=1}^{K} 1 \cdot \tfrac14 \cdot g_{k+1} = \tfrac{K}{4}\, g_{k+1}.$$
#
# By induction $g_k \le (K/4)^{L-k}$, in particular $g_1 \le (K/4)^{L-1}$. Therefore
#
# $$\left|\frac{\partial f}{\partial w^{(1)}_{11}}\right| \le |x_{0,1}| \cdot \tfrac14 \cdot
# \left(\tfrac{K}{4}\right)^{L-1} = \frac{|x_{0,1}|}{K}\left(\tfrac{K}{4}\right)^{L}.$$
#
# For $K = 3$ this is a constant, $|x_{0,1}|/3$, which does not depend on $L$, times $(3/4)^L$: the
# derivative vanishes at least that fast.
#
# For layer $\ell > 1$ the same steps give
# $|x_{\ell-1,j}|\cdot\tfrac14\cdot(K/4)^{L-\ell}$, and $|x_{\ell-1,j}| < 1$, the output of a
# sigmoid. There are $L - \ell$ factors $K/4$, fewer the closer the layer is to the output. For
# $K < 4$ the bound is smallest for the first layer (if the inputs are of size 1).
#
# ### BEGIN RUBRIC
# - 1 point: the derivative by the weight as $x_{0,1}\,\sigma'\,\partial f/\partial x_{1,1}$.
# - 2 points: one step of the recursion (or the number of paths, $K^{L-1}$) with $\sigma' \le 1/4$
#   and $|w| \le 1$, and the induction with its start $|c_i| \le 1$. The factor $K$ of the sum
#   missing: 1 point at most.
# - 1 point: the constant and the rate are told apart; exponent $L - \ell$ for layer $\ell$.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 4 Measuring
#
# Real networks have a loss $\ell$ at the end, hundreds of units per layer, and other activation
# functions $a$. Backpropagation computes the derivatives from the last layer to the first,
#
# $$\frac{\partial \ell}{\partial x_{k,i}} = \sum_{j=1}^{n_{k+1}} w^{(k+1)}_{ji}\, a'(s_{k+1,j})\,
# \frac{\partial \ell}{\partial x_{k+1,j}}, \tag{4}$$
#
# $$\frac{\partial \ell}{\partial w^{(k)}_{ij}} = x_{k-1,j}\; a'(s_{k,i})\,
# \frac{\partial \ell}{\partial x_{k,i}}. \tag{5}$$
#
# Whether that vanishes is best measured, and before any training: build the network, pass some data
# through, and look at the gradient of each layer. The data are digits, with the mean of all pixels
# subtracted and divided by their standard deviation. So the inputs are of size 1, which all rules
# below assume.

# %%
digits, digit_labels = load_digits(full=False)
pixels = digits.reshape(len(digits), -1) / 255
pixels = (pixels - pixels.mean()) / pixels.std()
x, y = pixels[:256], digit_labels[:256]
print("x:", tuple(x.shape), x.dtype, f"mean {x.mean():.2f}, standard deviation {x.std():.2f}")
print("y:", tuple(y.shape), y.dtype)

# %% [markdown]
# ### Exercise 5: `DeepMLP`
#
# *Medium, 20 minutes.* An MLP whose depth, activation function and initialisation are arguments.
# For a fair comparison of activation functions all else must be equal, the random weights
# included. So the constructor gets a seed.
#
# An initialisation is a function that fills a weight in place, such as `nn.init.zeros_`. By
# PyTorch's convention the name of such a function ends in an underscore.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *two networks with the same seed differ*: call `torch.manual_seed(seed)` before the random
#   numbers are drawn that you keep.
# - *all layers have the same weights*: seed once, not for every layer.
# - *the parameters are not found*: a plain list hides them; `nn.ModuleList` and `nn.Sequential` do
#   not.
# - *outputs between 0 and 1 only*: there is an activation after the output layer.
#
# </details>


# %% exercise="DeepMLP"
class DeepMLP(nn.Module):
    """An MLP of any depth: hidden layers, each linear and then an activation, and a linear output.

    Its parameters are those of depth + 1 nn.Linear layers, in order from the input to the
    output. The biases start at 0. The weights are filled by init, from the input to the
    output, after one torch.manual_seed(seed). So they do not depend on the activation.

    Args:
        inputs: the number of features.
        depth: the number of hidden layers, at least 1.
        width: the number of units in every hidden layer.
        outputs: the number of outputs.
        activation: a function of the weighted sums, shape (N, width) in and out.
        init: a function that fills a weight, shape (outputs, inputs) of its layer, in place.
        seed: an int.
    """

    def __init__(self, inputs, depth, width, outputs, activation, init, seed):
        ### BEGIN SOLUTION
        super().__init__()
        sizes = [inputs] + [width] * depth + [outputs]
        self.layers = nn.ModuleList(
            [nn.Linear(sizes[k], sizes[k + 1]) for k in range(len(sizes) - 1)]
        )
        self.activation = activation
        torch.manual_seed(seed)
        for layer in self.layers:
            init(layer.weight)
            nn.init.zeros_(layer.bias)
        ### END SOLUTION

    def forward(self, x):
        """Return the outputs, shape (N, outputs), for x of shape (N, inputs)."""
        ### BEGIN SOLUTION
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)
        ### END SOLUTION


# %% [markdown]
# ### Exercise 6: `layer_gradient_magnitudes`
#
# *Medium, 15 minutes.* One number per layer: the mean of the absolute values of the gradient of
# the layer's weight. Biases are left out, as they follow another formula than (5).
#
# <details><summary>Hints: if you see ...</summary>
#
# - *twice as many numbers as layers*: a weight has two axes, a bias one.
# - *zero, or nearly zero*: gradients of both signs cancel in a mean. Take absolute values first,
#   entry by entry.
# - *the numbers grow from call to call*: `backward` adds to `.grad`. `torch.autograd.grad(loss,
#   weights)` returns gradients without storing them anywhere.
# - *the largest number comes first and should come last* for sigmoid units: the order is from input
#   to output, that of `model.parameters()`.
#
# </details>


# %% exercise="layer_gradient_magnitudes"
def layer_gradient_magnitudes(model, x, y):
    """Return the mean absolute gradient of every weight of a classifier.

    The loss is the cross-entropy nn.functional.cross_entropy(model(x), y), averaged over
    the batch. The model is the same after the call, the gradients stored in its
    parameters included.

    Args:
        model: an nn.Module. Its weights are its parameters with two axes; other
            parameters, such as biases, do not count.
        x: the inputs, shape (N, inputs).
        y: the classes, int64, shape (N,).

    Returns:
        shape (number of weights,), in the order of model.parameters(), recording no
        gradients.
    """
    ### BEGIN SOLUTION
    weights = [p for p in model.parameters() if p.ndim == 2]
    loss = nn.functional.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, weights)
    return torch.stack([gradient.abs().mean() for gradient in gradients])
    ### END SOLUTION


# %% [markdown]
# Now the experiment. Twenty hidden layers of 64 units; the same weights for each activation
# function, normal with variance $1/n_{\text{in}}$, where $n_{\text{in}}$ is the number of inputs
# of the layer. The tanh is a sigmoid that has been squeezed, stretched and shifted,
# $\tanh(s) = 2\sigma(2s) - 1$: its slope at 0 is 1, and its outputs lie on both sides of 0.


# %%
def lecun_normal_(weight):
    """Fill a weight with normal numbers of variance 1 / (number of inputs)."""
    nn.init.normal_(weight, std=weight.shape[1] ** -0.5)


def small_normal_(weight):
    """Fill a weight with normal numbers of standard deviation 0.05."""
    nn.init.normal_(weight, std=0.05)


activations = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "leaky ReLU": nn.functional.leaky_relu,
}


def draw_gradients(panel, magnitudes, **style):
    """Draw one number per layer on a logarithmic axis; a gradient of exactly 0 is left out."""
    shown = magnitudes.double().clamp(min=0)
    panel.semilogy(range(1, len(shown) + 1), shown.where(shown > 0, math.nan), **style)
    panel.set(xlabel="layer (1 = next to the input)", ylabel="mean |gradient| of its weights")


# %% tags=["skip-execution"]
with waits_for("DeepMLP", "layer_gradient_magnitudes"):
    figure, panel = plt.subplots(figsize=(9, 4.6), layout="constrained")
    for k, (name, activation) in enumerate(activations.items()):
        model = DeepMLP(784, 20, 64, 10, activation, lecun_normal_, seed=0)
        magnitudes = layer_gradient_magnitudes(model, x, y)
        draw_gradients(panel, magnitudes, label=name, marker="os^D"[k], ms=5)
        print(f"{name:10s} layer 1 / layer 20: {magnitudes[0] / magnitudes[19]:.2g}")
    panel.set_xticks(range(1, 22, 2))
    panel.set_title("Twenty hidden layers, the same random weights")
    panel.legend(loc="lower right")
    plt.show()

# %% [markdown]
# Read the sigmoid's curve from right to left, as backpropagation does: a straight line on a
# logarithmic axis is a constant factor per layer. With a learning rate that suits the last layer
# the first one does not move at all.
#
# The other curves are flat. That is good news only if they lie high. The ReLU sets about half of
# its outputs to zero, so with these weights the outputs shrink from layer to layer on the way
# up, and the derivatives (4) shrink by the same factor on the way down. Formula (5) multiplies the
# two, and for every layer the factors of all the other layers come together, some in $x$, some in
# $\partial\ell/\partial x$. So all layers suffer alike, and the deeper the network, the lower
# the whole curve. Section 5 explains the factor and removes it. (The leaky ReLU, with slope 0.01
# for negative sums, hides the curve of the ReLU.)
#
# (The first and the last layer have other sizes than the rest, and the numbers of layer 1 are
# multiplied by pixels instead of hidden units. Hence the small steps at both ends.)
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: what helps and what hurts
#
# *4 points, 15 minutes.* Look at formula (4) with $a = \sigma$. Say for each of the following how
# it contributes to vanishing gradients or counteracts them, and name the limit of the argument:
# the sums $s_{k+1,j}$; the weights; the number of units $n_{k+1}$; the number of layers.

# %% [markdown] points=4 written="what_helps"
# ### BEGIN SOLUTION
# *Sums.* The factor $\sigma'(s) = \sigma(s)(1-\sigma(s))$ is at most 1/4, at $s = 0$, and falls
# like $e^{-|s|}$. Sums near 0 are the best case, and even that loses a factor of 4. Sums that are
# large in absolute value, of either sign, saturate the unit and nearly cut it off.
#
# *Weights.* Each term has the factor $w_{ji}$. Small weights make the product smaller. Larger
# weights counteract, at least $|w| \ge 4$ for a single path. But they also make larger sums, which
# lowers $\sigma'$: the two effects fight, and the range of inputs where the weight wins is narrow
# (section 2). With weights that are large and sums that stay small, the gradient explodes.
#
# *Units per layer.* The sum has $n_{k+1}$ terms, so more units can make the derivative larger. If
# all terms had the same sign it would grow like $n$: that is the $K$ in $(K/4)^L$. With weights of
# random signs the terms partly cancel and it grows like $\sqrt{n}$. More units also make the
# *sums* larger, as each is a sum over the layer below. So wide layers need smaller weights.
#
# *Layers.* (4) is applied once for every layer between $k$ and the output. A typical factor $r$
# per layer becomes $r^{m-k}$: the early layers of a deep network suffer, whether $r < 1$
# (vanishing) or $r > 1$ (exploding).
#
# ### BEGIN RUBRIC
# - 1 point: sums: at most 1/4, at 0; saturation on *both* sides.
# - 1 point: weights: larger ones help directly and hurt by saturation.
# - 1 point: units: more terms; with a word on cancellation or on its effect on the sums.
# - 1 point: layers: a factor per layer, exponential, worst at the input.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: ReLU
#
# *3 points, 10 minutes.* How does $a = \mathrm{relu}$ help in formula (4), compared with the
# sigmoid? What does it not solve? Use the figure.

# %% [markdown] points=3 written="relu_helps"
# ### BEGIN SOLUTION
# The derivative of the ReLU is 1 for $s > 0$ and 0 for $s < 0$. A term of (4) is therefore passed
# on unchanged or dropped. Along a path whose units are all active the product of the $a'$ is
# exactly 1 for any number of layers, where the sigmoid gives at most $(1/4)^L$. Nor does the
# unit saturate for large positive sums.
#
# At a random start about half of the sums are positive, so about half of the terms survive. That
# is a factor of about $\sqrt{1/2}$ per layer in the size of the derivatives, which larger weights
# can make up for, without saturation. In the figure the gradients of the sigmoid differ by twelve
# powers of ten between layer 20 and layer 1; those of the ReLU are of the same size in all layers.
#
# Not solved: the weights are still in the product, so gradients vanish or explode if these are too
# small or too large. In the figure they are a little too small, and the whole curve of the ReLU
# lies far below that of tanh. And a unit that is negative for all data passes no gradient at all:
# it is dead, and so are the weights that act through it alone.
#
# ### BEGIN RUBRIC
# - 1 point: derivative exactly 1 on active paths, at most 1/4 for the sigmoid; no saturation on the
#   positive side.
# - 1 point: the figure is used (a ratio or a slope).
# - 1 point: what remains: weights in the product, *or* units with derivative 0.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 5 Initialisation
#
# Let a layer compute $s_i = \sum_j w_{ij} x_j$ from $n_{\text{in}}$ inputs, with independent
# weights of mean 0. Then
#
# $$\operatorname{Var}(s_i) = n_{\text{in}}\, \operatorname{Var}(w)\; \overline{x^2}, \qquad
# \operatorname{Var}\!\left(\frac{\partial \ell}{\partial x_j}\right) = n_{\text{out}}\,
# \operatorname{Var}(w)\; \overline{\left(\frac{\partial \ell}{\partial s}\right)^2},$$
#
# where the bar is a mean over the units. The first formula is about the way forward, where
# each unit sums over the inputs. The second is about the way back, formula (4), where each sums
# over the $n_{\text{out}}$ units above. If the first factor is not 1, the sums shrink or
# grow from layer to layer; if the second is not 1, the gradients do. Three answers:
#
# | Rule | Weights | Keeps |
# |---|---|---|
# | **Glorot** uniform | uniform, variance $2/(n_{\text{in}} + n_{\text{out}})$ | both, about |
# | **He** normal | normal, variance $2/n_{\text{in}}$ | the way forward, with ReLU |
# | **orthogonal** | a random matrix $Q$ with $Q^\top Q = I$ | lengths, exactly |
#
# Glorot takes the variance $2/(n_{\text{in}} + n_{\text{out}})$, between the two demands
# $1/n_{\text{in}}$ and $1/n_{\text{out}}$, so it keeps both as far as
# possible. A uniform number on $[-r, r]$ has the variance $r^2/3$, hence
# $r = \sqrt{6/(n_{\text{in}} + n_{\text{out}})}$.
#
# He adds that the ReLU sets half of the inputs to zero, which halves $\overline{x^2}$; the 2 makes
# up for it. Both keep sizes *on average*.
#
# An orthogonal matrix keeps the length of every vector, forward and backward: all its singular
# values are 1. For a random matrix with independent entries only their mean square is 1, and in a
# product of many such matrices the largest and the smallest drift apart.
#
# In PyTorch a weight has shape $(n_{\text{out}}, n_{\text{in}})$, outputs first. These functions
# exist in `nn.init`; here you write them yourself. `torch.no_grad()` is needed, as the weights
# record gradients.
#
# ### Exercise 7: `glorot_uniform_`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - `a leaf Variable that requires grad is being used in an in-place operation`: you are changing a
#   parameter while operations are recorded.
# - *the weight has not changed*: `weight = …` gives a new tensor the name `weight`. `weight.copy_`
#   and `weight.uniform_` change the tensor itself.
# - *numbers 1.7 times too small*: $\sqrt{2/(n_{\text{in}}+n_{\text{out}})}$ is the standard
#   deviation, not the end of the interval.
#
# </details>


# %% exercise="glorot_uniform_"
def glorot_uniform_(weight):
    """Fill a weight in place with uniform numbers on [-r, r], r² = 6 / (n_in + n_out).

    New numbers in every call, from torch's global generator. Nothing is recorded for
    differentiation.

    Args:
        weight: floating point, shape (n_out, n_in), also a parameter that records gradients.
    """
    ### BEGIN SOLUTION
    n_out, n_in = weight.shape
    end = math.sqrt(6 / (n_in + n_out))
    with torch.no_grad():
        weight.uniform_(-end, end)
    ### END SOLUTION


# %% [markdown]
# ### Exercise 8: `he_normal_`
#
# *Easy, 5 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *too small by 1.4*: the factor 2 that makes up for the ReLU.
# - *right for square weights only*: which axis of the weight counts the inputs?
# - *far too small*: `normal_` takes the standard deviation, not the variance.
#
# </details>


# %% exercise="he_normal_"
def he_normal_(weight):
    """Fill a weight in place with normal numbers of mean 0 and variance 2 / n_in.

    New numbers in every call, from torch's global generator. Nothing is recorded for
    differentiation.

    Args:
        weight: floating point, shape (n_out, n_in), also a parameter that records gradients.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        weight.normal_(0, math.sqrt(2 / weight.shape[1]))
    ### END SOLUTION


# %% [markdown]
# ### Exercise 9: `orthogonal_`
#
# *Hard, 20 minutes.* Take a matrix of normal numbers and make its columns orthonormal. The QR
# decomposition $A = QR$ does so: `torch.linalg.qr`. Two things need care:
#
# - $Q$ has orthonormal *columns*, so the matrix to decompose must have at least as many rows as
#   columns. For a weight with more columns than rows decompose the transposed matrix.
# - The library chooses the signs of the columns by its own rule; the first entry of $Q$ is then
#   never positive. Multiply each column of $Q$ by the sign of the diagonal entry of $R$ in that
#   column, and all directions are equally likely.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the rows of a wide weight are not orthonormal*: transpose before the decomposition and again
#   after it.
# - *the size does not fit*: `torch.linalg.qr` gives the *reduced* form by default: as many columns
#   as the matrix has.
# - *the first entry is never positive*: the signs.
#
# </details>


# %% exercise="orthogonal_"
def orthogonal_(weight, gain=1.0):
    """Fill a weight in place with a random orthogonal matrix times a gain.

    If there are at least as many rows as columns, the columns become orthonormal, else the
    rows, both before the gain is applied. All directions are equally likely, so each entry is
    positive as often as negative. New numbers in every call, from torch's global
    generator. Nothing is recorded for differentiation.

    Args:
        weight: float32 or float64, shape (n_out, n_in), also a parameter that records
            gradients.
        gain: the length of each of the orthogonal columns, or rows; sqrt(2) suits ReLU.
    """
    ### BEGIN SOLUTION
    rows, columns = weight.shape
    tall = torch.randn(
        max(rows, columns), min(rows, columns), dtype=weight.dtype, device=weight.device
    )
    q, r = torch.linalg.qr(tall)
    q = q * r.diagonal().sign()
    with torch.no_grad():
        weight.copy_(gain * (q if rows >= columns else q.T))
    ### END SOLUTION


# %% [markdown]
# First the way forward. A column of each picture shows how the outputs of one layer are
# distributed, from few (dark) to many (bright). Too small a start, and the outputs shrink to 0; too
# large, and the tanh units saturate at -1 and 1. In both cases the derivatives (5) suffer:
# through $x$ on the left, through $a'$ on the right.


# %% tags=["skip-execution"]
def record_hidden(model, x):
    """Return the outputs of the hidden layers of a DeepMLP, a list of tensors (N, width)."""
    hidden, activation = [], model.activation

    def listen(s):
        hidden.append(activation(s).detach())
        return hidden[-1]

    model.activation = listen
    with torch.no_grad():
        model(x)
    model.activation = activation
    return hidden


with waits_for("DeepMLP", "layer_gradient_magnitudes", "glorot_uniform_"):

    def scaled_glorot_(factor):
        """Return an initialisation: Glorot's weights times a factor."""

        def init(weight):
            glorot_uniform_(weight)
            with torch.no_grad():
                weight *= factor

        return init

    figure, axes = plt.subplots(2, 3, figsize=(12, 5.6), layout="constrained", sharex=True)
    titles = {0.5: "half of Glorot's weights", 1.0: "Glorot's weights", 4.0: "four times"}
    for (top, below), (factor, title) in zip(axes.T, titles.items(), strict=True):
        model = DeepMLP(784, 20, 64, 10, torch.tanh, scaled_glorot_(factor), seed=0)
        hidden = record_hidden(model, x)
        counts = torch.stack([h.flatten().histc(41, -1.025, 1.025) for h in hidden])
        share = (counts / counts.sum(dim=1, keepdim=True)).T
        mesh = top.imshow(
            share.clamp(min=1e-4).log10(),
            origin="lower",
            extent=(0.5, 20.5, -1.025, 1.025),
            aspect="auto",
            cmap="magma",
            vmin=-4,
            vmax=0,
        )
        top.grid(False)
        top.set_title(title)
        draw_gradients(below, layer_gradient_magnitudes(model, x, y), marker="o", ms=4)
        below.set(ylabel="", ylim=(1e-10, 1e4), xticks=[1, 5, 10, 15, 20], xlabel="layer")
    axes[0, 0].set_ylabel("outputs of the units")
    axes[1, 0].set_ylabel("mean |gradient|")
    ticks = [-4, -2, 0]
    bar = figure.colorbar(mesh, ax=axes[0], ticks=ticks)
    bar.set_label("share of the outputs")
    bar.set_ticklabels(["0.01 %", "1 %", "100 %"])
    figure.suptitle("Outputs of 20 tanh layers, and the gradients below")
    plt.show()

# %% [markdown]
# On the right most units are saturated and pass little. But those few that are not have weights
# four times as large behind them, and the gradients *grow* on their way to the input. Such a
# network is useless for another reason, too: its outputs are nearly all -1 or 1, and a small
# change of the input flips many of them.
#
# Now the gradients by initialisation, for tanh and for ReLU.

# %% tags=["skip-execution"]
inits = {
    "normal, std 0.05": small_normal_,
    "Glorot uniform": lambda weight: glorot_uniform_(weight),
    "He normal": lambda weight: he_normal_(weight),
    "orthogonal": lambda weight: orthogonal_(weight),
    "orthogonal, gain √2": lambda weight: orthogonal_(weight, math.sqrt(2)),
}

with waits_for(
    "DeepMLP", "layer_gradient_magnitudes", "glorot_uniform_", "he_normal_", "orthogonal_"
):
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained", sharey=True)
    for panel, name in zip(axes, ("sigmoid", "tanh", "ReLU"), strict=True):
        for k, (rule, init) in enumerate(inits.items()):
            model = DeepMLP(784, 40, 64, 10, activations[name], init, seed=0).double()
            magnitudes = layer_gradient_magnitudes(model, x.double(), y)
            marker = {"marker": "os^Dv"[k], "ms": 5, "markevery": (k, 8)}
            draw_gradients(panel, magnitudes, label=rule, **marker)
            print(
                f"{name:8s}{rule:20s} layer 2: {magnitudes[1]:.0e}  layer 40: {magnitudes[39]:.0e}"
            )
        panel.set(title=name, xlabel="layer", ylim=(1e-30, 1))
    axes[1].set_ylabel("")
    axes[2].set_ylabel("")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    plt.show()

# %% [markdown]
# Each activation has its rule. Glorot and orthogonal weights suit tanh, whose slope at 0 is 1. He
# and the orthogonal matrix with gain $\sqrt 2$ suit ReLU; with the others its curves are as flat
# but lie lower, the deeper the network the lower. No rule rescues the sigmoid: its slope of
# 1/4 at best would need weights four times as large, and then its outputs, which are all
# positive, drive the sums away from 0.
#
# ## 6 Exploding gradients
#
# How delicate is the balance? Below every weight of an orthogonal start is multiplied by a gain,
# and the vertical axis shows the gradient of layer 2 in a network with twenty hidden layers. The
# grey line is what that layer gets in a network with only two (tanh, gain 1).
#
# Two candidates have been added: the sigmoid made steeper, $\sigma(4s)$, whose slope at 0 is 1; and
# a ReLU with slope 2, whose derivative is larger than any other here.

# %% tags=["skip-execution"]
with waits_for("DeepMLP", "layer_gradient_magnitudes", "orthogonal_"):
    candidates = {
        "sigmoid σ(s)": torch.sigmoid,
        "steep sigmoid σ(4s)": lambda s: torch.sigmoid(4 * s),
        "tanh": torch.tanh,
        "ReLU": torch.relu,
        "leaky ReLU": nn.functional.leaky_relu,
        "ReLU of slope 2": lambda s: 2 * torch.relu(s),
    }
    gains = torch.logspace(-1, 1, 17)
    figure, panel = plt.subplots(figsize=(9, 5), layout="constrained")
    for k, (name, activation) in enumerate(candidates.items()):
        sizes = []
        for gain in gains.tolist():

            def init(weight, gain=gain):
                orthogonal_(weight, gain)

            model = DeepMLP(784, 20, 64, 10, activation, init, seed=0).double()
            sizes.append(layer_gradient_magnitudes(model, x.double(), y)[1])
        panel.loglog(gains, sizes, label=name, marker="os^DvP"[k], ms=5)
    shallow = DeepMLP(784, 2, 64, 10, torch.tanh, orthogonal_, seed=0)
    shallow = layer_gradient_magnitudes(shallow, x, y)[1].item()
    panel.axhline(shallow, color="0.6", lw=4, ls="-", zorder=0)
    panel.set(xlabel="gain of the orthogonal weights", ylim=(1e-24, 1e24))
    panel.set_ylabel("mean |gradient| of layer 2")
    panel.set_title("Below the grey line gradients vanish, above it they explode")
    panel.set_xticks([0.1, 0.5, 1, 2, 10], ["0.1", "0.5", "1", "2", "10"])
    panel.legend(fontsize=10)
    plt.show()

# %% [markdown]
# A curve that crosses the grey line steeply is right for one gain only, and training changes the
# weights. A gradient that explodes makes a step that throws the weights far away; the loss becomes
# `nan`. (*Gradient clipping*, which cuts the gradient down to a largest length before each step,
# limits the damage.)
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: a larger derivative
#
# *3 points, 10 minutes.* The sigmoid's gradients vanish because $\sigma' \le \tfrac14$. Would an
# activation function whose derivative can be much larger cure the *unstable* gradient, that is,
# vanishing as well as exploding? Argue with the product (1), and use the figure.

# %% [markdown] points=3 written="unstable_gradients"
# ### BEGIN SOLUTION
# No. It can cure vanishing, and it trades it for exploding. The gradient of an early layer is a
# product with one factor $w_k\,a'(s_k)$ per layer. If the typical size of a factor is $r$, the
# product is about $r^L$: it vanishes for $r < 1$ and explodes for $r > 1$. Stability needs $r$
# close to 1, to within about $1/L$. A larger derivative only moves the place where that happens:
# with slope 2 instead of 1, the weights must be half as large. The figure shows it. The curve
# of the ReLU of slope 2 is the ReLU's, shifted to half the gain, and as steep; at the gain that is
# right for the ReLU, $\sqrt2$, it has exploded. The leaky ReLU is no more stable than the ReLU.
#
# Moreover a function with a large derivative everywhere cannot be bounded, and one with a large
# derivative somewhere and a small one elsewhere (a steep sigmoid) saturates, so that its factors
# vary between large and tiny: that is *less* stable.
#
# What helps is to keep every factor near 1: derivative 1 over a wide range (ReLU), weights scaled
# to match (section 5), and a mechanism that restores the scale during training (section 7).
#
# ### BEGIN RUBRIC
# - 1 point: distinguishes vanishing (may be cured) from unstable (not cured): exploding.
# - 1 point: the product: factors above 1 grow exponentially with the number of layers.
# - 1 point: the figure, or a number from it; or the condition that $w\,a'$ must be near 1.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 7 Batch normalisation
#
# An initialisation sets the scale once. **Batch normalisation** sets it in every step: it
# standardises each unit's sum over the examples of the batch,
#
# $$\hat s_{nj} = \frac{s_{nj} - \mu_j}{\sqrt{v_j + \varepsilon}}, \qquad
# \mu_j = \frac1N \sum_n s_{nj}, \qquad v_j = \frac1N \sum_n (s_{nj} - \mu_j)^2,
# \qquad z_{nj} = \gamma_j\, \hat s_{nj} + \beta_j.$$
#
# The learned $\gamma_j$ and $\beta_j$ let the unit have another mean and size if that is better.
# Multiply all weights of the layer by a constant: $\hat s$ stays the same (but for
# $\varepsilon$). So the scale of the weights no longer matters on the way forward.
#
# This is the form used in training. For predictions, running averages of $\mu$ and $v$ take the
# place of the batch; notebook 05 uses PyTorch's `nn.BatchNorm1d`, which keeps them.
#
# ### Exercise 10: `batch_norm`
#
# *Medium, 10 minutes.* Without the library's `batch_norm`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *off by the factor* $\sqrt{(N-1)/N}$: `torch.var` divides by $N - 1$ unless told otherwise.
# - *each row has mean 0, instead of each column*: the batch is axis 0.
# - *wrong gradients with right values*: the mean and the variance depend on x, too. No `detach`, no
#   `no_grad`.
#
# </details>


# %% exercise="batch_norm"
def batch_norm(x, gamma, beta, eps=1e-5):
    """Normalise every feature over the batch, then scale and shift it.

    Mean and variance are those of this batch; the variance divides by N. The result can be
    differentiated by x, gamma and beta, and the gradient flows through mean and variance.

    Args:
        x: floating point, shape (N, D).
        gamma, beta: the scale and shift of each feature, shape (D,).
        eps: added to the variance before the root is taken.

    Returns:
        shape (N, D).
    """
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=0)
    variance = centred.square().mean(dim=0)
    return gamma * centred / torch.sqrt(variance + eps) + beta
    ### END SOLUTION


# %% [markdown]
# Its effect on the gradients over depth. Each curve is one depth; the layers are drawn from the
# input (0) to the output (1). The weights are those of section 4, the same with and without
# normalisation.


# %% tags=["skip-execution"]
def normalised(activation):
    """Return an activation function with batch normalisation before it."""

    def function(s):
        ones = torch.ones(s.shape[1], dtype=s.dtype)
        return activation(batch_norm(s, ones, torch.zeros_like(ones)))

    return function


with waits_for("DeepMLP", "layer_gradient_magnitudes", "batch_norm"):
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained", sharey=True)
    for panel, name in zip(axes, ("sigmoid", "tanh", "ReLU"), strict=True):
        for k, depth in enumerate((5, 10, 20, 40)):
            for normalise in (False, True):
                activation = normalised(activations[name]) if normalise else activations[name]
                model = DeepMLP(784, depth, 64, 10, activation, lecun_normal_, seed=0).double()
                magnitudes = layer_gradient_magnitudes(model, x.double(), y)
                panel.semilogy(
                    torch.linspace(0, 1, depth + 1),
                    magnitudes,
                    color=COLOURS[k],
                    ls="-" if normalise else ":",
                    label=f"{depth} layers, {'batch norm' if normalise else 'plain'}",
                )
        panel.set(title=name, xlabel="layer / depth", ylim=(1e-24, 10))
    axes[0].set_ylabel("mean |gradient| of its weights")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    plt.show()

# %% [markdown]
# With batch normalisation the curves of the sigmoid are nearly flat, and they lie high. The
# normalised sums have standard deviation 1, so few units saturate; and the division by the standard
# deviation of the sums gives back what the small slope has taken.
#
# In very deep networks normalisation overcompensates: at depth 40 the gradients of tanh and ReLU
# *grow* towards the input. Batch normalisation cures vanishing, and brings some exploding of its
# own.
#
# ## 8 Dead ReLUs
#
# A ReLU unit passes a gradient only for examples with a positive sum. If its sum is zero or
# negative for **every** example of the data set, the gradient of its weights and of its bias is
# zero: it does not change any more. It is **dead**, and no weight below it learns through
# it. Note the difference: at the start about half of all *outputs* are zero, and that is as it
# should be; a dead *unit* is zero for all examples.
#
# ### Exercise 11: `dead_fraction`
#
# *Medium, 15 minutes.* A data set comes in batches, which need not be equally large. A unit that is
# silent in one batch may be active in the next.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *about 0.5 for an untrained layer*: you count zero outputs, not units.
# - *too many dead units with several batches*: a mean over the batches counts a unit as dead that
#   is silent in some of them.
# - *a unit with sums of exactly 0 counts as alive*: its derivative there is 0 in PyTorch.
#
# </details>


# %% exercise="dead_fraction"
def dead_fraction(batches):
    """Return which fraction of a layer's ReLU units is dead on a data set.

    A unit is dead if its sum is zero or negative for every example of every batch.

    Args:
        batches: an iterable of at least one batch, also a generator. A batch holds the
            weighted sums of the layer, before the ReLU: shape (N, units), N may differ
            from batch to batch.

    Returns:
        a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    alive = False
    for sums in batches:
        alive = (sums > 0).any(dim=0) | alive
    return 1 - alive.double().mean().item()
    ### END SOLUTION


# %% [markdown]
# What kills units? A network with two hidden ReLU layers is trained by gradient descent, 60 steps
# of 256 digits each, with several learning rates. After each step the dead units of the first layer
# are counted on 2,000 digits. A step that is too large can push a bias, or a whole row of weights,
# so far that no example reaches the unit any more, and nothing brings it back.

# %% tags=["skip-execution"]
with waits_for("DeepMLP", "he_normal_", "dead_fraction"):

    def train_and_count(rate, activation=torch.relu, steps=60):
        """Train a DeepMLP; return the dead fraction of its first layer and the loss per step."""
        model = DeepMLP(784, 2, 100, 10, activation, he_normal_, seed=0)
        first = next(module for module in model.modules() if isinstance(module, nn.Linear))
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        dead, losses = [], []
        for step in range(steps):
            rows = torch.arange(256 * step, 256 * step + 256) % len(pixels)
            loss = nn.functional.cross_entropy(model(pixels[rows]), digit_labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            with torch.no_grad():
                dead.append(dead_fraction(first(part) for part in pixels[:2000].split(500)))
        return dead, losses

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for k, rate in enumerate((0.1, 0.3, 0.4, 0.5)):
        dead, losses = train_and_count(rate)
        style = {"color": COLOURS[k], "label": f"learning rate {rate:g}"}
        left.plot(range(1, 61), [100 * share for share in dead], **style)
        right.semilogy(range(1, 61), losses, **style)
        print(f"learning rate {rate:g}: {dead[-1]:.0%} dead, last loss {losses[-1]:.2f}")
    left.set(xlabel="step", ylabel="dead units of layer 1 (%)", ylim=(-2, 60))
    left.set_title("Units that no digit activates")
    left.legend()
    right.axhline(math.log(10), color="0.4", lw=1, ls=":")
    right.text(60, math.log(10), "guessing", color="0.3", va="bottom", ha="right")
    right.set(xlabel="step", ylabel="loss on the batch", title="The loss meanwhile")
    plt.show()

# %% [markdown]
# Once all units of a layer are dead, the network computes a constant, and only the biases behind
# that layer learn. Lower the learning rate, or leave a way back: the **leaky ReLU**
# $\max(0.01 s,\, s)$ has a small gradient on the negative side.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: a learned threshold
#
# *4 points, 15 minutes.* Replace every ReLU by $f_i(\mathbf{o}; t) = \max\{t, o_i\}$, where $t$ is
# learned along with the weights. Does the network then have a larger hypothesis class, that is, are
# there functions that it can represent and the ReLU network with the same layers cannot? Prove or
# give an example, and say what your answer assumes about biases.

# %% [markdown] points=4 written="learned_threshold"
# ### BEGIN SOLUTION
# It depends on the biases. The key is
#
# $$\max\{t, o\} = t + \max\{0,\, o - t\} = t + \mathrm{relu}(o - t).$$
#
# *With biases in this layer and in the next linear layer: no.* Let $o = W\mathbf{x} + \mathbf{b}$
# and let the next layer be $V\mathbf{h} + \mathbf{d}$. Then
#
# $$V \max\{t, W\mathbf{x} + \mathbf{b}\} + \mathbf{d}
# = V\,\mathrm{relu}\bigl(W\mathbf{x} + (\mathbf{b} - t\mathbf{1})\bigr)
# + (\mathbf{d} + t\,V\mathbf{1}).$$
#
# The right side is a ReLU network with the same weights and with the biases
# $\mathbf{b} - t\mathbf{1}$ and $\mathbf{d} + tV\mathbf{1}$. So each network with thresholds
# equals a ReLU network, layer by layer, and the converse is $t = 0$: the two classes are the
# same, also with one $t$ per unit. What changes is the parametrisation, and with it the path of
# gradient descent, not the set of functions.
#
# *Without biases: yes.* A ReLU network without biases satisfies
# $g(\lambda\mathbf{x}) = \lambda g(\mathbf{x})$ for all $\lambda \ge 0$, in particular
# $g(\mathbf{0}) = 0$. With thresholds, one unit with weights 1 gives $g(x) = \max\{t, x\}$, and
# $g(0) = t$ for $t = 1$: a function outside the old class.
#
# *The argument needs both biases.* If nothing linear with a bias follows (the activation is the
# last operation), $\max\{t, o\}$ has the lower limit $t$ and the ReLU the limit 0. With $t = -1$
# the output can be negative, which no ReLU output can; the class is larger. With zero padding in a
# convolutional network the shift $tV\mathbf{1}$ is not the same at the border as inside, so the
# equality holds only away from the border.
#
# ### BEGIN RUBRIC
# - 1 point: $\max\{t, o\} = t + \mathrm{relu}(o - t)$ or an equivalent statement.
# - 1 point: both shifts are absorbed, one by the bias before and one by the bias *after*. Only one
#   of them: half.
# - 1 point: the conclusion "same class with biases", with the converse $t = 0$.
# - 1 point: a case where the class is larger, with an example (no biases, or last operation).
#   "Yes, because there is one more parameter" earns nothing.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 9 Everything together
#
# Turn the knobs. The grey band is where the gradients of a shallow network lie. Which
# combinations stay inside it at depth 60? Which sigmoid network would you dare to train?


# %% tags=["skip-execution"]
def draw_network(depth, activation, init, normalise, gain):
    """Draw the gradients of one network; activation and init are names."""
    needed = ("DeepMLP", "layer_gradient_magnitudes", "glorot_uniform_", "he_normal_")
    with waits_for(*needed, "orthogonal_", "batch_norm"):
        function, fill = activations[activation], inits[init]

        def scaled(weight):
            fill(weight)
            with torch.no_grad():
                weight *= gain

        chosen = normalised(function) if normalise == "yes" else function
        model = DeepMLP(784, depth, 64, 10, chosen, scaled, seed=0).double()
        magnitudes = layer_gradient_magnitudes(model, x.double(), y)
        _, panel = plt.subplots(figsize=(9, 4), layout="constrained")
        colour = COLOURS[list(activations).index(activation)]
        draw_gradients(panel, magnitudes, marker="o", ms=4, color=colour)
        panel.axhspan(1e-4, 1e-1, color="0.92", zorder=0)
        panel.set(ylim=(1e-20, 1e10), xlim=(0, depth + 2))
        normed = " + batch norm" if normalise == "yes" else ""
        panel.set_title(f"{activation}{normed}, {init}, gain {gain:g}, {depth} hidden layers")
        plt.show()


play(
    draw_network,
    depth=(30, 1, 60, 1),
    activation=["sigmoid", "tanh", "ReLU", "leaky ReLU"],
    init=["Glorot uniform", "He normal", "orthogonal", "normal, std 0.05"],
    normalise=["no", "yes"],
    gain=(1.0, 0.2, 5.0, 0.1),
)

# %% [markdown]
# Finally, do good gradients at the start mean that the network learns? Ten hidden layers, three
# passes over 2,048 digits, plain gradient descent with the same learning rate for all.

# %% tags=["skip-execution"]
with waits_for(
    "DeepMLP", "glorot_uniform_", "he_normal_", "layer_gradient_magnitudes", "batch_norm"
):
    networks = {
        "sigmoid, Glorot": (torch.sigmoid, glorot_uniform_),
        "sigmoid + batch norm, Glorot": (normalised(torch.sigmoid), glorot_uniform_),
        "ReLU, std 0.05": (torch.relu, small_normal_),
        "ReLU, He": (torch.relu, he_normal_),
        "tanh, Glorot": (torch.tanh, glorot_uniform_),
    }
    figure, panel = plt.subplots(figsize=(9, 4.6), layout="constrained")
    for k, (name, (activation, init)) in enumerate(networks.items()):
        model = DeepMLP(784, 10, 64, 10, activation, init, seed=0)
        ratio = layer_gradient_magnitudes(model, x, y)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for _ in range(3):
            batches = zip(pixels[:2048].split(64), digit_labels[:2048].split(64), strict=True)
            for part, labels in batches:
                loss = nn.functional.cross_entropy(model(part), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        smooth = torch.tensor(losses).unfold(0, 8, 1).mean(dim=1)
        panel.plot(range(8, len(losses) + 1), smooth, label=name, marker="os^Dv"[k], markevery=11)
        final = smooth[-1].item()
        print(f"{name:30s} layer 2 / layer 10 at the start {ratio[1] / ratio[9]:8.1e}", end="  ")
        print(f"loss at the end {final:.3f}")
    panel.axhline(math.log(10), color="0.4", lw=1, ls=":")
    panel.set(xlabel="step", ylabel="loss, mean of 8 batches", ylim=(0, 2.6))
    panel.set_title("Ten hidden layers, gradient descent, learning rate 0.1")
    panel.legend(fontsize=10, loc="lower left")
    plt.show()

# %% [markdown]
# The dotted line is the loss of guessing, $\ln 10$. Two networks stay there: one whose gradients
# fade from layer to layer, and one whose gradients are equal in all layers, and all too small.
#
# ## What you should be able to explain now
#
# - Why does the gradient of an early layer depend exponentially on the number of layers behind it?
# - Why do large weights not cure vanishing gradients with the sigmoid?
# - What does the bound $(3/4)^L$ bound, under which assumptions, and which network attains it?
# - What do Glorot, He and orthogonal weights keep constant, and where does the 2 of He come from?
# - What is the difference between a saturated unit and a dead one?
# - Why does no activation function alone cure unstable gradients?
# - What does batch normalisation divide by, and over which axis?
# - Does a learned threshold $\max\{t, o\}$ make a network more expressive?
#
# **Next: notebook 04, convolution filtering.**
