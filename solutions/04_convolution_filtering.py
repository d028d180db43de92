# %% [markdown]
# # 04 · Convolution and image filtering
#
# Weight sharing, filters for photographs, convolution and pooling layers, and a kernel that is
# learned.
#
# **You will be able to**
#
# - say what a convolution layer leaves out of a dense layer, and count what it saves;
# - write correlation, convolution, padding and pooling yourself, with the right output size, and
#   check them by their properties;
# - blur, sharpen and find edges in a photograph, and say why the kernel does that;
# - measure what a blur, a stride and a pooling layer ignore, and what they lose;
# - write the convolution layer as one matrix product, and learn its kernel by gradient descent.
#
# **You need to know** tensors, broadcasting and gradient descent with automatic differentiation
# (notebook 01).
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 Fewer connections, shared weights | `output_size`, `parameter_count` | 30 |
# | 2 Correlation and convolution | `pad2d`, `correlate2d`, `convolve2d` | 45 |
# | 3 Filters | `box_blur`, `gaussian_kernel`, `sharpen_kernel`, `gradient_magnitude` | 50 |
# | 4 What a blur costs and ignores | `separate`, a written question | 40 |
# | 5 The convolution layer | `conv2d` | 40 |
# | 6 Pooling | `max_pool2d`, `avg_pool2d`, a written question | 45 |
# | 7 Learning a kernel | `learn_kernel`, a written question | 35 |
#
# In the exercises of this notebook the library's convolution and pooling functions do not count:
# the checks notice them. Tensor operations, slices and `unfold` are yours to use.

# %%
import math
import time

import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, play, use_course_style, waits_for
from torch import nn

use_course_style()
torch.set_num_threads(1)  # the pictures are small; one thread is as fast, and its times are steady

# %% [markdown]
# ## Before you start: nine numbers and a cat
#
# Every picture below comes from the same photograph. A table of nine numbers, the **kernel**, is
# laid on every $3\times3$ neighbourhood; the numbers weight the nine pixels, and their sum is one
# pixel of the result. Orange is positive, purple negative.
#
# Nobody designs the kernels of a convolutional network: gradient descent finds them. At the end of
# this notebook you will see it find one.
#
# The photographs in this notebook ship with scikit-image: *Chelsea* (by Stefan van der Walt, CC0),
# *camera* (by Lav Varshney, CC0) and *text* (from Wikipedia, public domain).


# %% tags=["skip-execution"]
def load_photograph(name):
    """Return a photograph from scikit-image in grey, float32 from 0 to 1, shape (H, W)."""
    import skimage.data

    pixels = torch.tensor(getattr(skimage.data, name)()) / 255
    if pixels.ndim == 3:  # the weights of red, green and blue in brightness
        pixels = pixels @ torch.tensor([0.2126, 0.7152, 0.0722])
    return pixels


def show_image(panel, image, title="", limits=(0, 1)):
    """Draw an image in grey, without axes."""
    panel.imshow(image, vmin=limits[0], vmax=limits[1])
    panel.set(title=title, xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    panel.grid(False)


def show_signed(panel, image, title="", largest=None):
    """Draw an image whose pixels have a sign: purple below zero, orange above."""
    largest = image.abs().max().item() if largest is None else largest
    panel.imshow(image, vmin=-largest, vmax=largest, cmap="PuOr_r")
    panel.set(title=title, xticks=[], yticks=[])
    panel.spines[:].set_visible(True)
    panel.grid(False)


def show_kernel(panel, kernel, title=""):
    """Draw a kernel with its numbers."""
    show_signed(panel, kernel, title)
    largest = kernel.abs().max()
    for i, row in enumerate(kernel.tolist()):
        for j, value in enumerate(row):
            colour = "white" if abs(value) > 0.6 * largest else "black"
            panel.text(j, i, f"{value:g}", ha="center", va="center", color=colour)


cat = load_photograph("chelsea")[20:260, 70:350]
kernels = {
    "leave alone": torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "blur": torch.ones(3, 3),
    "sharpen": torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "emboss": torch.tensor([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    "brighter downwards": torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "lighter than around": torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
}

figure, axes = plt.subplots(
    2, 6, figsize=(14.4, 4.6), height_ratios=(1.5, 2.1), layout="constrained"
)
for (table, panel), (name, kernel) in zip(axes.T, kernels.items(), strict=True):
    show_kernel(table, kernel, name)
    # The library's convolution, for this one figure: yours comes in section 2.
    filtered = nn.functional.conv2d(cat[None, None], kernel[None, None])[0, 0]
    if kernel.sum() == 0:
        show_signed(panel, filtered, largest=0.8)
    else:
        show_image(panel, filtered / kernel.sum())
axes[0, 1].set_xlabel("divided by 9")
plt.show()

# %% [markdown]
# ## 1 Fewer connections, shared weights
#
# A **dense** layer connects every output to every input, each connection with a weight of its own.
# Used on a picture, it does not know that pixels have neighbours: shuffle the pixels of all
# pictures in the same way, and it learns just as well. We know two things that it does not:
#
# - *Pixels that belong together lie together.* So connect an output to a small neighbourhood only,
#   its **receptive field**. To remove the other connections is **pruning**.
# - *A thing looks the same wherever it stands.* So use the same weights in every neighbourhood:
#   **weight sharing**.
#
# The two make a **convolution layer**. Below it is in one dimension: seven inputs in a row, such as
# seven moments of a sound, and five outputs. Every output is a weighted sum of inputs; the colour
# of a connection is its weight. The matrix under each network holds the same weights, one row an
# output.


# %% tags=["skip-execution"]
def draw_network(panel, weights, title, colours, stride=1):
    """Draw a layer with one line per connection; weights has shape (outputs, inputs)."""
    outputs, inputs = weights.shape
    places = [(inputs - 1 - stride * (outputs - 1)) / 2 + stride * i for i in range(outputs)]
    for i, place in enumerate(places):
        for j in range(inputs):
            if not weights[i, j].isnan():
                panel.plot([j, place], [0, 1], color=colours(weights[i, j].item()), ls="-")
    panel.plot(range(inputs), [0] * inputs, "o", ms=12, color="0.85", mec="0.3", ls="")
    panel.plot(places, [1] * outputs, "s", ms=12, color="0.85", mec="0.3", ls="")
    panel.set(title=title, xticks=[], yticks=[0, 1], ylim=(-0.3, 1.25), xlim=(-0.6, inputs - 0.4))
    panel.set_yticklabels(["inputs", "outputs"])
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.grid(False)


def slide(kernel, inputs):
    """Return the weights, shape (outputs, inputs), of a 1-D convolution; nan: no connection."""
    outputs = inputs - len(kernel) + 1
    weights = torch.full((outputs, inputs), math.nan)
    for i in range(outputs):
        weights[i, i : i + len(kernel)] = torch.tensor(kernel)
    return weights


generator = torch.Generator().manual_seed(0)
own_weights = torch.rand(5, 7, generator=generator)
shared = slide([0.05, 0.5, 0.9], 7)
layers = {
    "dense: 35 weights": own_weights,
    "pruned: 15 weights": own_weights.where(~shared.isnan(), math.nan),
    "pruned and shared: 3 weights": shared,
}
viridis = plt.colormaps["viridis"]

figure, axes = plt.subplots(2, 3, figsize=(12, 4.8), layout="constrained", height_ratios=(3, 2))
for (network, matrix), (name, weights) in zip(axes.T, layers.items(), strict=True):
    draw_network(network, weights, name, viridis)
    matrix.imshow(weights, vmin=0, vmax=1, cmap="viridis")
    matrix.set(xlabel="input", ylabel="output", xticks=range(7), yticks=range(5))
    matrix.grid(False)
figure.suptitle("What a convolution layer leaves out of a dense layer")
plt.show()

# %% [markdown]
# ### Padding and stride
#
# The inputs at the ends reach fewer outputs than the others, and the row gets shorter with every
# layer. **Padding** adds inputs of a fixed value, usually 0, at both ends. With
# $\lfloor k/2 \rfloor$ of them on each side a kernel of odd length $k$ gives as many outputs as
# there were inputs: *same padding*.
#
# The kernel need not stop at every place, either. With **stride** $s$ it moves $s$ places at a
# time, and there are about $s$ times fewer outputs.
#
# The number below an input counts the outputs that it reaches.

# %% tags=["skip-execution"]
figure, axes = plt.subplots(1, 3, figsize=(13.5, 2.9), layout="constrained")
for panel, padding, stride in zip(axes, (0, 1, 0), (1, 1, 2), strict=True):
    weights = slide([0.05, 0.5, 0.9], 7 + 2 * padding)[::stride]
    title = f"padding {padding}, stride {stride}: {len(weights)} outputs"
    draw_network(panel, weights, title, viridis, stride)
    for j in range(padding, 7 + padding):
        reached = (~weights[:, j].isnan()).sum().item()
        panel.text(j, -0.22, reached, ha="center", va="center")
    for j in [0, 8] if padding else []:
        panel.plot(j, 0, "o", ms=12, color="white", mec="0.3", ls="")
        panel.text(j, 0, "0", ha="center", va="center", fontsize=9)
    panel.set_ylim(-0.38, 1.25)
plt.show()

# %% [markdown]
# With **dilation** $d$ the $k$ weights of a kernel lie $d$ places apart, with gaps of $d - 1$
# between them: it sees further with the same number of weights.
#
# ### Exercise 1: `output_size`
#
# *Easy, 10 minutes.* Count the places where the kernel fits. The padding is there on both sides;
# the kernel starts at the first place and goes on in steps of the stride as long as it fits
# completely. For $n = 7$, $k = 3$, $s = 2$ it starts at 0, 2 and 4: three outputs.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *one too few*: there is an output for starting at 0 as well. Fence posts, not gaps.
# - *a fraction, or one too many, with a stride*: an incomplete last step does not count.
# - *right without dilation only*: how many places lie between the first and the last of $k$
#   weights that are $d$ apart?
#
# </details>


# %% exercise="output_size"
def output_size(n, kernel, padding=0, stride=1, dilation=1):
    """Return the number of outputs of a convolution along one axis.

    Args:
        n: the number of inputs.
        kernel: the number of weights of the kernel, at least 1.
        padding: the number of inputs added at each of the two ends.
        stride: how many places the kernel moves at a time, at least 1.
        dilation: the distance between neighbouring weights, 1 if there are no gaps.
            All are ints.

    Returns:
        an int, at least 1.

    Raises:
        ValueError: the kernel, with its gaps, is longer than the padded input.
    """
    ### BEGIN SOLUTION
    span = dilation * (kernel - 1) + 1
    room = n + 2 * padding - span
    if room < 0:
        raise ValueError(f"a kernel that spans {span} does not fit {n + 2 * padding} inputs")
    return room // stride + 1
    ### END SOLUTION


# %%
with waits_for("output_size"):
    same = [output_size(10, k, padding=k // 2) for k in range(1, 8)]
    print("10 inputs, padding floor(k / 2), kernels of length 1 to 7: outputs", same)
    sizes = [224]
    for _ in range(6):
        sizes.append(output_size(sizes[-1], 3, padding=1, stride=2))
    print("224 inputs, kernel 3, padding 1, layer after layer with stride 2:", sizes)

# %% [markdown]
# A kernel of even length has no middle, so the same number of zeros on both sides cannot keep the
# size: kernels are usually odd.
#
# ### Two dimensions and several channels
#
# In a picture a neighbourhood is a rectangle and the outputs form a picture, too. Take a picture
# of $5\times5$ pixels and neighbourhoods of $2\times2$. There are $4\times4 = 16$ of them, so 16
# outputs with four connections each. One kernel finds one kind of thing, so we use several: two
# kernels give two pictures of 16 outputs, two **channels**, each with four weights of its own.
#
# If the *input* has several channels, such as red, green and blue, a kernel gets weights for each
# of them and adds everything up. So the weights of a layer form a 4-tensor: (output channels,
# input channels, height, width). Along height and width it is local and shared; across channels it
# is dense.
#
# ### Exercise 2: `parameter_count`
#
# *Medium, 15 minutes.* Count the parameters of three layers that turn the same picture into the
# same number of outputs: dense; pruned, with a weight for each connection that is left; and
# pruned and shared, which is the convolution layer.
#
# A **bias** is a number added to an output. Outputs that share their weights share the bias, too:
# a convolution layer has one for each output channel.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *(25, 4, 8) or the like*: count the outputs first, over all channels.
# - *wrong for colour pictures*: a kernel has weights for every input channel.
# - *the last number changes with the size of the picture*: then the weights are not shared.
#
# </details>


# %% exercise="parameter_count"
def parameter_count(image_shape, out_channels, kernel_shape, stride=1, bias=True):
    """Return how many parameters it takes to turn a picture into the outputs of a convolution.

    There is no padding.

    Args:
        image_shape: channels, height and width of the picture, a tuple of three ints.
        out_channels: the number of output channels.
        kernel_shape: height and width of the neighbourhoods, a tuple of two ints.
        stride: how many pixels the neighbourhood moves at a time, down as well as across.
        bias: whether there are biases: one for each output, or, where the weights are shared,
            one for each output channel.

    Returns:
        dense: parameters if every output is connected to every input.
        pruned: parameters if every output is connected to its neighbourhood, all channels of it.
        shared: parameters if, in addition, the outputs of a channel share them. Three ints.
    """
    ### BEGIN SOLUTION
    channels, height, width = image_shape
    fan_in = channels * kernel_shape[0] * kernel_shape[1]
    places = output_size(height, kernel_shape[0], stride=stride) * output_size(
        width, kernel_shape[1], stride=stride
    )
    outputs = out_channels * places
    dense = outputs * (channels * height * width + bias)
    return dense, outputs * (fan_in + bias), out_channels * (fan_in + bias)
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("parameter_count"):
    counts = parameter_count((1, 5, 5), 2, (2, 2), bias=False)
    weights = torch.full((3, 32, 25), math.nan)
    weights[0] = torch.rand(32, 25, generator=torch.Generator().manual_seed(1))
    for output in range(32):
        channel, i, j = output // 16, output // 4 % 4, output % 4
        for place, pixel in enumerate((5 * i + j, 5 * i + j + 1, 5 * i + j + 5, 5 * i + j + 6)):
            weights[1, output, pixel] = weights[0, output, pixel]
            weights[2, output, pixel] = (4 * channel + place) / 7

    figure, axes = plt.subplots(1, 3, figsize=(12, 5), layout="constrained", sharey=True)
    for panel, matrix, name, count in zip(
        axes, weights, ("dense", "pruned", "pruned and shared"), counts, strict=True
    ):
        panel.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
        panel.set(title=f"{name}: {count} weights", xlabel="input (pixel of 5 by 5)")
        panel.set(xticks=range(0, 25, 5), yticks=range(0, 32, 4))
        panel.axhline(15.5, color="0.4", lw=1, ls=":")
        panel.grid(False)
    axes[0].set_ylabel("output (2 channels of 4 by 4)")
    plt.show()

    for shape, channels in (((3, 32, 32), 16), ((3, 224, 224), 64)):
        dense, pruned, shared_count = parameter_count(shape, channels, (3, 3))
        print(f"from {shape} by 3 by 3 kernels to {channels} channels:")
        print(f"  dense {dense:,}, pruned {pruned:,}, convolution {shared_count:,}")

# %% [markdown]
# The number of parameters of a convolution layer does not depend on the size of the picture. So
# the same layer works on pictures of any size. It depends on the *channels*: networks begin with
# high resolution and few channels, which takes few weights, and end with low resolution and many
# channels, which takes many.

# %% [markdown]
# ## 2 Correlation and convolution
#
# ### Exercise 3: `pad2d`
#
# *Easy, 10 minutes.* Put a frame of a constant value around a picture.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the shape is right for one picture and wrong for a batch*: height and width are the *last* two
#   axes; `...` in an index stands for all others.
# - *rows and columns are swapped*: some library functions want the last axis first.
# - *the dtype has changed*: `torch.full` makes its own; `image.new_full` takes the image's.
#
# </details>


# %% exercise="pad2d"
def pad2d(image, rows, columns, value=0.0):
    """Return the image in a frame of a constant value.

    Args:
        image: shape (..., H, W), any dtype.
        rows: the number of rows added at the top, and again at the bottom.
        columns: the number of columns added on the left, and again on the right.
        value: the value of the new pixels.

    Returns:
        a new tensor of shape (..., H + 2 rows, W + 2 columns), of the dtype and on the device of
        the image.
    """
    ### BEGIN SOLUTION
    *others, height, width = image.shape
    framed = image.new_full((*others, height + 2 * rows, width + 2 * columns), value)
    framed[..., rows : rows + height, columns : columns + width] = image
    return framed
    ### END SOLUTION


# %% [markdown]
# ### Two operations that differ by a flip
#
# Slide a kernel $k$ of $h$ rows and $w$ columns over an image $x$. At every place where it lies
# completely inside, multiply and add. That is the **cross-correlation**, for short correlation:
#
# $$(k \star x)_{ij} = \sum_{u=0}^{h-1} \sum_{v=0}^{w-1} k_{uv}\; x_{i+u,\,j+v}.$$
#
# The **convolution** runs through the kernel backwards, in both directions:
#
# $$(k * x)_{ij} = \sum_{u=0}^{h-1} \sum_{v=0}^{w-1} k_{uv}\; x_{i+h-1-u,\,j+w-1-v}.$$
#
# To lay the kernel only where it fits is called *valid* mode: for an image of $H \times W$ the
# result has $H - h + 1$ rows and $W - w + 1$ columns.
#
# Photographs come as `uint8`, whole numbers from 0 to 255. What falls out of this range comes in
# again at the other end:

# %%
pixels = torch.tensor([10, 100, 250], dtype=torch.uint8)
print("pixels:     ", pixels.tolist())
print("pixels + 10:", (pixels + 10).tolist())
print("pixels - 20:", (pixels - 20).tolist())
print("pixels as float32, minus 20:", (pixels.to(torch.float32) - 20).tolist())

# %% [markdown]
# ### Exercise 4: `correlate2d`
#
# *Medium, 15 minutes.* A kernel has fractions and negative numbers, so compute in the dtype of the
# kernel.
#
# A loop over the pixels of the result works, but takes a second or more for each photograph, and
# the figures below call your function often. Look at the formula again: for fixed $u, v$ the terms
# of *all* pixels $i, j$ are a slice of the image. So there is a shorter loop.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `The size of tensor a (4) must match the size of tensor b (3)`: all slices must have the shape
#   of the result.
# - *a column or row too few*: how many places are there for a kernel as large as the image?
# - *values like 246 in place of -10*: `uint8` arithmetic starts again at 0 after 255.
# - *the picture is shifted or mirrored*: the kernel is laid on as it is, its first entry on the
#   first pixel.
#
# </details>


# %% exercise="correlate2d"
def correlate2d(image, kernel):
    """Return the cross-correlation of an image with a kernel, in valid mode.

    Args:
        image: shape (H, W), any real dtype.
        kernel: floating point, shape (h, w) with h <= H and w <= W, on the device of the image.

    Returns:
        shape (H - h + 1, W - w + 1), the dtype of the kernel. Values are neither rounded nor
        limited to a range.
    """
    ### BEGIN SOLUTION
    image = image.to(kernel.dtype)
    rows, columns = image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1
    total = image.new_zeros(rows, columns)
    for u, weights in enumerate(kernel):
        for v, weight in enumerate(weights):
            total = total + weight * image[u : u + rows, v : v + columns]
    return total
    ### END SOLUTION


# %% [markdown]
# ### Exercise 5: `convolve2d`
#
# *Easy, 5 minutes.* The same backwards. You may use `correlate2d`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *right for some kernels only*: a symmetric kernel hides a missing flip. So does a kernel of one
#   row for a flip of the rows.
# - *the shape of the result is transposed*: `.T` exchanges rows and columns, it does not reverse
#   them.
#
# </details>


# %% exercise="convolve2d"
def convolve2d(image, kernel):
    """Return the convolution of an image with a kernel, in valid mode.

    Args:
        image: shape (H, W), any real dtype.
        kernel: floating point, shape (h, w) with h <= H and w <= W, on the device of the image.

    Returns:
        shape (H - h + 1, W - w + 1), the dtype of the kernel.
    """
    ### BEGIN SOLUTION
    return correlate2d(image, kernel.flip(0, 1))
    ### END SOLUTION


# %% [markdown]
# An image with a single white pixel, an **impulse**, shows the difference. Convolution stamps the
# kernel onto every pixel, weighted by its brightness. Correlation compares the kernel with every
# place of the image, and so leaves its mirror image.

# %% tags=["skip-execution"]
drawing = ["#####.", "#....#", "#....#", "#####.", "#..#..", "#...#.", "#....#"]
letter = torch.tensor([[float(mark == "#") for mark in line] for line in drawing])

with waits_for("pad2d", "correlate2d", "convolve2d"):
    impulses = torch.zeros(26, 44)
    impulses[7, 10], impulses[16, 22], impulses[9, 33] = 1, 0.65, 0.35
    framed = pad2d(impulses, 3, 3)
    figure, axes = plt.subplots(
        1, 4, figsize=(13, 2.6), width_ratios=(0.7, 3, 3, 3), layout="constrained"
    )
    show_image(axes[0], pad2d(letter, 1, 1), "kernel")
    show_image(axes[1], impulses, "three impulses")
    show_image(axes[2], convolve2d(framed, letter), "convolution")
    show_image(axes[3], correlate2d(framed, letter), "correlation")
    plt.show()

# %% [markdown]
# ### Two properties to measure
#
# Both operations are **linear**: $k \star (a x + b y) = a\,(k \star x) + b\,(k \star y)$. And they
# are **shift equivariant**: shift the image, and the result is the same, shifted. No other
# operation is both: whatever is linear, shift equivariant and local is a convolution with some
# kernel.
#
# Properties make good tests, because they need no expected values. Below, all differences should
# be as small as rounding.

# %%
with waits_for("pad2d", "correlate2d", "convolve2d"):
    generator = torch.Generator().manual_seed(2)
    x, y = torch.randn(2, 30, 40, generator=generator, dtype=torch.float64)
    kernel = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    for operation in (correlate2d, convolve2d):
        mixed = operation(2 * x - 3 * y, kernel)
        linear = (mixed - (2 * operation(x, kernel) - 3 * operation(y, kernel))).abs().max()
        # Rows 4 and up of x, columns 7 and up: the image shifted by (4, 7) under its window.
        shifted = operation(x[4:, 7:], kernel) - operation(x, kernel)[4:, 7:]
        print(f"linearity: {linear:.1e}, shift equivariance: {shifted.abs().max():.1e}")
    swapped = (correlate2d(x, kernel) - convolve2d(x, kernel)).abs().max()
    print(f"the two operations differ by up to {swapped:.2f}")
    two_steps = convolve2d(convolve2d(x, kernel), kernel.T)
    one_step = convolve2d(x, convolve2d(pad2d(kernel, 4, 2), kernel.T))
    print(f"two kernels one after the other, or combined: {(two_steps - one_step).abs().max():.1e}")

# %% [markdown]
# The last line is the third property: two convolutions in a row are one convolution, with the
# kernel that you get by convolving the one kernel with the other. Two linear layers without a
# non-linearity between them are one layer, here as in notebook 01.

# %% [markdown]
# ## 3 Filters for photographs
#
# A kernel is a **filter** when we use it to bring something out of a picture or to take something
# away.
#
# ### Exercise 6: `box_blur`
#
# *Medium, 15 minutes.* Replace every pixel by the mean of a window around it. At the border a part
# of the window lies outside; there, take the mean of the part that lies inside. So a white wall
# stays white up to the border.
#
# One way: pad with zeros, add up, and divide by the *number of pixels* in each window. What do you
# get if you add up a picture of ones in the same way?
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a dark frame*: zeros from outside count as pixels in the mean.
# - *a shape that is too small or too large*: pad half the height of the window, rounded down, at
#   the top and bottom, and half the width on the left and right.
# - *all pixels 0 or 255*, or a dtype `uint8`: the mean of whole numbers is a fraction.
#
# </details>


# %% exercise="box_blur"
def box_blur(image, height, width):
    """Return the mean of a window around each pixel, over those of its pixels that exist.

    Args:
        image: shape (H, W), any real dtype.
        height, width: of the window, odd; the pixel is in its middle.

    Returns:
        shape (H, W); float32 if the image holds integers, else the dtype of the image.
    """
    ### BEGIN SOLUTION
    if not image.is_floating_point():
        image = image.to(torch.float32)
    window = image.new_ones(height, width)

    def add_up(values):
        return correlate2d(pad2d(values, height // 2, width // 2), window)

    return add_up(image) / add_up(torch.ones_like(image))
    ### END SOLUTION


# %% [markdown]
# A box has corners, and they show: a bright point becomes a bright rectangle. A **Gaussian**
# kernel falls off smoothly, and equally in all directions:
#
# $$g_{uv} \propto \exp\left(-\frac{(u - c)^2 + (v - c)^2}{2\sigma^2}\right),
# \qquad \sum_{u,v} g_{uv} = 1,$$
#
# where $c$ is the middle and the **standard deviation** $\sigma$, in pixels, says how far it
# reaches. At a distance of $3\sigma$ it has fallen to 1 % of its height, so a size of about
# $6\sigma + 1$ holds nearly all of it.
#
# ### Exercise 7: `gaussian_kernel`
#
# *Easy, 10 minutes.* Compute the exponentials first; the sum tells what to divide by.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the picture becomes darker or brighter*: the kernel does not sum to 1. The factor
#   $1/(2\pi\sigma^2)$ is exact for the integral, not for a sum over a few pixels.
# - *the largest entry is not in the middle*: entries 0 to $n - 1$ have their middle at
#   $(n - 1)/2$, which for even $n$ lies between two of them.
#
# </details>


# %% exercise="gaussian_kernel"
def gaussian_kernel(size, sigma):
    """Return a Gaussian kernel that sums to 1.

    Args:
        size: the number of rows and of columns, an int of at least 1, odd or even; the Gaussian
            is centred in the middle.
        sigma: the standard deviation in pixels, greater than 0.

    Returns:
        float32, shape (size, size).
    """
    ### BEGIN SOLUTION
    distance = torch.arange(size) - (size - 1) / 2
    profile = torch.exp(-distance.square() / (2 * sigma**2))
    profile = profile / profile.sum()
    return profile[:, None] * profile
    ### END SOLUTION


# %% tags=["skip-execution"]
camera = load_photograph("camera")[60:300, 130:370]

with waits_for("pad2d", "correlate2d", "box_blur", "gaussian_kernel"):
    lights = torch.zeros(70, 70)
    lights[15, 15] = lights[20, 50] = lights[45, 30] = 1.0
    lights[55, 52:62] = 0.7
    figure, axes = plt.subplots(2, 3, figsize=(11, 7.6), layout="constrained")
    show_image(axes[0, 0], camera, "photograph")
    show_image(axes[0, 1], box_blur(camera, 15, 15), "box, 15 by 15")
    gaussian = gaussian_kernel(25, 4.3)
    show_image(axes[0, 2], correlate2d(pad2d(camera, 12, 12), gaussian), "Gaussian, σ = 4.3 pixels")
    show_image(axes[1, 0], lights, "points and a line")
    show_image(axes[1, 1], box_blur(lights, 15, 15), "box", limits=(0, 0.012))
    blurred = correlate2d(pad2d(lights, 12, 12), gaussian)
    show_image(axes[1, 2], blurred, "Gaussian", limits=(0, 0.012))
    plt.show()

# %% [markdown]
# The two blurs have the same standard deviation. The dark frame of the upper right picture comes
# from padding with zeros; `box_blur` has none.
#
# ### Sharpening
#
# Take a picture $x$ and its blurred version $b \star x$. The difference $x - b \star x$ is what the
# blur took away: edges and fine detail. Add it to the picture, $a$ times:
#
# $$y = x + a\,(x - b \star x).$$
#
# This is linear and shift equivariant, so it must be a correlation with a single kernel.
#
# ### Exercise 8: `sharpen_kernel`
#
# *Medium, 10 minutes.* Find that kernel. Which kernel leaves a picture alone?
#
# <details><summary>Hints: if you see ...</summary>
#
# - *the picture gets brighter or darker*: what must the entries of the kernel add up to, given
#   that those of the blur add up to 1?
# - *the middle is wrong for a blur of 3 rows and 7 columns*: find the middle of each axis.
# - *the blur has changed*: `kernel = blur` gives it a second name and copies nothing.
#
# </details>


# %% exercise="sharpen_kernel"
def sharpen_kernel(blur, amount):
    """Return the kernel that adds to an image `amount` times what a blur takes away from it.

    Args:
        blur: the kernel of the blur, floating point, shape (h, w), both odd; it sums to 1. It is
            not changed.
        amount: how many times the difference is added; 0 leaves an image alone.

    Returns:
        shape (h, w), the dtype and device of the blur.
    """
    ### BEGIN SOLUTION
    kernel = -amount * blur
    kernel[blur.shape[0] // 2, blur.shape[1] // 2] += 1 + amount
    return kernel
    ### END SOLUTION


# %% [markdown]
# ### Edges
#
# An edge is a place where the brightness changes quickly: where its gradient is large. The
# **Sobel** kernels estimate the two components of the gradient; each takes a difference in one
# direction and smooths a little in the other:
#
# $$S_x = \begin{pmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{pmatrix}, \qquad
# S_y = S_x^\top, \qquad G_x = S_x \star x, \quad G_y = S_y \star x, \qquad
# G = \sqrt{G_x^2 + G_y^2}.$$
#
# $G_x$ is positive where the picture gets brighter to the right and negative where it gets darker.
# Both are edges.
#
# ### Exercise 9: `gradient_magnitude`
#
# *Medium, 10 minutes.* Compute the length $G$ of the gradient of an image. Think of `uint8`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *half of the edges are missing*: negative values were cut off, or never existed in `uint8`.
# - *edges along one diagonal are missing*: there $G_x$ and $G_y$ cancel if you add them.
# - *edges along a diagonal are too strong*: $|G_x| + |G_y|$ is not the length of the gradient.
#
# </details>


# %% exercise="gradient_magnitude"
def gradient_magnitude(image):
    """Return the length of the gradient of an image by the Sobel kernels, without padding.

    Args:
        image: shape (H, W) with H and W at least 3, any real dtype.

    Returns:
        shape (H - 2, W - 2), not negative; float32 if the image holds integers, else the dtype
        of the image.
    """
    ### BEGIN SOLUTION
    if not image.is_floating_point():
        image = image.to(torch.float32)
    sobel = image.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return torch.hypot(correlate2d(image, sobel), correlate2d(image, sobel.T))
    ### END SOLUTION


# %% tags=["skip-execution"]
with waits_for("correlate2d", "gaussian_kernel", "sharpen_kernel", "gradient_magnitude"):
    sobel_x = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    to_the_right, downwards = correlate2d(camera, sobel_x), correlate2d(camera, sobel_x.T)
    figure, axes = plt.subplots(2, 3, figsize=(11, 7.6), layout="constrained")
    blur = gaussian_kernel(9, 1.5)
    show_image(axes[0, 0], camera, "photograph")
    show_image(axes[0, 1], correlate2d(camera, sharpen_kernel(blur, 2.0)), "sharpened, a = 2")
    show_image(axes[0, 2], correlate2d(camera, kernels["emboss"]), "embossed")
    show_signed(axes[1, 0], to_the_right, "$G_x$: brighter to the right", largest=2.0)
    show_signed(axes[1, 1], downwards, "$G_y$: brighter downwards", largest=2.0)
    edges = gradient_magnitude(camera)
    show_image(axes[1, 2], edges, "gradient magnitude $G$", limits=(0, 2.5))
    plt.show()

    print(f"share of pixels with a negative Gx: {(to_the_right < 0).double().mean():.0%}")
    print(f"brightest pixel: {camera.max():.2f} in the photograph, ", end="")
    print(f"{correlate2d(camera, sharpen_kernel(blur, 2.0)).max():.2f} sharpened")

# %% [markdown]
# *Emboss* is the picture itself plus a derivative along the diagonal: it looks as if lit from one
# side. Sharpened pixels can be brighter than white and darker than black; for display they are cut
# off, for computing they must not be.
#
# ### A kernel explorer
#
# Six kinds of filters, all made from a Gaussian and its derivatives. Try the derivative at
# $\sigma = 1$ and at $\sigma = 4$: which edges are left? Turn it by 90°, and by 180°.


# %% tags=["skip-execution"]
def make_filter(name, size, sigma, angle):
    """Return a kernel; the angle of a derivative, in degrees, counts anticlockwise."""
    place = torch.arange(size) - size // 2
    across, down = place.expand(size, size), place[:, None].expand(size, size)
    along = math.cos(math.radians(angle)) * across - math.sin(math.radians(angle)) * down
    gaussian = gaussian_kernel(size, sigma)
    if name == "blur":
        return gaussian
    if name == "sharpen":
        return sharpen_kernel(gaussian, 2.0)
    profile = {
        "derivative": along / sigma,
        "second derivative": along**2 / sigma**2 - 1,
        "Laplacian": (across**2 + down**2) / sigma**2 - 2,
        "emboss": along / sigma,
    }[name]
    derivative = gaussian * profile
    derivative = derivative - gaussian * derivative.sum()  # a flat picture gives exactly 0
    if name == "emboss":
        return sharpen_kernel(gaussian, 0.0) + 8 * derivative  # the picture and its derivative
    return derivative


def explore(name, size, sigma, angle):
    """Draw a kernel and what it makes of the cat."""
    with waits_for("correlate2d", "gaussian_kernel", "sharpen_kernel"):
        kernel = make_filter(name, size, sigma, angle)
        filtered = correlate2d(cat, kernel)
        _, axes = plt.subplots(
            1, 3, figsize=(13, 4.2), width_ratios=(1, 1.4, 1.4), layout="constrained"
        )
        show_signed(axes[0], kernel, f"{name}, sum {kernel.sum().abs():.2f}")
        show_image(axes[1], cat[size // 2 :, size // 2 :], "photograph")
        if name in ("blur", "sharpen", "emboss"):
            show_image(axes[2], filtered, "filtered")
        else:
            show_signed(axes[2], filtered, "filtered: orange > 0, purple < 0")
        plt.show()


play(
    explore,
    name=["derivative", "second derivative", "Laplacian", "blur", "sharpen", "emboss"],
    size=(13, 3, 25, 2),
    sigma=(2.0, 0.5, 5.0, 0.25),
    angle=(30, 0, 360, 15),
)

# %% [markdown]
# ## 4 What a blur costs and ignores
#
# ### Separable kernels
#
# A Gaussian kernel is a product of a column and a row, $g_{uv} = c_u\, r_v$: that is how many
# people compute it. Such a kernel is **separable**. Then correlate with the column first and with
# the row afterwards; the result is the same:
#
# $$\sum_{u,v} c_u\, r_v\, x_{i+u,\,j+v}
# = \sum_u c_u \Bigl( \sum_v r_v\, x_{i+u,\,j+v} \Bigr).$$
#
# For a kernel of $k \times k$ this takes $2k$ multiplications a pixel in place of $k^2$. As a
# matrix, a separable kernel has rank 1: all its rows are multiples of one row.
#
# ### Exercise 10: `separate`
#
# *Medium, 15 minutes.* Find the column and the row, or find out that there are none. Any pair whose
# product is the kernel will do: $(2c)(r/2)^\top$ is as good as $c\,r^\top$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `nan` or `inf`: the kernel has rows or columns of zeros. Start from an entry that is not zero;
#   which one is the safest?
# - *the sign is wrong*: singular values have no sign, the vectors that belong to them do.
# - *a good kernel is refused*: rounding leaves small differences. Compare with the largest entry.
#
# </details>


# %% exercise="separate"
def separate(kernel):
    """Return a column and a row whose product is the kernel.

    Args:
        kernel: floating point, shape (h, w), not all zero.

    Returns:
        column: shape (h,).
        row: shape (w,), with column[:, None] * row equal to the kernel but for rounding.

    Raises:
        ValueError: there are none: the best product is off by more than a thousandth of the
            largest entry of the kernel, in absolute value.
    """
    ### BEGIN SOLUTION
    left, values, right = torch.linalg.svd(kernel)
    column, row = values[0] * left[:, 0], right[0]
    error = (column[:, None] * row - kernel).abs().max()
    if error > 1e-3 * kernel.abs().max():
        raise ValueError("this kernel is not separable")
    return column, row
    ### END SOLUTION


# %%
with waits_for("separate"):
    examples = {
        "Sobel": torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        "box": torch.full((3, 3), 1 / 9),
        "sharpen": torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        "emboss": torch.tensor([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    }
    for name, kernel in examples.items():
        try:
            column, row = separate(kernel)
            pattern = (row / row[row.abs().argmax()]).round(decimals=4) + 0.0
            print(f"{name}: every row is a multiple of {pattern.tolist()}")
        except ValueError as error:
            print(f"{name}: {error}")

# %% [markdown]
# Is it worth the trouble? Count the seconds, not the multiplications. If your `correlate2d` loops
# over pixels, take a smaller photograph here, or a cup of coffee.


# %% tags=["skip-execution"]
def best_time(function, *arguments, repeats=3):
    """Return the shortest time in seconds of a few calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def correlate_twice(image, column, row):
    """Correlate with a column, then with a row."""
    return correlate2d(correlate2d(image, column[:, None]), row[None, :])


with waits_for("correlate2d", "gaussian_kernel", "separate"):
    sizes = (3, 5, 9, 15, 23, 31)
    at_once, in_two = [], []
    for size in sizes:
        gaussian = gaussian_kernel(size, size / 6)
        column, row = separate(gaussian)
        at_once.append(best_time(correlate2d, camera, gaussian))
        in_two.append(best_time(correlate_twice, camera, column, row))
        print(f"{size:2d} by {size:2d}: {1000 * at_once[-1]:7.2f} ms at once, ", end="")
        print(f"{1000 * in_two[-1]:6.2f} ms in two, {at_once[-1] / in_two[-1]:4.1f} times faster")
    difference = correlate2d(camera, gaussian) - correlate_twice(camera, column, row)
    print(f"the results differ by up to {difference.abs().max():.1e}")

    figure, panel = plt.subplots(figsize=(7.5, 4), layout="constrained")
    panel.loglog(sizes, [1000 * t for t in at_once], "o", ls="-", label="one kernel, $k^2$")
    panel.loglog(sizes, [1000 * t for t in in_two], "s", ls="--", label="column and row, $2k$")
    panel.set_xticks(sizes, sizes)
    panel.minorticks_off()
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set(xlabel="size of the kernel k (pixels)", ylabel="time (ms)")
    panel.set_title(f"Blurring {camera.shape[0]} by {camera.shape[1]} pixels")
    panel.legend()
    plt.show()

# %% [markdown]
# ### A blur ignores noise
#
# Every camera adds noise, different in each exposure. Add independent noise of standard deviation
# $s$ to every pixel. A correlation with kernel $k$ adds up the noise of several pixels with
# weights, and variances of independent numbers add, each times the square of its weight: the noise
# that is left has the standard deviation
#
# $$s' = s \sqrt{\textstyle\sum_{u,v} k_{uv}^2}.$$
#
# A mean of $n$ pixels has $n$ weights of $1/n$, so $s' = s/\sqrt n$. The picture itself changes
# little if it is smooth. So three noisy pictures, all different, become nearly the same one.

# %% tags=["skip-execution"]
with waits_for("pad2d", "correlate2d", "gaussian_kernel"):
    generator = torch.Generator().manual_seed(3)
    level = 0.25
    noise = level * torch.randn(3, *camera.shape, generator=generator)
    gaussian = gaussian_kernel(19, 3.0)
    smooth = [correlate2d(camera + one, gaussian) for one in noise]

    figure, axes = plt.subplots(2, 4, figsize=(13, 6.6), layout="constrained")
    show_image(axes[0, 0], camera, "photograph")
    show_image(axes[1, 0], correlate2d(camera, gaussian), "blurred")
    for number, (above, below) in enumerate(axes[:, 1:].T):
        show_image(above, camera + noise[number], f"with noise {number + 1}")
        show_image(below, smooth[number], "blurred")
    plt.show()

    predicted = level * gaussian.square().sum().sqrt()
    measured = (smooth[0] - correlate2d(camera, gaussian)).std()
    print(f"noise before {level}, after: measured {measured:.4f}, predicted {predicted:.4f}")

# %% [markdown]
# ### A blur ignores small shifts, and detail
#
# Shift the photograph by two pixels: where there is fine detail, every pixel changes. Blurred
# pictures hardly notice. A representation that does not change when its input changes in some way
# is **invariant** to that change. A blur is nearly invariant to noise and to small shifts.
#
# (A blur is equivariant, too: the blurred picture moves by two pixels as well. There is no
# contradiction. Equivariant to any shift, and, because neighbouring pixels of a blurred picture
# are nearly equal, nearly invariant to a small one.)
#
# The curves below compare two blurred pictures: $\lVert b \star x - b \star x' \rVert$, divided by
# the contrast $\lVert b \star x - \text{mean} \rVert$, for a noisy $x'$ and for a shifted $x'$. The
# third curve is the price: the contrast that is left.

# %% tags=["skip-execution"]
with waits_for("correlate2d", "gaussian_kernel", "separate"):

    def blur_both(sigma, *images):
        """Return images blurred in two steps, cut to the same middle part for every sigma."""
        size = 2 * math.ceil(3 * sigma) + 1
        column, row = separate(gaussian_kernel(size, sigma))
        cut = 26 - size // 2
        return [correlate_twice(image, column, row)[cut:-cut, cut:-cut] for image in images]

    print_page = load_photograph("text")[:, 40:380]
    sigmas = (0.3, 0.6, 1, 1.5, 2, 3, 4, 6, 8)
    figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.2), layout="constrained", sharey=True)
    for panel, (name, image) in zip(
        axes, {"a man with a camera": camera, "a text": print_page}.items(), strict=True
    ):
        generator = torch.Generator().manual_seed(4)
        noisy = image + 0.1 * torch.randn(image.shape, generator=generator)
        curves = [[], [], []]
        for sigma in sigmas:
            # Both are cut by two columns, on opposite sides: a shift without a border.
            plain_blur, noisy_blur = blur_both(sigma, image, noisy)
            here, there = blur_both(sigma, image[:, 2:], image[:, :-2])
            contrast = plain_blur.std()
            curves[0].append((noisy_blur - plain_blur).square().mean().sqrt() / contrast)
            curves[1].append((here - there).square().mean().sqrt() / contrast)
            curves[2].append(contrast / image[26:-26, 26:-26].std())
        names = ("change by noise of 0.1", "change by a shift of 2 pixels", "contrast left")
        for label, curve, marker in zip(names, curves, "os^", strict=True):
            panel.plot(sigmas, curve, marker, ls="-" if marker == "^" else "--", label=label)
            print(f"{name}: {label}, σ from 0.3 to 8: ", " ".join(f"{v:.2f}" for v in curve))
        panel.set(xlabel="σ of the blur (pixels)", title=f"Photograph of {name}", xscale="log")
        panel.set_xticks(sigmas, sigmas)
        panel.minorticks_off()
    axes[0].set_ylabel("share of the contrast")
    axes[0].legend()
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# ### Written question: invariance by blurring
#
# *3 points, 15 minutes.* Why does a blur make a picture nearly invariant to noise, and why to small
# shifts? What does it lose, and for which pictures does that matter? Support each answer with a
# number from this section.

# %% [markdown] points=3 written="blur_invariance"
# ### BEGIN SOLUTION
# *Noise.* A blurred pixel is a weighted mean of many pixels. The noise of the pixels is
# independent, so part of it cancels: the standard deviation falls by the factor $\sqrt{\sum
# k^2}$. In the figure with the three noisy pictures, from 0.25 to 0.024, as predicted. The
# picture is nearly constant over the window in most places, so its mean hardly differs from the
# pixel.
#
# *Shifts.* A shift by two pixels changes a picture where it differs from itself two pixels further
# on. Blurring makes neighbours equal, because their windows share most pixels. For the text the
# change falls from 0.52 of the contrast at σ = 0.3 to 0.12 at σ = 4.
#
# *Price.* What varies within less than about σ is gone: different pictures that agree in their
# coarse parts get the same result, so nothing after it can tell them apart. It matters where the
# detail is the content: the text keeps 0.49 of its contrast at σ = 8 and cannot be read any more,
# the man with the camera keeps 0.81 and is still a man with a camera.
#
# ### BEGIN RUBRIC
# - 1 point: noise: independent, so a mean cancels part of it; with $\sqrt{\sum k^2}$, or $1/\sqrt
#   n$, or a measured number. "The blur makes it smooth" alone earns half.
# - 1 point: shifts: neighbouring pixels of a blurred picture are nearly equal (their windows
#   overlap); with a number.
# - 1 point: loss of fine detail, or different pictures that become equal; with a kind of picture
#   for which it matters, and a number.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 5 The convolution layer
#
# A convolution layer of a network takes a batch of pictures with several channels. Its weights are
# a 4-tensor $w$ of shape $(C', C, h, w)$, its biases $b$ a vector of $C'$ numbers:
#
# $$y_{n c' i j} = b_{c'} + \sum_{c=1}^{C} \sum_{u=0}^{h-1} \sum_{v=0}^{w-1}
# w_{c' c u v}\; x_{n,\,c,\,s i + u,\,s j + v},$$
#
# with stride $s$, and with $x$ padded by $p$ zeros on each side. Three things to notice:
#
# - It is a correlation. Everybody calls it convolution.
# - It adds over the input channels; it does *not* add over the examples $n$ of the batch.
# - Written as loops it has seven of them.
#
# ### One matrix product
#
# Computers are best at products of large matrices. So cut out every patch that the kernel sees,
# write each patch as one column of a matrix, and write each kernel as one row of another. The
# product of the two holds all results. The step that makes columns of patches is called **im2col**
# or *unfold*. It repeats each pixel up to $h\,w$ times: it pays with memory for speed.

# %% tags=["skip-execution"]
small = (7 * torch.arange(20.0) % 10).reshape(1, 1, 4, 5)
patches = nn.functional.unfold(small, (2, 3))[0]
row_of_weights = torch.tensor([[1.0, 0, -1, 2, 0, -2]])
figure, axes = plt.subplots(
    1, 4, figsize=(13.5, 3.2), width_ratios=(5, 6, 9, 9), layout="constrained"
)
result = row_of_weights @ patches
panels = {
    "image, 4 by 5": small[0, 0],
    "kernel, 2 by 3, as a row": row_of_weights,
    "patches as columns, 6 by 9": patches,
    "kernel @ patches = 9 results": result,
}
for panel, (name, matrix) in zip(axes, panels.items(), strict=True):
    mark = torch.zeros_like(matrix)
    if matrix.shape == (4, 5):
        mark[1:3, 1:4] = 1
    elif matrix.shape[1] == 9:
        mark[:, 4] = 1
    panel.imshow(mark, vmin=0, vmax=3, cmap="Oranges")
    for i, line in enumerate(matrix.tolist()):
        for j, value in enumerate(line):
            panel.text(j, i, f"{value:g}", ha="center", va="center", fontsize=10)
    panel.set(title=name, xticks=[], yticks=[])
    panel.title.set_fontsize(11)
    panel.spines[:].set_visible(False)
    panel.grid(False)
plt.show()
print("the results as an image:")
print(result.reshape(3, 3))

# %% [markdown]
# ### Exercise 11: `conv2d`
#
# *Hard, 30 minutes.* Write it without loops over pixels. `nn.functional.unfold(x, (h, w))` and
# `x.unfold(axis, size, step)` cut out patches; look up what shapes they return. For a colour
# picture a patch contains all channels.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a shape (N, C', L)*: the last axis holds all places, row after row. `output_size` knows how
#   many rows and columns there are.
# - *right for one channel only*: in a column of patches the channel changes slowest. Does the row
#   of weights have the same order?
# - `The size of tensor a (4) must match the size of tensor b (7)` in the line with the bias: the
#   last axis of the result is the width. The bias belongs to the channels.
# - `does not require grad`: something on the way has cut the graph, such as `.detach()`, `.data`,
#   `.numpy()` or `torch.tensor(...)`.
#
# </details>


# %% exercise="conv2d"
def conv2d(x, weight, bias=None, stride=1, padding=0):
    """Return the output of a convolution layer: a correlation, as in all networks.

    Differentiable in x, weight and bias.

    Args:
        x: floating point, shape (N, C, H, W).
        weight: the same dtype and device, shape (C', C, h, w).
        bias: the same dtype and device, shape (C',), or None for no bias.
        stride: how many pixels the kernel moves at a time, down and across, an int.
        padding: the number of rows and columns of zeros added on each of the four sides, an int.

    Returns:
        shape (N, C', H', W') with H' and W' as output_size says; dtype and device of x.
    """
    ### BEGIN SOLUTION
    channels, _, height, width = weight.shape
    framed = nn.functional.pad(x, (padding, padding, padding, padding))
    windows = framed.unfold(2, height, stride).unfold(3, width, stride)
    rows, columns = windows.shape[2:4]
    patches = windows.permute(0, 1, 4, 5, 2, 3).reshape(len(x), -1, rows * columns)
    result = weight.reshape(channels, -1) @ patches
    if bias is not None:
        result = result + bias[:, None]
    return result.reshape(len(x), channels, rows, columns)
    ### END SOLUTION


# %% [markdown]
# ### Check it by its properties
#
# Besides linearity and shift equivariance there is one more. As a matrix, a convolution without
# bias is $y = A x$, and backpropagation needs $A^\top$. The library calls the product with
# $A^\top$ `conv_transpose2d`. For any $x$ and $z$
#
# $$\langle A x,\, z \rangle = \langle x,\, A^\top z \rangle,$$
#
# so two scalar products must agree. Such a pair of operations is called **adjoint**.

# %%
with waits_for("conv2d"):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(2, 3, 9, 10, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 3, 3, 2, generator=generator, dtype=torch.float64)
    for stride, padding in ((1, 0), (1, 2), (2, 0), (2, 1)):
        forward = conv2d(x, weight, stride=stride, padding=padding)
        library = nn.functional.conv2d(x, weight, stride=stride, padding=padding)
        z = torch.randn(forward.shape, generator=generator, dtype=torch.float64)
        back = nn.functional.conv_transpose2d(z, weight, stride=stride, padding=padding)
        left, right = (forward * z).sum(), (x * back).sum()
        difference = (forward - library).abs().max()
        print(f"stride {stride}, padding {padding}: shape {tuple(forward.shape)}, ", end="")
        print(f"library {difference:.0e}, adjoint {(left - right).abs():.0e}")

# %% [markdown]
# How fast is it? Seven loops in Python, one matrix product, and the library. The vertical axis is
# logarithmic: one step up is ten times slower.


# %% tags=["skip-execution"]
def conv2d_by_loops(x, weight):
    """The formula, literally; on nested lists, which Python reads faster than tensors."""
    image, kernels = x.tolist(), weight.tolist()
    (count, channels, height, width), (outs, _, h, w) = x.shape, weight.shape
    rows, columns = height - h + 1, width - w + 1
    y = [[[[0.0] * columns for _ in range(rows)] for _ in range(outs)] for _ in range(count)]
    for n in range(count):
        for out in range(outs):
            for i in range(rows):
                for j in range(columns):
                    for c in range(channels):
                        for u in range(h):
                            for v in range(w):
                                y[n][out][i][j] += kernels[out][c][u][v] * image[n][c][i + u][j + v]
    return torch.tensor(y)


with waits_for("conv2d"):
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(2, 3, 32, 32, generator=generator)
    weight = torch.randn(16, 3, 3, 3, generator=generator)
    conv2d(x, weight), nn.functional.conv2d(x, weight)  # the first call of anything is slow
    times = {
        "seven loops": best_time(conv2d_by_loops, x, weight, repeats=1),
        "yours": best_time(conv2d, x, weight, repeats=20),
        "library": best_time(nn.functional.conv2d, x, weight, repeats=20),
    }
    figure, panel = plt.subplots(figsize=(6, 3.6), layout="constrained")
    bars = panel.bar(times.keys(), [1000 * t for t in times.values()], color=COLOURS[:3])
    panel.bar_label(bars, [f"{1000 * t:.3g} ms" for t in times.values()])
    panel.set_axisbelow(True)
    panel.grid(False, axis="x")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set(yscale="log", ylabel="time (ms)", title="2 pictures, 3 to 16 channels, 32 by 32")
    panel.margins(y=0.15)
    plt.show()
    same = (conv2d_by_loops(x[:1], weight) - conv2d(x[:1], weight)).abs().max()
    print(f"yours and the loops differ by up to {same:.0e}")
    print(f"loops / yours: {times['seven loops'] / times['yours']:,.0f} times")

# %% [markdown]
# ## 6 Pooling
#
# A network that is to say *what* is in a picture should care less and less about *where*. A
# **pooling** layer cuts each channel into windows and keeps one number of each: the maximum
# (**max pooling**) or the mean (**average pooling**). It has no weights, it treats every channel
# by itself, and with windows of 2 × 2 it leaves a quarter of the pixels.
#
# The windows move by the stride. Usually the stride is the size of the window, so that windows
# touch; with a smaller stride they overlap. Rows and columns at the end that fill no window are
# left out.
#
# ### Exercise 12: `max_pool2d`
#
# *Medium, 15 minutes.* You know all tools from `conv2d`.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *zeros where all numbers are negative*: padding is no pixel and must not win.
# - *an error about the shape for a picture of 7 × 9*: only complete windows count.
# - *right only if the stride is the size*: `reshape` cannot make windows that overlap.
#
# </details>


# %% exercise="max_pool2d"
def max_pool2d(x, size, stride=None):
    """Return the maximum of each window of each channel; differentiable.

    Args:
        x: floating point, shape (N, C, H, W), with H and W at least `size`.
        size: the height and the width of the windows, an int.
        stride: the distance from window to window, an int; None: the same as size.

    Returns:
        shape (N, C, H', W') with H' and W' as output_size says; dtype and device of x.
    """
    ### BEGIN SOLUTION
    step = stride or size
    windows = x.unfold(2, size, step).unfold(3, size, step)
    return windows.amax(dim=(4, 5))
    ### END SOLUTION


# %% [markdown]
# ### Exercise 13: `avg_pool2d`
#
# *Easy, 5 minutes.* The same with the mean.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a shape (N, C, H', size)*: the mean ran over one axis of the window and one axis of places.
#
# </details>


# %% exercise="avg_pool2d"
def avg_pool2d(x, size, stride=None):
    """Return the mean of each window of each channel; differentiable.

    Args:
        x: floating point, shape (N, C, H, W), with H and W at least `size`.
        size: the height and the width of the windows, an int.
        stride: the distance from window to window, an int; None: the same as size.

    Returns:
        shape (N, C, H', W') with H' and W' as output_size says; dtype and device of x.
    """
    ### BEGIN SOLUTION
    if stride is None:
        stride = size
    return x.unfold(2, size, stride).unfold(3, size, stride).mean(dim=(-2, -1))
    ### END SOLUTION


# %% [markdown]
# ### Where the gradient goes
#
# In the backward pass an average hands an equal part of the gradient to every pixel of its window.
# A maximum hands all of it to one pixel: the largest. The others get nothing, because a small
# change of them changes nothing. So after max pooling the gradient is **sparse**: training works on
# the pixels that decided. That may be why max pooling often trains better. Where windows overlap, a
# pixel can win several of them, and collects the gradient of each.

# %% tags=["skip-execution"]
with waits_for("max_pool2d", "avg_pool2d"):
    generator = torch.Generator().manual_seed(7)
    values = torch.randperm(64, generator=generator).reshape(1, 1, 8, 8).float()
    figure, axes = plt.subplots(1, 4, figsize=(13.5, 3.9), layout="constrained")
    show_image(axes[0], values[0, 0], "input", limits=(-20, 63))
    for i, line in enumerate(values[0, 0].long().tolist()):
        for j, value in enumerate(line):
            colour = "white" if value < 22 else "black"
            axes[0].text(j, i, value, ha="center", va="center", color=colour, fontsize=9)
    for panel, (name, pool, size, stride) in zip(
        axes[1:],
        (
            ("average, 2 by 2", avg_pool2d, 2, 2),
            ("maximum, 2 by 2", max_pool2d, 2, 2),
            ("maximum, 3 by 3, stride 1", max_pool2d, 3, 1),
        ),
        strict=True,
    ):
        x = values.clone().requires_grad_()
        pool(x, size, stride).sum().backward()
        gradient = x.grad[0, 0]
        mesh = panel.imshow(gradient, vmin=0, cmap="viridis")
        share = (gradient > 0).double().mean().item()
        panel.set(title=name, xticks=[], yticks=[], xlabel=f"{share:.0%} of the pixels get some")
        panel.grid(False)
        for line in range(1, 4) if stride == 2 else []:
            panel.axhline(2 * line - 0.5, color="white", lw=0.8, ls="-")
            panel.axvline(2 * line - 0.5, color="white", lw=0.8, ls="-")
        figure.colorbar(mesh, ax=panel, label="gradient of the sum", shrink=0.85)
    plt.show()

# %% [markdown]
# ### What pooling ignores, and what a stride does to a shift
#
# Take the edges of a photograph and reduce them by 4 in three ways: keep every fourth pixel (that
# is what a stride does), take the mean, take the maximum. Then shift the photograph by 1 to 8
# pixels and measure how much the reduced edges change, in shares of their contrast.

# %% tags=["skip-execution"]
with waits_for("gradient_magnitude", "max_pool2d", "avg_pool2d"):
    edges = gradient_magnitude(camera)
    reductions = {
        "edges, not reduced": lambda picture: picture,
        "every fourth pixel": lambda picture: picture[:, :, ::4, ::4],
        "mean of 4 by 4": lambda picture: avg_pool2d(picture, 4),
        "maximum of 4 by 4": lambda picture: max_pool2d(picture, 4),
    }
    shifts = range(9)
    figure, axes = plt.subplots(
        1, 4, figsize=(14, 3.9), width_ratios=(1, 1, 1, 1.7), layout="constrained"
    )
    for number, (name, reduce) in enumerate(reductions.items()):
        still = reduce(edges[None, None, :, :224])
        changes = []
        for shift in shifts:
            moved = reduce(edges[None, None, :, shift : 224 + shift])
            changes.append(((moved - still).square().mean().sqrt() / still.std()).item())
        axes[3].plot(shifts, changes, "os^D"[number], ls=("-", ":", "--", "-.")[number], label=name)
        print(f"{name}: change by a shift of 0 to 8 pixels", " ".join(f"{c:.2f}" for c in changes))
        if number:
            show_image(axes[number - 1], still[0, 0], name, limits=(0, 2.5))
    axes[3].set(xlabel="shift (pixels)", ylabel="change (share of the contrast)", ylim=(0, None))
    axes[3].legend(fontsize=9)
    plt.show()

# %% [markdown]
# Pooled edges change less by a small shift than the edges themselves: pooling is nearly invariant
# to shifts smaller than its window. Keeping every fourth pixel is not.
#
# And the equivariance? Below, an image of noise is shifted to the left, and the output is compared
# with the old output, shifted accordingly. Which share of the outputs differs?

# %%
with waits_for("conv2d", "max_pool2d"):
    noise = torch.randn(1, 1, 40, 48, generator=torch.Generator().manual_seed(9))
    weight = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(10))
    layers = {
        "convolution": (lambda x: conv2d(x, weight), 1),
        "convolution, padding 1": (lambda x: conv2d(x, weight, padding=1), 1),
        "convolution, stride 2": (lambda x: conv2d(x, weight, stride=2), 2),
        "max pooling, 2 by 2": (lambda x: max_pool2d(x, 2), 2),
    }
    for name, (layer, stride) in layers.items():
        shares = []
        for shift in (1, 2, 3, 4):
            before, after = layer(noise[..., :40]), layer(noise[..., shift : shift + 40])
            moved = shift // stride
            expected = before[..., moved:]
            wrong = (after[..., : expected.shape[3]] - expected).abs() > 1e-5
            shares.append(f"{wrong.double().mean():5.1%}")
        print(f"{name}: shifted by 1, 2, 3, 4 pixels: {', '.join(shares)} differ")

# %% [markdown]
# With a stride only a shift by a multiple of it shifts the output. Padding spoils the border:
# there the kernel sees zeros that do not move with the picture.
#
# ### Stacking: from edges to parts
#
# A convolutional network chains these layers: convolution, ReLU, pooling, and again. With every
# pooling the pictures get smaller, a kernel of 3 × 3 sees a larger part of the input, and the
# network can afford more channels. At the end come one or two dense layers.

# %% tags=["skip-execution"]
with waits_for("output_size", "parameter_count"):
    size, channels, reach, step = 224, 3, 1, 1
    table = []
    for block, wider in enumerate((16, 32, 64, 128, 256), 1):
        _, _, weights = parameter_count((channels, size, size), wider, (3, 3))
        size, channels = output_size(size, 3, padding=1), wider
        reach += 2 * step
        table.append(
            f"  {block}     {channels:3d} × {size:3d} × {size:3d}   "
            f"{reach:3d} × {reach:2d} pixels   {weights:8,}"
        )
        size = output_size(size, 2, stride=2)
        reach, step = reach + step, 2 * step
    print("block   picture          receptive field   weights of a 3 by 3 layer")
    print("\n".join(table))

# %% [markdown]
# What could the second layer do with the first layer's channels? Below, nobody has trained
# anything. The first layer has four kernels for lines in four directions; ReLU and pooling follow.
# The second layer adds up two of these channels, one a little to the right and one a little below,
# and its bias is a threshold: only where *both* are present is anything left. It finds upper left
# corners, and ignores all other lines.

# %% tags=["skip-execution"]
canvas = torch.zeros(72, 108)
canvas[10:34, 10] = canvas[10:34, 38] = 1
canvas[10, 10:39] = canvas[33, 10:39] = 1  # a rectangle
for k in range(24):
    canvas[10 + k, 70 - k // 2] = canvas[10 + k, 70 + k // 2] = 1
canvas[33, 58:83] = 1  # a triangle
for k in range(60):
    turn = torch.tensor(2 * math.pi * k / 60)
    canvas[int(52 + 11 * turn.sin()), int(26 + 11 * turn.cos())] = 1  # a circle
canvas[44:64, 60] = canvas[44, 60:72] = canvas[54, 60:70] = 1  # an F
canvas[42:66, 92] = canvas[54, 80:105] = 1  # a cross

with waits_for("conv2d", "max_pool2d"):
    place = torch.arange(7) - 3
    down, across = torch.meshgrid(place, place, indexing="ij")
    lines = []
    for degrees in (0, 45, 90, 135):
        turn = math.radians(degrees)
        along = math.cos(turn) * across - math.sin(turn) * down
        beside = math.sin(turn) * across + math.cos(turn) * down
        bar = torch.exp(-(beside**2) / 0.7 - along**2 / 8)
        lines.append(bar / bar.sum() - 1 / 49)
    first = torch.stack(lines)[:, None]
    found = conv2d(canvas[None, None], first, padding=3).relu()
    pooled = max_pool2d(found, 2)
    second = torch.zeros(1, 4, 7, 7)
    second[0, 0, 3, 3:] = second[0, 2, 3:, 3] = 1.0  # horizontal to the right, vertical below
    second[0, 0, 3, :3] = second[0, 2, :3, 3] = -1.0  # and nothing on the other sides
    corners = conv2d(pooled, second, bias=torch.tensor([-2.4]), padding=3).relu()

    figure = plt.figure(figsize=(13.5, 4.4), layout="constrained")
    grid = figure.add_gridspec(2, 4)
    show_image(figure.add_subplot(grid[:, 0]), canvas, "drawing, 72 by 108")
    for channel, name in enumerate(("─", "╱", "│", "╲")):
        panel = figure.add_subplot(grid[channel // 2, 1 + channel % 2])
        show_image(panel, pooled[0, channel], f"layer 1, pooled: {name}", limits=(0, 0.25))
    last = figure.add_subplot(grid[:, 3])
    show_image(last, canvas / 3, "layer 2: upper left corners")
    rows, columns = corners[0, 0].nonzero(as_tuple=True)
    last.plot(
        2 * columns + 0.5, 2 * rows + 0.5, "o", ls="", ms=20, mfc="none", mec=COLOURS[4], mew=3
    )
    plt.show()

# %% [markdown]
# A trained network goes on like this. Its first layer finds edges, later layers combine them to
# parts, an eye or a wheel, and the last ones to whole things. Nobody sets these weights: they are
# what lowers the loss. Notebook 07 looks into such a network.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: what each gives up
#
# *4 points, 20 minutes.* Padding, stride and pooling each buy something and give something up. For
# each: what does it buy, what information or property does the result no longer have, and when
# would you do without it? Support one of your answers with a number from this notebook.

# %% [markdown] points=4 written="what_each_gives_up"
# ### BEGIN SOLUTION
# *Padding* buys size: the output is as large as the input, layers can be stacked at will, and
# pixels at the border reach as many outputs as others, or nearly. It invents data. Zeros outside
# look like a dark frame, so outputs near the border mean something else than those inside, and
# the layer is no longer exactly shift equivariant: in the last table about 5 % of the outputs,
# those at the border, break it. I would do without where the border must not lie, such as in
# measurements.
#
# *Stride* buys speed and memory: with stride 2 a quarter of the outputs, and from there on kernels
# that see twice as far. It does not compute the other outputs at all: what only they would have
# shown is lost, and fine patterns can turn into false coarse ones. Only shifts by multiples of the
# stride are still equivariant; after a shift by one pixel all outputs differ. I would do without
# when the result must be as fine as the input, such as a label for every pixel.
#
# *Pooling* buys fewer pixels and tolerance: a shift by one pixel changes edges by 0.67 of their
# contrast, their maxima over 4 by 4 by 0.34. It gives up where in the window the maximum was (the
# mean: whether there was one strong or four weak responses). Max pooling passes the gradient to one
# pixel of each window, here to 25 %. I would do without when the position is the answer.
#
# ### BEGIN RUBRIC
# - 1 point: padding: keeps the size and uses the border better; invents values, border outputs are
#   different, equivariance breaks at the border.
# - 1 point: stride: fewer outputs, larger receptive field; skips outputs (lost detail, aliasing),
#   equivariant only to multiples of the stride.
# - 1 point: pooling: fewer pixels, near-invariance to small shifts; the position inside the window,
#   or all but the maximum, is lost.
# - 1 point: a sensible case for doing without for at least two of the three, and a number from the
#   notebook that fits.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 7 Learning a kernel
#
# So far somebody thought of the kernels. Now the other way round: you get an image and what a
# hidden kernel made of it, and you find the kernel. It is regression: the weights are the kernel,
# the predictions are $k \star x$, the targets are given.
#
# ### Exercise 14: `learn_kernel`
#
# *Medium, 15 minutes.* Start with zeros and minimise the mean squared error by gradient descent.
# Automatic differentiation through your `conv2d` gives the gradient. (Or derive it: it is a
# correlation, too.) Here you may use the library's convolution as well; you have earned it.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `element 0 of tensors does not require grad`: the kernel must be a tensor that records.
# - *the loss rises*: is `.grad` cleared in each step?
# - `expected scalar type Double but found Float`: `torch.zeros` is `float32`; take the dtype of the
#   image.
# - *too small steps by a constant factor*: the mean runs over the pixels of the target.
#
# </details>


# %% exercise="learn_kernel"
def learn_kernel(image, target, shape, lr, steps):
    """Return the kernel whose correlation with an image is near a target, by gradient descent.

    The loss is the mean squared error over the pixels of the target. Every step uses all of
    them. The kernel starts with zeros.

    Args:
        image: floating point, shape (H, W).
        target: the same dtype and device, shape (H - h + 1, W - w + 1).
        shape: (h, w), a tuple of two ints.
        lr: the learning rate.
        steps: the number of steps, an int.

    Returns:
        the kernel after the last step, shape (h, w), dtype and device of the image; it records
        no gradients.
    """
    ### BEGIN SOLUTION
    kernel = image.new_zeros(shape, requires_grad=True)
    for _ in range(steps):
        prediction = conv2d(image[None, None], kernel[None, None])[0, 0]
        loss = (prediction - target).square().mean()
        (gradient,) = torch.autograd.grad(loss, kernel)
        kernel = (kernel - lr * gradient).detach().requires_grad_()
    return kernel.detach()
    ### END SOLUTION


# %% [markdown]
# The hidden kernel below is a letter. It is learned three times: from an image of noise, from a
# photograph, and from the same noise with a target made by `convolve2d` (*flipped*).
#
# The loss is quadratic in the kernel. So gradient descent converges if the learning rate is below
# $2/\lambda$ for the largest eigenvalue $\lambda$ of the matrix of second derivatives (notebook
# 01); the cell takes $1/\lambda$ for each image.

# %% tags=["skip-execution"]
with waits_for("correlate2d", "convolve2d", "conv2d", "learn_kernel"):

    def curvature(image):
        """Return the eigenvalues of the second derivatives of the loss, smallest first."""
        patches = nn.functional.unfold(image[None, None], letter.shape)[0].double()
        return torch.linalg.eigvalsh(2 * patches @ patches.T / patches.shape[1])

    generator = torch.Generator().manual_seed(8)
    white = torch.randn(64, 64, generator=generator)
    part = camera[40:136:2, 60:156:2]
    part = (part - part.mean()) / part.std()
    problems = {
        "noise": (white, correlate2d(white, letter)),
        "photograph": (part, correlate2d(part, letter)),
        "noise, flipped": (white, convolve2d(white, letter)),
    }
    counts = (1, 3, 10, 30, 100, 300)
    figure, axes = plt.subplots(3, len(counts) + 1, figsize=(12.5, 6.2), layout="constrained")
    for line, (name, (image, target)) in zip(axes, problems.items(), strict=True):
        eigenvalues = curvature(image)
        lr = 1 / eigenvalues[-1].item()
        print(f"{name}: largest eigenvalue {eigenvalues[-1]:.3g}, ", end="")
        print(f"largest / smallest {eigenvalues[-1] / eigenvalues[0]:,.0f}")
        show_image(line[0], image, name, limits=(-2, 2))
        for panel, steps in zip(line[1:], counts, strict=True):
            kernel = learn_kernel(image, target, tuple(letter.shape), lr, steps)
            loss = (correlate2d(image, kernel) - target).square().mean() / target.square().mean()
            show_signed(panel, kernel, f"{steps} steps" if steps > 1 else "1 step", largest=1.2)
            panel.set_xlabel(f"loss {loss:.1e}", fontsize=9)
    plt.show()

# %% [markdown]
# The losses are relative to the loss of the zero kernel. From noise the letter is there after a few
# steps. From the photograph it emerges slowly and blurred: neighbouring pixels are nearly equal, so
# the loss hardly changes when weight moves from one entry of the kernel to the next, and gradient
# descent hardly moves along such directions. The ratio of the eigenvalues says how unequal the
# directions are. Notebook 05 is about such losses.
#
# <!-- BEGIN QUESTION -->
#
# ### Written question: the flip that nobody does
#
# *2 points, 10 minutes.* The layers called "convolution" in deep-learning libraries compute a
# correlation. Why does a network that learns its kernels lose nothing by that? Use the third row of
# the figure. Name a case in which the flip does matter.

# %% [markdown] points=2 written="flipped_kernel"
# ### BEGIN SOLUTION
# Convolution with $k$ is correlation with the flipped $k$. If the kernel is learned, gradient
# descent finds whichever numbers make the outputs right: in the third row of the figure the target
# came from a convolution, and the learned kernel is the letter turned by 180°, with the same loss.
# The set of functions that the layer can compute is the same with and without the flip; the learned
# kernels are the flipped ones. So the flip would only cost time.
#
# It matters when a kernel is given and not learned, and is not symmetric: a derivative changes its
# sign, an emboss its light. It matters for the algebra, too: only convolution is commutative and
# associative, which combines two filters to one; and when weights move between two programs, one of
# which flips.
#
# ### BEGIN RUBRIC
# - 1 point: learned kernels come out flipped, the layer can compute the same functions; refers to
#   the turned letter.
# - 1 point: a case where it matters: a given asymmetric kernel, combining filters (associativity),
#   impulse responses, or weights moved between libraries.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## What you should be able to explain now
#
# - What do pruning and weight sharing each remove from a dense layer, and how many parameters are
#   left?
# - How large is the output for a given size, kernel, padding, stride and dilation?
# - How do correlation and convolution differ, and when do you see no difference?
# - Why must a blur sum to 1, a sharpening kernel too, and an edge kernel to 0?
# - Why is a separable kernel faster, and how do you recognise one?
# - How much noise does a blur leave, and what is the difference between *invariant* and
#   *equivariant*?
# - How does a convolution layer become a matrix product, and what does that cost?
# - What do a batch, input channels and output channels each do in a convolution layer?
# - Where does the gradient go in max pooling and in average pooling?
# - Why is a kernel harder to learn from a photograph than from noise?
#
# **Next: notebook 05, optimisers and regularisation.**
