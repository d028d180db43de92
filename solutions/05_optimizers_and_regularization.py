# %% [markdown]
# # 05 · Optimisers and regularisation
#
# Six ways to use a gradient, three ways to hold a network back, and how to choose between them
# without fooling yourself.
#
# **You will be able to**
#
# - write SGD, momentum, Nesterov momentum, AdaGrad, RMSProp and Adam, step for step as PyTorch
#   does them;
# - say from the curvature of a loss which learning rates and which momenta converge;
# - add L1 and L2 penalties, weight decay and dropout, and predict how fast weights decay;
# - tune a hyper-parameter on validation data and use the test set once;
# - compare optimisers fairly, in one figure and one table.
#
# **You need to know** tensors, modules and training loops (notebook 01), initialisation and batch
# normalisation (notebook 03).
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 A step | `SGD` | 35 |
# | 2 Momentum | `Momentum`, `Nesterov`, a written question | 60 |
# | 3 A rate for every weight | `AdaGrad`, `RMSProp`, `Adam` | 70 |
# | 4 Penalties | `l1_penalty`, `l2_penalty`, `decay_factor`, two written questions | 80 |
# | 5 Dropout | `dropout` | 25 |
# | 6 Choosing on validation data | `train`, `tune`, a written question | 70 |
# | 7 Batch normalisation | `BatchNorm`, a written question | 50 |
# | 8 One hyper-parameter, and the size of a batch | two written questions | 45 |
#
# In this notebook you write the optimisers, dropout and batch normalisation yourself: where an
# exercise asks for one, the library's does not count, and a check notices it.

# %%
import math
import os
import tempfile
import time

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, load_digits, play, use_course_style, waits_for
from torch import nn

use_course_style()
torch.set_num_threads(1)  # for networks as small as these, more threads cost more than they give

# %% [markdown]
# ## Before you start: three rates in one valley
#
# A loss with one steep and one flat direction, and forty steps of gradient descent from the same
# place, with three learning rates. The largest is 1.33 times the middle one.


# %% tags=["skip-execution"]
def draw_contours(panel, surface, xs, ys, levels=18):
    """Draw the level lines of a loss of two weights, equal steps in its logarithm."""
    x, y = torch.meshgrid(torch.linspace(*xs, 150), torch.linspace(*ys, 150), indexing="xy")
    heights = (surface(x, y) + 1e-3).log10()
    panel.contourf(x, y, heights, levels=levels, cmap="Greys", alpha=0.35)
    panel.grid(False)
    panel.set(xlabel="$w_1$", ylabel="$w_2$", xlim=xs, ylim=ys)


def ravine(x, y):
    """Return a quadratic loss with curvature 1 along the first weight and 20 along the second."""
    return (x**2 + 20 * y**2) / 2


figure, axes = plt.subplots(1, 3, figsize=(13.5, 3.6), layout="constrained", sharey=True)
for k, (panel, rate) in enumerate(zip(axes, (0.01, 0.078, 0.104), strict=True)):
    draw_contours(panel, ravine, (-3.2, 3.2), (-2, 2))
    # A quadratic has a closed form: every step multiplies a coordinate by 1 - rate * curvature.
    steps = torch.arange(41)
    x, y = -3 * (1 - rate) ** steps, 0.3 * (1 - 20 * rate) ** steps
    panel.plot(x, y, marker="o", ms=4, lw=1.2, color=COLOURS[k], ls="-")
    panel.plot(0, 0, "*", ms=16, color=COLOURS[4], mec="0.2", ls="")
    panel.set_title(f"rate {rate:g}: loss {ravine(x, y)[-1]:.2g} after 40 steps")
    panel.label_outer()
plt.show()

# %% [markdown]
# Too small a rate creeps along the flat direction. A larger one zigzags across the steep one. A
# little more, and it climbs. One number must serve all directions, and the steepest decides how
# large it may be. Everything in sections 2 and 3 is an answer to this figure.
#
# ## 1 A step
#
# Gradient descent moves every weight against its gradient: with the learning rate $\eta$ and the
# gradient $g = \partial C / \partial w$,
#
# $$w \leftarrow w - \eta\, g. \tag{1}$$
#
# It is called **stochastic** gradient descent, SGD, if $g$ is the gradient on a random batch of
# examples instead of all of them.
#
# **Weight decay** $\alpha$ pulls every weight towards 0 as well. To SGD it is a term of the
# gradient: $g + \alpha w$ takes the place of $g$. Section 4 says what for.
#
# An **optimiser** is an object that holds the parameters of a model and knows the rule. PyTorch's
# has two methods that you have used since notebook 01: `step` changes the parameters, `zero_grad`
# forgets their gradients. Yours get `zero_grad` from this class.


# %%
class Optimizer:
    """What the optimisers of this notebook share.

    Their `__init__` sets `self.parameters`, a list of the parameters.
    """

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for p in self.parameters:
            p.grad = None


# %% [markdown]
# ### Exercise 1: `SGD`
#
# *Medium, 20 minutes.* Three things hold for all six optimisers:
#
# - `model.parameters()` is a **generator**: it can be run through once. An optimiser runs through
#   its parameters in every step.
# - A parameter whose `grad` is `None` took no part in the loss. Leave it alone.
# - Change the parameter **in place**, without recording the change. A new tensor of the same name
#   is not the one that the model uses.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `a leaf Variable that requires grad is being used in an in-place operation`: update inside
#   `with torch.no_grad():`.
# - *nothing changes*: `p = p - ...` binds the name `p` to a new tensor.
# - *nothing changes from the second step on*: see the first point above.
# - `unsupported operand type(s) for *: 'float' and 'NoneType'`: see the second.
# - *the gradient is different after the step*: `+=` on `p.grad` changes the gradient itself.
#
# </details>


# %% exercise="SGD"
class SGD(Optimizer):
    """Stochastic gradient descent, as torch.optim.SGD without momentum.

    Args:
        parameters: an iterable of parameters, perhaps a generator.
        lr: the learning rate, a float.
        weight_decay: this times the parameter is added to its gradient, a float.
    """

    def __init__(self, parameters, lr, weight_decay=0.0):
        ### BEGIN SOLUTION
        self.parameters = list(parameters)
        self.lr = lr
        self.weight_decay = weight_decay
        ### END SOLUTION

    def step(self):
        """Change every parameter that has a gradient, in place; its grad stays as it is."""
        ### BEGIN SOLUTION
        with torch.no_grad():
            for parameter in self.parameters:
                if parameter.grad is not None:
                    slope = parameter.grad + self.weight_decay * parameter
                    parameter.sub_(self.lr * slope)
        ### END SOLUTION


# %% [markdown]
# ### The quadratic
#
# Near a minimum a smooth loss is nearly a quadratic, and along each of its principal directions a
# quadratic is $\tfrac12 h x^2$ with the **curvature** $h$. Its gradient is $hx$, so (1) is
# $x \leftarrow (1 - \eta h)\, x$, and after $t$ steps
#
# $$x_t = (1 - \eta h)^t\, x_0. \tag{2}$$
#
# It converges if $|1 - \eta h| < 1$, that is for $0 < \eta < 2/h$. The cell compares your optimiser
# with (2).


# %% tags=["skip-execution"]
def descend(surface, start, optimizer_class, steps, **settings):
    """Return the places that an optimiser visits on a loss of a few weights.

    Args:
        surface: takes the weights one by one, returns the loss.
        start: where to begin, a list of floats.
        optimizer_class: such as SGD; the settings are its arguments.

    Returns:
        shape (steps + 1, weights), float64.
    """
    place = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = optimizer_class([place], **settings)
    path = [place.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = surface(*place)
        loss.backward()
        optimizer.step()
        path.append(place.detach().clone())
    return torch.stack(path)


with waits_for("SGD"):
    for rate in (0.01, 0.078, 0.104):
        last = descend(ravine, [-3.0, 0.3], SGD, 40, lr=rate)[-1]
        formula = -3 * (1 - rate) ** 40, 0.3 * (1 - 20 * rate) ** 40
        print(f"rate {rate:5g}: yours {last[0]:8.5f} {last[1]:9.5f}", end="   ")
        print(f"formula (2) {formula[0]:8.5f} {formula[1]:9.5f}")

# %% [markdown]
# The largest and the smallest curvature set the pace. With $\eta = 1/h_\text{max}$, half of the
# largest rate that is safe, the flat direction shrinks by $1 - h_\text{min}/h_\text{max}$ a step:
# it takes about $h_\text{max}/h_\text{min}$ steps to shrink by a factor $e$. The ratio is the
# **condition number**. In the ravine it is 20; in notebook 04 the photograph's was far larger than
# the noise's.
#
# ## 2 Momentum
#
# A hiker in the snow follows the slope under the feet. A boulder has mass: the slope is a force
# that changes its **velocity** $v$. Zigzags cancel in $v$; what points the same way in every step
# adds up. Friction keeps it from rolling for ever: in every step a fraction $\mu$ of the velocity
# is left, the **momentum**.
#
# $$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v. \tag{3}$$
#
# $v$ starts at 0. In a constant slope it grows to $g + \mu g + \mu^2 g + \dots = g / (1 - \mu)$:
# with $\mu = 0.9$ ten times the step of plain SGD. (Some books write $v \leftarrow \mu v - \eta g$
# and $w \leftarrow w + v$. As long as $\eta$ stays the same that is the same path.)
#
# ### Exercise 2: `Momentum`
#
# *Medium, 20 minutes.* The velocity is **state**: something that the optimiser remembers from step
# to step, for each parameter its own. State is numbers, not history: it must not keep the graph of
# a gradient in memory. (A gradient records a graph if it was made with `create_graph=True`, say to
# put its size into the loss.)
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the first step is right, the second as without momentum*: where is the velocity made? `step` is
#   called many times.
# - *right for one parameter, wrong for two*: each needs a velocity of its own, in its shape.
# - *right once, wrong for a second optimiser*: what stands in the class, outside `__init__`, is
#   shared by all its objects.
# - *every step ten times too small*: there is no factor $1 - \mu$ in (3).
#
# </details>


# %% exercise="Momentum"
class Momentum(Optimizer):
    """SGD with momentum, as torch.optim.SGD.

    Args:
        parameters: an iterable of parameters, perhaps a generator.
        lr: the learning rate.
        momentum: the fraction of the velocity that a step keeps; any float.
    """

    def __init__(self, parameters, lr, momentum=0.9):
        ### BEGIN SOLUTION
        self.parameters = list(parameters)
        self.lr, self.momentum = lr, momentum
        self.velocities = [torch.zeros_like(p) for p in self.parameters]
        ### END SOLUTION

    def step(self):
        """Change every parameter that has a gradient, in place.

        A parameter without one keeps its value and its velocity.
        """
        ### BEGIN SOLUTION
        with torch.no_grad():
            for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
                if parameter.grad is not None:
                    velocity.mul_(self.momentum).add_(parameter.grad)
                    parameter.sub_(self.lr * velocity)
        ### END SOLUTION


# %% [markdown]
# ### Nesterov momentum
#
# Whatever the gradient says, the next step will contain the move $-\eta\mu v$. So why measure the
# slope before that move, and not after it, at $w - \eta\mu v$, where it is more up to date? That is
# **Nesterov momentum**.
#
# An optimiser gets gradients at the place where the parameters are. So implementations let the
# parameters *be* the place after the move. In these variables the rule is
#
# $$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta\,(g + \mu v), \tag{4}$$
#
# with the new $v$ in the second formula. PyTorch does this, and so do you.
#
# ### Exercise 3: `Nesterov`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *wrong already in the first step*: it is $\eta(1 + \mu)g$, because $v = g$ after its update.
# - *wrong from the second step on*: which $v$ stands in the second formula?
# - *the velocity is right at first and runs away*: adding to `velocity` in place, to form
#   $g + \mu v$, changes what the next step starts from.
#
# </details>


# %% exercise="Nesterov"
class Nesterov(Optimizer):
    """SGD with Nesterov momentum, as torch.optim.SGD with nesterov=True.

    Args:
        parameters: an iterable of parameters, perhaps a generator.
        lr: the learning rate.
        momentum: the fraction of the velocity that a step keeps.
    """

    def __init__(self, parameters, lr, momentum=0.9):
        ### BEGIN SOLUTION
        self.parameters = list(parameters)
        self.lr, self.momentum = lr, momentum
        self.velocities = [torch.zeros_like(p) for p in self.parameters]
        ### END SOLUTION

    def step(self):
        """Change every parameter that has a gradient, in place.

        A parameter without one keeps its value and its velocity.
        """
        ### BEGIN SOLUTION
        with torch.no_grad():
            for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
                if parameter.grad is not None:
                    velocity.mul_(self.momentum).add_(parameter.grad)
                    ahead = parameter.grad + self.momentum * velocity
                    parameter.sub_(self.lr * ahead)
        ### END SOLUTION


# %% [markdown]
# The ravine again, 40 steps, all with the same learning rate.

# %% tags=["skip-execution"]
with waits_for("SGD", "Momentum", "Nesterov"):
    figure, axes = plt.subplots(1, 3, figsize=(13.5, 3.6), layout="constrained", sharey=True)
    methods = {"plain": (SGD, {}), "momentum 0.7": (Momentum, {"momentum": 0.7})}
    methods["Nesterov 0.7"] = (Nesterov, {"momentum": 0.7})
    for k, (panel, (name, (method, settings))) in enumerate(
        zip(axes, methods.items(), strict=True)
    ):
        draw_contours(panel, ravine, (-3.2, 3.2), (-2, 2))
        path = descend(ravine, [-3.0, 1.5], method, 40, lr=0.04, **settings)
        panel.plot(*path.T, marker="o", ms=4, lw=1.2, color=COLOURS[k], ls="-")
        panel.plot(0, 0, "*", ms=16, color=COLOURS[4], mec="0.2", ls="")
        panel.set_title(f"{name}: loss after 40 steps {ravine(*path[-1]):.1e}")
        panel.label_outer()
    plt.show()

# %% [markdown]
# ### What converges
#
# With momentum a quadratic still has a closed form. Put the place and the one before it into a
# vector; (3) multiplies it by a matrix:
#
# $$\begin{pmatrix} x_{t+1} \\ x_t \end{pmatrix} =
# \begin{pmatrix} 1 + \mu - \eta h & -\mu \\ 1 & 0 \end{pmatrix}
# \begin{pmatrix} x_t \\ x_{t-1} \end{pmatrix}. \tag{5}$$
#
# After many steps, each multiplies the distance to the minimum by the largest absolute value of its
# two eigenvalues. Below 1 it converges, the smaller the faster; above 1 it diverges. For several
# curvatures the slowest counts.
#
# On the left this factor against $\mu$, for the ravine and three learning rates; on the right your
# `Momentum` with some of these $\mu$, also outside $[0, 1]$.


# %% tags=["skip-execution"]
def shrink_factor(rate, momentum, curvature):
    """Return the largest absolute eigenvalue of the matrix in (5)."""
    matrix = torch.tensor([[1 + momentum - rate * curvature, -momentum], [1.0, 0.0]])
    return torch.linalg.eigvals(matrix).abs().max().item()


with waits_for("Momentum"):
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.6), layout="constrained")
    momenta = torch.linspace(-1.2, 1.3, 126).tolist()
    for rate in (0.01, 0.04, 0.09):
        factors = [max(shrink_factor(rate, m, h) for h in (1, 20)) for m in momenta]
        left.plot(momenta, factors, label=f"learning rate {rate:g}")
        best = min(range(len(momenta)), key=factors.__getitem__)
        print(f"rate {rate:4g}: fastest at µ = {momenta[best]:.2f}", end=", ")
        print(f"factor {factors[best]:.3f}; without momentum {factors[60]:.3f}")
    left.axhline(1, color="0.4", lw=1, ls=":")
    left.axvspan(0, 1, color="0.93", zorder=0)
    left.set(xlabel="momentum µ", ylabel="factor per step", ylim=(0.5, 1.6))
    left.set_title("Above the dotted line it diverges")
    left.legend()
    for k, momentum in enumerate((-1.1, -0.9, 0.0, 0.7, 0.9, 1.0, 1.1)):
        path = descend(ravine, [-3.0, 1.5], Momentum, 60, lr=0.04, momentum=momentum)
        losses = ravine(*path.T)
        style = {"marker": "os^DvPX"[k], "markevery": (2 * k, 15), "ms": 6}
        style["color"] = COLOURS[7 if k == 6 else k]
        right.semilogy(losses.clamp(1e-12, 1e12), label=f"µ = {momentum:g}", **style)
        print(f"µ = {momentum:4g}: loss after 60 steps {losses[-1]:8.1e}", end="   ")
        print(f"largest factor {max(shrink_factor(0.04, momentum, h) for h in (1, 20)):.3f}")
    right.set(xlabel="step", ylabel="loss", ylim=(1e-9, 1e9))
    right.set_title("The ravine, learning rate 0.04")
    right.legend(fontsize=10, ncols=2)
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: friction
#
# *4 points, 20 minutes.* In (3) $\mu$ sets the friction. What goes wrong with $\mu > 1$? What goes
# wrong with $\mu < 0$? For each say what happens to the velocity in a constant slope and on the
# quadratic, and support it with the matrix in (5) or with numbers from the figure. (The
# determinant of a matrix is the product of its eigenvalues.)

# %% [markdown] points=4 written="friction"
# ### BEGIN SOLUTION
# $\mu > 1$: *negative* friction. Every step multiplies the old velocity by more than 1, so it grows
# exponentially by itself, even where the gradient is 0: past gradients count the more the older
# they are. In a constant slope $v = g(1 + \mu + \mu^2 + \dots)$ has no limit. The weights shoot
# through every minimum. On the quadratic the determinant of the matrix in (5) is $\mu$, so the
# larger eigenvalue is at least $\sqrt\mu > 1$ in absolute value, for *every* learning rate and
# every curvature: no choice of $\eta$ rescues it. In the figure $\mu = 1.1$ has the factor
# $1.049 = \sqrt{1.1}$ and the loss grows. ($\mu = 1$ is the borderline: no friction, it swings for
# ever.)
#
# $\mu < 0$: the velocity is reversed in every step, so each step takes back a part of the one
# before. In a constant slope the velocity settles at $g/(1 - \mu) = g/(1 + |\mu|)$, less than
# plain SGD's $g$: with $\mu = -0.9$ about half. Where steps point in the same way it brakes, which
# is the opposite of what momentum is for. Where the gradient changes its sign in every step, the
# term $\mu v$ has the sign of the new gradient, and the zigzag is amplified: the quadratic is
# stable only for $\eta h < 2(1 + \mu)$ instead of 2, so the learning rate must be smaller, too.
# With $\mu = -0.9$ and $\eta = 0.04$ the steep direction has $\eta h = 0.8 > 0.2$: it diverges,
# where plain SGD converges. For $\mu < -1$ the determinant argument holds again: it always
# diverges.
#
# ### BEGIN RUBRIC
# - 1 point: $\mu > 1$: old velocity grows, no limit in a constant slope, overshoots and diverges.
# - 1 point: evidence: determinant $\mu$, or the factor and the losses in the figure; ideally that
#   no learning rate helps.
# - 1 point: $\mu < 0$: the velocity is reversed, steps partly undo each other, slower along a
#   constant slope.
# - 1 point: oscillations are amplified (smaller stable rates), with evidence from the figure or
#   formula. "It goes uphill" or "it moves away from the minimum" alone earns nothing.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 3 A rate for every weight
#
# Momentum still uses one rate for all weights. But their gradients can differ by orders of
# magnitude: a bias takes part in every example, the weight of a rare feature in few. **Adaptive**
# methods divide each weight's step by a measure of the size of its own past gradients. All
# operations below are element by element; $g^2$ is the square of each entry.
#
# **AdaGrad** sums the squares:
#
# $$s \leftarrow s + g^2, \qquad w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \varepsilon}. \tag{6}$$
#
# $s$ starts at 0, and the small $\varepsilon$ prevents a division by 0. The first step is $\eta$ in
# every weight, whatever the size of the gradient. As $s$ never shrinks, the steps get smaller like
# $1/\sqrt t$ even if the gradient does not.
#
# ### Exercise 4: `AdaGrad`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *nan for a gradient of 0*: 0/0. The $\varepsilon$ stands outside the root, and it is not 0.
# - *wrong with a large eps only*: outside the root.
# - *one number for the whole tensor*: $s$ has the shape of the parameter.
#
# </details>


# %% exercise="AdaGrad"
class AdaGrad(Optimizer):
    """AdaGrad, as torch.optim.Adagrad.

    Args:
        parameters: an iterable of parameters, perhaps a generator.
        lr: the learning rate.
        eps: is added to the root of the sum of squares.
    """

    def __init__(self, parameters, lr, eps=1e-10):
        ### BEGIN SOLUTION
        self.parameters = list(parameters)
        self.lr, self.eps = lr, eps
        self.sums = [torch.zeros_like(p) for p in self.parameters]
        ### END SOLUTION

    def step(self):
        """Change every parameter that has a gradient, in place.

        A parameter without one keeps its value and its sum.
        """
        ### BEGIN SOLUTION
        with torch.no_grad():
            for parameter, total in zip(self.parameters, self.sums, strict=True):
                if parameter.grad is not None:
                    total.add_(parameter.grad.square())
                    parameter.sub_(self.lr * parameter.grad / (total.sqrt() + self.eps))
        ### END SOLUTION


# %% [markdown]
# **RMSProp** forgets. In place of the sum stands a **running mean** of the squares, in which a
# square that is $k$ steps old counts with weight $\alpha^k$:
#
# $$s \leftarrow \alpha s + (1 - \alpha)\, g^2, \qquad
# w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \varepsilon}. \tag{7}$$
#
# So the steps do not get smaller for ever.
#
# ### Exercise 5: `RMSProp`
#
# *Easy, 10 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *nearly ten times too small a first step with the default alpha*: $\alpha$ belongs to the old
#   mean, $1 - \alpha$ to the new square.
# - *ten times too large a step is right*: with $\alpha = 0.99$ the first $s$ is $0.01 g^2$.
#
# </details>


# %% exercise="RMSProp"
class RMSProp(Optimizer):
    """RMSProp, as torch.optim.RMSprop.

    Args:
        parameters: an iterable of parameters, perhaps a generator.
        lr: the learning rate.
        alpha: the weight of the old mean square.
        eps: is added to the root of the mean square.
    """

    def __init__(self, parameters, lr, alpha=0.99, eps=1e-8):
        ### BEGIN SOLUTION
        self.parameters = list(parameters)
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        ### END SOLUTION

    def step(self):
        """Change every parameter that has a gradient, in place.

        A parameter without one keeps its value and its mean square.
        """
        ### BEGIN SOLUTION
        with torch.no_grad():
            for parameter, mean in zip(self.parameters, self.squares, strict=True):
                if parameter.grad is not None:
                    mean.mul_(self.alpha).add_((1 - self.alpha) * parameter.grad.square())
                    parameter.sub_(self.lr * parameter.grad / (mean.sqrt() + self.eps))
        ### END SOLUTION


# %% [markdown]
# **Adam** (adaptive moments) does both: a running mean $m$ of the gradients, as momentum, over the
# root of a running mean $s$ of their squares:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2,
# \qquad w \leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat s} + \varepsilon}. \tag{8}$$
#
# Both means start at 0, so they are too small at first: after $t$ steps their weights sum to
# $1 - \beta_1^t$ and $1 - \beta_2^t$ instead of 1. The **bias correction** divides by that sum:
#
# $$\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat s = \frac{s}{1 - \beta_2^t}. \tag{9}$$
#
# $t$ is the number of steps that the parameter has taken, with this one. $m$ and $s$ themselves go
# on uncorrected.
#
# **Decoupled weight decay.** With SGD, adding $\alpha w$ to the gradient shrinks a weight by
# $\eta\alpha w$. In Adam the added term would be divided by $\sqrt{\hat s}$ like all the rest, and
# weights with large gradients would hardly decay. So *AdamW* takes it out of the gradient and
# shrinks the weight directly, before (8):
#
# $$w \leftarrow w - \eta \alpha w. \tag{10}$$
#
# ### Exercise 6: `Adam`
#
# *Hard, 30 minutes.* With `weight_decay=0` it is Adam, else AdamW.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the first step is not $\eta$ in every weight*: with the correction, $\hat m / \sqrt{\hat s}$ is
#   $\pm 1$ in the first step, whatever the betas.
# - *nan or a division by zero*: $t$ is 1 in the first step.
# - *right for one parameter, wrong for the second*: does $t$ count steps, or parameters,
#   too?
# - *wrong after a step without a gradient*: then the parameter has taken no step.
# - *right at first, then slower and slower off*: $\hat m$ and $\hat s$ must not be stored in place
#   of $m$ and $s$.
#
# </details>


# %% exercise="Adam"
class Adam(Optimizer):
    """Adam with decoupled weight decay, as torch.optim.AdamW.

    Args:
        parameters: an iterable of parameters, perhaps a generator.
        lr: the learning rate.
        betas: the weight of the old mean gradient, and that of the old mean square.
        eps: is added to the root of the corrected mean square.
        weight_decay: this times lr is the share of itself that a parameter loses per step.
    """

    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        ### BEGIN SOLUTION
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        self.steps = [0] * len(self.parameters)
        ### END SOLUTION

    def step(self):
        """Change every parameter that has a gradient, in place.

        A parameter without one keeps its value, its means and its number of steps; it does not
        decay.
        """
        ### BEGIN SOLUTION
        first, second = self.betas
        with torch.no_grad():
            for k, parameter in enumerate(self.parameters):
                if parameter.grad is None:
                    continue
                self.steps[k] += 1
                self.means[k].mul_(first).add_((1 - first) * parameter.grad)
                self.squares[k].mul_(second).add_((1 - second) * parameter.grad.square())
                mean = self.means[k] / (1 - first ** self.steps[k])
                square = self.squares[k] / (1 - second ** self.steps[k])
                parameter.mul_(1 - self.lr * self.weight_decay)
                parameter.sub_(self.lr * mean / (square.sqrt() + self.eps))
        ### END SOLUTION


# %% [markdown]
# All six against PyTorch's, twenty steps on a random loss. (The first optimiser of PyTorch takes a
# few seconds to import.)

# %% tags=["skip-execution"]
with waits_for("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"):
    library = {
        "SGD": (SGD, torch.optim.SGD, {"weight_decay": 0.1}, {}),
        "Momentum": (Momentum, torch.optim.SGD, {"momentum": 0.8}, {}),
        "Nesterov": (Nesterov, torch.optim.SGD, {"momentum": 0.8}, {"nesterov": True}),
        "AdaGrad": (AdaGrad, torch.optim.Adagrad, {"eps": 1e-6}, {}),
        "RMSProp": (RMSProp, torch.optim.RMSprop, {"alpha": 0.9}, {}),
        "Adam": (Adam, torch.optim.AdamW, {"weight_decay": 0.1}, {}),
    }
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(8, 8, generator=generator, dtype=torch.float64)

    def tangled(*weights):
        """Return a loss of eight weights that is not quadratic."""
        return (torch.stack(weights) @ matrix - 1).cosh().log().sum()

    for name, (mine, theirs, settings, more) in library.items():
        here = descend(tangled, [0.5] * 8, mine, 20, lr=0.02, **settings)
        there = descend(tangled, [0.5] * 8, theirs, 20, lr=0.02, **settings, **more)
        print(f"{name:9s} largest difference {(here - there).abs().max():.0e}", end="   ")
        print(f"distance travelled {(here[-1] - here[0]).norm():.3f}")

# %% [markdown]
# ### The race
#
# A curved valley: $f(x, y) = (1 - x)^2 + 10\,(y - x^2)^2$. It is easy to fall into, hard to follow,
# and its minimum, the star, is round the bend. Every optimiser gets the learning rate out of 13,
# from 0.001 to 10, with which it is nearest to the star after 120 steps. In the notebook this cell
# shows a film, which takes a few seconds to draw; where films do not run, its last picture.


# %% tags=["skip-execution"]
def bend(x, y):
    """Return a loss with a curved valley and its minimum at (1, 1)."""
    return (1 - x) ** 2 + 10 * (y - x**2) ** 2


surfaces = {
    "curved valley": (bend, [-1.4, 1.6], (-2, 2), (-1, 2.6), (1, 1)),
    "ravine": (ravine, [-3.0, 1.5], (-3.4, 3.4), (-2, 2), (0, 0)),
    "saddle": (
        lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4 + 0.25,
        [-1.8, 0.001],
        (-2.2, 2.2),
        (-1.6, 1.6),
        (0, 1),
    ),
}


def best_path(method, name, steps, **settings):
    """Return the rate of 13 with which a method ends nearest to the minimum, and its path."""
    surface, start, _, _, goal = surfaces[name]
    target, found = torch.tensor(goal, dtype=torch.float64), {}
    for rate in torch.logspace(-3, 1, 13).tolist():
        path = descend(surface, start, method, steps, lr=rate, **settings)
        end = path[-1].abs() if name == "saddle" else path[-1]  # its two minima are alike
        found[rate] = (end - target).norm().nan_to_num(math.inf).item(), path
    rate = min(found, key=lambda one: found[one][0])
    return rate, found[rate][1]


def draw_race(panel, name, paths):
    """Draw the contours and a line with a dot at its end for every path; return the artists."""
    surface, _, xs, ys, goal = surfaces[name]
    draw_contours(panel, surface, xs, ys)
    panel.plot(*goal, "*", ms=20, color="white", mec="black", ls="")
    artists = []
    for k, (method, (rate, path)) in enumerate(paths.items()):
        colour = COLOURS[k]
        (line,) = panel.plot(*path.T, color=colour, lw=1.8, label=f"{method}, rate {rate:.2g}")
        (dot,) = panel.plot(*path[-1:].T, "os^DvP"[k], ms=9, color=colour, mec="black", ls="")
        artists.append((line, dot))
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return artists


with waits_for("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"):
    racers = {
        "SGD": (SGD, {}),
        "momentum 0.9": (Momentum, {}),
        "Nesterov 0.9": (Nesterov, {}),
        "AdaGrad": (AdaGrad, {}),
        "RMSProp": (RMSProp, {"alpha": 0.9}),
        "Adam": (Adam, {}),
    }
    paths = {
        name: best_path(method, "curved valley", 120, **settings)
        for name, (method, settings) in racers.items()
    }
    for name, (rate, path) in paths.items():
        near = ((path - 1).norm(dim=1) < 0.1).tolist()
        arrival = f"after {near.index(True)} steps" if any(near) else "not yet"
        print(f"{name:13s} rate {rate:7.2g}: within 0.1 of the star {arrival:15s}", end=" ")
        print(f"loss at the end {bend(*path[-1]):.1e}")

    figure, panel = plt.subplots(figsize=(9.5, 5.6), layout="constrained")
    artists = draw_race(panel, "curved valley", paths)
    title = panel.set_title("after 120 steps")
    if os.environ.get("COURSE_STATIC_FIGURES"):
        plt.show()
    else:
        from IPython.display import Image, display
        from matplotlib.animation import FuncAnimation

        def show_step(step):
            """Move all dots to where they are after so many steps."""
            title.set_text(f"after {step} steps")
            for (line, dot), (_, path) in zip(artists, paths.values(), strict=True):
                line.set_data(*path[: step + 1].T)
                dot.set_data(*path[step : step + 1].T)

        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the frames have one layout
        frames = [*range(0, 121, 6), *[120] * 8]  # rests at the end before it starts again
        with tempfile.TemporaryDirectory() as folder:
            film = FuncAnimation(figure, show_step, frames=frames)
            film.save(f"{folder}/race.gif", writer="pillow", fps=4, dpi=70)
            display(Image(f"{folder}/race.gif", format="gif"))
        plt.close(figure)

# %% [markdown]
# Do not take the ranking for a law: it holds for this valley, this start and this number of steps.
# Try others. In the *ravine* momentum is made for the problem. On the *saddle* the start is almost
# on the ridge, where the gradient along $w_2$ is tiny: methods that divide by the size of the
# gradient leave it at once.


# %% tags=["skip-execution"]
def draw_choice(surface, step):
    """Draw the race on one of the surfaces up to a step; each with its best rate."""
    with waits_for("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"):
        if surface not in finished:
            finished[surface] = {
                name: best_path(method, surface, 60, **settings)
                for name, (method, settings) in racers.items()
            }
        _, panel = plt.subplots(figsize=(9.5, 5), layout="constrained")
        shown = {name: (rate, path[: step + 1]) for name, (rate, path) in finished[surface].items()}
        draw_race(panel, surface, shown)
        panel.set_title(f"{surface}, after {step} steps")
        plt.show()


finished = {}
play(draw_choice, surface=["saddle", "ravine", "curved valley"], step=(30, 0, 60, 1))

# %% [markdown]
# ## 4 Penalties
#
# A network with enough weights can learn its training examples by heart: it **overfits**.
# A **regulariser** prefers simpler models without forbidding the others. Its measure of complexity
# is added to the cost, times a **strength** $\lambda$: a larger weight must now pay for itself.
#
# $$\text{L2:}\quad C = C_0 + \frac{\lambda}{2} \sum_i w_i^2, \qquad\qquad
# \text{L1:}\quad C = C_0 + \lambda \sum_i |w_i|. \tag{11}$$
#
# The sums run over all entries of all parameters given. Mind the $\tfrac12$ in L2 and its absence
# in L1. With it the gradient of the L2 penalty is $\lambda w$: for SGD it is the same as weight
# decay $\alpha = \lambda$. Authors differ here. Some leave the $\tfrac12$ away, some divide by the
# number of examples (this comes below), some take the norm $\sqrt{\sum w_i^2}$.
#
# ### Exercises 7 and 8: `l1_penalty`, `l2_penalty`
#
# *Easy, 10 minutes together.* The result is added to a loss, so gradients must flow through it.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *too small for large parameters*: sums, not means.
# - *half or twice as much*: look at (11) again.
# - *the sum of several parameters of different shapes fails*: sum each by itself first.
# - `element 0 of tensors does not require grad`: `.item()`, `.data` and `no_grad` cut the graph.
#
# </details>


# %% exercise="l1_penalty"
def l1_penalty(parameters, strength):
    """Return the strength times the sum of the absolute values of all entries.

    Args:
        parameters: an iterable of tensors of any shapes, at least one.
        strength: a float.

    Returns:
        a tensor of shape (), through which gradients flow to the parameters.
    """
    ### BEGIN SOLUTION
    return strength * sum(p.abs().sum() for p in parameters)
    ### END SOLUTION


# %% exercise="l2_penalty"
def l2_penalty(parameters, strength):
    """Return half the strength times the sum of the squares of all entries.

    Args:
        parameters: an iterable of tensors of any shapes, at least one.
        strength: a float.

    Returns:
        a tensor of shape (), through which gradients flow to the parameters.
    """
    ### BEGIN SOLUTION
    return strength / 2 * sum(p.square().sum() for p in parameters)
    ### END SOLUTION


# %% [markdown]
# ### A bowl tipped, and a bowl with grooves
#
# What is the difference? Below, a quadratic loss of two weights has its minimum at the dot. The
# line shows where the minimum moves as the strength of the penalty grows. The dashed curve is the
# set of all weights with the same penalty: for L2 a circle, for L1 a diamond. (With
# $\sum_i |w_i|^p$ and other $p$ it would be something between and beyond.)
#
# L2 shifts the lowest point a little in some direction. L1 has a groove along each axis: the
# minimum slides into it, *one weight becomes exactly 0*, and stays.

# %% tags=["skip-execution"]
with waits_for("l1_penalty", "l2_penalty", "SGD"):

    def tilted(x, y):
        """Return a quadratic loss with its minimum at (1, 0.45)."""
        u, v = x - 1.0, y - 0.45
        return (u**2 + 1.2 * u * v + v**2) / 2

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", sharey=True)
    for k, (panel, penalty) in enumerate(zip(axes, (l2_penalty, l1_penalty), strict=True)):
        places = [torch.tensor([1.0, 0.45])]
        for strength in torch.linspace(0, 1.2, 13).tolist():

            def loss(x, y, strength=strength, penalty=penalty):
                return tilted(x, y) + penalty([x, y], strength)

            near = descend(loss, places[-1].tolist(), SGD, 60, lr=0.1)[-1]
            path = descend(loss, near.tolist(), SGD, 60, lr=0.01)  # smaller steps, smaller swings
            places.append(path[-10:].mean(dim=0))
        places = torch.stack(places[1:])
        draw_contours(panel, tilted, (-0.4, 1.4), (-0.6, 0.9))
        panel.plot(*places.T, color=COLOURS[k], marker="o", ms=4, ls="-")
        panel.plot(1, 0.45, "o", ms=11, color="white", mec="black", ls="")
        size = places[4].abs().sum() if k else places[4].norm()
        turn = torch.linspace(0, 2 * math.pi, 401)
        ring = torch.stack([turn.cos(), turn.sin()])
        ring = ring / (ring.abs().sum(dim=0) if k else 1) * size
        panel.plot(*ring, color=COLOURS[k], lw=1.2, ls="--")
        panel.axhline(0, color="0.3", lw=0.8, ls="-")
        panel.axvline(0, color="0.3", lw=0.8, ls="-")
        panel.set_title(("L2", "L1")[k] + ", strength 0 to 1.2")
        panel.set_aspect("equal")
        panel.label_outer()
        for strength in (0.3, 0.9):
            x, y = places[round(10 * strength)].tolist()
            print(f"{('L2', 'L1')[k]}, strength {strength}: ({x:.3f}, {y:.3f})")
    plt.show()

# %% [markdown]
# The same in a model. Points inside a circle belong to one class, points outside to the other, and
# some labels are wrong. A logistic regression gets seven features, of which $x^2$ and $y^2$ are all
# that it needs. Below are its weights after training without a penalty, with L2 and with L1.

# %% tags=["skip-execution"]
with waits_for("l1_penalty", "l2_penalty", "Momentum"):
    generator = torch.Generator().manual_seed(3)
    x, y = 2 * torch.rand(2, 120, generator=generator) - 1
    labels = ((x**2 + y**2) < 0.5).float()
    labels = (labels - (torch.rand(120, generator=generator) < 0.1).float()).abs()
    features = {
        "$x$": x,
        "$y$": y,
        "$x^2$": x**2,
        "$y^2$": y**2,
        "$xy$": x * y,
        "$\\sin 3x$": (3 * x).sin(),
        "$\\sin 3y$": (3 * y).sin(),
    }
    table = torch.stack(list(features.values()), dim=1)
    table = (table - table.mean(dim=0)) / table.std(dim=0)
    penalties = {
        "none": lambda w: 0 * w.sum(),
        "L2, 0.03": lambda w: l2_penalty([w], 0.03),
        "L1, 0.03": lambda w: l1_penalty([w], 0.03),
    }
    figure, panel = plt.subplots(figsize=(9, 3.8), layout="constrained")
    for k, (name, penalty) in enumerate(penalties.items()):
        weight, bias = nn.Parameter(torch.zeros(7)), nn.Parameter(torch.zeros(1))
        optimizer = Momentum([weight, bias], lr=0.02)
        for _ in range(600):
            optimizer.zero_grad()
            scores = table @ weight + bias
            loss = nn.functional.binary_cross_entropy_with_logits(scores, labels)
            (loss + penalty(weight)).backward()
            optimizer.step()
        heights = weight.detach()
        places = torch.arange(7) + 0.27 * (k - 1)
        panel.bar(places, heights, 0.25, color=COLOURS[k], hatch=("", "//", "..")[k], label=name)
        print(f"{name:9s} cost {loss:.3f}, weights below 0.02: {(heights.abs() < 0.02).sum()} of 7")
    panel.axhline(0, color="black", lw=0.8, ls="-")
    panel.set_xticks(range(7), list(features))
    panel.set(ylabel="weight", title="Which features does the model use?")
    panel.legend(title="penalty")
    plt.show()

# %% [markdown]
# With SGD a weight under L1 does not arrive at exactly 0: its gradient there jumps between
# $-\lambda$ and $\lambda$, and the weight swings around 0 with steps of that size. So the cell
# counts small weights.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: learn them, too?
#
# *4 points, 15 minutes.* Gradient descent finds good weights. Why not let it find the strength
# $\lambda$ and the learning rate $\eta$ as well, on the same cost? Name an obstacle for each:
# what would happen if you tried?

# %% [markdown] points=4 written="learn_hyperparameters"
# ### BEGIN SOLUTION
# $\lambda$: the cost on the training data is $C_0 + \lambda R$ with $R \ge 0$, so
# $\partial C/\partial\lambda = R$, which is positive unless all weights are 0. Gradient descent
# therefore lowers $\lambda$ in every step, to 0 (and on to negative values, where the cost has no
# lower limit: it would reward large weights). We would end without a penalty. The training cost
# cannot see what $\lambda$ is for, which is the error on *other* data: the question needs
# validation data.
#
# $\eta$: the cost is a function of the weights and does not contain $\eta$ at all; its partial
# derivative is 0. $\eta$ acts only through the steps taken. One could differentiate the cost after
# some steps with respect to $\eta$, back through these steps; but descending along that derivative
# needs a learning rate of its own, $\eta_1$, which needs $\eta_2$, and so on. At some point
# somebody must choose without gradient descent, and a grid over one number is then simpler. The
# derivative is also expensive (all steps must be kept) and short-sighted: what lowers the cost
# most within a few steps is often not what ends lowest.
#
# Both are chosen with the validation data instead, as in section 6.
#
# ### BEGIN RUBRIC
# - 2 points: $\lambda$: the derivative is the penalty, never negative, so $\lambda$ goes to 0 (or
#   below), because the training cost does not measure overfitting. 1 point for "it becomes 0"
#   without the reason.
# - 2 points: $\eta$: the regress (a rate to learn the rate), *or* that the cost does not depend on
#   it. 1 point if only "it is expensive" or "it may be unstable".
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ### How fast do weights decay?
#
# Often the L2 penalty is written per example, with the number $N$ of training examples:
# $C = C_0 + \frac{\lambda}{2N} \sum w^2$. Its gradient is $\frac{\lambda}{N} w$, so SGD with
# batches of $m$ examples multiplies a weight in every step by
#
# $$1 - \frac{\eta\lambda}{N}, \tag{12}$$
#
# before it subtracts $\eta\, \partial C_0/\partial w$. Suppose the second part is negligible. An
# epoch, once through the data, has $N/m$ steps, rounded up, because the last batch may be smaller.
#
# ### Exercise 9: `decay_factor`
#
# *Easy, 10 minutes.* By what factor does a weight shrink in an epoch? Return the exact factor, and
# the estimate $e^{-\eta\lambda/m}$, which holds for $\eta\lambda \ll N$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the exact factor is too close to 1*: (12) is for one step.
# - *slightly off if m does not divide N*: the last, smaller batch is a step, too.
#
# </details>


# %% exercise="decay_factor"
def decay_factor(lr, strength, batch_size, examples):
    """Return by what factor weight decay alone shrinks a weight in one epoch of SGD.

    The penalty is strength / (2 · examples) times the sum of the squares.

    Args:
        lr, strength: floats.
        batch_size, examples: ints. If the last batch is smaller it still makes a step.

    Returns:
        exact: the product of the factors of all steps, a float.
        estimate: exp(-lr · strength / batch_size), a float.
    """
    ### BEGIN SOLUTION
    steps = math.ceil(examples / batch_size)
    exact = (1 - lr * strength / examples) ** steps
    return exact, math.exp(-lr * strength / batch_size)
    ### END SOLUTION


# %%
with waits_for("decay_factor"):
    for settings in ((0.1, 5.0, 10, 2000), (0.1, 50.0, 10, 2000), (0.5, 1000.0, 10, 2000)):
        exact, estimate = decay_factor(*settings)
        print(f"η λ / N = {settings[0] * settings[1] / settings[3]:.4f}: ", end="")
        print(f"exact {exact:.3g}, estimate {estimate:.3g}")

# %% [markdown]
# Now in a network: digits, one hidden layer of 30 sigmoid units, and the *old* way to initialise
# weights, normal with standard deviation 1, far too large. The digits are the 8,000 that ship with
# the course as training data; for this experiment 2,000 of them.

# %% tags=["skip-execution"]
images, digit_labels = load_digits(train=True, full=False)
test_images, test_labels = load_digits(train=False, full=False)
mean, std = (images / 255).mean(), (images / 255).std()
pixels = ((images / 255 - mean) / std).flatten(start_dim=1)
test_pixels = ((test_images / 255 - mean) / std).flatten(start_dim=1)  # by the training digits


def shuffled_batches(examples, batch_size, generator):
    """Return the rows of every batch of one epoch, a tuple of tensors of indices."""
    return torch.randperm(examples, generator=generator).split(batch_size)


# %% tags=["skip-execution"]
with waits_for("SGD", "decay_factor"):

    def decay_run(strength, hidden, epochs, examples=2000, batch_size=20, lr=0.1):
        """Train with weight decay; return the root mean square weight before and after epochs.

        Also the share of the decay in the length of the steps, one number an epoch.
        """
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(784, hidden), nn.Sigmoid(), nn.Linear(hidden, 10))
        weights = [model[0].weight, model[2].weight]
        for weight in weights:
            nn.init.normal_(weight)
        decaying = SGD(weights, lr, weight_decay=strength / examples)
        biases = SGD([model[0].bias, model[2].bias], lr)
        generator = torch.Generator().manual_seed(0)

        def flat():
            return torch.cat([weight.detach().flatten() for weight in weights])

        sizes, shares = [flat().square().mean().sqrt().item()], []
        for _ in range(epochs):
            for rows in shuffled_batches(examples, batch_size, generator):
                loss = nn.functional.cross_entropy(model(pixels[rows]), digit_labels[rows])
                for optimizer in (decaying, biases):
                    optimizer.zero_grad()
                loss.backward()
                for optimizer in (decaying, biases):
                    optimizer.step()
            gradient = torch.cat([weight.grad.flatten() for weight in weights]).norm()
            decay = strength / examples * flat().norm()
            shares.append((decay / (decay + gradient)).item())
            sizes.append(flat().square().mean().sqrt().item())
        return sizes, shares

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14.5, 4.3), layout="constrained")
    for k, strength in enumerate((20.0, 60.0, 200.0)):
        epochs = 10
        sizes, shares = decay_run(strength, 30, epochs)
        exact, estimate = decay_factor(0.1, strength, 20, 2000)
        style = {"color": COLOURS[k], "label": f"λ = {strength:g}"}
        left.semilogy(range(epochs + 1), sizes, marker="os^"[k], ms=5, ls="", **style)
        left.semilogy([sizes[0] * estimate**t for t in range(epochs + 1)], ls=":", color=COLOURS[k])
        middle.plot(range(1, epochs + 1), shares, marker="os^"[k], ms=5, **style)
        print(f"λ = {strength:3g}: factor in the first epoch {sizes[1] / sizes[0]:.4f}", end=", ")
        print(f"predicted {exact:.4f}, exp(-ηλ/m) {estimate:.4f}")
        print(f"         after {epochs} epochs {sizes[-1]:.4f}, ", end="")
        print(f"predicted {sizes[0] * exact**epochs:.4f}")
    left.set(xlabel="epoch", ylabel="root mean square weight", ylim=(1e-4, 2))
    left.set_title("Measured, and exp(-ηλ/m) (dotted)")
    left.legend()
    middle.set(xlabel="epoch", ylabel="decay / (decay + gradient)", ylim=(0, 1.05))
    middle.set_title("Share of the decay in a step")
    middle.legend()
    counts, plateaus = [], []
    for hidden in (10, 20, 40, 80):
        sizes, _ = decay_run(100.0, hidden, 12)
        counts.append(794 * hidden)
        plateaus.append(sizes[-1])
        print(f"{counts[-1]:7,} weights: they tail off at {sizes[-1]:.4f}", end=", ")
        print(f"times √n {sizes[-1] * math.sqrt(counts[-1]):.2f}")
    right.loglog(counts, plateaus, marker="o", color=COLOURS[0], label="measured, λ = 100")
    right.loglog(
        counts, [1 / math.sqrt(n) for n in counts], color="0.4", ls=":", label="$1/\\sqrt{n}$"
    )
    right.set(xlabel="number of weights $n$", ylabel="root mean square weight", ylim=(1e-3, 1e-1))
    right.set_title("Size after 12 epochs")
    right.set_xticks(counts, [f"{n:,}" for n in counts])
    right.minorticks_off()
    right.legend()
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: when decay rules, and when it stops
#
# *5 points, 25 minutes.* Weights start as normal numbers with standard deviation 1, and the cost
# has an L2 penalty. Argue heuristically, and compare each part with the figure:
#
# 1. if $\lambda$ is not too small, weight decay dominates the first epochs;
# 2. if $\eta\lambda \ll N$, the weights shrink by $e^{-\eta\lambda/m}$ per epoch;
# 3. if $\lambda$ is not too large, the decay tails off when the weights are down to a size around
#    $1/\sqrt n$, where $n$ is the number of weights.
#
# So L2 gives something like the initialisation with standard deviation $1/\sqrt{n_\text{in}}$ by
# itself. What is the price?

# %% [markdown] points=5 written="when_decay_stops"
# ### BEGIN SOLUTION
# 1. A step changes a weight by $-\eta(\frac\lambda N w + \partial C_0/\partial w)$. At the start
# $w$ is of size 1. A unit adds hundreds of terms of that size, so its sum is of size
# $\sqrt{n_\text{in}}$, far out where the sigmoid is flat, and its $\sigma'$, a factor of
# $\partial C_0/\partial w$, is tiny. The decay term is proportional to the weight and does not
# care. If $\frac\lambda N$ is not too small it is the larger one; moreover it has the same
# direction in every step, while the gradients of different batches partly cancel. The middle
# panel: in the first epochs most of a step is decay, the more the larger $\lambda$.
#
# 2. Without the gradient a step multiplies by $1 - \eta\lambda/N$. An epoch has $N/m$ steps:
# $(1 - \eta\lambda/N)^{N/m}$. For $x = \eta\lambda/N \ll 1$ is $1 - x \approx e^{-x}$, so the
# product is $e^{-(\eta\lambda/N)(N/m)} = e^{-\eta\lambda/m}$. The left panel: the points follow
# the dotted lines at first, and the printed factors of the first epoch agree with the prediction.
#
# 3. The decay stops where its gain no longer pays: when the penalty $\frac{\lambda}{2N} n w^2$ has
# become comparable with the cost $C_0$ that the weights are needed for, which is of order 1. With
# $n$ weights of similar size that is $w^2 \approx \frac{2N C_0}{\lambda n}$, so $w \approx
# \sqrt{2NC_0/\lambda} \cdot 1/\sqrt n$: proportional to $1/\sqrt n$, and of that order if
# $\lambda$ is not very different from $N$. Here $\lambda = 100$ and $N = 2000$, the root is
# $6.3\sqrt{C_0}$, and between 4.4 and 4.9 is measured. Seen from the units: with weights of size
# $1/\sqrt n$ their sums are of order 1, they leave saturation, the gradient of $C_0$ becomes as
# large as the decay and balances it. If $\lambda$ is too large the penalty wins at any size and
# the weights go on to 0. The right panel: the sizes at the end fall with the number of weights,
# roughly in parallel to $1/\sqrt n$.
#
# The price is time: the epochs in which the weights only shrink teach the network little. And
# $\lambda$ is then chosen for two purposes at once.
#
# ### BEGIN RUBRIC
# - 1 point: (1) decay term against gradient term; the gradient is small because large sums saturate
#   the units, or because it varies in sign, while decay is proportional to the weight.
# - 1 point: (2) $(1 - \eta\lambda/N)^{N/m}$ and $1 - x \approx e^{-x}$ for small $x$.
# - 1 point: (3) a balance of penalty and cost (or of the two gradients), or sums of order 1.
# - 1 point: (3) arrives at $w \propto 1/\sqrt n$ and says what "not too large" is for.
# - 1 point: compares with the figure or its numbers, and names a price.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 5 Dropout
#
# **Dropout** removes units at random while the network is trained: in every step and for every
# example, each unit is set to 0 with probability $p$. So no unit can rely on a particular other
# one, and learning by heart, which needs many units to fire together, gets hard. When the network
# is used, all units are there.
#
# Then sums would be larger than in training, by $1/(1 - p)$ on average. One remedy is to multiply
# the weights by $1 - p$ afterwards. The usual one, **inverted dropout**, divides what is left by
# $1 - p$ during training, so that the expected value of each output is its input and nothing is
# left to do later.
#
# ### Exercise 10: `dropout`
#
# *Medium, 15 minutes.* $p$ is the probability to be *dropped*, and every entry is decided by
# itself.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *too few zeros for a small p, or too many*: is it the probability to keep or to drop?
# - *whole rows or columns of zeros*: the mask needs the shape of x.
# - *the mean shrinks*: divide what is left by $1 - p$.
# - *nan for p = 1*: everything is dropped; 0/0 is not 0.
# - *predictions differ from call to call*: `training` is False then.
#
# </details>


# %% exercise="dropout"
def dropout(x, p, training):
    """Drop entries at random, in training only.

    Args:
        x: floating point, any shape. It is not changed.
        p: the probability with which an entry becomes 0, each by itself; from 0 to 1.
        training: whether to drop anything.

    Returns:
        the shape, dtype and device of x. In training what is not dropped is divided by 1 - p;
        for p = 1 everything is 0. Gradients flow to the entries that are left. Otherwise x.

    Raises:
        ValueError: p is not from 0 to 1, in training or not.
    """
    ### BEGIN SOLUTION
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}, not from 0 to 1")
    if not training:
        return x
    if p == 1:
        return x * 0
    kept = torch.rand_like(x) >= p
    return x * kept / (1 - p)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("dropout"):
    torch.manual_seed(0)
    figure, axes = plt.subplots(2, 5, figsize=(12, 5), layout="constrained", height_ratios=(3, 2))
    digit = (images[7] / 255).clone()
    for (top, below), p in zip(axes.T, (0.0, 0.2, 0.5, 0.8, 0.95), strict=True):
        top.imshow(dropout(digit, p, training=True), vmin=0, vmax=2)
        top.set(title=f"p = {p:g}", xticks=[], yticks=[])
        top.grid(False)
        # Sums of 784 pixels with random signs, as a unit sees them.
        signs = torch.randn(784) / 28
        sums = dropout(digit.flatten().expand(2000, 784), p, training=True) @ signs
        whole = (digit.flatten() @ signs).item()
        below.hist(sums - whole, bins=40, range=(-2, 2), color=COLOURS[0])
        below.set(xlabel="sum - sum without dropout", yticks=[])
        print(f"p = {p:4g}: mean of the sums {sums.mean() - whole:7.3f} off", end=", ")
        print(f"standard deviation {sums.std():.3f}")
    plt.show()

# %% [markdown]
# On average the sums are right. Their noise grows like $\sqrt{p/(1-p)}$: that is the dose. How much
# of it helps is measured in section 8.

# %% [markdown]
# ## 6 Choosing on validation data
#
# A learning rate, a strength, a dropout probability are **hyper-parameters**: no gradient sets
# them. We try some and keep the best. Best on what? Not on the training data (section 4). And not
# on the test set: whoever picks the best of many on the test set picks the luckiest, too, and the
# test accuracy no longer says how the model does on new data.
#
# So the data have three parts:
#
# | Part | Here | Used for |
# |---|---|---|
# | training | 7,000 digits | gradients |
# | validation | 1,000 digits | choosing hyper-parameters, as often as you like |
# | test | 2,000 digits | the final number, once for each model that is reported |
#
# ### Exercise 11: `train`
#
# *Medium, 15 minutes.* One epoch. The batches are given as rows of the data.
#
# The cost that it returns is the mean over all *examples*, each measured before the step of its own
# batch. The last batch may be smaller than the others.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the cost does not fall, or the first step does nothing*: forget the old gradients, compute the
#   new ones, step; in this order.
# - *the mean is slightly off*: a mean of batch means counts the examples of a small batch too much.
# - *memory grows*: a sum of costs that are tensors keeps the graph of every step.
#
# </details>


# %% exercise="train"
def train(model, optimizer, x, y, batches):
    """Train a model for one epoch with the cross-entropy; the model is put in training mode.

    Args:
        model: a module that maps inputs to class scores.
        optimizer: has zero_grad and step, and holds the parameters of the model.
        x: inputs, shape (N, ...).
        y: labels, int64, shape (N,).
        batches: an iterable of index tensors, one for each batch, of any lengths from 1.

    Returns:
        a float, the mean cost over the examples of all batches, each before its step.
    """
    ### BEGIN SOLUTION
    model.train()
    total = count = 0
    for rows in batches:
        cost = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        total += cost.item() * len(rows)
        count += len(rows)
    return total / count
    ### END SOLUTION


# %% [markdown]
# ### Exercise 12: `tune`
#
# *Medium, 20 minutes.* Try some values of a hyper-parameter and report the chosen model honestly.
# Data, network and optimiser hide in three functions: `fit` trains a model with a value,
# `validate` gives its accuracy on the validation data, `test` that on the test set.
#
# Training is the expensive part: `fit` is called once for each value. And `test` is called once,
# at the end.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the wrong value for a tie*: of two with the same validation accuracy take the smaller one. The
#   values come in any order.
# - *the right value with the wrong test accuracy*: which model is in your variable after the loop?
#
# </details>


# %% exercise="tune"
def tune(values, fit, validate, test):
    """Choose a hyper-parameter by validation accuracy and test the chosen model.

    Args:
        values: an iterable of at least one float, in any order, perhaps a generator.
        fit: called with a value, returns a model trained with it. Called once for each value.
        validate: called with a model, returns its accuracy on the validation data, a float.
        test: called with a model, returns its accuracy on the test set, a float. Called once.

    Returns:
        value: the one whose model has the highest validation accuracy, the smallest of several.
        validation accuracy: of its model.
        test accuracy: of the same model.
    """
    ### BEGIN SOLUTION
    best, chosen = None, None
    for value in sorted(values):
        candidate = fit(value)
        accuracy = validate(candidate)
        if best is None or accuracy > best[1]:
            best, chosen = (value, accuracy), candidate
    return *best, test(chosen)
    ### END SOLUTION


# %% [markdown]
# ### Four optimisers on the digits
#
# A network with two hidden layers of 100 ReLU units, batches of 128 digits, six epochs. All runs
# start from the same weights and see the same batches, so that only the optimiser differs. Each
# optimiser gets three learning rates, half a power of ten apart; every `·` below is one training
# run. Where the best rate lies at an end of its grid, the grid should be extended.

# %% tags=["skip-execution"]
order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
training, validation = order[:7000], order[7000:]
train_x, train_y = pixels[training], digit_labels[training]
validation_x, validation_y = pixels[validation], digit_labels[validation]


def accuracy_on(model, x, y):
    """Return the share of right answers; the model is put in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).double().mean().item()


def make_network(norm=None):
    """Return the network of this section; norm makes a layer for 100 units."""
    torch.manual_seed(1)
    layers = []
    for inputs in (784, 100):
        layers.append(nn.Linear(inputs, 100))
        if norm is not None:
            layers.append(norm(100))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(100, 10))


class Experiment:
    """Trains networks, keeps their curves, and counts how often the test set is used.

    Attributes:
        curves: from a rate to the training cost and the validation accuracy of every epoch.
        tests: the number of calls of `test`.
    """

    def __init__(self, optimizer_class, norm=None, epochs=6):
        self.optimizer_class, self.norm, self.epochs = optimizer_class, norm, epochs
        self.curves, self.tests = {}, 0

    def fit(self, rate):
        """Return a network trained with this learning rate."""
        model = make_network(self.norm)
        optimizer = self.optimizer_class(model.parameters(), lr=rate)
        generator = torch.Generator().manual_seed(2)
        costs, accuracies = [], []
        for _ in range(self.epochs):
            batches = shuffled_batches(len(train_x), 128, generator)
            costs.append(train(model, optimizer, train_x, train_y, batches))
            accuracies.append(self.validate(model))
        self.curves[rate] = costs, accuracies
        print("·", end="", flush=True)
        return model

    def validate(self, model):
        """Return the accuracy on the validation data."""
        return accuracy_on(model, validation_x, validation_y)

    def test(self, model):
        """Return the accuracy on the test set."""
        self.tests += 1
        return accuracy_on(model, test_pixels, test_labels)


def report(name, experiment, rates):
    """Tune the rate of an experiment and print a line of the table; return the rate."""
    rate, validated, tested = tune(rates, experiment.fit, experiment.validate, experiment.test)
    tried = "  ".join(f"{r:g}: {experiment.curves[r][1][-1]:.1%}" for r in rates)
    print(f" {name:16s}rate {rate:<6g}training cost {experiment.curves[rate][0][-1]:.3f}", end="  ")
    print(f"validation {validated:.1%}  test {tested:.2%}", end="  ")
    print(f"(test set used {experiment.tests} time)\n    tried {tried}")
    return rate


def draw_experiments(experiments, chosen):
    """Draw training cost and validation accuracy of the chosen runs against the epoch."""
    _, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.5), layout="constrained")
    for k, (name, experiment) in enumerate(experiments.items()):
        costs, accuracies = experiment.curves[chosen[name]]
        epochs = range(1, len(costs) + 1)
        style = {"marker": "os^DvP"[k], "ms": 5, "label": f"{name}, {chosen[name]:g}"}
        left.semilogy(epochs, costs, **style)
        right.plot(epochs, [100 * one for one in accuracies], **style)
    left.set(xlabel="epoch", ylabel="training cost", title="Training cost, mean of the epoch")
    right.set(xlabel="epoch", ylabel="validation accuracy (%)", title="Validation accuracy")
    right.legend(title="optimiser, tuned rate")
    plt.show()


with waits_for("SGD", "Momentum", "AdaGrad", "Adam", "train", "tune"):
    experiments = {
        "SGD": Experiment(SGD),
        "momentum 0.9": Experiment(Momentum),
        "AdaGrad": Experiment(AdaGrad),
        "Adam": Experiment(Adam),
    }
    grids = {
        "SGD": (0.03, 0.1, 0.3),
        "momentum 0.9": (0.01, 0.03, 0.1),
        "AdaGrad": (0.01, 0.03, 0.1),
        "Adam": (0.001, 0.003, 0.01),
    }
    chosen = {}
    for name, experiment in experiments.items():
        chosen[name] = report(name, experiment, grids[name])
    draw_experiments(experiments, chosen)

# %% [markdown]
# How much of a difference is luck? With 1,000 validation digits and an accuracy near 95 %, the
# standard deviation of the measured accuracy is $\sqrt{0.95 \cdot 0.05 / 1000} = 0.7$ percentage
# points, with 2,000 test digits 0.5. The difference of two accuracies varies up to $\sqrt{2}$ times
# as much.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: which one won?
#
# *4 points, 20 minutes.* Which optimiser works best here, by which measure, and why? Use the curves
# and the table, and say which differences you do *not* trust. Why is it not fair to compare the
# four at the same learning rate?

# %% [markdown] points=4 written="which_optimizer_won"
# ### BEGIN SOLUTION
# By the training cost after six epochs AdaGrad and Adam are ahead in our run (both 0.07; momentum
# 0.09, SGD 0.19). They also start fastest: after the second epoch both stand at about a quarter,
# SGD at 0.4. By accuracy plain SGD is the worst, with 92.4 % on the validation data and 92.9 % on
# the test set; the other three lie between 94 % and 95 % on both. That SGD is behind AdaGrad and
# Adam I believe: two percentage points on the test set are three standard deviations of a
# difference, $\sqrt{2} \cdot 0.5 = 0.7$. The order of these two I do not: they differ by less than
# one. The curves jump by more than that from epoch to epoch.
#
# Why: methods with a rate for every weight start fast, because weights with small gradients move as
# far as the others from the first step on. Momentum adds up what many steps agree on. Plain SGD has
# neither. A larger rate does not help it: at 0.3 it does no better than at 0.1, since the steepest
# direction decides how large the rate may be. AdaGrad's steps only shrink; six epochs are
# too short for that to hurt.
#
# The same number means different things: a step is $\eta g$ for SGD, up to $\eta g/(1 - \mu)$, ten
# times as much, for momentum, and about $\eta$ itself for Adam, however small the gradient. At rate
# 0.1 SGD is at its best; Adam would move every weight by 0.1 in the first step. To compare them at
# one rate is to choose the winner.
#
# ### BEGIN RUBRIC
# - 1 point: names a winner *by a stated measure* (speed, training cost, validation accuracy) that
#   the student's own curves support.
# - 1 point: a reason from the rules: accumulated velocity, a rate for every weight, AdaGrad's
#   shrinking steps.
# - 1 point: compares differences with the standard deviation of 0.5 to 0.7 points, or with the
#   choice of the seed, and does not rank what lies within it.
# - 1 point: rates have different meanings: $\eta g$, $\eta g/(1 - \mu)$, $\eta$ times $\pm 1$; each
#   must be tuned.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 7 Batch normalisation
#
# Notebook 03 normalised each unit over the batch. For predictions that will not do: the answer for
# one digit must not depend on the others in its batch, and there may be no others. So the layer
# keeps a **running mean** and a **running variance**, updated in training,
#
# $$r \leftarrow (1 - \rho)\, r + \rho\, b, \tag{13}$$
#
# where $b$ is the mean or the variance of the batch, and uses them in evaluation.
# PyTorch calls $\rho$ the layer's `momentum`. Note that it is the weight of the *new* value, unlike
# $\mu$, $\alpha$ and $\beta$ above. The variance that normalises the batch divides by $N$, the one
# that goes into the running variance by $N - 1$, as an estimate for the whole data set.
#
# ### Exercise 13: `BatchNorm`
#
# *Hard, 25 minutes.* Without the library's `batch_norm`. What `model.parameters()` must not find
# but `model.state_dict()` should, so that it is saved and moved with the model, is a **buffer**:
# `self.register_buffer("name", tensor)`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *evaluation right after the first batches is far off*: the running values start at 0 and 1 and
#   move by the share $\rho$; is $\rho$ on the new value?
# - *the running variance is slightly too small*: see the sentence on $N - 1$.
# - *running values that require a gradient*: update them without recording.
# - *they change in evaluation*: only training updates them.
#
# </details>


# %% exercise="BatchNorm"
class BatchNorm(nn.Module):
    """Batch normalisation of a layer's outputs, as nn.BatchNorm1d.

    Attributes:
        gamma, beta: scale and shift of each feature, parameters of shape (features,), at first
            1 and 0.
        running_mean, running_var: buffers of shape (features,), at first 0 and 1.

    Args:
        features: the number of features D.
        momentum: the weight of the new batch in the running mean and variance.
        eps: is added to the variance before the root.
    """

    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        ### BEGIN SOLUTION
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        ### END SOLUTION

    def forward(self, x):
        """Normalise every feature, then scale and shift it.

        In training mode by the mean and variance of the batch (dividing by N), which gradients
        flow through, and the running values are updated (with the variance that divides by
        N - 1). In evaluation mode by the running values, which stay as they are.

        Args:
            x: shape (N, D), N at least 2 in training.

        Returns:
            shape (N, D).
        """
        ### BEGIN SOLUTION
        if self.training:
            mean, variance = x.mean(dim=0), x.var(dim=0, unbiased=False)
            with torch.no_grad():
                unbiased = variance * len(x) / (len(x) - 1)
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (unbiased - self.running_var)
        else:
            mean, variance = self.running_mean, self.running_var
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta
        ### END SOLUTION


# %% [markdown]
# SGD with batch normalisation after each of the two hidden linear layers. The best rate for the
# plain network need not be the best with normalisation, so it is tuned again, with larger rates.

# %% tags=["skip-execution"]
with waits_for("SGD", "train", "tune", "BatchNorm"):
    normed = Experiment(SGD, norm=BatchNorm)
    best_rate = report("SGD, batch norm", normed, (0.3, 1.0, 3.0))
    compared = {"SGD": experiments["SGD"], "SGD, batch norm": normed}
    rates = {"SGD": chosen["SGD"], "SGD, batch norm": best_rate}
    draw_experiments(compared, rates)

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: does it help?
#
# *2 points, 10 minutes.* Which learning rate is best with batch normalisation, compared with the
# one without? Does batch normalisation help here, and by which measure?

# %% [markdown] points=2 written="does_normalisation_help"
# ### BEGIN SOLUTION
# With normalisation the best rate on the validation data is 1 in our run, without it 0.1, a tenth.
# Even at 3 the normalised network still learns (about 92 %). Normalised sums do not depend on the
# scale of the weights, so a step that changes that scale too much does no harm.
#
# It helps, by every measure. Speed: after two epochs its training cost is lower than that of the
# plain network after six (0.025 against 0.193 at the end). Accuracy: 95.5 % against 92.4 % on the
# validation data, 95.0 % against 92.9 % on the test set, three standard deviations of a difference.
# The validation accuracy of the chosen model is the best of three, so it flatters; the test
# accuracy does not. But Adam without normalisation reaches the same accuracy: what it mends is
# plain SGD.
#
# ### BEGIN RUBRIC
# - 1 point: names both rates and says why a larger one is tolerated (the scale of the weights no
#   longer matters on the way forward; or: the validation accuracies over the grid).
# - 1 point: looks at speed (first epochs, training cost) and at the final accuracy, whose
#   difference is compared with its uncertainty.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 8 One hyper-parameter, and the size of a batch
#
# How does a hyper-parameter act over its *whole* range, from useless to useless? Here the dropout
# probability of both hidden layers, from 0 to 0.95. Overfitting shows best with little data: 1,000
# training digits, 12 epochs, Adam with rate 0.001. In the notebook a menu offers the learning rate
# and the batch size, too.


# %% tags=["skip-execution"]
class Dropout(nn.Module):
    """Your dropout as a layer."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        """Drop entries of x in training mode."""
        return dropout(x, self.p, self.training)


def small_run(dropped=0.0, rate=0.001, batch_size=50, epochs=12):
    """Train on 1,000 digits; return training cost and validation accuracy of every epoch.

    The training cost is that of the whole network, without dropout.
    """
    torch.manual_seed(1)
    model = nn.Sequential(
        *(nn.Linear(784, 100), nn.ReLU(), Dropout(dropped)),
        *(nn.Linear(100, 100), nn.ReLU(), Dropout(dropped), nn.Linear(100, 10)),
    )
    optimizer, generator = Adam(model.parameters(), lr=rate), torch.Generator().manual_seed(2)
    costs, accuracies = [], []
    for _ in range(epochs):
        train(model, optimizer, train_x, train_y, shuffled_batches(1000, batch_size, generator))
        accuracies.append(accuracy_on(model, validation_x, validation_y))
        with torch.no_grad():
            whole = nn.functional.cross_entropy(model(train_x[:1000]), train_y[:1000])
        costs.append(whole.item())
    return costs, accuracies


explored = {
    "dropout probability": ("dropped", (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)),
    "learning rate": ("rate", (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1)),
    "batch size": ("batch_size", (5, 10, 25, 50, 100, 250, 1000)),
}


def explore(what):
    """Draw the learning curves for every value of one hyper-parameter."""
    with waits_for("Adam", "dropout", "train"):
        argument, values = explored[what]
        figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4.6), layout="constrained")
        for k, value in enumerate(values):
            costs, accuracies = small_run(**{argument: value})
            style = {"label": f"{value:g}", "color": plt.colormaps["viridis"](k / 6.5)}
            style |= {"marker": "os^DvPX"[k], "markevery": (k, 6), "ls": "-"}
            left.semilogy(range(1, 13), costs, **style)
            right.semilogy(range(1, 13), [100 * (1 - one) for one in accuracies], **style)
            best = max(accuracies)
            print(f"{what} {value:<6g} training cost {costs[-1]:8.5f}", end="  ")
            print(f"validation: last {accuracies[-1]:.1%}, best {best:.1%}", end=" ")
            print(f"in epoch {accuracies.index(best) + 1}")
        left.set(xlabel="epoch", ylabel="training cost, without dropout", title="Training")
        right.set(xlabel="epoch", ylabel="validation error (%)", title="Validation")
        right.set_yticks([10, 20, 50, 90], ["10", "20", "50", "90"])
        right.minorticks_off()
        for panel in (left, right):
            panel.set_xticks(range(0, 13, 3))
        figure.legend(*right.get_legend_handles_labels(), title=what, loc="outside right upper")
        plt.show()


play(explore, what=["dropout probability", "learning rate", "batch size"])

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: what it did
#
# *3 points, 15 minutes.* Describe what the hyper-parameter that you explored does to the training:
# at the low end, in the middle, at the high end, and what tells you so in each panel. Which value
# would you choose, and on which evidence?

# %% [markdown] points=3 written="explored_hyperparameter"
# ### BEGIN SOLUTION
# *Dropout probability.* Low end: without dropout the training cost falls to 0.027 and the
# validation error is lowest early (epoch 6) and does not improve any more: the network learns its
# 1,000 digits by heart. Middle, 0.2 to 0.4: the training cost is two to three times as high, yet
# the last validation error is one percentage point lower, and it falls for longer. So there
# the training cost is *not* a guide to the error. High end: with 0.8 the noise is so large that 12
# epochs are not enough, both curves are still falling; with 0.9 and 0.95 about ten or five of 100
# units are left in each layer, and hardly anything gets through: with 0.95 both panels stay near
# guessing (cost $\ln 10 = 2.3$, error 90 %).
#
# I would choose 0.2: lowest last validation error in our run (89.8 % right). One point on 1,000
# digits is one standard deviation, so 0 to 0.4 are all defensible; 0.8 and above are not.
#
# (*Learning rate*: too small, and both curves creep; in the middle both fall fast; too large, and
# the cost jumps or stays at guessing. *Batch size*: small batches make many noisy steps per epoch,
# and the cost falls fast and unevenly; one batch of 1,000 makes one step an epoch, and 12 steps are
# not enough.)
#
# ### BEGIN RUBRIC
# - 1 point: describes both ends of the range with evidence from both panels (dropout: overfitting
#   against underfitting; rate: too slow against unstable; batch size: noisy and slow against few
#   steps).
# - 1 point: describes the middle, and separates training cost from validation accuracy.
# - 1 point: chooses by validation accuracy and says how certain that choice is.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ### Minibatches: noise against parallelism
#
# A batch's gradient is a mean over its $m$ examples, so it estimates the gradient over all
# examples. If examples are drawn independently, its standard deviation is $1/\sqrt m$ of that for
# one example. Left: measured, at the start and after one epoch of training. The deviation of a
# batch's gradient from the full one is given as a length, relative to the length of the full
# gradient: above the grey line there is more noise than signal.
#
# Right: how many examples per second a step processes, on the machine that ran this notebook. A
# large batch is one large matrix product, and the processor computes many of its entries at a time;
# on a GPU the curve rises much further, until memory is the limit.

# %% tags=["skip-execution"]
with waits_for("SGD", "train"):

    def batch_gradient(model, rows):
        """Return the gradient of the mean cost of these examples, all parameters in one vector."""
        loss = nn.functional.cross_entropy(model(train_x[rows]), train_y[rows])
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [*model.parameters()])])

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    generator, sizes = torch.Generator().manual_seed(3), [1, 4, 16, 64, 256, 1024]
    model = make_network()
    optimizer = SGD(model.parameters(), lr=0.1)
    for k, state in enumerate(("at the start", "after one epoch")):
        full, noise = batch_gradient(model, torch.arange(7000)), []
        for size in sizes:
            draws = torch.randint(7000, (24, size), generator=generator)
            deviations = torch.stack([batch_gradient(model, rows) - full for rows in draws])
            noise.append((deviations.norm(dim=1).square().mean().sqrt() / full.norm()).item())
        left.loglog(sizes, noise, "os"[k], ls="", color=COLOURS[k], label=f"measured {state}")
        line = [noise[0] / math.sqrt(size) for size in sizes]
        left.loglog(
            sizes, line, ls=":", lw=1.5, color=COLOURS[k], label="one example / $\\sqrt{m}$"
        )
        slope = math.log(noise[-1] / noise[0]) / math.log(sizes[-1])
        print(
            f"{state}: relative noise {noise[0]:.3g} for m = 1, {noise[-1]:.3g} for m = 1024",
            end="",
        )
        print(f"; slope {slope:.2f}")
        train(model, optimizer, train_x, train_y, shuffled_batches(7000, 64, generator))
    left.axhline(1, color="0.6", lw=4, ls="-", zorder=0)
    left.set(xlabel="batch size m", ylabel="noise / full gradient", title="Noise")
    left.legend(fontsize=10)
    speeds = []
    for size in sizes:
        rows = shuffled_batches(7000, size, generator)[: max(3, min(60, 4096 // size))]
        started = time.perf_counter()
        train(model, optimizer, train_x, train_y, rows)
        speeds.append(sum(len(r) for r in rows) / (time.perf_counter() - started))
        print(f"batches of {size:4d}: {7000 / speeds[-1]:7.2f} seconds per epoch")
    right.loglog(sizes, speeds, marker="o")
    right.set(xlabel="batch size m", ylabel="examples per second", title="Parallelism")
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: how large a batch?
#
# *3 points, 10 minutes.* What do you gain and what do you lose when you double the batch size?
# Use both panels. Why is a very large batch a waste even if memory is no limit, and what can be
# good about noise?

# %% [markdown] points=3 written="batch_size"
# ### BEGIN SOLUTION
# Doubling $m$ divides the noise of a gradient by $\sqrt2$ only, while an epoch has half as many
# steps. The left panel: the points fall like $1/\sqrt m$, so four times the work halves the noise.
# In return a large batch uses the machine better: in the right panel the examples per second rise
# steeply for small batches, because the fixed cost of a step (calls, memory traffic, the update of
# all weights) is shared by more examples and the matrix products are computed in parallel.
#
# It does not go on for ever. Where the machine is busy the right curve flattens, and doubling $m$
# doubles the time of a step. And where the noise is well below the gradient itself (below the grey
# line) a better estimate of the gradient hardly makes a better step: its direction is only right
# nearby, and the learning rate cannot grow beyond what the curvature allows (section 1). So the
# largest batches waste work: more exact steps, and fewer of them.
#
# Noise is not only harm: it shakes the weights out of saddles and narrow minima, and it acts as a
# mild regulariser; small batches also bring the first progress sooner. 16 to 128 is the
# usual compromise: the machine is used well and there are many steps.
#
# ### BEGIN RUBRIC
# - 1 point: noise falls like $1/\sqrt m$ only, and there are fewer steps per epoch, with the panel.
# - 1 point: parallelism: more examples per second up to a limit (machine or memory), with the
#   panel.
# - 1 point: why very large is a waste (steps are limited by curvature, not by noise, or the square
#   root), *and* one benefit of noise.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## What you should be able to explain now
#
# - Which learning rates converge on a quadratic, and what has the condition number to do with it?
# - Why does momentum help in a ravine, and why must $\mu$ lie between 0 and 1?
# - What is the difference between Nesterov momentum and momentum, and why do the formulas of
#   implementations look different from the idea?
# - What do AdaGrad, RMSProp and Adam divide by, and what is the bias correction for?
# - Why is weight decay in Adam decoupled?
# - Why does L1 give zeros, and L2 not?
# - How fast do weights decay per epoch, and where does it stop?
# - What does dropout change in training, and what in evaluation?
# - What may the validation data be used for, and what the test set?
# - Why does a batch four times as large only halve the noise?
#
# There are more optimisers, such as AdaDelta, AdaMax and Nadam; each combines the parts above. As a
# rule: start with Adam, and if it does not do well, try Nesterov momentum with a tuned rate.
#
# **Next: notebook 06, training convolutional networks.**
