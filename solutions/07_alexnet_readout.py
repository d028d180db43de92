# %% [markdown]
# # 07 · Reading out AlexNet
#
# A network that somebody else has trained is an instrument that you can take apart. You feed it
# photographs, read what every layer says, and ask each channel what it looks for.
#
# **You will be able to**
#
# - turn any picture file into the tensor that a pretrained network expects;
# - predict the shape of every layer's output, and find out where a number such as 57 comes from;
# - read the output of any layer with a forward hook, without side effects;
# - turn scores into ranked probabilities, and say when not to believe them;
# - draw the picture that excites a channel most;
# - measure what each layer knows with a linear probe, against a baseline that knows nothing.
#
# **You need to know** modules and gradients (notebooks 01 and 02), convolution and pooling (04),
# dropout and the two modes of a network (05 and 06).
#
# | Section | Exercises | Minutes |
# |---|---|---|
# | 1 A network to take apart | | 10 |
# | 2 From a file to a tensor | `open_picture`, `preprocess` | 50 |
# | 3 The shape of every layer | `output_size`, `layer_shapes`, written | 45 |
# | 4 Reading a layer | `readout` | 50 |
# | 5 The last layer | `top_k` | 35 |
# | 6 What a channel looks for | `maximise_activation`, written | 70 |
# | 7 What each layer knows | `linear_probe`, written | 60 |
#
# "Written" stands for a question that you answer in words.

# %%
import copy
import textwrap
import time
from pathlib import Path

import course_helper
import matplotlib.pyplot as plt
import torch
from course_helper import COLOURS, load_alexnet, load_digits, play, use_course_style, waits_for
from PIL import Image
from torch import nn

use_course_style()

# %% [markdown]
# ## 1 A network to take apart
#
# AlexNet won the ImageNet competition of 2012 and began the present age of deep learning: five
# convolutions, three poolings, three dense layers. `load_alexnet` gives you the network with
# trained weights, and the last line that it prints says which of two it is.
#
# - *torchvision's AlexNet*, trained on 1.2 million photographs of ImageNet in 1,000 categories. It
#   is downloaded once (244 MB) and lies in torch's cache from then on.
# - *The small AlexNet of the course*, where the download fails. It has the same layers under the
#   same names, but fewer channels, and was trained on the 50,000 small photographs of CIFAR-10 in
#   10 categories. `data/README.md` tells how.
#
# Everything below works with both. The model answers of the course describe the small one.
#
# These are its first filters. Nobody designed them: they began as noise, and gradient descent made
# them. Compare them with the kernels that you wrote by hand in notebook 04.

# %% tags=["skip-execution"]
model, categories, side = load_alexnet()


def rescaled(values):
    """Return values moved and scaled to the range from 0 to 1, for drawing."""
    return (values - values.min()) / (values.max() - values.min())


filters = model.features[0].weight.detach()
rows = len(filters) // 16
figure, axes = plt.subplots(rows, 16, figsize=(12, 0.9 * rows + 0.4), layout="constrained")
for number, panel in enumerate(axes.flat):
    panel.imshow(rescaled(filters[number]).permute(1, 2, 0))
    panel.set_title(number, fontsize=8, pad=2)
    panel.set_axis_off()
figure.suptitle(f"All {len(filters)} filters of the first layer, as colours")
plt.show()

# %% [markdown]
# Some filters are stripes: they respond to edges of one orientation and one width. Others are
# blobs or pairs of opposite colours: they respond to a change of colour. Cells in your visual
# cortex do much the same.
#
# The layers have names. `model.features` holds the convolutions with their ReLUs and poolings,
# `model.classifier` the dense layers. "features.3" is the second convolution.

# %% tags=["skip-execution"]
for name, layer in model.named_modules():
    if not list(layer.children()):
        weights = sum(p.numel() for p in layer.parameters())
        print(f"{name:14s} {type(layer).__name__:18s} {weights:12,} parameters")
print(f"{'':33s} {sum(p.numel() for p in model.parameters()):12,} in all")

# %% [markdown]
# ## 2 From a file to a tensor
#
# A network computes with any numbers that you give it. A picture that is prepared in another way
# than the training pictures raises no error; the answers are just worse. So preparing it has to
# follow the recipe of the training, step by step.
#
# First the file. It can be JPEG, PNG or GIF; in colour, in grey (mode `L`), with transparency
# (`RGBA`) or with a palette (`P`), where each pixel is the number of an entry in a table of
# colours. And it can be broken: cut off by a failed download, or no picture at all.
#
# ### Exercise 1: `open_picture`
#
# *Easy, 15 minutes.* `PIL.Image.open(file)` gives a picture, `.mode` its mode and `.convert`
# another one.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a broken file passes, and fails in a later cell*: `Image.open` reads only the head of the file.
# - `UnidentifiedImageError`: this is what PIL raises for a file that is no picture.
# - *colours that are wrong in a GIF*: its pixels are no brightnesses.
#
# </details>


# %% exercise="open_picture"
def open_picture(file):
    """Return the picture in a file, with all its pixels read.

    Args:
        file: the path of the file, or the file itself, open for reading bytes.

    Returns:
        a PIL picture of mode "RGB", of the size that the file has. Transparency is dropped.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no picture, or only a part of one. The message names the file.
    """
    ### BEGIN SOLUTION
    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{file} holds no picture that can be read: {error}") from None
    ### END SOLUTION


# %% tags=["skip-execution"]
import skimage

photographs = Path(skimage.data_dir)
names = ["chelsea.png", "astronaut.png", "coffee.png", "rocket.jpg", "camera.png", "logo.png"]
with waits_for("open_picture"):
    opened = {}
    for name in names:
        with Image.open(photographs / name) as raw:
            before = f"{raw.format} {raw.mode}"
        opened[name.partition(".")[0]] = picture = open_picture(photographs / name)
        print(f"{name:14s} {before:9s} becomes {picture.mode}, {picture.width} x {picture.height}")
    pictures = opened
    try:
        open_picture(course_helper.__file__)
    except ValueError as error:
        print("ValueError:", textwrap.shorten(str(error), 80))

# %% [markdown]
# Now the tensor. The recipe is that of AlexNet's evaluation on ImageNet:
#
# 1. *Resize* with the ratio of the sides kept, so that the shorter side becomes $\frac87$ of what
#    the network wants: 256 pixels for a network that wants 224. Shrinking needs **antialiasing**,
#    a blur first, or details that are finer than a pixel turn into patterns that were not there.
# 2. *Crop* the square in the centre.
# 3. *Scale* the bytes to the unit interval.
# 4. *Normalise* each channel $c$ of red, green, blue: $(x_c - \mu_c)/\sigma_c$ with the mean and
#    the standard deviation of ImageNet's pixels,
#    $\mu = (0.485, 0.456, 0.406)$ and $\sigma = (0.229, 0.224, 0.225)$.
#
# The order matters. To crop first would show the network only the middle of a large photograph.
#
# ### Exercise 2: `preprocess`
#
# *Medium, 35 minutes.* PIL's `resize` takes (width, height), blurs by itself when it shrinks, and
# has `Image.Resampling.BILINEAR`. A PIL picture has height and width first, channels last, once
# it is an array; a network wants channels first.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *a picture in stripes or with nine small copies*: `reshape` keeps the order in memory;
#   `permute` exchanges axes.
# - *a cat that is too thin*: both sides have to be multiplied by the same factor.
# - `expected input to have 3 channels, but got 224`: channels first, and one axis for the batch.
# - *values from 0 to 255*: step 3 is missing.
#
# </details>


# %% exercise="preprocess"
def preprocess(image, side=224):
    """Return a picture as the input of a network that was trained on ImageNet's normalisation.

    Args:
        image: a PIL picture of mode "RGB", of any size.
        side: height and width of the result, in pixels.

    Returns:
        float32, shape (1, 3, side, side): channels red, green, blue. The picture is resized by
        bilinear interpolation with antialiasing, so that its shorter side is 8/7·side, rounded
        to a whole number; the longer side follows. Then the centre is cropped, the bytes are
        scaled to the unit interval, and the channels are normalised.
    """
    ### BEGIN SOLUTION
    shorter = round(side * 8 / 7)
    scale = shorter / min(image.size)
    size = [round(length * scale) for length in image.size]
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    pixels = torch.tensor(bytearray(image.tobytes()), dtype=torch.uint8)
    x = pixels.view(side, side, 3).permute(2, 0, 1) / 255
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    return ((x - mean[:, None, None]) / std[:, None, None])[None]
    ### END SOLUTION


# %% tags=["skip-execution"]
imagenet_mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
imagenet_std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def drawable(x):
    """Return the first picture of a normalised batch, shape (H, W, 3), from 0 to 1."""
    return (x[0].cpu() * imagenet_std + imagenet_mean).clamp(0, 1).permute(1, 2, 0)


def show_picture(panel, pixels, title=""):
    """Draw a picture without axes."""
    panel.imshow(pixels)
    panel.set_title(title, fontsize=10)
    panel.set_axis_off()


with waits_for("open_picture", "preprocess", "pictures"):
    inputs = {name: preprocess(picture, side) for name, picture in pictures.items()}
    figure, axes = plt.subplots(2, len(inputs), figsize=(12, 4.3), layout="constrained")
    for (name, x), (upper, lower) in zip(inputs.items(), axes.T, strict=True):
        picture = pictures[name]
        show_picture(upper, picture, f"{name}\n{picture.width} x {picture.height}")
        show_picture(lower, drawable(x), f"{side} x {side}")
    figure.suptitle("Six files, and what the network gets to see of them")
    plt.show()
    every = torch.cat(list(inputs.values()))
    print(f"all six: shape {tuple(every.shape)}, mean {every.mean():.2f}, std {every.std():.2f}")

# %% [markdown]
# ## 3 The shape of every layer
#
# In notebook 04 you derived how many places a kernel has. Here you need it again, for a line of
# $n$ pixels, a kernel of $k$ pixels, stride $s$, and padding $p$ at both ends:
#
# $$\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1.$$
#
# ### Exercise 3: `output_size`
#
# *Easy, 5 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - `55.25` *or* `55.0`: the number of places is an int.
#
# </details>


# %% exercise="output_size"
def output_size(n, kernel, stride, padding):
    """Return the number of places of a kernel on a line of pixels.

    Args:
        n: the number of pixels, an int.
        kernel: the number of pixels under the kernel.
        stride: the step from one place to the next.
        padding: the number of pixels that are added at each end.

    Returns:
        an int.
    """
    ### BEGIN SOLUTION
    return (n + 2 * padding - kernel) // stride + 1
    ### END SOLUTION


# %% [markdown]
# With it you can predict the shape of every feature map, before a single number is computed. A
# convolution sets the number of channels; pooling keeps it; ReLU keeps everything.
#
# ### Exercise 4: `layer_shapes`
#
# *Medium, 20 minutes.* The layers know their settings. `nn.Conv2d` has `out_channels`, and
# `kernel_size`, `stride` and `padding` as pairs (height, width). `nn.MaxPool2d` has the same three
# as ints.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `'int' object is not subscriptable`: pooling has an int where a convolution has a pair.
# - *maps that are square although the picture is not*: height and width each have their own line.
#
# </details>


# %% exercise="layer_shapes"
def layer_shapes(layers, shape):
    """Predict the shape of every layer's output from the layers' settings.

    The layers are not run. Their only kinds are nn.Conv2d, nn.MaxPool2d (its settings are
    ints), both without dilation, and nn.ReLU.

    Args:
        layers: an nn.Sequential of such layers.
        shape: the shape of one input, a tuple (C, H, W).

    Returns:
        a list of tuples (C, H, W), one for each layer, in order.
    """
    ### BEGIN SOLUTION
    shapes = []
    for layer in layers:
        channels, *sides = shape
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
            settings = list(zip(layer.kernel_size, layer.stride, layer.padding, strict=True))
        elif isinstance(layer, nn.MaxPool2d):
            settings = [(layer.kernel_size, layer.stride, layer.padding)] * 2
        else:
            settings = [(1, 1, 0)] * 2
        height, width = (output_size(n, *three) for n, three in zip(sides, settings, strict=True))
        shape = (channels, height, width)
        shapes.append(shape)
    return shapes
    ### END SOLUTION


# %% [markdown]
# The cell applies it to your network, and to torchvision's AlexNet, which is built on the *meta
# device*: there tensors have shapes but no numbers, so it needs neither weights nor memory.

# %% tags=["skip-execution"]
import torchvision

with torch.device("meta"):
    alexnet = torchvision.models.alexnet()

with waits_for("output_size", "layer_shapes"):
    mine = layer_shapes(model.features, (3, side, side))
    at_224 = layer_shapes(alexnet.features, (3, 224, 224))
    at_227 = layer_shapes(alexnet.features, (3, 227, 227))
    heads = f"your network at {side}", "AlexNet at 224", "AlexNet at 227"
    print(f"{'layer':12s} {'':10s}" + "".join(f"{head:>24s}" for head in heads))
    for place, shapes in enumerate(zip(mine, at_224, at_227, strict=True)):
        kind = type(alexnet.features[place]).__name__
        row = "".join(f"{' x '.join(map(str, shape)):>24s}" for shape in shapes)
        print(f"features.{place:<3d} {kind:10s}{row}")
    x = torch.empty(1, 3, 227, 227, device="meta")
    found = tuple(alexnet.features(x).shape[1:])
    print(f"torch, at 227, after the last layer: {found}; predicted {at_227[-1]}")

# %% [markdown]
# The shapes agree with torch. A piece of homework of 2019, from which this notebook descends, asks
# for one of "the 96 arrays of 57 x 57" in the first layer, for pictures of 227 x 227. Your table
# has other numbers. The first convolution of AlexNet has kernels of 11 x 11 and stride 4; the
# padding is what may differ.

# %% tags=["skip-execution"]
with waits_for("output_size"):
    for n in (224, 227):
        row = [output_size(n, 11, 4, padding) for padding in range(7)]
        print(f"{n} pixels, padding 0 to 6: ", *(f"{places:3d}" for places in row))
    print("227 / 4, rounded up:", -(-227 // 4))

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# **96 arrays of 57 x 57.** *3 points, 15 minutes.* Three facts: the network of the paper (2012)
# ran on two GPUs, each with 48 kernels in the first layer; torchvision follows a later paper
# (2014), for one GPU; in TensorFlow the padding "same" adds as many pixels as it takes to get
# $\lceil n/s \rceil$ places. Explain the 96 and the 57. What does torchvision have instead, at 224
# and at 227 pixels? The paper of 2012 itself says 55 x 55, and that its pictures have 224 pixels.
# Without padding, is that possible?

# %% [markdown] points=3 written="where_57_comes_from"
# ### BEGIN SOLUTION
# 96 = 2 · 48 is the number of kernels of the original network, one half on each GPU. torchvision's
# version for one GPU has 64, so its first layer gives 64 arrays. No setting of sizes turns 64
# into 96.
#
# 57 is $\lceil 227/4 \rceil$: the homework was made for an AlexNet in TensorFlow with padding
# "same". That needs $4 \cdot 56 + 11 - 227 = 8$ more pixels, 4 at each end, and
# `output_size(227, 11, 4, 4)` is 57. torchvision pads by 2: 64 x 55 x 55 at 224 pixels and
# 64 x 56 x 56 at 227.
#
# Without padding 224 pixels give $\lfloor 213/4 \rfloor + 1 = 54$ places, not 55, and the last step
# does not fit. 227 pixels give exactly 55. So the paper's 224 fits its 55 only with some
# padding, which it does not mention.
#
# ### BEGIN RUBRIC
# - 1 point: 96 kernels in the original against 64 in torchvision.
# - 1 point: 57 from 227 pixels by padding 4 or by rounding 227/4 up; torchvision's 55 and 56.
# - 1 point: 224 without padding gives 54, so the paper's numbers do not fit together.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 4 Reading a layer
#
# A network returns its last layer only. A **forward hook** is a function that PyTorch calls
# whenever a layer has computed its output:
#
# ```python
# handle = layer.register_forward_hook(function)   # function(layer, inputs, output)
# ...
# handle.remove()
# ```
#
# Four things go wrong silently.
#
# - *The hook stays.* Without `remove` it is called on every later pass, by whoever uses the
#   network. Register it twice, and it is called twice.
# - *The wrong mode.* In training mode dropout sets half of the dense layers' inputs to zero.
# - *The tensor changes after you got it.* AlexNet's ReLUs work **in place**: they overwrite the
#   output of the convolution before them.
# - *The graph.* Unless gradients are off, the output drags along everything that it came from.
#
# ### Exercise 5: `readout`
#
# *Medium, 30 minutes.* The network must leave your function in the state in which it came.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `AttributeError: 'AlexNet' object has no attribute 'features.0'`: `model.get_submodule(name)`
#   understands names with dots.
# - *no negative values in a convolution's output*: see the third item above.
# - *a hook that stays after an error*: what stands in the block of `finally` happens in any case.
#
# </details>


# %% exercise="readout"
def readout(model, layer, x):
    """Return the output of one layer, as the layer computed it.

    The network runs once, in evaluation mode and without gradients. Afterwards it is in the mode
    in which it came, and has the hooks that it had, even if running it raised an exception.

    Args:
        model: an nn.Module.
        layer: the name of the layer, such as "features.3", as in model.named_modules().
        x: a batch of inputs of the model.

    Returns:
        a new tensor that records no gradient, on the device of the model.
    """
    ### BEGIN SOLUTION
    found = []
    handle = model.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: found.append(output.clone())
    )
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(x)
    finally:
        handle.remove()
        model.train(was_training)
    return found[0]
    ### END SOLUTION


# %% [markdown]
# Below is the first layer at work: eight of its filters, and under each the channel that it makes
# of two photographs. Orange is positive, purple negative, white zero, each map on a scale of its
# own; the ReLU that follows will keep the orange only.


# %% tags=["skip-execution"]
def show_map(panel, values, title=""):
    """Draw a feature map with white for 0, orange for positive, purple for negative."""
    limit = max(values.abs().max().item(), 1e-6)
    panel.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit)
    panel.set_title(title, fontsize=10)
    panel.set_axis_off()


with waits_for("inputs", "readout"):
    # The filters that differ most from each other: each has the least overlap with those before.
    units = nn.functional.normalize(filters.flatten(1), dim=1)
    chosen = [int(filters.flatten(1).norm(dim=1).argmax())]
    while len(chosen) < 8:
        chosen.append(int((units @ units[chosen].T).abs().amax(dim=1).argmin()))
    figure, axes = plt.subplots(3, 9, figsize=(12, 4.2), layout="constrained")
    axes[0, 0].set_axis_off()
    for column, number in enumerate(chosen, 1):
        show_picture(
            axes[0, column], rescaled(filters[number]).permute(1, 2, 0), f"filter {number}"
        )
    for row, name in zip(axes[1:], ("astronaut", "chelsea"), strict=True):
        show_picture(row[0], drawable(inputs[name]), name)
        maps = readout(model, "features.0", inputs[name])[0]
        for panel, number in zip(row[1:], chosen, strict=True):
            show_map(panel, maps[number])
    plt.show()
    print("one picture in the first layer:", tuple(maps.shape))
    last = readout(model, "classifier.6", inputs["chelsea"])
    print("one picture in the last layer:", tuple(last.shape), "for", len(categories), "categories")

# %% [markdown]
# The last layer has one number for each category: 1,000 in AlexNet, 10 in the small one.
#
# With the controls you can look at every channel of every convolution, for every photograph. Go
# deeper: the maps get smaller, and it gets harder to say what they show.

# %% tags=["skip-execution"]
convolutions = ["features.0", "features.3", "features.6", "features.8", "features.10"]


def show_channel(layer, channel, photograph):
    """Draw a photograph, one channel of a layer before its ReLU, and the strongest channels."""
    with waits_for("inputs", "readout"):
        maps = readout(model, layer, inputs[photograph])[0]
        channel = min(channel, len(maps) - 1)
        strongest = maps.clamp(min=0).mean(dim=(1, 2)).argsort(descending=True)[:4].tolist()
        _, axes = plt.subplots(1, 6, figsize=(12, 2.5), layout="constrained")
        show_picture(axes[0], drawable(inputs[photograph]), photograph)
        show_map(axes[1], maps[channel], f"{layer}\nchannel {channel}")
        for panel, number in zip(axes[2:], strongest, strict=True):
            show_map(panel, maps[number], f"among the strongest:\nchannel {number}")
        plt.show()


play(
    show_channel,
    layer=["features.3", *(name for name in convolutions if name != "features.3")],
    channel=(0, 0, 383 if side == 224 else 95, 1),
    photograph=["chelsea", "astronaut", "coffee", "rocket", "camera", "logo"],
)

# %% [markdown]
# ## 5 The last layer
#
# The scores of the last layer become probabilities by softmax,
# $p_c = e^{z_c} / \sum_j e^{z_j}$, over *all* categories (notebook 06).
#
# ### Exercise 6: `top_k`
#
# *Easy, 15 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - *probabilities that are all 1*: the softmax runs along an axis; which one has the categories?
# - *probabilities that sum to 1 for every k*: first all categories, then the best.
# - `nan`: some exponential became infinite.
#
# </details>


# %% exercise="top_k"
def top_k(model, x, categories, k=5):
    """Return the k most probable categories of one picture, the most probable first.

    The network runs in evaluation mode, and is afterwards in the mode in which it came.

    Args:
        model: a network that returns scores, shape (1, C), for one picture.
        x: the picture, a batch of one.
        categories: the names of the C categories, a list of strings.
        k: how many pairs to return, from 1 to C.

    Returns:
        a list of k pairs (category, probability): a string and a float.
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    with torch.no_grad():
        probabilities = model(x).softmax(dim=1)[0]
    model.train(was_training)
    best = probabilities.topk(k)
    return [
        (categories[c], p) for p, c in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
    ### END SOLUTION


# %% [markdown]
# **A picture of your own.** Put a file beside this notebook and write its name below: a JPEG, PNG
# or GIF, of any size.

# %% tags=["skip-execution"]
my_picture = "my_picture.jpg"

with waits_for("open_picture", "preprocess", "top_k", "inputs"):
    shown = dict(inputs)
    if Path(my_picture).is_file():
        shown["yours"] = preprocess(open_picture(my_picture), side)
    else:
        print(f"There is no file {my_picture} yet; these are the course's photographs.")
    figure, axes = plt.subplots(
        2, len(shown), figsize=(13, 4.2), layout="constrained", squeeze=False
    )
    for (name, x), (upper, lower) in zip(shown.items(), axes.T, strict=True):
        show_picture(upper, drawable(x), name)
        best = top_k(model, x, categories)
        print(f"{name:10s}", ", ".join(f"{category} {p:.1%}" for category, p in best))
        lower.barh(range(5), [p for _, p in best], color=COLOURS[5])
        lower.set(xlim=(0, 1), xlabel="probability", yticks=[], ylim=(4.6, -0.6))
        for row, (category, _) in enumerate(best):
            lower.text(0.03, row, category[:18], va="center", fontsize=9)
        lower.grid(False)
    plt.show()

# %% [markdown]
# The network has no category "something else". The softmax distributes a probability of 1 over the
# categories that there are, also for a picture that shows none of them, and a large probability
# there is not knowledge. Look at the photographs for which no category fits. How sure is it?
#
# ## 6 What a channel looks for
#
# The filters of the first layer are pictures. Those of the second layer are not: each has as many
# channels as the first layer has filters. But there is another way to ask. Training changes the
# weights so that a number, the loss, gets smaller, and keeps the pictures. Turn it round: keep the
# weights, and change the *picture* so that the activation of a channel gets larger.
#
# Let $a(x)$ be the mean of one channel of a layer's output over all its places, and
# $g = \partial a/\partial x$, a tensor of the shape of the picture. A step of **gradient ascent**
# is
#
# $$x \leftarrow x + \eta\, \frac{g}{\operatorname{rms}(g) + 10^{-8}}, \qquad
# \operatorname{rms}(g) = \sqrt{\operatorname{mean}(g^2)}.$$
#
# Dividing by the root mean square makes the step as large for a weak channel as for a strong one.
#
# ### Exercise 7: `maximise_activation`
#
# *Hard, 35 minutes.* A hook again. It needs a graph this time, and the in-place ReLU is still
# there.
#
# <details><summary>Hints: if you see ...</summary>
#
# - `element 0 of tensors does not require grad`: the picture has to record gradients.
# - `one of the variables needed for gradient computation has been modified by an inplace
#   operation`: the hook must keep something that the ReLU cannot reach.
# - *less activation than at the start*: ascent, not descent.
# - *gradients in the network's parameters*: `torch.autograd.grad(a, x)` gives one gradient only.
#
# </details>


# %% exercise="maximise_activation"
def maximise_activation(model, layer, channel, start, steps, rate):
    """Change a picture by gradient ascent, so that it excites a channel.

    The network runs in evaluation mode. Afterwards it is in the mode in which it came, has the
    hooks that it had, and its parameters hold no gradients from here.

    Args:
        model: an nn.Module.
        layer: the name of a layer whose output has the shape (1, C, H, W) or (1, C).
        channel: an int from 0 to C - 1.
        start: the picture to begin with, shape (1, 3, H, W); it stays as it is.
        steps: the number of steps.
        rate: the length of a step, as the root mean square of the change.

    Returns:
        the picture after the last step, a new tensor that records no gradient. In each step the
        mean of the channel is what grows, as the layer itself computed it.
    """
    ### BEGIN SOLUTION
    kept = {}
    handle = model.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: kept.update(mean=output[:, channel].mean())
    )
    mode = model.training
    model.eval()
    picture = start.detach().clone()
    try:
        for _ in range(steps):
            picture.requires_grad_()
            model(picture)
            gradient = torch.autograd.grad(kept["mean"], picture)[0]
            rms = gradient.square().mean().sqrt()
            picture = picture.detach() + rate * gradient / (rms + 1e-8)
    finally:
        handle.remove()
        model.train(mode)
    return picture.detach()
    ### END SOLUTION


# %% [markdown]
# Plain ascent finds pictures full of fine noise, which excite the network and tell you nothing. Two
# old tricks make them readable. Before each round of steps the picture is *shifted* by a few
# random pixels, and back afterwards: only what works at every position survives. After each round
# the picture is *blurred* a little. And the channels are read *behind their ReLU*, where a place at
# which the channel is silent pulls nowhere. Before the ReLU the mean of a channel of the first
# convolution is linear in the picture, so every pixel inside would be pulled in the same direction.

# %% tags=["skip-execution"]
canvas = 64 if side == 64 else 128  # pixels
behind_relu = ["features.1", "features.4", "features.7", "features.9", "features.11"]


def dream(layer, channel, rounds, seed=0):
    """Return a picture that excites a channel: rounds of a shift, two steps, and a little blur."""
    generator = torch.Generator().manual_seed(seed)
    picture = 0.3 * torch.randn(1, 3, canvas, canvas, generator=generator)
    for _ in range(rounds):
        shift = torch.randint(-4, 5, (2,), generator=generator).tolist()
        picture = picture.roll(shift, dims=(2, 3))
        picture = maximise_activation(model, layer, channel, picture, 2, 0.1)
        picture = picture.roll([-step for step in shift], dims=(2, 3))
        soft = nn.functional.avg_pool2d(nn.functional.pad(picture, 4 * (1,), mode="circular"), 3, 1)
        picture = 0.8 * picture + 0.2 * soft
    return picture


def vivid(picture):
    """Return a picture for drawing, with its contrast scaled: most of it within 0 to 1."""
    centred = picture[0] - picture[0].mean(dim=(1, 2), keepdim=True)
    return (0.5 + 0.2 * centred / centred.std()).clamp(0, 1).permute(1, 2, 0)


with waits_for("maximise_activation", "readout", "inputs"):
    per_row, rounds = 6, 16
    everything = torch.cat(list(inputs.values()))
    began = time.monotonic()
    figure, axes = plt.subplots(5, per_row, figsize=(10, 9), layout="constrained")
    for layer, row in zip(behind_relu, axes, strict=True):
        # The channels with the largest response to the photographs, compared with their mean,
        # of those that respond to the noise to begin with: a silent one has no gradient.
        maps = readout(model, layer, everything)
        peaks = maps.amax(dim=(0, 2, 3)) / (maps.mean(dim=(0, 2, 3)) + 1e-6)
        noise = 0.3 * torch.randn(1, 3, canvas, canvas, generator=torch.Generator().manual_seed(0))
        peaks *= readout(model, layer, noise).amax(dim=(0, 2, 3)) > 0
        for panel, channel in zip(
            row, peaks.argsort(descending=True)[:per_row].tolist(), strict=True
        ):
            show_picture(panel, vivid(dream(layer, channel, rounds)), f"{layer}: {channel}")
        print(f"{layer} drawn after {time.monotonic() - began:.0f} s")
    figure.suptitle("Pictures that excite single channels, from the first convolution to the last")
    plt.show()

# %% [markdown]
# The first row resembles the filters. Below, the patterns get larger and more complex, because a
# unit of a deeper layer sees more of the picture. That window is its **receptive field**. A kernel
# of $k$ pixels that steps $j$ pixels of the picture adds $(k - 1)\,j$ to it, and a stride
# multiplies $j$.
#
# There is a second way to find out what a channel looks for: search real photographs for the places
# where it is strongest. The next cell shows both; grey in a window is outside of the photograph.
# Change the two channels to your own choice.


# %% tags=["skip-execution"]
def receptive_field(layers, place):
    """Return size, step and left end of the window that units of a layer see, in pixels."""
    size, step, left = 1, 1, 0
    for layer in layers[: place + 1]:
        if not isinstance(layer, nn.ReLU):
            kernel, stride, padding = (
                n[0] if isinstance(n, tuple) else n
                for n in (layer.kernel_size, layer.stride, layer.padding)
            )
            left -= padding * step
            size += (kernel - 1) * step
            step *= stride
    return size, step, left


def strongest_patches(layer, channel, count):
    """Return the patches of the photographs in which a channel is strongest, one a photograph."""
    size, step, left = receptive_field(model.features, int(layer.partition(".")[2]))
    found = []
    for name, x in inputs.items():
        values = readout(model, layer, x)[0, channel]
        row, column = divmod(int(values.argmax()), values.shape[1])
        wide = nn.functional.pad(x, 4 * (size,))  # the mean colour outside of the picture
        y, z = row * step + left + size, column * step + left + size
        patch = wide[:, :, y : y + size, z : z + size]
        found.append((values.max().item(), name, drawable(patch)))
    return sorted(found, key=lambda item: -item[0])[:count]


my_channels = [("features.4", 0), ("features.7", 11)]

with waits_for("maximise_activation", "readout", "inputs"):
    for place in (1, 4, 7, 9, 11):
        size, step, _ = receptive_field(model.features, place)
        print(f"features.{place}: a window of {size} pixels, {step} pixels from one to the next")
    figure, axes = plt.subplots(len(my_channels), 6, figsize=(12, 4.6), layout="constrained")
    for (layer, channel), row in zip(my_channels, axes, strict=True):
        show_picture(row[0], vivid(dream(layer, channel, 40)), f"{layer}, channel {channel}")
        for panel, (value, name, patch) in zip(
            row[1:], strongest_patches(layer, channel, 5), strict=True
        ):
            show_picture(panel, patch, f"{name}: {value:.1f}")
    figure.suptitle("Left: made to excite the channel. Then: the windows in which it is strongest")
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# **Two channels.** *4 points, 20 minutes.* Choose two channels of different convolutions, with the
# widget and the cell above. What does each respond to? Give the evidence of at least two kinds (the
# filter, its maps of photographs, the picture made by ascent, the strongest windows). Where do the
# kinds disagree? Then name one thing that you would have to try in order to be *wrong* about it.

# %% [markdown] points=4 written="two_channels"
# ### BEGIN SOLUTION
# An example of a good answer, for the small network. *features.0, channel 8* responds to something
# red or orange, wider than high, on blue-green: its filter is such a blob, and its map of a
# photograph is strongest on the orange suit of the astronaut. The filter and the picture made by
# ascent agree, as they must in a first layer. The strongest windows are less clear, because few of
# the six photographs hold exactly that contrast. To be wrong about the colour: exchange red and
# blue in a photograph. If the description holds, the sign of the map changes there.
#
# *features.4, channel 0* responds to the upper edge of something round and dark on a lighter
# ground. Its strongest windows, of 31 pixels, hold the photographer's head, the astronaut's helmet,
# the rim of the cup, a curve of the logo and the cat's eye. The picture made by ascent shows
# shallow arcs, light above dark, all over. Both kinds agree on the arc; only the windows suggest
# "round things", and six photographs are few. To be wrong: turn a window upside down. A channel for
# an upper edge must then fall silent; one for round things need not.
#
# ### BEGIN RUBRIC
# - 1 point for each channel: says what it responds to (orientation, width, colour, texture, shape),
#   concretely enough that one could find a picture that does not fit.
# - 1 point: evidence of two kinds for each, and whether they agree.
# - 1 point: a test that could refute the description (a picture with and without the feature, a
#   rotated, recoloured or scrambled one, more photographs).
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## 7 What each layer knows
#
# A **linear probe** asks how much of a question can be read off a layer by a linear model. Freeze
# the network, read a layer for many pictures, train a linear classifier on the readings, and
# test it on pictures that it has not seen. If the classes can be separated linearly in one layer
# and not in the picture, then the layers up to it have done the work.
#
# The classifier here is **ridge regression**, which has a solution in closed form. Let $Z$ hold one
# standardised row a picture, $z = (x - \mu)/\sigma$, feature by feature. The targets are one-hot
# rows $T$, with the mean $\bar t$. Then
#
# $$W = (Z^\top Z + \lambda I)^{-1} Z^\top (T - \bar t), \qquad
# \text{scores of a new row } z:\quad z W + \bar t.$$
#
# The largest score gives the class. The ridge $\lambda$ keeps the weights small, and the matrix
# regular if there are more features than pictures.
#
# ### Exercise 8: `linear_probe`
#
# *Medium, 25 minutes.*
#
# <details><summary>Hints: if you see ...</summary>
#
# - `nan`: a feature that never changes has $\sigma = 0$. A ReLU makes many of them.
# - *scores that are all a little too small*: is $\bar t$ added again?
# - `The size of tensor a must match`: flatten everything but the first axis.
#
# </details>


# %% exercise="linear_probe"
def linear_probe(features, labels, test_features, classes, ridge):
    """Return the scores of ridge regression for the test examples.

    Args:
        features: floating point, shape (N, ...); all axes but the first are flattened.
        labels: the classes of these N examples, int64, shape (N,).
        test_features: shape (M, ...), like features.
        classes: the number of classes C, an int.
        ridge: lambda, positive; the constant term is not penalised.

    Returns:
        shape (M, C), of the dtype and on the device of features. Features are standardised with
        mean and standard deviation (divided by N) of the N examples; where that deviation is 0,
        the feature is only centred.
    """
    ### BEGIN SOLUTION
    x, test = features.flatten(1), test_features.flatten(1)
    mean, std = x.mean(dim=0), x.std(dim=0, correction=0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    x, test = (x - mean) / std, (test - mean) / std
    targets = nn.functional.one_hot(labels, classes).to(x.dtype)
    offset = targets.mean(dim=0)
    gram = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return test @ torch.linalg.solve(gram, x.T @ (targets - offset)) + offset
    ### END SOLUTION


# %% [markdown]
# The question is one that neither network was trained for: which digit is it? The digits of the
# course are enlarged to 48 x 48 pixels (64 x 64 for torchvision's AlexNet, which has no output for
# smaller ones). From convolutions the cell takes the output after the ReLU, averaged on a grid of
# 3 x 3, so that no layer wins by its mere number of features.
#
# A number alone says little. Two baselines: the probe on the *pixels*, and the probe on the same
# network with *random weights* (those of He, notebook 03), which has the architecture and no
# training.

# %% tags=["skip-execution"]
probed = {
    "features.1": "conv 1",
    "features.4": "conv 2",
    "features.7": "conv 3",
    "features.11": "conv 5",
    "classifier.2": "dense 1",
    "classifier.6": "scores",
}


def digit_inputs(images):
    """Return digits as normalised, square input of the network, float32."""
    wanted = 48 if side == 64 else 64  # pixels
    x = nn.functional.interpolate(images[:, None] / 255, size=(wanted, wanted), mode="bilinear")
    return (x - imagenet_mean) / imagenet_std


def random_twin(model, seed):
    """Return the same network with random weights."""
    twin = copy.deepcopy(model)
    torch.manual_seed(seed)
    for layer in twin.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return twin


def features_of(network, layer, x):
    """Return one layer's output for a batch, averaged on a grid of 3 x 3."""
    parts = [readout(network, layer, part) for part in x.split(250)]
    features = torch.cat(parts)
    return nn.functional.adaptive_avg_pool2d(features, 3) if features.ndim == 4 else features


with waits_for("readout", "linear_probe"):
    train_digits, train_labels = load_digits(full=False)
    test_digits, test_labels = load_digits(train=False, full=False)
    train_digits, train_labels = train_digits[:1000], train_labels[:1000]
    test_digits, test_labels = test_digits[:500], test_labels[:500]
    pixels = train_digits / 255, train_labels, test_digits / 255
    guessed = linear_probe(*pixels, 10, 100.0).argmax(dim=1)
    of_pixels = (guessed == test_labels).float().mean().item()
    print(f"pixels: {of_pixels:.1%}")
    x, test_x = digit_inputs(train_digits), digit_inputs(test_digits)
    accuracy = {}
    for kind, network in (("trained", model), ("random", random_twin(model, 0))):
        accuracy[kind] = []
        for layer in probed:
            features = features_of(network, layer, x), train_labels
            scores = linear_probe(*features, features_of(network, layer, test_x), 10, 100.0)
            accuracy[kind].append((scores.argmax(dim=1) == test_labels).float().mean().item())
        print(
            f"{kind}:",
            ", ".join(
                f"{name} {share:.1%}"
                for name, share in zip(probed.values(), accuracy[kind], strict=True)
            ),
        )
    figure, panel = plt.subplots(figsize=(9, 4), layout="constrained")
    for kind, marker in (("trained", "o"), ("random", "s")):
        panel.plot(list(probed.values()), accuracy[kind], marker=marker, label=f"{kind} weights")
    panel.axhline(of_pixels, color="black", linestyle=":", label="the pixels themselves")
    panel.set(
        xlabel="layer that is read", ylabel="accuracy of the probe", title="Which digit is it?"
    )
    panel.legend()
    plt.show()

# %% [markdown]
# <!-- BEGIN QUESTION -->
#
# **Layers and knowledge.** *4 points, 20 minutes.* Where does the probe read the digits best, and
# why not in the last layer? What does the network with random weights show: what comes from the
# architecture, and what from training? With 500 test digits the standard error of an
# accuracy $p$ is $\sqrt{p(1-p)/500}$: which differences in the figure count? A probe with 99 % does
# not prove that the network *uses* what it reads. Why not?

# %% [markdown] points=4 written="what_layers_know"
# ### BEGIN SOLUTION
# *Best layer.* In the small network it is the second convolution, 96.4 %, against 80.6 % for the
# pixels. Then the accuracy falls, to 53.6 % for the scores. These have only ten features, and
# training has kept in them what tells ten kinds of photographs apart. What tells a 3 from a
# 5 is of no use for that, and much of it is gone.
#
# *Random weights.* They reach 92.0 % in the first convolution and 93.8 % in the second. So most of
# what a layer adds to the pixels comes from the architecture: local filters, ReLU and averaging
# make features that a small shift hardly changes. Training, on photographs without any digit, adds
# 2.6 points in the second convolution. In the first dense layer the random network is ahead, 84.6 %
# against 81.4 %: training has thrown away more than chance does.
#
# *What counts.* The standard errors are about 0.8 points at 96.4 %, 1.1 at 93.8 % and 1.8 at 80.6
# %. The rise from the pixels and the fall at the end are far beyond that. The 2.6 points are about
# twice the error of a difference, so they are likely, not certain; the 1.4 points in the first
# convolution show nothing. And one random network is only one draw.
#
# *Read is not used.* The probe is trained for the question and takes whatever correlates with it.
# The layers after it may ignore that direction entirely. To show use, one has to change it and see
# the output change.
#
# ### BEGIN RUBRIC
# - 1 point: best layer from the figure, and a reason for the fall towards the scores.
# - 1 point: random weights beat or match the pixels in early layers: architecture; the gap to the
#   trained network is what training gave.
# - 1 point: standard error, and a difference that is too small to count.
# - 1 point: readable by a classifier trained for it is not the same as used by the network.
# ### END RUBRIC
# ### END SOLUTION

# %% [markdown]
# <!-- END QUESTION -->
#
# ## What you should be able to explain now
#
# - Which steps turn a file into an input, and why is none of them optional?
# - How large is the output of a convolution, and where do 55, 56 and 57 come from?
# - What are the four ways in which a hook goes wrong without an error?
# - Why do probabilities of a network say nothing about pictures of other categories?
# - What do you keep fixed, and what do you change, to see what a channel looks for?
# - What is a receptive field, and why do deeper channels show larger patterns?
# - What does a linear probe measure, and what does its random baseline take away from it?
#
# **Next: notebook 08, an autoencoder against principal components.**
