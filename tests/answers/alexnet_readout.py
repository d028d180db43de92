"""Right and wrong answers to notebook 07."""

import torch
from PIL import Image
from torch import nn

from autograder.course.corpus import right, wrong

# ----------------------------------------------------------------------------- open_picture


@right("open_picture")
def picture_loaded_at_once(file):
    if isinstance(file, (str, Path)) and not Path(file).exists():
        raise FileNotFoundError(file)
    try:
        picture = Image.open(file)
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"cannot read {file}") from error
    return picture.convert("RGB")


@right("open_picture")
def picture_from_bytes(file):
    import io

    content = file.read() if hasattr(file, "read") else Path(file).read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as picture:
            canvas = Image.new("RGB", picture.size)
            canvas.paste(picture.convert("RGB"))
    except Exception as error:
        raise ValueError(str(file) + " is broken: " + repr(error)) from None
    return canvas


# The master in the shape that the changes below need.
@right("open_picture")
def picture_plain(file):
    try:
        picture = Image.open(file)
        result = picture.convert("RGB")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{file}: {error}") from None
    return result


picture_plain.slips("""
picture_in_any_mode: opens_a_grey_picture opens_a_transparent_picture opens_a_picture_with_a_palette
  -         result = picture.convert("RGB")
  +         result = picture
  +         picture.load()
picture_grey_stays: opens_a_grey_picture
  - picture.convert("RGB")
  + picture.copy() if picture.mode == "L" else picture.convert("RGB")
picture_transparent_stays: opens_a_transparent_picture
  - picture.convert("RGB")
  + picture.copy() if picture.mode == "RGBA" else picture.convert("RGB")
""")


@wrong("open_picture", fails=["opens_a_picture_with_a_palette"])
def picture_palette_as_grey(file):
    try:
        picture = Image.open(file)
        bands = picture.split()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{file}: {error}") from None
    if len(bands) == 1:
        grey = Image.frombytes("L", picture.size, picture.tobytes())
        bands = (grey, grey, grey)
    return Image.merge("RGB", bands[:3])


picture_plain.slips("""
picture_error_of_pil: refuses_what_is_no_picture
  -     try:
  -         picture = Image.open(file)
  +     picture = Image.open(file)
  +     try:
""")


@wrong("open_picture", fails=["refuses_what_is_no_picture"])
def picture_broken_is_an_os_error(file):
    try:
        picture = Image.open(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(f"{file}: {error}") from None
    try:
        return picture.convert("RGB")
    except OSError as error:
        raise ValueError(f"{file}: {error}") from None


@wrong("open_picture", fails=["refuses_half_a_picture"])
def picture_read_too_late(file):
    try:
        picture = Image.open(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{file}: {error}") from None
    return picture.convert("RGB")


picture_plain.slips("""
picture_without_name: names_the_broken_file
  - ValueError(f"{file}: {error}")
  + ValueError("the file is broken")
picture_missing_is_broken: says_that_a_file_is_missing
  -     except FileNotFoundError:
  -         raise
picture_none_if_broken: refuses_what_is_no_picture refuses_half_a_picture names_the_broken_file
  - raise ValueError(f"{file}: {error}") from None
  + return None
""")

# ----------------------------------------------------------------------------- preprocess


@right("preprocess")
def prepared_by_torch(image, side=224):
    width, height = image.size
    x = torch.tensor(list(image.getdata()), dtype=torch.float32)
    x = x.reshape(height, width, 3).permute(2, 0, 1)[None].div(255)
    shorter = round(side / 7 * 8)
    if height < width:
        size = (shorter, round(width * shorter / height))
    else:
        size = (round(height * shorter / width), shorter)
    x = nn.functional.interpolate(x, size, mode="bilinear", antialias=True)
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    x = x[:, :, top : top + side, left : left + side]
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    return (x - mean) / torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


# The master in the shape that the changes below need.
@right("preprocess")
def prepared_plain(image, side=224):
    shorter = round(side * 8 / 7)
    width, height = image.size
    factor = shorter / min(width, height)
    image = image.resize((round(width * factor), round(height * factor)), Image.BILINEAR)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    x = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    x = x.reshape(side, side, 3).permute(2, 0, 1).unsqueeze(0)
    x = x.float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406])
    std = torch.tensor([0.229, 0.224, 0.225])
    return (x - mean[:, None, None]) / std[:, None, None]


SIZES = ["prepares_a_landscape", "prepares_a_portrait", "enlarges_a_small_picture"]
COLOURS_WRONG = ["prepares_one_colour", *SIZES, "blurs_fine_stripes"]

prepared_plain.slips("""
prepared_not_normalised: prepares_one_colour SIZES
  - (x - mean[:, None, None]) / std[:, None, None]
  + x + 0 * mean[0]
prepared_without_deviation: prepares_one_colour SIZES
  - ]) / std[:, None, None]
  + ])
prepared_bytes_unscaled: COLOURS_WRONG
  - x.float() / 255
  + x.float()
prepared_blue_first: prepares_one_colour SIZES
  - x = x.float() / 255
  + x = x.flip(1).float() / 255
prepared_without_permute: prepares_one_colour SIZES
  - x.reshape(side, side, 3).permute(2, 0, 1)
  + x.reshape(3, side, side)
prepared_transposed: SIZES
  - permute(2, 0, 1)
  + permute(2, 1, 0)
prepared_without_batch: COLOURS_WRONG
  - .unsqueeze(0)
prepared_in_double: COLOURS_WRONG
  - x.float()
  + x.double()
prepared_squashed: prepares_a_landscape prepares_a_portrait
  - (round(width * factor), round(height * factor))
  + (shorter, shorter)
prepared_without_margin: SIZES
  - round(side * 8 / 7)
  + side
prepared_crop_first: prepares_a_landscape prepares_a_portrait blurs_fine_stripes
  -     shorter = round(side * 8 / 7)
  +     shorter = round(side * 8 / 7)
  +     left, top = max(0, (image.width - shorter) // 2), max(0, (image.height - shorter) // 2)
  +     image = image.crop((left, top, image.width - left, image.height - top))
prepared_from_the_corner: SIZES
  - left, top = (image.width - side) // 2, (image.height - side) // 2
  + left, top = 0, 0
prepared_by_the_longer_side: prepares_one_colour prepares_a_landscape prepares_a_portrait
    hint_of=prepares_a_landscape
  - min(width, height)
  + max(width, height)
prepared_by_the_height: prepares_a_portrait
  - min(width, height)
  + height
prepared_by_the_width: prepares_one_colour prepares_a_landscape hint_of=prepares_a_landscape
  - min(width, height)
  + width
prepared_square_if_high: prepares_a_landscape
  -     factor = shorter / min(width, height)
  +     factor = shorter / min(width, height)
  +     height = max(height, width)
prepared_only_shrunk: enlarges_a_small_picture
  - shorter / min(width, height)
  + min(1.0, shorter / min(width, height))
prepared_nearest: blurs_fine_stripes prepares_a_landscape enlarges_a_small_picture
  - Image.BILINEAR
  + Image.NEAREST
""")
prepared_by_torch.slips("""
prepared_without_antialiasing: blurs_fine_stripes
  - , antialias=True
""")
prepared_plain.slips("""
prepared_side_fixed: prepares_one_colour prepares_a_landscape enlarges_a_small_picture
    blurs_fine_stripes
  -     shorter = round(side * 8 / 7)
  +     side = 224
  +     shorter = round(side * 8 / 7)
""")

# ----------------------------------------------------------------------------- output_size


@right("output_size")
def size_by_counting(n, kernel, stride, padding):
    return sum(
        1
        for start in range(-padding, n + padding)
        if start + kernel <= n + padding and (start + padding) % stride == 0
    )


@right("output_size")
def size_by_formula(n, kernel, stride, padding):
    return (n + 2 * padding - kernel + stride) // stride


size_by_formula.slips("""
size_padding_once: counts_places_by_hand counts_places_of_any_kernel
    follows_kernels_that_are_not_square follows_overlapping_pooling
  - 2 * padding
  + padding
""")


@wrong(
    "output_size",
    fails=[
        "counts_places_of_any_kernel",
        "follows_three_layers",
        "follows_kernels_that_are_not_square",
        "follows_overlapping_pooling",
    ],
)
def size_rounded_up(n, kernel, stride, padding):
    return -(-(n + 2 * padding - kernel) // stride) + 1


EVERY_SIZE = [
    "counts_places_by_hand",
    "counts_places_of_any_kernel",
    "follows_three_layers",
    "follows_kernels_that_are_not_square",
    "follows_overlapping_pooling",
    "predicts_without_running",
]


@wrong("output_size", fails=EVERY_SIZE)
def size_without_the_first_place(n, kernel, stride, padding):
    return (n + 2 * padding - kernel) // stride


@wrong("output_size", fails=EVERY_SIZE[:-1])
def size_as_a_float(n, kernel, stride, padding):
    return (n + 2 * padding - kernel) / stride + 1


# ----------------------------------------------------------------------------- layer_shapes


@right("layer_shapes")
def shapes_step_by_step(layers, shape):
    c, h, w = shape
    result = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            c = layer.out_channels
            h = output_size(h, layer.kernel_size[0], layer.stride[0], layer.padding[0])
            w = output_size(w, layer.kernel_size[1], layer.stride[1], layer.padding[1])
        elif isinstance(layer, nn.MaxPool2d):
            h = output_size(h, layer.kernel_size, layer.stride, layer.padding)
            w = output_size(w, layer.kernel_size, layer.stride, layer.padding)
        result.append((c, h, w))
    return result


@right("layer_shapes")
def shapes_by_pairs(layers, shape):
    def pair(setting):
        return setting if isinstance(setting, tuple) else (setting, setting)

    result = [tuple(shape)]
    for layer in layers:
        channels, sides = getattr(layer, "out_channels", result[-1][0]), result[-1][1:]
        if hasattr(layer, "kernel_size"):
            settings = zip(
                sides, pair(layer.kernel_size), pair(layer.stride), pair(layer.padding), strict=True
            )
            sides = [output_size(*setting) for setting in settings]
        result.append((channels, *sides))
    return result[1:]


shapes_step_by_step.slips("""
shapes_all_square: follows_kernels_that_are_not_square
  - w = output_size(w, layer.kernel_size[1], layer.stride[1], layer.padding[1])
  + w = output_size(w, layer.kernel_size[0], layer.stride[0], layer.padding[0])
""")
shapes_by_pairs.slips("""
shapes_width_first: follows_kernels_that_are_not_square
  - pair(layer.kernel_size), pair(layer.stride), pair(layer.padding)
  + pair(layer.kernel_size)[::-1], pair(layer.stride)[::-1], pair(layer.padding)[::-1]
shapes_pooling_steps_by_its_window: follows_overlapping_pooling
  - pair(layer.stride)
  + pair(layer.stride if isinstance(layer, nn.Conv2d) else layer.kernel_size)
shapes_pooling_unpadded: follows_overlapping_pooling
  - pair(layer.padding)
  + pair(layer.padding if isinstance(layer, nn.Conv2d) else 0)
shapes_without_pooling: follows_three_layers follows_overlapping_pooling
    hint_of=follows_overlapping_pooling
  - hasattr(layer, "kernel_size")
  + isinstance(layer, nn.Conv2d)
shapes_without_relu: follows_three_layers follows_kernels_that_are_not_square
  - ]
  -         result.append((channels, *sides))
  + ]
  +             result.append((channels, *sides))
shapes_channels_stay: follows_three_layers follows_kernels_that_are_not_square
    follows_overlapping_pooling predicts_without_running
  - getattr(layer, "out_channels", result[-1][0])
  + shape[0]
shapes_of_the_input: follows_three_layers follows_kernels_that_are_not_square
    follows_overlapping_pooling predicts_without_running
  - return result[1:]
  + return result[:-1]
""")


@wrong("layer_shapes", fails=["predicts_without_running"])
def shapes_by_running(layers, shape):
    x, result = torch.zeros(1, *shape), []
    for layer in layers:
        x = layer(x)
        result.append(tuple(x.shape[1:]))
    return result


# ----------------------------------------------------------------------------- readout


@right("readout")
def read_by_a_stack(model, layer, x):
    from contextlib import ExitStack

    kept = {}

    def keep(module, inputs, output):
        kept["output"] = output.detach().clone()

    with ExitStack() as stack, torch.no_grad():
        stack.callback(model.train, model.training)
        stack.callback(dict(model.named_modules())[layer].register_forward_hook(keep).remove)
        model.eval()
        model(x)
    return kept["output"]


# The master in the shape that the changes below need.
@right("readout")
def read_plain(model, layer, x):
    store = []
    module = model.get_submodule(layer)
    before = model.training
    handle = module.register_forward_hook(lambda m, i, out: store.append(out.clone()))
    model.eval()
    try:
        with torch.no_grad():
            model(x)
    finally:
        handle.remove()
        model.train(before)
    return store[-1]


read_plain.slips("""
read_after_the_relu: reads_two_tiny_layers reads_before_the_relu hint_of=reads_before_the_relu
  - out.clone()
  + out
read_a_view: reads_two_tiny_layers reads_before_the_relu hint_of=reads_before_the_relu
  - out.clone()
  + out.detach()
read_in_training_mode: reads_without_dropout
  -     model.eval()
read_leaves_evaluation_mode: gives_the_mode_back
  -         model.train(before)
read_leaves_training_mode: gives_the_mode_back
  - model.train(before)
  + model.train()
read_leaves_the_hook: takes_its_hook_off takes_its_hook_off_after_an_error
  -         handle.remove()
""")


@wrong("readout", fails=["takes_its_hook_off_after_an_error"])
def read_without_finally(model, layer, x):
    store = []
    before = model.training
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, i, out: store.append(out.clone())
    )
    model.eval()
    with torch.no_grad():
        model(x)
    handle.remove()
    model.train(before)
    return store[-1]


@wrong("readout", fails=["takes_its_hook_off"])
def read_hook_stays_if_all_is_well(model, layer, x):
    store = []
    before = model.training
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, i, out: store.append(out.clone())
    )
    model.eval()
    try:
        with torch.no_grad():
            model(x)
    except Exception:
        handle.remove()
        model.train(before)
        raise
    model.train(before)
    return store[-1]


@wrong("readout", fails=["reads_every_picture_anew"])
def read_once_and_remembered(model, layer, x, memory={}):  # noqa: B006
    if (model, layer) not in memory:
        before = model.training
        handle = model.get_submodule(layer).register_forward_hook(
            lambda m, i, out: memory.update({(model, layer): out.clone()})
        )
        model.eval()
        try:
            with torch.no_grad():
                model(x)
        finally:
            handle.remove()
            model.train(before)
    return memory[model, layer]


read_plain.slips("""
read_with_a_graph: reads_without_a_graph
  - with torch.no_grad()
  + with torch.enable_grad()
read_on_the_cpu: reads_on_the_device_of_the_picture
  - out.clone()
  + out.clone().cpu()
read_the_input: reads_two_tiny_layers reads_before_the_relu reads_any_layer reads_without_dropout
    reads_every_picture_anew reads_on_the_device_of_the_picture hint_of=reads_any_layer
  - out.clone()
  + i[0].clone()
read_only_the_first_picture: reads_two_tiny_layers reads_before_the_relu reads_any_layer
    reads_without_dropout reads_every_picture_anew reads_on_the_device_of_the_picture
    hint_of=reads_any_layer
  - return store[-1]
  + return store[-1][:1]
""")


@wrong("readout", fails=["reads_any_layer"])
def read_convolutions_only(model, layer, x):
    store = []
    before = model.training
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, i, out: store.append(
            out.clone().clamp(min=-1e9) if out.ndim == 4 else out.clone()
        )
    )
    model.eval()
    try:
        with torch.no_grad():
            model(x)
    finally:
        handle.remove()
        model.train(before)
    return store[-1].flatten(1) if layer == "avgpool" else store[-1]


# ----------------------------------------------------------------------------- top_k


@right("top_k")
def best_by_sorting(model, x, categories, k=5):
    before = model.training
    model.eval()
    with torch.no_grad():
        p = torch.softmax(model(x).double(), dim=-1).flatten().tolist()
    model.train(before)
    return sorted(zip(categories, p, strict=True), key=lambda pair: pair[1], reverse=True)[:k]


# The master in the shape that the changes below need.
@right("top_k")
def best_plain(model, x, categories, k=5):
    before = model.training
    model.eval()
    with torch.no_grad():
        scores = model(x)
    model.train(before)
    p = scores.softmax(dim=1)[0]
    order = p.argsort(descending=True)[:k]
    return [(categories[c], p[c].item()) for c in order.tolist()]


EVERY_RANKING = [
    "ranks_three_categories",
    "ranks_five_of_nine",
    "ranks_as_many_as_asked_for",
    "ranks_large_scores",
    "ranks_without_dropout",
]

best_plain.slips("""
best_scores: EVERY_RANKING
  - scores.softmax(dim=1)[0]
  + scores[0]
best_over_the_batch: EVERY_RANKING
  - softmax(dim=1)
  + softmax(dim=0)
best_by_sigmoid: EVERY_RANKING
  - scores.softmax(dim=1)[0]
  + scores.sigmoid()[0]
best_ascending: EVERY_RANKING
  - descending=True
  + descending=False
best_overflows: ranks_large_scores
  - scores.softmax(dim=1)[0]
  + (scores.exp() / scores.exp().sum())[0]
best_k_fixed: ranks_three_categories ranks_as_many_as_asked_for ranks_large_scores
    ranks_without_dropout hint_of=ranks_as_many_as_asked_for
  - [:k]
  + [:5]
best_at_most_five: ranks_as_many_as_asked_for
  - [:k]
  + [:min(k, 5)]
best_among_themselves: EVERY_RANKING hint_of=ranks_five_of_nine
  - return [(categories[c], p[c].item())
  + return [(categories[c], (p[c] / p[order].sum()).item())
best_default_of_three: ranks_five_of_nine
  - k=5
  + k=3
best_as_tensors: EVERY_RANKING
  - p[c].item()
  + p[c]
best_in_training_mode: ranks_without_dropout
  -     model.eval()
best_leaves_evaluation_mode: ranks_without_dropout
  -     model.train(before)
""")

# ----------------------------------------------------------------------------- maximise_activation


@right("maximise_activation")
def climbed_by_backward(model, layer, channel, start, steps, rate):
    value = []
    before = model.training
    flags = [p.requires_grad for p in model.parameters()]
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, i, out: value.append(out.clone())
    )
    model.eval().requires_grad_(False)
    x = start.clone()
    for _ in range(steps):
        x = x.detach().requires_grad_(True)
        model(x)
        value.pop().transpose(0, 1)[channel].mean().backward()
        size = x.grad.pow(2).mean().sqrt()
        with torch.no_grad():
            x = x + rate * x.grad / (size + 1e-8)
    handle.remove()
    model.train(before)
    for p, flag in zip(model.parameters(), flags, strict=True):
        p.requires_grad_(flag)
    return x.detach()


# The master in the shape that the changes below need.
@right("maximise_activation")
def climbed_plain(model, layer, channel, start, steps, rate):
    kept = []
    before = model.training
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, i, out: kept.append(out.clone())
    )
    model.eval()
    x = start.detach().clone()
    for _ in range(steps):
        x.requires_grad_()
        model(x)
        a = kept[-1][:, channel].mean()
        (g,) = torch.autograd.grad(a, x)
        x = x.detach()
        x = x + rate * g / (g.square().mean().sqrt() + 1e-8)
    handle.remove()
    model.train(before)
    return x


EVERY_CLIMB = [
    "climbs_one_step_by_hand",
    "climbs_four_steps",
    "climbs_to_a_category",
    "climbs_without_dropout",
]

climbed_plain.slips("""
climbed_down: EVERY_CLIMB
  - x + rate * g
  + x - rate * g
climbed_raw_gradient: EVERY_CLIMB hint_of=climbs_four_steps
  - rate * g / (g.square().mean().sqrt() + 1e-8)
  + rate * g
climbed_by_the_norm: EVERY_CLIMB
  - g.square().mean()
  + g.square().sum()
climbed_by_the_deviation: EVERY_CLIMB
  - g.square().mean().sqrt()
  + g.std()
climbed_all_channels: climbs_four_steps climbs_to_a_category climbs_without_dropout
  - kept[-1][:, channel]
  + kept[-1]
climbed_the_next_channel: climbs_four_steps climbs_to_a_category climbs_without_dropout
  - kept[-1][:, channel]
  + kept[-1][:, channel - 1]
climbed_after_the_relu: climbs_four_steps
  - kept.append(out.clone())
  + kept.append(out)
climbed_one_step_only: climbs_four_steps climbs_to_a_category climbs_without_dropout
  - range(steps)
  + range(1)
climbed_maps_only: climbs_to_a_category
  - kept[-1][:, channel]
  + kept[-1][:, channel, :, :]
climbed_to_nan: stays_where_nothing_responds
  - () + 1e-8
  + ()
climbed_in_training_mode: climbs_without_dropout
  -     model.eval()
climbed_leaves_evaluation_mode: tidies_the_network
  -     model.train(before)
climbed_leaves_the_hook: tidies_the_network
  -     handle.remove()
climbed_with_a_graph: returns_a_plain_picture
  -         x = x.detach()
""")


@wrong("maximise_activation", fails=["leaves_the_first_picture_alone"])
def climbed_in_place(model, layer, channel, start, steps, rate):
    kept = []
    before = model.training
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, i, out: kept.append(out.clone())
    )
    model.eval()
    for _ in range(steps):
        x = start.detach().requires_grad_()
        model(x)
        (g,) = torch.autograd.grad(kept[-1][:, channel].mean(), x)
        start.data += rate * g / (g.square().mean().sqrt() + 1e-8)
    handle.remove()
    model.train(before)
    return start.detach().clone()


climbed_plain.slips("""
climbed_with_gradients_for_all: gives_the_parameters_no_gradient
  -         (g,) = torch.autograd.grad(a, x)
  +         a.backward()
  +         g = x.grad
climbed_with_stale_gradients: climbs_four_steps climbs_to_a_category
  -         x = x + rate * g / (g.square().mean().sqrt() + 1e-8)
  +         total = g if _ == 0 else total + g
  +         x = x + rate * total / (total.square().mean().sqrt() + 1e-8)
""")

# ----------------------------------------------------------------------------- linear_probe


@right("linear_probe")
def probed_by_least_squares(features, labels, test_features, classes, ridge):
    x, test = features.reshape(len(features), -1), test_features.reshape(len(test_features), -1)
    std, mean = torch.std_mean(x, dim=0, unbiased=False)
    std = std.clone()
    std[std == 0] = 1
    x, test = (x - mean) / std, (test - mean) / std
    wanted = torch.zeros(len(x), classes, dtype=x.dtype, device=x.device)
    wanted.scatter_(1, labels[:, None], 1)
    centre = wanted.mean(dim=0, keepdim=True)
    kernel = x @ x.T
    kernel.diagonal().add_(ridge)
    return test @ (x.T @ torch.linalg.solve(kernel, wanted - centre)) + centre


# The master in the shape that the changes below need.
@right("linear_probe")
def probed_plain(features, labels, test_features, classes, ridge):
    x, test = features.flatten(1), test_features.flatten(1)
    mean, std = x.mean(dim=0), x.std(dim=0, correction=0)
    std = std.masked_fill(std == 0, 1.0)
    x, test = (x - mean) / std, (test - mean) / std
    t = nn.functional.one_hot(labels, classes).to(x.dtype)
    centre = t.mean(dim=0)
    matrix = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    w = torch.linalg.inv(matrix) @ x.T @ (t - centre)
    return test @ w + centre


HIDDEN_PROBES = [
    "agrees_with_least_squares",
    "probes_feature_maps",
    "probes_with_a_dead_feature",
]
EVERY_PROBE = ["probes_two_examples", *HIDDEN_PROBES]

probed_plain.slips("""
probed_raw: EVERY_PROBE hint_of=agrees_with_least_squares
  - x, test = (x - mean) / std, (test - mean) / std
  + pass
probed_centred_only: HIDDEN_PROBES
  - (x - mean) / std, (test - mean) / std
  + x - mean, test - mean
probed_test_by_itself: EVERY_PROBE hint_of=agrees_with_least_squares
  - (test - mean) / std
  + (test - test.mean(dim=0)) / std
probed_without_constant: EVERY_PROBE hint_of=agrees_with_least_squares
  - test @ w + centre
  + test @ w
probed_without_ridge: EVERY_PROBE hint_of=agrees_with_least_squares
  - ridge * torch.eye
  + 0.01 * torch.eye
probed_ridge_squared: EVERY_PROBE hint_of=agrees_with_least_squares
  - ridge * torch.eye
  + ridge**2 * torch.eye
probed_one_number: EVERY_PROBE hint_of=agrees_with_least_squares
  - nn.functional.one_hot(labels, classes).to(x.dtype)
  + labels[:, None].to(x.dtype).expand(-1, classes)
probed_unflattened: probes_feature_maps
  - features.flatten(1), test_features.flatten(1)
  + features, test_features
probed_mean_over_the_map: probes_feature_maps
  - features.flatten(1), test_features.flatten(1)
  + *(f.flatten(2).mean(dim=2) if f.ndim > 2 else f for f in (features, test_features)),
probed_dead_is_nan: probes_with_a_dead_feature
  -     std = std.masked_fill(std == 0, 1.0)
probed_classes_counted: keeps_a_column_for_every_class
  - one_hot(labels, classes)
  + one_hot(labels)
probed_on_the_cpu: probes_on_the_device_of_the_features
  - , device=x.device
probed_labels_returned: EVERY_PROBE keeps_a_column_for_every_class hint_of=agrees_with_least_squares
  - return test @ w + centre
  + return (test @ w + centre).argmax(dim=1)
probed_classes_alike: agrees_with_least_squares
  - centre = t.mean(dim=0)
  + centre = torch.full_like(t[0], 1 / classes)
""")
