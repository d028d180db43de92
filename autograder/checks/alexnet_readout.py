"""The checks of notebook 07: pictures in, shapes, readout by hook, top k, ascent, probes."""

import math

import torch
from torch import nn

from autograder.checks import check
from autograder.checks.shared.common import expect_device_of_input, expect_raises
from autograder.checks.shared.makers import leaves_alone, raises
from autograder.inside.spies_alexnet_readout import Backbone
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    inside,
    is_stub,
    numbers,
    plain,
)

SPIES = "autograder.inside.spies_alexnet_readout"
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    """Return random pixels, uint8 (height, width, 3)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (height, width, 3), generator=generator).to(torch.uint8)


def smooth(height: int, width: int, seed: int) -> torch.Tensor:
    """Return the pixels of a smooth coloured picture, uint8 (height, width, 3)."""
    coarse = noise(4, 5, seed).permute(2, 0, 1)[None].float()
    fine = nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return fine[0].clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()


def prepared(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Return what preprocess must make of these pixels, shape (1, 3, side, side)."""
    height, width, _ = pixels.shape
    factor = round(side * 8 / 7) / min(height, width)
    size = round(height * factor), round(width * factor)
    x = pixels.permute(2, 0, 1)[None].float() / 255
    x = nn.functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return (x[:, :, top : top + side, left : left + side] - MEAN) / STD


def picture(pixels: torch.Tensor):
    """Return a picture in the student's process."""
    return inside(f"{SPIES}.picture")(pixels)


def picture_file(pixels: torch.Tensor, mode: str, kind: str, keep: float = 1.0):
    """Return an open file with a picture, in the student's process."""
    return inside(f"{SPIES}.picture_file")(pixels, mode, kind, keep)


def backbone(seed: int, training: bool = False):
    """Return the tiny network in the student's process."""
    model = inside(f"{SPIES}.Backbone")(seed)
    (model.train if training else model.eval)()
    return model


def activations(seed: int, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the outputs of all layers of the tiny network in evaluation mode."""
    weights, found = dict(Backbone(seed).named_parameters()), {}

    def of(layer: str) -> list[torch.Tensor]:
        return [weights[f"{layer}.weight"], weights[f"{layer}.bias"]]

    x = found["features.0"] = nn.functional.conv2d(x, *of("features.0"), stride=2, padding=1)
    x = found["features.1"] = x.clamp(min=0)
    x = found["features.2"] = x.unfold(2, 3, 1).unfold(3, 3, 1).amax(dim=(4, 5))
    x = found["features.3"] = nn.functional.conv2d(x, *of("features.3"), padding=1)
    x = found["features.4"] = x.clamp(min=0)
    x = found["avgpool"] = nn.functional.adaptive_avg_pool2d(x, 2)
    x = found["classifier.1"] = nn.functional.linear(x.flatten(1), *of("classifier.1"))
    x = found["classifier.2"] = x.clamp(min=0)
    found["classifier.4"] = nn.functional.linear(x, *of("classifier.4"))
    return found


def count_hooks(model) -> int:
    """Return how many hooks a model of the student's process holds."""
    return inside(f"{SPIES}.hooks")(model)


# ----------------------------------------------------------------------------- open_picture


def expect_picture(opened, mode: str, pixels: torch.Tensor) -> None:
    """Fail unless an opened file is an RGB picture with about these pixels."""
    height, width, _ = pixels.shape
    found = inside(f"{SPIES}.mode_size_pixels")(opened)
    expect(found[0] == "RGB", f"a picture of mode {mode} comes back in mode {found[0]}")
    expect_equal(tuple(found[1:3]), (width, height))
    expect_close(found[3], pixels.double().mean(dim=(0, 1)), atol=12.0)


@check(
    "open_picture",
    points=1,
    hint="An RGB picture of 3 by 2 pixels in a PNG file comes back as an RGB picture of that size.",
)
def opens_a_coloured_picture(open_picture):
    """Three pixels wide, two high."""
    file = inside("io.BytesIO")()
    inside("PIL.Image.new")("RGB", (3, 2), (250, 10, 90)).save(file, "PNG")
    file.seek(0)
    opened = open_picture(file)
    expect_equal(opened.mode, "RGB")
    expect_equal(opened.size, (3, 2))
    expect_equal(opened.getpixel((2, 1)), (250, 10, 90))


@check(
    "open_picture",
    points=1,
    hidden=True,
    hint="A greyscale file has one channel (mode L). The network wants three: convert to RGB.",
)
def opens_a_grey_picture(open_picture):
    """Mode L, JPEG."""
    pixels = smooth(9, 14, seed=701).float().mean(dim=2, keepdim=True).repeat(1, 1, 3)
    pixels = pixels.to(torch.uint8)
    expect_picture(open_picture(picture_file(pixels, "L", "JPEG")), "L", pixels)


@check(
    "open_picture",
    points=1,
    hidden=True,
    hint="A file with a transparency channel (mode RGBA) has four channels. The network wants "
    "three: convert to RGB.",
)
def opens_a_transparent_picture(open_picture):
    """Mode RGBA, PNG."""
    pixels = smooth(8, 11, seed=702)
    expect_picture(open_picture(picture_file(pixels, "RGBA", "PNG")), "RGBA", pixels)


@check(
    "open_picture",
    points=1,
    hidden=True,
    hint="In a file with a palette (mode P, every GIF) the pixels are numbers of colours, not "
    "brightnesses. Convert to RGB instead of repeating the channel.",
)
def opens_a_picture_with_a_palette(open_picture):
    """Mode P, GIF."""
    pixels = torch.tensor([[[200, 40, 40], [20, 60, 220]] * 4] * 6, dtype=torch.uint8)
    expect_picture(open_picture(picture_file(pixels, "P", "GIF")), "P", pixels)


# A Python file.
raises(
    "open_picture",
    "refuses_what_is_no_picture",
    "ValueError",
    lambda: inside("torch.__file__"),
    hint="A file that holds no picture must end in a ValueError. Image.open raises another kind "
    "of exception: catch it where it is raised.",
)

# The first 60 % of a JPEG file.
raises(
    "open_picture",
    "refuses_half_a_picture",
    "ValueError",
    lambda: picture_file(noise(40, 40, seed=703), "RGB", "JPEG", 0.6),
    hint="A picture file that ends too early must end in a ValueError. Image.open reads only the "
    "head of a file; the pixels are read when they are needed, and only then it shows.",
)


@check(
    "open_picture",
    points=1,
    hidden=True,
    hint="The message of the ValueError does not say which file it is about.",
)
def names_the_broken_file(open_picture):
    """The message for a Python file."""
    path = inside("torch.__file__")
    try:
        open_picture(path)
    except Exception as error:
        if is_stub(error):
            raise
        message = str(error)
    else:
        message = ""
    expect(path in message, "the message does not contain the path")


# A path to nothing.
raises(
    "open_picture",
    "says_that_a_file_is_missing",
    "FileNotFoundError",
    lambda: "no/such/picture.png",
    hint="Where there is no file the message must not be that it is broken: let the "
    "FileNotFoundError through.",
)


# ----------------------------------------------------------------------------- preprocess


@check(
    "preprocess",
    points=1,
    hint="All pixels are (255, 0, 128). In the unit interval that is (1, 0, 0.502), and "
    "normalised ((1 - 0.485)/0.229, (0 - 0.456)/0.224, (0.502 - 0.406)/0.225) everywhere.",
)
def prepares_one_colour(preprocess):
    """A picture of one colour, 21 by 28 pixels, to 14 by 14."""
    picture = inside("PIL.Image.new")("RGB", (28, 21), (255, 0, 128))
    expected = torch.tensor([2.2489, -2.0357, 0.4265]).view(1, 3, 1, 1).repeat(1, 1, 14, 14)
    expect_close(preprocess(picture, 14), expected, atol=1e-3)


@check(
    "preprocess",
    points=2,
    hidden=True,
    hint="A picture that is wider than high comes out differently. Resize so that the shorter "
    "side becomes 8/7 of `side`, keep the ratio of the sides, then cut out the centre.",
)
def prepares_a_landscape(preprocess):
    """90 by 160 pixels, to 56 by 56."""
    pixels = smooth(90, 160, seed=711)
    expect_close(preprocess(picture(pixels), 56), prepared(pixels, 56), atol=0.08)


@check(
    "preprocess",
    points=1,
    hidden=True,
    hint="A picture that is higher than wide comes out differently. There the width is the "
    "shorter side. PIL's size is (width, height).",
)
def prepares_a_portrait(preprocess):
    """400 by 300 pixels, to the side that is the default."""
    pixels = smooth(400, 300, seed=712)
    expect_close(preprocess(picture(pixels)), prepared(pixels, 224), atol=0.08)


@check(
    "preprocess",
    points=1,
    hidden=True,
    hint="A picture that is smaller than `side` comes out differently. It is enlarged by the same "
    "rule, not padded and not left as it is.",
)
def enlarges_a_small_picture(preprocess):
    """20 by 20 pixels, to 42 by 42."""
    pixels = smooth(20, 20, seed=713)
    expect_close(preprocess(picture(pixels), 42), prepared(pixels, 42), atol=0.1)


@check(
    "preprocess",
    points=1,
    hidden=True,
    hint="Fine stripes, four to a pixel of the result, must blur to their mean. Picking every "
    "fourth pixel turns them into something that is not in the picture: resize with antialiasing.",
)
def blurs_fine_stripes(preprocess):
    """Columns of 0 and 255 in turn, shrunk by 4.5."""
    pixels = torch.zeros(144, 144, 3, dtype=torch.uint8)
    pixels[:, ::2] = 255
    middle = ((0.5 - MEAN) / STD)[None].repeat(1, 1, 28, 28)
    expect_close(preprocess(picture(pixels), 28), middle, atol=0.45)


# ----------------------------------------------------------------------------- output_size


@check(
    "output_size",
    points=1,
    hint="A kernel of 3 fits into 7 pixels at 5 places; with stride 2 at the places 0, 2 and 4. "
    "One pixel of padding on both ends makes 9 pixels of the 7.",
)
def counts_places_by_hand(output_size):
    """7 pixels, a kernel of 3."""
    expect_equal(output_size(7, 3, 1, 0), 5)
    expect_equal(output_size(7, 3, 2, 0), 3)
    expect_equal(output_size(7, 3, 2, 1), 4)


@check(
    "output_size",
    points=1,
    hidden=True,
    hint="Count the places where the whole kernel fits into the padded line. A last step that "
    "does not fit is not taken: round down. Padding stands at both ends.",
)
def counts_places_of_any_kernel(output_size):
    """96 settings; the places are counted one by one."""
    for n, kernel, stride, padding in (
        (n, k, s, p)
        for n in (11, 16)
        for k in (1, 2, 5, 7)
        for s in (1, 2, 3, 4)
        for p in (0, 1, 3)
    ):
        places = len(range(0, n + 2 * padding - kernel + 1, stride))
        expect_equal(output_size(n, kernel, stride, padding), places)


# ----------------------------------------------------------------------------- layer_shapes


def layers_of(*settings: tuple):
    """Return an nn.Sequential in the student's process: (name, arguments, keywords) a layer."""
    made = [inside(f"torch.nn.{name}")(*args, **kw) for name, args, kw in settings]
    return inside("torch.nn.Sequential")(*made)


def shapes_in_torch(settings: list[tuple], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes that torch finds when it runs the layers on empty pictures."""
    x, shapes = torch.empty(1, *shape, device="meta"), []
    for name, args, kw in settings:
        with torch.device("meta"):
            x = getattr(nn, name)(*args, **kw)(x)
        shapes.append(tuple(x.shape[1:]))
    return shapes


@check(
    "layer_shapes",
    points=1,
    hint="The convolution makes 4 maps of 6 by 7 from 3 of 8 by 9; ReLU keeps the shape; pooling "
    "with window 2 and stride 2 halves the sides, rounded down, and keeps the number of maps.",
)
def follows_three_layers(layer_shapes):
    """A convolution of 3 by 3, ReLU, pooling; pictures of 8 by 9 pixels."""
    convolution, pooling = inside("torch.nn.Conv2d")(3, 4, 3), inside("torch.nn.MaxPool2d")(2)
    layers = inside("torch.nn.Sequential")(convolution, inside("torch.nn.ReLU")(), pooling)
    expect_equal(layer_shapes(layers, (3, 8, 9)), [(4, 6, 7), (4, 6, 7), (4, 3, 3)])


@check(
    "layer_shapes",
    points=1,
    hidden=True,
    hint="A convolution has a kernel size, a stride and a padding for the height and another for "
    "the width: attributes such as kernel_size are pairs, height first.",
)
def follows_kernels_that_are_not_square(layer_shapes):
    """Two convolutions with different settings for height and width."""
    settings = [
        ("Conv2d", (2, 6, (3, 5)), {"stride": (2, 1), "padding": (0, 2)}),
        ("ReLU", (), {"inplace": True}),
        ("Conv2d", (6, 3, (4, 2)), {"stride": (1, 3), "padding": (2, 0)}),
    ]
    expected = shapes_in_torch(settings, (2, 21, 16))
    expect_equal(layer_shapes(layers_of(*settings), (2, 21, 16)), expected)


@check(
    "layer_shapes",
    points=1,
    hidden=True,
    hint="Pooling layers have a kernel size, a stride and a padding, too. Where windows overlap "
    "the stride is not the size of the window.",
)
def follows_overlapping_pooling(layer_shapes):
    """Pooling with windows of 3 and stride 2, with and without padding."""
    settings = [
        ("MaxPool2d", (3, 2), {}),
        ("Conv2d", (5, 7, 3), {"padding": 1}),
        ("MaxPool2d", (3,), {"stride": 2, "padding": 1}),
    ]
    expected = shapes_in_torch(settings, (5, 30, 25))
    expect_equal(layer_shapes(layers_of(*settings), (5, 30, 25)), expected)


@check(
    "layer_shapes",
    points=1,
    hidden=True,
    hint="The shapes were found by running the layers. Predict them from the settings with "
    "output_size.",
)
def predicts_without_running(layer_shapes):
    """A convolution that must not be run."""
    layers = inside("torch.nn.Sequential")(inside(f"{SPIES}.NeverRun")(3, 8, 5, 2))
    expect_equal(layer_shapes(layers, (3, 17, 31)), [(8, 7, 14)])


# ----------------------------------------------------------------------------- readout


@check(
    "readout",
    points=1,
    hint="Layer 0 computes 2x - 3, which is -1 for 1 and 5 for 4. Layer 1 is a ReLU that works in "
    "place: it overwrites what layer 0 returned, unless you copied it.",
)
def reads_two_tiny_layers(readout):
    """A dense layer with weight 2 and bias -3, then an in-place ReLU."""
    dense = inside("torch.nn.Linear")(1, 1)
    inside("torch.nn.init.constant_")(dense.weight, 2.0)
    inside("torch.nn.init.constant_")(dense.bias, -3.0)
    model = inside("torch.nn.Sequential")(dense, inside("torch.nn.ReLU")(inplace=True))
    x = torch.tensor([[1.0], [4.0]])
    expect_close(readout(model, "1", x), torch.tensor([[0.0], [5.0]]))
    expect_close(readout(model, "0", x), torch.tensor([[-1.0], [5.0]]))


@check(
    "readout",
    points=1,
    hidden=True,
    hint="The output of a convolution comes back without its negative values. The in-place ReLU "
    "behind it overwrites the tensor that the hook saw: keep a copy.",
)
def reads_before_the_relu(readout):
    """Both convolutions of the tiny network."""
    x = numbers(2, 3, 9, 12, seed=731)
    for layer in ("features.0", "features.3"):
        expected = activations(31, x)[layer].detach()
        expect_close(readout(backbone(31), layer, x), expected, atol=1e-5)


@check(
    "readout",
    points=1,
    hidden=True,
    hint="Some layer's output is not that layer's. Any layer can be asked for by its full name, in "
    "any part of the network: model.get_submodule finds it.",
)
def reads_any_layer(readout):
    """A ReLU, the average pooling and the last dense layer."""
    x = numbers(3, 3, 11, 10, seed=732)
    for layer in ("features.4", "avgpool", "classifier.4"):
        expected = activations(32, x)[layer].detach()
        expect_close(readout(backbone(32), layer, x), expected, atol=1e-5)


@check(
    "readout",
    points=1,
    hidden=True,
    hint="The network ran in training mode, in which dropout changes the result by chance.",
)
def reads_without_dropout(readout):
    """A layer behind dropout; the network is handed over in training mode."""
    x = numbers(4, 3, 8, 8, seed=733)
    expected = activations(33, x)["classifier.4"].detach()
    expect_close(readout(backbone(33, training=True), "classifier.4", x), expected, atol=1e-5)


@check(
    "readout",
    points=1,
    hidden=True,
    hint="The network comes back in another mode than it was in. Whoever trains it goes on "
    "without dropout and does not know.",
)
def gives_the_mode_back(readout):
    """Once in training mode, once in evaluation mode."""
    for training in (True, False):
        model = backbone(34, training=training)
        readout(model, "features.2", numbers(1, 3, 8, 8, seed=734))
        expect(
            plain(model.training) == training,
            f"model.training was {training} before the call and is not after it",
        )


@check(
    "readout",
    points=1,
    hidden=True,
    hint="Hooks are left on the network. They stay for good, slow it down and keep their tensors. "
    "register_forward_hook returns a handle, which has remove().",
)
def takes_its_hook_off(readout):
    """After two calls."""
    model = backbone(35)
    for layer in ("features.0", "classifier.4"):
        readout(model, layer, numbers(1, 3, 8, 8, seed=735))
    expect_equal(count_hooks(model), 0)


@check(
    "readout",
    points=1,
    hidden=True,
    hint="If the network raises an exception the hook stays on it. Remove it in a `finally`.",
)
def takes_its_hook_off_after_an_error(readout):
    """A network whose forward pass raises a RuntimeError."""
    model = backbone(36)
    model.broken = True
    expect_raises("RuntimeError", readout, model, "features.0", numbers(1, 3, 8, 8, seed=736))
    expect_equal(count_hooks(model), 0)


@check(
    "readout",
    points=1,
    hidden=True,
    hint="The second call gives the output for the picture of the first. Something survives "
    "between calls, such as a list that is a default argument.",
)
def reads_every_picture_anew(readout):
    """Two pictures, one after the other."""
    model, first = backbone(37), numbers(1, 3, 9, 9, seed=737)
    readout(model, "features.2", first)
    second = numbers(2, 3, 9, 9, seed=738)
    expected = activations(37, second)["features.2"].detach()
    expect_close(readout(model, "features.2", second), expected, atol=1e-5)


@check(
    "readout",
    points=1,
    hidden=True,
    hint="The result carries a graph for gradients, and with it all activations of the network.",
)
def reads_without_a_graph(readout):
    """requires_grad of the result."""
    result = readout(backbone(38), "features.3", numbers(1, 3, 8, 8, seed=739))
    expect(not plain(result.requires_grad), "the result requires gradients")


@check(
    "readout",
    points=1,
    hidden=True,
    hint="The result is on another device than the picture and the network. Leave it where it is; "
    "who needs it on the CPU can move it.",
)
def reads_on_the_device_of_the_picture(readout):
    """Network and picture on the meta device, on which nothing is computed."""
    model = backbone(39).to("meta")
    x = inside("torch.empty")(2, 3, 8, 8, device="meta")
    result = readout(model, "features.2", x)
    expect_equal(tuple(result.shape), (2, 4, 2, 2))
    expect_equal(result.device, torch.device("meta"))


# ----------------------------------------------------------------------------- top_k


def scorer(scores: torch.Tensor, dropout: float = 0.0, training: bool = False):
    """Return a network in the student's process that gives these scores."""
    model = inside(f"{SPIES}.FixedScores")(scores, dropout)
    (model.train if training else model.eval)()
    return model


def expect_ranking(found, expected: list[tuple[str, float]]) -> None:
    """Fail unless a ranking holds these names and, nearly, these probabilities."""
    found = [tuple(pair) for pair in found]
    expect_equal([name for name, _ in found], [name for name, _ in expected])
    for (name, p), (_, wanted) in zip(found, expected, strict=True):
        expect(type(p) is float, f"the probability of {name} is no float")
        expect(abs(p - wanted) < 1e-5, f"{name} has {p:.6f}, expected {wanted:.6f}")


def ranking(scores: torch.Tensor, names: list[str], k: int) -> list[tuple[str, float]]:
    """Return the k most probable names with their probabilities, most probable first."""
    largest = scores.double().max().item()
    odds = [math.exp(score - largest) for score in scores.double().tolist()]
    pairs = [(name, p / sum(odds)) for name, p in zip(names, odds, strict=True)]
    return sorted(pairs, key=lambda pair: -pair[1])[:k]


def empty() -> torch.Tensor:
    """Return a picture that is not looked at; a new one, for a student could change it."""
    return torch.zeros(1, 3, 4, 4)


ANIMALS = ["cat", "dog", "owl", "ant", "bee", "cow", "elk", "fox", "gnu"]


@check(
    "top_k",
    points=1,
    hint="The scores are ln 1, ln 2 and ln 5, so the odds are 1 : 2 : 5 and the probabilities "
    "0.125, 0.25 and 0.625.",
)
def ranks_three_categories(top_k):
    """The two most probable of three."""
    last = inside("torch.nn.Linear")(12, 3)
    last.bias.data = torch.tensor([1.0, 2.0, 5.0]).log()
    model = inside("torch.nn.Sequential")(inside("torch.nn.Flatten")(), last).eval()
    x, categories = torch.zeros(1, 3, 2, 2), ["ash", "elm", "oak"]
    expect_equal([name for name, _ in top_k(model, x, categories, 2)], ["oak", "elm"])
    expect_equal(type(top_k(model, x, categories, 2)[0][1]).__name__, "float")
    expect_close(top_k(model, x, categories, 2)[0][1], 0.625, atol=1e-5)
    expect_close(top_k(model, x, categories, 2)[1][1], 0.25, atol=1e-5)


@check(
    "top_k",
    points=2,
    hidden=True,
    hint="The five best of nine categories are not the expected ones. The probabilities are the "
    "softmax over all categories, not over those that are shown.",
)
def ranks_five_of_nine(top_k):
    """Random scores, k by default."""
    scores = numbers(9, seed=741)
    expect_ranking(top_k(scorer(scores), empty(), ANIMALS), ranking(scores, ANIMALS, 5))


@check(
    "top_k",
    points=1,
    hidden=True,
    hint="k is not respected: as many pairs as asked for.",
)
def ranks_as_many_as_asked_for(top_k):
    """k = 1, 3, and all nine."""
    scores = numbers(9, seed=742)
    for k in (1, 3, 9):
        expect_ranking(top_k(scorer(scores), empty(), ANIMALS, k), ranking(scores, ANIMALS, k))


@check(
    "top_k",
    points=1,
    hidden=True,
    hint="Large scores give nan. exp(1000) is infinite; torch's softmax subtracts the largest "
    "score first.",
)
def ranks_large_scores(top_k):
    """Scores near 1,000."""
    scores = 1000 + numbers(9, seed=743)
    expect_ranking(top_k(scorer(scores), empty(), ANIMALS, 4), ranking(scores, ANIMALS, 4))


@check(
    "top_k",
    points=1,
    hidden=True,
    hint="Twice the same picture gives two answers, or a mode is not restored. Run the network in "
    "evaluation mode, then put it back into the mode in which it came.",
)
def ranks_without_dropout(top_k):
    """A network with dropout in training mode; its mode after the call."""
    scores = numbers(9, seed=744)
    model = scorer(scores, 0.5, training=True)
    expect_ranking(top_k(model, empty(), ANIMALS, 3), ranking(scores, ANIMALS, 3))
    expect(plain(model.training), "the network was in training mode before the call only")


# ----------------------------------------------------------------------------- maximise_activation


def ascent(seed: int, layer: str, channel: int, x: torch.Tensor, steps: int, rate: float):
    """Return the picture after gradient ascent in the tiny network."""
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (g,) = torch.autograd.grad(activations(seed, x)[layer][:, channel].mean(), x)
        x = x + rate * g / (g.square().mean().sqrt() + 1e-8)
    return x.detach()


@check(
    "maximise_activation",
    points=1,
    hint="The only layer computes 3r - 4b in every pixel. Its gradient has the direction "
    "(3, 0, -4), whose root mean square is sqrt(25/3) = 2.887: one step of 0.5 adds "
    "0.5·(3, 0, -4)/2.887 to every pixel.",
)
def climbs_one_step_by_hand(maximise_activation):
    """A convolution of 1 by 1 with weights 3, 0, -4; one step from 0."""
    layer = inside("torch.nn.Conv2d")(3, 1, 1)
    weight = torch.tensor([3.0, 0.0, -4.0]).view(1, 3, 1, 1)
    layer.load_state_dict({"weight": weight, "bias": torch.zeros(1)})
    model = inside("torch.nn.Sequential")(layer)
    found = maximise_activation(model, "0", 0, torch.zeros(1, 3, 2, 2), 1, 0.5)
    expected = torch.tensor([0.5196, 0.0, -0.6928]).view(1, 3, 1, 1).repeat(1, 1, 2, 2)
    expect_close(found, expected, atol=1e-3)


@check(
    "maximise_activation",
    points=2,
    hidden=True,
    hint="The picture after four steps is another. Each step adds rate·g/rms(g), where g is the "
    "gradient of the mean of the one channel, at the picture of that step, before the ReLU "
    "behind the layer has overwritten it.",
)
def climbs_four_steps(maximise_activation):
    """The second convolution of the tiny network, its channel 3."""
    x = numbers(1, 3, 9, 10, seed=751)
    found = maximise_activation(backbone(51), "features.3", 3, x.clone(), 4, 0.2)
    expect_close(found, ascent(51, "features.3", 3, x, 4, 0.2), atol=1e-3)


@check(
    "maximise_activation",
    points=1,
    hidden=True,
    hint="Dense layers have outputs of shape (1, C), convolutions of shape (1, C, H, W). The "
    "channel is the second axis of both.",
)
def climbs_to_a_category(maximise_activation):
    """A score of the last layer, three steps."""
    x = numbers(1, 3, 8, 8, seed=752)
    found = maximise_activation(backbone(52), "classifier.4", 5, x.clone(), 3, 0.3)
    expect_close(found, ascent(52, "classifier.4", 5, x, 3, 0.3), atol=1e-3)


@check(
    "maximise_activation",
    points=1,
    hidden=True,
    hint="The gradient is 0 where no unit of the channel is active, and 0/0 is nan. The 1e-8 in "
    "the denominator is there for that.",
)
def stays_where_nothing_responds(maximise_activation):
    """A ReLU that is 0 everywhere."""
    layer = inside("torch.nn.Conv2d")(3, 2, 1)
    inside("torch.nn.init.zeros_")(layer.weight)
    inside("torch.nn.init.constant_")(layer.bias, -1.0)
    model = inside("torch.nn.Sequential")(layer, inside("torch.nn.ReLU")())
    x = numbers(1, 3, 4, 5, seed=753)
    expect_close(maximise_activation(model, "1", 1, x.clone(), 2, 0.5), x)


leaves_alone(
    "maximise_activation",
    "leaves_the_first_picture_alone",
    lambda: (backbone(54), "features.0", 1, numbers(1, 3, 8, 8, seed=754), 2, 0.5),
    hint="The picture to begin with has changed. Work on a copy.",
)


@check(
    "maximise_activation",
    points=1,
    hidden=True,
    hint="The network ran in training mode: dropout chose another network in every step.",
)
def climbs_without_dropout(maximise_activation):
    """Dropout, then a convolution of 1 by 1; the network is handed over in training mode."""
    layer, weight = inside("torch.nn.Conv2d")(3, 2, 1), numbers(2, 3, 1, 1, seed=755)
    layer.load_state_dict({"weight": weight, "bias": torch.zeros(2)})
    model = inside("torch.nn.Sequential")(inside("torch.nn.Dropout")(0.5), layer)
    x, up = numbers(1, 3, 6, 5, seed=756), weight[1] / weight[1].square().mean().sqrt()
    expect_close(maximise_activation(model, "1", 1, x.clone(), 2, 0.3), x + 0.6 * up, atol=1e-3)


@check(
    "maximise_activation",
    points=1,
    hidden=True,
    hint="The network comes back changed: in another mode, or with hooks on its layers. Clean up "
    "after the last step.",
)
def tidies_the_network(maximise_activation):
    """Mode and hooks after the call."""
    model = backbone(56, training=True)
    maximise_activation(model, "features.2", 0, numbers(1, 3, 8, 8, seed=756), 2, 0.5)
    expect_equal(count_hooks(model), 0)
    expect(plain(model.training), "the network was in training mode before the call only")


@check(
    "maximise_activation",
    points=1,
    hidden=True,
    hint="The parameters hold gradients afterwards, which the next training step would use. "
    "torch.autograd.grad gives the gradient of the picture alone.",
)
def gives_the_parameters_no_gradient(maximise_activation):
    """How many parameters have a gradient."""
    model = backbone(57)
    maximise_activation(model, "features.3", 0, numbers(1, 3, 8, 8, seed=757), 2, 0.5)
    expect_equal(inside(f"{SPIES}.gradients")(model), 0)


@check(
    "maximise_activation",
    points=1,
    hidden=True,
    hint="The result still records gradients. Detach it.",
)
def returns_a_plain_picture(maximise_activation):
    """requires_grad of the result."""
    x = numbers(1, 3, 8, 8, seed=758)
    found = maximise_activation(backbone(58), "features.0", 2, x, 2, 0.5)
    expect(not plain(found.requires_grad), "the result requires gradients")


# ----------------------------------------------------------------------------- linear_probe


def clusters(count: int, size: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features of different offsets and scales, float64, and labels that fit to them."""
    labels = torch.arange(count) % classes
    centres = numbers(classes, size, seed=1, dtype=torch.float64)
    features = centres[labels] + numbers(count, size, seed=seed, dtype=torch.float64)
    scale = torch.logspace(-1, 2, size, dtype=torch.float64)
    return features * scale + 3 * scale.flip(0), labels


def probe_scores(features, labels, test_features, classes: int, ridge: float) -> torch.Tensor:
    """Return the scores of ridge regression, as least squares with one more row a weight."""
    mean, std = features.mean(dim=0), features.std(dim=0, correction=0)
    std = torch.where(std == 0, 1.0, std)
    x, test = (features - mean) / std, (test_features - mean) / std
    targets = nn.functional.one_hot(labels, classes).double()
    offset = targets.mean(dim=0)
    rows = torch.cat([x, math.sqrt(ridge) * torch.eye(x.shape[1], dtype=x.dtype)])
    wanted = torch.cat([targets - offset, torch.zeros(x.shape[1], classes, dtype=x.dtype)])
    return test @ torch.linalg.lstsq(rows, wanted).solution + offset


@check(
    "linear_probe",
    points=1,
    hint="The features 0 and 2 become -1 and 1, the targets of class 1 are -0.5 and 0.5 after "
    "their mean 0.5. The weight is (0.5 + 0.5)/(1 + 1 + 2) = 0.25, so the feature 4, which "
    "becomes 3, scores 0.5 + 3·0.25 = 1.25 for class 1 and -0.25 for class 0.",
)
def probes_two_examples(linear_probe):
    """One feature, two classes, ridge 2."""
    features, labels = torch.tensor([[0.0], [2.0]]), torch.tensor([0, 1])
    found = linear_probe(features, labels, torch.tensor([[4.0]]), 2, 2.0)
    expect_close(found, torch.tensor([[-0.25, 1.25]]), atol=1e-4)


@check(
    "linear_probe",
    points=2,
    hidden=True,
    hint="The scores are not those of ridge regression on standardised features. Mean and "
    "standard deviation of each feature come from the training features; the targets are one-hot; "
    "ridge is added to the diagonal; the constant term is not penalised.",
)
def agrees_with_least_squares(linear_probe):
    """40 examples of four classes that are not equally frequent, six features."""
    features, labels = clusters(40, 6, 4, seed=761)
    labels[:12] = 2
    test, _ = clusters(15, 6, 4, seed=762)
    expected = probe_scores(features, labels, test + 1, 4, 7.0)
    expect_close(linear_probe(features, labels, test + 1, 4, 7.0), expected, atol=0.01)


@check(
    "linear_probe",
    points=1,
    hidden=True,
    hint="Feature maps of shape (N, C, H, W) must be flattened to rows of C·H·W features.",
)
def probes_feature_maps(linear_probe):
    """Two maps of 2 by 3 an example."""
    features, labels = clusters(30, 12, 3, seed=763)
    test, _ = clusters(8, 12, 3, seed=764)
    expected = probe_scores(features, labels, test, 3, 2.0)
    maps = features.view(30, 2, 2, 3), labels, test.view(8, 2, 2, 3)
    expect_close(linear_probe(*maps, 3, 2.0), expected, atol=0.01)


@check(
    "linear_probe",
    points=1,
    hidden=True,
    hint="A feature that is the same in all training examples gives nan or huge scores. Its "
    "standard deviation is 0: do not divide by that.",
)
def probes_with_a_dead_feature(linear_probe):
    """The third of five features is always 0, as behind a dead ReLU."""
    features, labels = clusters(30, 5, 3, seed=765)
    test, _ = clusters(9, 5, 3, seed=766)
    features[:, 2], test[:, 2] = 0, 0
    expected = probe_scores(features, labels, test, 3, 3.0)
    expect_close(linear_probe(features, labels, test, 3, 3.0), expected, atol=0.01)


@check(
    "linear_probe",
    points=1,
    hidden=True,
    hint="The scores need one column for each of `classes`, even if a class has no training "
    "example.",
)
def keeps_a_column_for_every_class(linear_probe):
    """Five classes, of which the last has no example."""
    features, labels = clusters(24, 4, 4, seed=767)
    scores = linear_probe(features, labels, features[:6], 5, 1.0)
    expect_equal(plain(scores).shape, (6, 5))


@check(
    "linear_probe",
    points=1,
    hidden=True,
    hint="The result is on another device than the features. A new tensor is made on the CPU "
    "unless you say otherwise.",
)
def probes_on_the_device_of_the_features(linear_probe):
    """Twelve examples of three classes."""
    features, labels = clusters(12, 4, 3, seed=768)
    expect_device_of_input(linear_probe, features, labels, features[:5], 3, 1.0)
