"""Right and wrong answers to notebook 04."""

import torch
from torch import nn

from autograder.course.corpus import right, wrong

# Checks of exercises that call an earlier one in the master.
BLURS = (
    "averages_the_pixels_in_the_window",
    "blurs_with_a_rectangle",
    "keeps_a_white_wall_white",
    "blurs_uint8_pixels",
)
EDGES = (
    "measures_an_upright_edge",
    "combines_both_directions",
    "finds_edges_towards_the_dark",
    "finds_edges_in_uint8_pixels",
)
CONVOLUTIONS = (
    "stamps_the_kernel_on_an_impulse",
    "runs_backwards_through_the_kernel",
    "convolves_uint8_pixels",
)
LEARNING = (
    "takes_one_step_from_zero",
    "finds_a_hidden_kernel",
    "follows_gradient_descent",
)

# ----------------------------------------------------------------------------- output_size


@right("output_size")
def size_by_counting(n, kernel, padding=0, stride=1, dilation=1):
    last = (kernel - 1) * dilation
    places = range(0, n + 2 * padding - last, stride)
    if not places:
        raise ValueError("the kernel does not fit")
    return len(places)


@right("output_size")
def size_by_formula(n, kernel, padding=0, stride=1, dilation=1):
    size = (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if size < 1:
        raise ValueError
    return size


@right("output_size")
def size_by_a_loop(n, kernel, padding=0, stride=1, dilation=1):
    count, start = 0, -padding
    while start + dilation * (kernel - 1) < n + padding:
        count += 1
        start += stride
    if count == 0:
        raise ValueError(f"{kernel} weights do not fit")
    return count


size_by_formula.slips("""
size_without_the_first_place: counts_the_places_of_the_kernel leaves_out_an_incomplete_step
    pads_both_ends spreads_the_weights refuses_a_kernel_that_does_not_fit
    counts_the_weights_of_the_example counts_input_channels counts_biases
    counts_outputs_with_a_stride
  - // stride + 1
  + // stride
size_rounds_up: leaves_out_an_incomplete_step
  - (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
  + -((n + 2 * padding - dilation * (kernel - 1) - 1) // -stride) + 1
size_as_a_fraction: counts_the_places_of_the_kernel leaves_out_an_incomplete_step pads_both_ends
    spreads_the_weights refuses_a_kernel_that_does_not_fit
  - // stride + 1
  + / stride + 1
size_stride_ignored: counts_the_places_of_the_kernel leaves_out_an_incomplete_step
    counts_outputs_with_a_stride
  - // stride + 1
  + + 1
size_counts_gaps: counts_the_places_of_the_kernel counts_outputs_with_a_stride
  - - 1) // stride + 1
  + ) // stride
size_pads_one_end: pads_both_ends
  - 2 * padding
  + padding
size_dilation_times_kernel: spreads_the_weights
  - dilation * (kernel - 1) - 1
  + dilation * kernel
size_without_dilation: spreads_the_weights
  - dilation * (kernel - 1)
  + (kernel - 1)
size_never_raises: refuses_a_kernel_that_does_not_fit
  - if size < 1:
  + if False:
size_refuses_an_exact_fit: refuses_a_kernel_that_does_not_fit
  - if size < 1:
  + if size < 2:
""")


# ----------------------------------------------------------------------------- parameter_count


@right("parameter_count")
def count_step_by_step(image_shape, out_channels, kernel_shape, stride=1, bias=True):
    c, height, width = image_shape
    h, w = kernel_shape
    places = ((height - h) // stride + 1) * ((width - w) // stride + 1)
    outputs = out_channels * places
    dense = c * height * width * outputs
    pruned = c * h * w * outputs
    shared = c * h * w * out_channels
    if bias:
        dense += outputs
        pruned += outputs
        shared += out_channels
    return dense, pruned, shared


@right("parameter_count")
def count_the_library(image_shape, out_channels, kernel_shape, stride=1, bias=True):
    channels, height, width = image_shape
    layer = nn.Conv2d(channels, out_channels, kernel_shape, stride, bias=bias)
    shared = sum(p.numel() for p in layer.parameters())
    rows, columns = layer(torch.zeros(1, *image_shape)).shape[2:]
    dense = nn.Linear(channels * height * width, out_channels * rows * columns, bias=bias)
    return sum(p.numel() for p in dense.parameters()), shared * rows * columns, shared


count_step_by_step.slips("""
count_one_input_channel: counts_input_channels
  - c, height, width = image_shape
  + c, (_, height, width) = 1, image_shape
count_kernel_of_one_channel: counts_input_channels
  - shared = c * h * w * out_channels
  + shared = h * w * out_channels
count_height_and_width_swapped: counts_input_channels
  - h, w = kernel_shape
  + w, h = kernel_shape
count_without_biases: counts_biases
  - if bias:
  + if False:
count_bias_for_each_output: counts_biases
  - shared += out_channels
  + shared += outputs
count_bias_for_each_channel: counts_biases
  - dense += outputs
  + dense += out_channels
count_without_stride: counts_outputs_with_a_stride
  - places = ((height - h) // stride + 1) * ((width - w) // stride + 1)
  + places = (height - h + 1) * (width - w + 1)
count_stride_across_only: counts_outputs_with_a_stride
  - (height - h) // stride
  + (height - h)
count_same_size: counts_the_weights_of_the_example counts_input_channels counts_biases
  - places = ((height - h) // stride + 1) * ((width - w) // stride + 1)
  + places = (height // stride) * (width // stride)
count_one_output_channel: counts_the_weights_of_the_example counts_input_channels counts_biases
    counts_outputs_with_a_stride
  - outputs = out_channels * places
  + outputs = places
""")


# ----------------------------------------------------------------------------- pad2d


@right("pad2d")
def pad_library(image, rows, columns, value=0.0):
    return nn.functional.pad(image, (columns, columns, rows, rows), value=value)


@right("pad2d")
def pad_concatenate(image, rows, columns, value=0.0):
    side = image.new_full((*image.shape[:-1], columns), value)
    image = torch.cat([side, image, side], dim=-1)
    edge = image.new_full((*image.shape[:-2], rows, image.shape[-1]), value)
    return torch.cat([edge, image, edge], dim=-2)


@right("pad2d")
def pad_full(image, rows, columns, value=0.0):
    shape = list(image.shape)
    shape[-2] += 2 * rows
    shape[-1] += 2 * columns
    result = torch.full(shape, value, dtype=image.dtype, device=image.device)
    result[..., rows : shape[-2] - rows, columns : shape[-1] - columns] = image
    return result


pad_library.slips("""
pad_axes_in_the_wrong_order: puts_a_frame_around_two_pixels fills_with_the_value
    pads_the_last_two_axes averages_the_pixels_in_the_window blurs_with_a_rectangle
    keeps_a_white_wall_white
  - (columns, columns, rows, rows)
  + (rows, rows, columns, columns)
pad_at_the_start_only: puts_a_frame_around_two_pixels fills_with_the_value pads_the_last_two_axes
    BLURS
  - (columns, columns, rows, rows)
  + (columns, 0, rows, 0)
pad_at_the_end_only: puts_a_frame_around_two_pixels fills_with_the_value pads_the_last_two_axes
    BLURS
  - (columns, columns, rows, rows)
  + (0, columns, 0, rows)
pad_columns_only: puts_a_frame_around_two_pixels fills_with_the_value pads_the_last_two_axes
    blurs_with_a_rectangle keeps_a_white_wall_white blurs_uint8_pixels
  - (columns, columns, rows, rows)
  + (columns, columns)
pad_same_on_all_sides: puts_a_frame_around_two_pixels fills_with_the_value pads_the_last_two_axes
    averages_the_pixels_in_the_window blurs_with_a_rectangle keeps_a_white_wall_white
  - (columns, columns, rows, rows)
  + (rows, rows, rows, rows)
pad_always_zero: fills_with_the_value
  - value=value
  + value=0.0
""")


@wrong(
    "pad2d",
    fails=[
        "puts_a_frame_around_two_pixels",
        "fills_with_the_value",
        "pads_the_last_two_axes",
        "averages_the_pixels_in_the_window",
    ],
)
def pad_repeats_the_border(image, rows, columns, value=0.0):
    left, right_end = [image[..., :1]] * columns, [image[..., -1:]] * columns
    image = torch.cat([*left, image, *right_end], dim=-1)
    top, bottom = [image[..., :1, :]] * rows, [image[..., -1:, :]] * rows
    return torch.cat([*top, image, *bottom], dim=-2)


@wrong("pad2d", fails=["pads_the_last_two_axes"])
def pad_two_axes_only(image, rows, columns, value=0.0):
    height, width = image.shape
    result = image.new_full((height + 2 * rows, width + 2 * columns), value)
    result[rows : rows + height, columns : columns + width] = image
    return result


@wrong("pad2d", fails=["pads_the_last_two_axes"])
def pad_the_first_two_axes(image, rows, columns, value=0.0):
    height, width = image.shape[:2]
    shape = (height + 2 * rows, width + 2 * columns, *image.shape[2:])
    result = image.new_full(shape, value)
    result[rows : rows + height, columns : columns + width] = image
    return result


pad_full.slips("""
pad_in_single_precision: keeps_the_dtype_of_the_image
  - dtype=image.dtype, device
  + device
pad_on_the_cpu: pads_on_the_device_of_the_image
  - , device=image.device
""")


# ----------------------------------------------------------------------------- correlate2d


@right("correlate2d")
def correlate_pixel_by_pixel(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    result = torch.zeros(rows, columns, dtype=kernel.dtype, device=image.device)
    for i in range(rows):
        for j in range(columns):
            result[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return result


@right("correlate2d")
def correlate_unfold(image, kernel):
    windows = image.to(kernel.dtype).unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return (windows * kernel).sum(dim=(2, 3))


@right("correlate2d")
def correlate_einsum(image, kernel):
    h, w = kernel.shape
    image = image.type_as(kernel)
    patches = [
        [image[i : i + h, j : j + w] for j in range(image.shape[1] - w + 1)]
        for i in range(image.shape[0] - h + 1)
    ]
    stacked = torch.stack([torch.stack(row) for row in patches])
    return torch.einsum("ijuv,uv->ij", stacked, kernel)


@right("correlate2d")
def correlate_slices(image, kernel):
    rows = image.shape[0] - kernel.shape[0] + 1
    columns = image.shape[1] - kernel.shape[1] + 1
    image = image.to(kernel.dtype)
    terms = [
        kernel[u, v] * image[u : u + rows, v : v + columns]
        for u in range(kernel.shape[0])
        for v in range(kernel.shape[1])
    ]
    return torch.stack(terms).sum(dim=0)


correlate_unfold.slips("""
correlate_flipped: agrees_with_the_library weights_and_adds_each_neighbourhood
    stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
    hint_of=weights_and_adds_each_neighbourhood
  - (windows * kernel)
  + (windows * kernel.flip(0, 1))
correlate_upside_down: weights_and_adds_each_neighbourhood agrees_with_the_library
    stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - (windows * kernel)
  + (windows * kernel.flip(0))
""")
correlate_pixel_by_pixel.slips("""
correlate_one_row_too_few: weights_and_adds_each_neighbourhood agrees_with_the_library
    keeps_negative_values computes_with_uint8_pixels CONVOLUTIONS BLURS EDGES
    hint_of=agrees_with_the_library
  - image.shape[0] - h + 1, image.shape[1] - w + 1
  + image.shape[0] - h, image.shape[1] - w
correlate_height_and_width_swapped: agrees_with_the_library has_the_dtype_of_the_kernel
    correlates_without_the_library stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
    convolves_without_the_library averages_the_pixels_in_the_window blurs_with_a_rectangle
    keeps_a_white_wall_white
  - h, w = kernel.shape
  + w, h = kernel.shape
correlate_square_kernels: agrees_with_the_library has_the_dtype_of_the_kernel
    correlates_without_the_library stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
    convolves_without_the_library averages_the_pixels_in_the_window blurs_with_a_rectangle
    keeps_a_white_wall_white
  - h, w = kernel.shape
  + h = w = kernel.shape[0]
correlate_three_by_three: weights_and_adds_each_neighbourhood agrees_with_the_library
    keeps_negative_values computes_with_uint8_pixels has_the_dtype_of_the_kernel
    correlates_without_the_library correlates_on_the_device_of_the_image CONVOLUTIONS
    convolves_without_the_library averages_the_pixels_in_the_window blurs_with_a_rectangle
    keeps_a_white_wall_white hint_of=agrees_with_the_library
  - h, w = kernel.shape
  + h = w = 3
correlate_square_images: weights_and_adds_each_neighbourhood agrees_with_the_library
    keeps_negative_values computes_with_uint8_pixels CONVOLUTIONS BLURS measures_an_upright_edge
    combines_both_directions finds_edges_in_uint8_pixels hint_of=agrees_with_the_library
  - image.shape[1] - w + 1
  + image.shape[0] - w + 1
""")
correlate_unfold.slips("""
correlate_means: weights_and_adds_each_neighbourhood agrees_with_the_library keeps_negative_values
    computes_with_uint8_pixels CONVOLUTIONS EDGES
  - .sum(dim=(2, 3))
  + .mean(dim=(2, 3))
correlate_clipped: keeps_negative_values runs_backwards_through_the_kernel
    finds_edges_towards_the_dark
  - .sum(dim=(2, 3))
  + .sum(dim=(2, 3)).clamp(min=0)
correlate_absolute_values: keeps_negative_values runs_backwards_through_the_kernel
  - .sum(dim=(2, 3))
  + .sum(dim=(2, 3)).abs()
""")
correlate_pixel_by_pixel.slips("""
correlate_in_the_dtype_of_the_image: computes_with_uint8_pixels has_the_dtype_of_the_kernel
    convolves_uint8_pixels
  - dtype=kernel.dtype
  + dtype=image.dtype
""")


@wrong("correlate2d", fails=["computes_with_uint8_pixels", "convolves_uint8_pixels"])
def correlate_whole_numbers(image, kernel):
    h, w = kernel.shape
    result = kernel.new_zeros(image.shape[0] - h + 1, image.shape[1] - w + 1)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            patch = image[i : i + h, j : j + w]
            result[i, j] = (patch * kernel.to(image.dtype)).sum(dtype=image.dtype)
    return result


correlate_pixel_by_pixel.slips("""
correlate_in_single_precision: has_the_dtype_of_the_kernel runs_backwards_through_the_kernel
    blurs_with_a_rectangle combines_both_directions
  - dtype=kernel.dtype, device
  + device
correlate_on_the_cpu: correlates_on_the_device_of_the_image
  - , device=image.device
""")


@wrong(
    "correlate2d",
    fails=[
        "correlates_without_the_library",
        "convolves_without_the_library",
        "blurs_without_the_library",
        "finds_edges_without_the_library",
    ],
)
def correlate_library(image, kernel):
    image = image.to(kernel.dtype)
    return nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]


@wrong(
    "correlate2d",
    fails=[
        "correlates_without_the_library",
        "convolves_without_the_library",
        "blurs_without_the_library",
        "finds_edges_without_the_library",
    ],
)
def correlate_layer(image, kernel):
    layer = nn.Conv2d(1, 1, tuple(kernel.shape), bias=False, device=image.device)
    layer.weight = nn.Parameter(kernel[None, None], requires_grad=False)
    return layer(image.to(kernel.dtype)[None, None])[0, 0]


# ----------------------------------------------------------------------------- convolve2d


@right("convolve2d")
def convolve_rotated(image, kernel):
    return correlate2d(image, torch.rot90(kernel, 2))


@right("convolve2d")
def convolve_flips_the_image(image, kernel):
    return correlate2d(image.flip(0, 1), kernel).flip(0, 1)


@right("convolve2d")
def convolve_by_slices(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    result = torch.zeros_like(kernel[0, 0] * image[:rows, :columns])
    for u in range(h):
        for v in range(w):
            top, left = h - 1 - u, w - 1 - v
            result += kernel[u, v] * image[top : top + rows, left : left + columns]
    return result


convolve_rotated.slips("""
convolve_without_a_flip: stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - torch.rot90(kernel, 2)
  + kernel
convolve_flips_rows_only: stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - torch.rot90(kernel, 2)
  + kernel.flip(0)
convolve_flips_columns_only: stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - torch.rot90(kernel, 2)
  + kernel.fliplr()
convolve_transposes: stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - torch.rot90(kernel, 2)
  + kernel.T
convolve_rotates_by_a_quarter: stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - torch.rot90(kernel, 2)
  + torch.rot90(kernel)
""")
convolve_flips_the_image.slips("""
convolve_flips_image_and_kernel: stamps_the_kernel_on_an_impulse runs_backwards_through_the_kernel
  - kernel).flip
  + kernel.flip(0, 1)).flip
convolve_flips_the_image_only: CONVOLUTIONS
  - kernel).flip(0, 1)
  + kernel)
""")
convolve_by_slices.slips("""
convolve_in_the_dtype_of_the_image: convolves_uint8_pixels
  - kernel[u, v] * image
  + kernel[u, v].to(image.dtype) * image
""")


@wrong("convolve2d", fails=["convolves_without_the_library"])
def convolve_library(image, kernel):
    image = image.to(kernel.dtype)[None, None]
    return torch.conv2d(image, kernel.flip(0, 1)[None, None]).squeeze((0, 1))


# ----------------------------------------------------------------------------- box_blur


@right("box_blur")
def blur_windows(image, height, width):
    values = image if image.is_floating_point() else image.float()
    result = torch.zeros_like(values)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            top, left = max(i - height // 2, 0), max(j - width // 2, 0)
            window = values[top : i + height // 2 + 1, left : j + width // 2 + 1]
            result[i, j] = window.mean()
    return result


@right("box_blur")
def blur_nanmean(image, height, width):
    image = image if image.is_floating_point() else image.float()
    padded = pad2d(image, height // 2, width // 2, math.nan)
    return padded.unfold(0, height, 1).unfold(1, width, 1).nanmean(dim=(2, 3))


blur_nanmean.slips("""
blur_with_a_dark_frame: keeps_a_white_wall_white averages_the_pixels_in_the_window
  - math.nan
  + 0.0
blur_only_where_it_fits: BLURS
  - pad2d(image, height // 2, width // 2, math.nan)
  + image
""")
blur_windows.slips("""
blur_three_by_three: blurs_with_a_rectangle
  -     values = image if image.is_floating_point() else image.float()
  +     height = width = 3
  +     values = image if image.is_floating_point() else image.float()
blur_height_and_width_swapped: blurs_with_a_rectangle averages_the_pixels_in_the_window
  -     values = image if image.is_floating_point() else image.float()
  +     height, width = width, height
  +     values = image if image.is_floating_point() else image.float()
blur_without_dividing: BLURS
  - window.mean()
  + window.sum()
blur_divides_by_nine: averages_the_pixels_in_the_window blurs_with_a_rectangle
    keeps_a_white_wall_white
  - window.mean()
  + window.sum() / 9
blur_divides_by_the_full_window: keeps_a_white_wall_white averages_the_pixels_in_the_window
  - window.mean()
  + window.sum() / (height * width)
blur_window_off_by_one: averages_the_pixels_in_the_window blurs_with_a_rectangle blurs_uint8_pixels
  - i + height // 2 + 1
  + i + height // 2
""")


@wrong("box_blur", fails=["blurs_uint8_pixels"])
def blur_in_uint8(image, height, width):
    def add_up(values):
        padded = pad2d(values, height // 2, width // 2)
        return padded.unfold(0, height, 1).unfold(1, width, 1).sum(dim=(2, 3), dtype=image.dtype)

    return add_up(image) / add_up(torch.ones_like(image))


@wrong("box_blur", fails=["blurs_uint8_pixels"])
def blur_back_to_uint8(image, height, width):
    padded = pad2d(image.double(), height // 2, width // 2, math.nan)
    return padded.unfold(0, height, 1).unfold(1, width, 1).nanmean(dim=(2, 3)).to(image.dtype)


@wrong("box_blur", fails=["blurs_without_the_library"])
def blur_library(image, height, width):
    image = image if image.is_floating_point() else image.float()
    return nn.functional.avg_pool2d(
        image[None], (height, width), 1, (height // 2, width // 2), count_include_pad=False
    )[0]


# ----------------------------------------------------------------------------- gaussian_kernel


@right("gaussian_kernel")
def gaussian_of_distances(size, sigma):
    place = torch.arange(size, dtype=torch.float32)
    middle = (size - 1) / 2
    u, v = torch.meshgrid(place - middle, place - middle, indexing="ij")
    kernel = torch.exp(-(u**2 + v**2) / (2 * sigma**2))
    return kernel / kernel.sum()


@right("gaussian_kernel")
def gaussian_loop(size, sigma):
    kernel = torch.zeros(size, size)
    for u in range(size):
        for v in range(size):
            distance = math.hypot(u - (size - 1) / 2, v - (size - 1) / 2)
            kernel[u, v] = math.exp(-0.5 * (distance / sigma) ** 2)
    return kernel.div_(kernel.sum())


@right("gaussian_kernel")
def gaussian_softmax(size, sigma):
    place = torch.linspace(-(size - 1) / 2, (size - 1) / 2, size)
    profile = torch.softmax(-place.square() / (2 * sigma * sigma), dim=0)
    return torch.outer(profile, profile)


gaussian_of_distances.slips("""
gaussian_sigma_as_variance: has_the_given_standard_deviation
  - (2 * sigma**2)
  + (2 * sigma)
gaussian_without_the_two: has_the_given_standard_deviation falls_off_from_the_middle
  - (2 * sigma**2)
  + sigma**2
gaussian_forgotten_brackets: has_the_given_standard_deviation
  - / (2 * sigma**2)
  + / 2 * sigma**2
gaussian_of_the_plain_distance: has_the_given_standard_deviation falls_off_from_the_middle
  - (u**2 + v**2)
  + (u**2 + v**2).sqrt()
gaussian_divided_by_the_integral: sums_to_one falls_off_from_the_middle
  - kernel / kernel.sum()
  + kernel / (2 * math.pi * sigma**2)
gaussian_not_normalised: sums_to_one falls_off_from_the_middle
  - return kernel / kernel.sum()
  + return kernel
gaussian_rows_sum_to_one: falls_off_from_the_middle has_the_given_standard_deviation sums_to_one
  - kernel.sum()
  + kernel.sum(dim=1, keepdim=True)
gaussian_largest_is_one: sums_to_one falls_off_from_the_middle
  - kernel.sum()
  + kernel.max()
gaussian_off_centre: is_centred_for_even_sizes
  - (size - 1) / 2
  + size // 2
gaussian_at_half_the_size: falls_off_from_the_middle has_the_given_standard_deviation
    is_centred_for_even_sizes
  - (size - 1) / 2
  + size / 2
""")
gaussian_softmax.slips("""
gaussian_odd_sizes_only: is_centred_for_even_sizes
  - torch.linspace(-(size - 1) / 2, (size - 1) / 2, size)
  + torch.arange(-(size // 2), size // 2 + 1.0)
""")


@wrong(
    "gaussian_kernel",
    fails=["has_the_given_standard_deviation", "is_centred_for_even_sizes"],
    hint_of="is_centred_for_even_sizes",
)
def gaussian_three_by_three(size, sigma):
    row = torch.tensor([math.exp(-0.5 / sigma**2), 1.0, math.exp(-0.5 / sigma**2)])
    kernel = row[:, None] * row
    return kernel / kernel.sum()


# ----------------------------------------------------------------------------- sharpen_kernel


@right("sharpen_kernel")
def sharpen_identity(blur, amount):
    identity = torch.zeros_like(blur)
    identity[blur.shape[0] // 2, blur.shape[1] // 2] = 1
    return identity + amount * (identity - blur)


@right("sharpen_kernel")
def sharpen_copy(blur, amount):
    kernel = blur.clone().mul_(-amount)
    middle = kernel.numel() // 2
    kernel.view(-1)[middle] += 1.0 + amount
    return kernel


sharpen_identity.slips("""
sharpen_blurs: adds_what_the_blur_takes_away sharpens_with_a_rectangle
  - amount * (identity - blur)
  + amount * (blur - identity)
sharpen_takes_the_blur_away: adds_what_the_blur_takes_away sharpens_with_a_rectangle
  - identity + amount * (identity - blur)
  + identity - amount * blur
sharpen_difference_only: adds_what_the_blur_takes_away sharpens_with_a_rectangle
  - identity + amount
  + amount
sharpen_amount_ignored: sharpens_with_a_rectangle
  - amount * (identity - blur)
  + (identity - blur)
sharpen_amount_of_everything: sharpens_with_a_rectangle
  - identity + amount * (identity - blur)
  + amount * (2 * identity - blur)
sharpen_adds_one_everywhere: adds_what_the_blur_takes_away sharpens_with_a_rectangle
  - identity[blur.shape[0] // 2, blur.shape[1] // 2] = 1
  + identity += 1
sharpen_three_by_three: adds_what_the_blur_takes_away sharpens_with_a_rectangle
    hint_of=sharpens_with_a_rectangle
  - identity[blur.shape[0] // 2, blur.shape[1] // 2] = 1
  + identity[1, 1] = 1
sharpen_square_blurs: adds_what_the_blur_takes_away sharpens_with_a_rectangle
    hint_of=sharpens_with_a_rectangle
  - blur.shape[0] // 2, blur.shape[1] // 2
  + len(blur) // 2, len(blur) // 2
""")
sharpen_copy.slips("""
sharpen_in_place: leaves_the_blur_alone
  - blur.clone().mul_
  + blur.mul_
""")


# ----------------------------------------------------------------------------- gradient_magnitude


@right("gradient_magnitude")
def gradient_of_slices(image):
    x = image if image.is_floating_point() else image.float()
    down = x[:-2] + 2 * x[1:-1] + x[2:]
    across = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    gx = down[:, 2:] - down[:, :-2]
    gy = across[2:] - across[:-2]
    return torch.sqrt(gx * gx + gy * gy)


@right("gradient_magnitude")
def gradient_of_two_kernels(image):
    if not torch.is_floating_point(image):
        image = image.float()
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]).to(image)
    gx, gy = correlate2d(image, kernel), correlate2d(image, kernel.T)
    return (gx**2 + gy**2) ** 0.5


@right("gradient_magnitude")
def gradient_complex(image):
    image = image.to(torch.float32) if not image.dtype.is_floating_point else image
    sobel = image.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return torch.complex(correlate2d(image, sobel), correlate2d(image, sobel.T)).abs()


gradient_of_slices.slips("""
gradient_sum_of_lengths: combines_both_directions
  - torch.sqrt(gx * gx + gy * gy)
  + gx.abs() + gy.abs()
gradient_sum_of_components: combines_both_directions finds_edges_towards_the_dark
  - torch.sqrt(gx * gx + gy * gy)
  + gx + gy
gradient_length_of_the_sum: combines_both_directions
  - torch.sqrt(gx * gx + gy * gy)
  + (gx + gy).abs()
gradient_larger_component: combines_both_directions
  - torch.sqrt(gx * gx + gy * gy)
  + torch.maximum(gx.abs(), gy.abs())
gradient_across_only: combines_both_directions finds_edges_towards_the_dark
  - gx * gx + gy * gy
  + gx * gx
""")
gradient_of_two_kernels.slips("""
gradient_same_direction_twice: EDGES
  - correlate2d(image, kernel.T)
  + correlate2d(image, kernel)
gradient_squared: EDGES
  - (gx**2 + gy**2) ** 0.5
  + gx**2 + gy**2
""")
gradient_of_slices.slips("""
gradient_clipped: finds_edges_towards_the_dark
  - torch.sqrt(gx * gx + gy * gy)
  + torch.sqrt(gx.clamp(min=0) ** 2 + gy.clamp(min=0) ** 2)
""")
gradient_of_two_kernels.slips("""
gradient_prewitt: EDGES
  - [[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]
  + [[1.0, 0, -1], [1, 0, -1], [1, 0, -1]]
gradient_scaled: EDGES
  - [1, 0, -1]]).to(image)
  + [1, 0, -1]]).to(image) / 8
gradient_mean_of_squares: EDGES
  - (gx**2 + gy**2) ** 0.5
  + ((gx**2 + gy**2) / 2) ** 0.5
""")
gradient_of_slices.slips("""
gradient_in_uint8: finds_edges_in_uint8_pixels
  - x = image if image.is_floating_point() else image.float()
  + x = image
gradient_clipped_to_uint8: finds_edges_in_uint8_pixels
  -     return torch.sqrt(gx * gx + gy * gy)
  +     g = torch.sqrt(gx * gx + gy * gy)
  +     return g if image.is_floating_point() else g.clamp(0, 255)
""")


@wrong("gradient_magnitude", fails=["finds_edges_without_the_library"])
def gradient_library(image):
    image = image if image.is_floating_point() else image.float()
    kernel = image.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([kernel, kernel.T])[:, None]
    return nn.functional.conv2d(image[None, None], kernels)[0].norm(dim=0)


# ----------------------------------------------------------------------------- separate


@right("separate")
def separate_at_the_largest_entry(kernel):
    place = kernel.abs().argmax().item()
    i, j = divmod(place, kernel.shape[1])
    column, row = kernel[:, j], kernel[i] / kernel[i, j]
    largest = kernel.abs().max()
    if ((column[:, None] * row - kernel).abs() > 1e-3 * largest).any():
        raise ValueError("no column and row")
    return column, row


@right("separate")
def separate_svd(kernel):
    u, s, vh = torch.linalg.svd(kernel, full_matrices=False)
    root = s[0].sqrt()
    column, row = u[:, 0] * root, vh[0] * root
    if (torch.outer(column, row) / kernel.abs().max() - kernel / kernel.abs().max()).abs().max() > (
        1e-3
    ):
        raise ValueError(f"the singular values are {s.tolist()}")
    return column, row


@wrong("separate", fails=["takes_apart_a_kernel_with_zeros"])
def separate_at_the_first_entry(kernel):
    column, row = kernel[:, 0], kernel[0] / kernel[0, 0]
    if ((column[:, None] * row - kernel).abs() > 1e-3 * kernel.abs().max()).any():
        raise ValueError
    return column, row


@wrong("separate", fails=["keeps_the_signs_of_the_kernel"])
def separate_by_sums(kernel):
    column, row = kernel.sum(dim=1), kernel.sum(dim=0) / kernel.sum()
    error = (column[:, None] * row - kernel).abs().max()
    if error.isnan() or error > 1e-3 * kernel.abs().max():
        raise ValueError
    return column, row


separate_svd.slips("""
separate_loses_signs: keeps_the_signs_of_the_kernel judges_a_kernel_by_its_own_scale
  - u[:, 0] * root, vh[0] * root
  + u[:, 0].abs() * root, vh[0].abs() * root
separate_row_first: takes_a_kernel_apart takes_apart_a_kernel_with_zeros
    keeps_the_signs_of_the_kernel forgives_rounding judges_a_kernel_by_its_own_scale
  - return column, row
  + return row, column
""")
separate_at_the_largest_entry.slips("""
separate_without_the_singular_value: takes_a_kernel_apart takes_apart_a_kernel_with_zeros
    keeps_the_signs_of_the_kernel forgives_rounding judges_a_kernel_by_its_own_scale
  - kernel[i] / kernel[i, j]
  + kernel[i]
""")
separate_svd.slips("""
separate_two_singular_values: takes_a_kernel_apart takes_apart_a_kernel_with_zeros
    keeps_the_signs_of_the_kernel forgives_rounding judges_a_kernel_by_its_own_scale
  - vh[0] * root
  + vh[0] * s[0]
separate_first_column_of_v: takes_a_kernel_apart takes_apart_a_kernel_with_zeros
    keeps_the_signs_of_the_kernel forgives_rounding judges_a_kernel_by_its_own_scale
  - vh[0] * root
  + vh[:, 0] * root
""")


@wrong("separate", fails=["refuses_what_is_no_product"])
def separate_anything(kernel):
    u, s, vh = torch.linalg.svd(kernel)
    return u[:, 0] * s[0], vh[0]


@wrong("separate", fails=["refuses_what_is_no_product"])
def separate_returns_none(kernel):
    u, s, vh = torch.linalg.svd(kernel)
    if s[1] > 1e-3 * s[0]:
        return None
    return u[:, 0] * s[0], vh[0]


@wrong("separate", fails=["judges_a_kernel_by_its_own_scale"])
def separate_absolute_error(kernel):
    u, s, vh = torch.linalg.svd(kernel)
    if s[1] > 1e-5:
        raise ValueError
    return u[:, 0] * s[0], vh[0]


@wrong("separate", fails=["forgives_rounding"])
def separate_exactly(kernel):
    i, j = divmod(kernel.abs().argmax().item(), kernel.shape[1])
    column, row = kernel[:, j], kernel[i] / kernel[i, j]
    if not torch.equal(column[:, None] * row, kernel):
        raise ValueError
    return column, row


@wrong("separate", fails=["refuses_what_is_no_product"])
def separate_raises_another_error(kernel):
    u, s, vh = torch.linalg.svd(kernel)
    if s[1] > 1e-3 * s[0]:
        raise RuntimeError("not separable")
    return u[:, 0] * s[0], vh[0]


# ----------------------------------------------------------------------------- conv2d


@right("conv2d")
def layer_of_windows(x, weight, bias=None, stride=1, padding=0):
    x = pad2d(x, padding, padding)
    windows = x.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    result = torch.einsum("ncijuv,ocuv->noij", windows, weight)
    return result if bias is None else result + bias[:, None, None]


@right("conv2d")
def layer_of_patches(x, weight, bias=None, stride=1, padding=0):
    n, c, height, width = x.shape
    out, _, h, w = weight.shape
    columns = nn.functional.unfold(x, (h, w), padding=padding, stride=stride)
    result = weight.view(out, c * h * w).matmul(columns)
    if bias is not None:
        result = result + bias.view(1, out, 1)
    rows = (height + 2 * padding - h) // stride + 1
    return result.view(n, out, rows, (width + 2 * padding - w) // stride + 1)


@right("conv2d")
def layer_of_slices(x, weight, bias=None, stride=1, padding=0):
    x = nn.functional.pad(x, (padding,) * 4)
    _, _, height, width = x.shape
    _, _, h, w = weight.shape
    rows, columns = (height - h) // stride + 1, (width - w) // stride + 1
    result = 0
    for u in range(h):
        for v in range(w):
            part = x[:, :, u : u + stride * rows : stride, v : v + stride * columns : stride]
            part = part[:, :, :rows, :columns]
            result = result + torch.tensordot(part, weight[:, :, u, v], ([1], [1]))
    if bias is not None:
        result = result + bias
    return result.permute(0, 3, 1, 2)


@right("conv2d")
def layer_pixel_by_pixel(x, weight, bias=None, stride=1, padding=0):
    h, w = weight.shape[2:]
    size = (x.shape[0], x.shape[1], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    padded = torch.zeros(size, dtype=x.dtype, device=x.device)
    padded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] = x
    rows = range(0, size[2] - h + 1, stride)
    columns = range(0, size[3] - w + 1, stride)
    y = torch.zeros(len(x), len(weight), len(rows), len(columns), dtype=x.dtype, device=x.device)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            patch = padded[:, None, :, top : top + h, left : left + w]
            y[:, :, i, j] = (patch * weight).sum(dim=(2, 3, 4))
    if bias is not None:
        y = y + bias.reshape(-1, 1, 1)
    return y


layer_of_windows.slips("""
layer_flipped: adds_over_the_input_channels computes_a_layer adds_a_bias_per_channel
    strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on LEARNING
    hint_of=computes_a_layer
  - windows, weight)
  + windows, weight.flip(2, 3))
layer_transposed_kernel: adds_over_the_input_channels moves_with_the_picture computes_a_layer
    adds_a_bias_per_channel strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
    LEARNING learns_in_double_precision learns_on_the_device_of_the_image hint_of=computes_a_layer
  - ncijuv,ocuv->noij
  + ncijvu,ocuv->noij
layer_transposed_places: adds_over_the_input_channels moves_with_the_picture computes_a_layer
    adds_a_bias_per_channel strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
    LEARNING returns_a_plain_tensor hint_of=computes_a_layer
  - ncijuv,ocuv->noij
  + ncjiuv,ocuv->noij
layer_channels_swapped: adds_over_the_input_channels moves_with_the_picture computes_a_layer
    adds_a_bias_per_channel strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
    computes_a_layer_by_hand hint_of=computes_a_layer
  - ncijuv,ocuv->noij
  + noijuv,ocuv->ncij
layer_sums_the_batch: moves_with_the_picture computes_a_layer hint_of=computes_a_layer
  - result = torch.einsum("ncijuv,ocuv->noij", windows, weight)
  + result = torch.einsum("ncijuv,ocuv->oij", windows, weight)[None]
layer_first_example_only: moves_with_the_picture computes_a_layer hint_of=computes_a_layer
  - x = pad2d(x, padding, padding)
  + x = pad2d(x[:1], padding, padding)
layer_without_the_channel_sum: adds_over_the_input_channels computes_a_layer adds_a_bias_per_channel
    strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
  - windows, weight)
  + windows[:, :1], weight[:, :1])
layer_mean_of_channels: adds_over_the_input_channels computes_a_layer adds_a_bias_per_channel
    strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
  - windows, weight)
  + windows, weight) / x.shape[1]
""")
layer_of_patches.slips("""
layer_patches_in_another_order: computes_a_layer adds_a_bias_per_channel strides_as_its_adjoint
    pads_with_zeros_on_all_sides passes_gradients_on
  - weight.view(out, c * h * w)
  + weight.permute(0, 2, 3, 1).reshape(out, c * h * w)
layer_places_swapped: adds_over_the_input_channels moves_with_the_picture computes_a_layer
    strides_as_its_adjoint pads_with_zeros_on_all_sides LEARNING returns_a_plain_tensor
    hint_of=computes_a_layer
  - result.view(n, out, rows, (width + 2 * padding - w) // stride + 1)
  + result.view(n, out, (width + 2 * padding - w) // stride + 1, rows)
""")
layer_of_windows.slips("""
layer_three_by_three: adds_over_the_input_channels moves_with_the_picture computes_a_layer
    adds_a_bias_per_channel strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
    computes_a_layer_in_double_precision computes_a_layer_on_the_device_of_x
    computes_a_layer_by_hand LEARNING returns_a_plain_tensor learns_in_double_precision
    learns_on_the_device_of_the_image hint_of=computes_a_layer
  - x.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
  + x.unfold(2, 3, stride).unfold(3, 3, stride)
""")
layer_of_slices.slips("""
layer_one_place_too_few: adds_over_the_input_channels moves_with_the_picture computes_a_layer
    adds_a_bias_per_channel strides_as_its_adjoint pads_with_zeros_on_all_sides passes_gradients_on
    LEARNING returns_a_plain_tensor learns_in_double_precision learns_on_the_device_of_the_image
    hint_of=computes_a_layer
  - rows, columns = (height - h) // stride + 1, (width - w) // stride + 1
  + rows, columns = (height - h) // stride, (width - w) // stride
""")
layer_of_windows.slips("""
layer_stride_ignored: strides_as_its_adjoint
  - x.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
  + x.unfold(2, weight.shape[2], 1).unfold(3, weight.shape[3], 1)
layer_stride_across_only: strides_as_its_adjoint
  - x.unfold(2, weight.shape[2], stride)
  + x.unfold(2, weight.shape[2], 1)
layer_stride_down_only: strides_as_its_adjoint
  - unfold(3, weight.shape[3], stride)
  + unfold(3, weight.shape[3], 1)
""")
layer_of_slices.slips("""
layer_stride_cuts_the_corner: strides_as_its_adjoint
  - v : v + stride * columns : stride
  + v : v + columns
""")
layer_of_windows.slips("""
layer_without_padding: pads_with_zeros_on_all_sides
  - x = pad2d(x, padding, padding)
  + x = x + 0
""")
layer_of_slices.slips("""
layer_padded_on_one_side: pads_with_zeros_on_all_sides
  - (padding,) * 4
  + (padding, 0, padding, 0)
layer_padded_down_only: pads_with_zeros_on_all_sides
  - (padding,) * 4
  + (0, 0, padding, padding)
layer_padded_with_ones: pads_with_zeros_on_all_sides
  - (padding,) * 4
  + (padding,) * 4, value=1.0
layer_padded_with_the_border: pads_with_zeros_on_all_sides
  - (padding,) * 4
  + (padding,) * 4, mode="replicate"
""")
layer_of_windows.slips("""
layer_without_bias: adds_a_bias_per_channel adds_over_the_input_channels passes_gradients_on
  - return result if bias is None else result + bias[:, None, None]
  + return result
layer_bias_along_the_width: adds_a_bias_per_channel
  - bias[:, None, None]
  + bias
layer_bias_required: moves_with_the_picture computes_a_layer strides_as_its_adjoint
    pads_with_zeros_on_all_sides is_linear computes_a_layer_in_double_precision
    computes_a_layer_by_hand LEARNING returns_a_plain_tensor learns_in_double_precision
    learns_on_the_device_of_the_image hint_of=computes_a_layer
  - return result if bias is None else result + bias[:, None, None]
  + return result + bias[:, None, None]
layer_limited_to_pixels: is_linear LEARNING
  - windows, weight)
  + windows, weight).relu()
layer_cuts_the_graph: passes_gradients_on LEARNING returns_a_plain_tensor learns_in_double_precision
    learns_on_the_device_of_the_image
  - windows, weight)
  + windows.detach(), weight.data)
""")
layer_pixel_by_pixel.slips("""
layer_in_single_precision: computes_a_layer_in_double_precision
  - len(columns), dtype=x.dtype, device=x.device)
  + len(columns), device=x.device)
layer_on_the_cpu: computes_a_layer_on_the_device_of_x learns_on_the_device_of_the_image
  - len(columns), dtype=x.dtype, device=x.device)
  + len(columns), dtype=x.dtype)
""")


@wrong("conv2d", fails=["computes_a_layer_by_hand"])
def layer_library(x, weight, bias=None, stride=1, padding=0):
    return nn.functional.conv2d(x, weight, bias, stride, padding)


@wrong("conv2d", fails=["computes_a_layer_by_hand"])
def layer_renamed_library(x, weight, bias=None, stride=1, padding=0):
    layer = torch.convolution
    return layer(x, weight, bias, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1)


@wrong(
    "conv2d",
    fails=[
        "passes_gradients_on",
        "computes_a_layer_on_the_device_of_x",
        *LEARNING,
        "returns_a_plain_tensor",
        "learns_in_double_precision",
        "learns_on_the_device_of_the_image",
    ],
)
def layer_numpy(x, weight, bias=None, stride=1, padding=0):
    import numpy as np

    image, kernels = x.detach().cpu().numpy(), weight.detach().cpu().numpy()
    image = np.pad(image, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    result = torch.tensor(np.einsum("ncijuv,ocuv->noij", windows, kernels)).to(x)
    return result if bias is None else result + bias[:, None, None]


# ----------------------------------------------------------------------------- max_pool2d


@right("max_pool2d")
def maximum_of_slices(x, size, stride=None):
    stride = size if stride is None else stride
    rows = (x.shape[2] - size) // stride + 1
    columns = (x.shape[3] - size) // stride + 1
    slices = [
        x[:, :, u : u + stride * rows : stride, v : v + stride * columns : stride][
            :, :, :rows, :columns
        ]
        for u in range(size)
        for v in range(size)
    ]
    return torch.stack(slices).max(dim=0).values


@right("max_pool2d")
def maximum_of_windows(x, size, stride=None):
    windows = x.unfold(2, size, stride or size).unfold(3, size, stride or size)
    return windows.flatten(4).max(dim=4).values


@right("max_pool2d")
def maximum_of_patches(x, size, stride=None):
    stride = stride or size
    n, c, height, width = x.shape
    patches = nn.functional.unfold(x, size, stride=stride).reshape(n, c, size * size, -1)
    shape = (height - size) // stride + 1, (width - size) // stride + 1
    return patches.amax(dim=2).reshape(n, c, *shape)


@right("max_pool2d")
def maximum_pixel_by_pixel(x, size, stride=None):
    stride = stride or size
    rows = range(0, x.shape[2] - size + 1, stride)
    columns = range(0, x.shape[3] - size + 1, stride)
    y = torch.zeros(*x.shape[:2], len(rows), len(columns), dtype=x.dtype, device=x.device)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            y[:, :, i, j] = x[:, :, top : top + size, left : left + size].amax(dim=(2, 3))
    return y


@wrong(
    "max_pool2d",
    fails=["takes_maxima_of_overlapping_windows", "leaves_out_windows_that_stick_out"],
)
def maximum_by_reshape(x, size, stride=None):
    n, c, height, width = x.shape
    return x.reshape(n, c, height // size, size, width // size, size).amax(dim=(3, 5))


maximum_of_windows.slips("""
maximum_stride_ignored: takes_maxima_of_overlapping_windows
  - x.unfold(2, size, stride or size).unfold(3, size, stride or size)
  + x.unfold(2, size, size).unfold(3, size, size)
maximum_stride_one: keeps_the_largest_of_each_window leaves_out_windows_that_stick_out
    takes_maxima_of_negative_numbers takes_maxima_of_each_channel passes_the_gradient_to_the_winner
  - x.unfold(2, size, stride or size).unfold(3, size, stride or size)
  + x.unfold(2, size, stride or 1).unfold(3, size, stride or 1)
maximum_stride_across_only: takes_maxima_of_overlapping_windows
  - x.unfold(2, size, stride or size)
  + x.unfold(2, size, size)
""")


@wrong("max_pool2d", fails=["leaves_out_windows_that_stick_out"])
def maximum_of_incomplete_windows(x, size, stride=None):
    stride = stride or size
    rows = [
        torch.stack(
            [
                x[:, :, i : i + size, j : j + size].amax(dim=(2, 3))
                for j in range(0, x.shape[3] - size + stride, stride)
            ],
            dim=2,
        )
        for i in range(0, x.shape[2] - size + stride, stride)
    ]
    return torch.stack(rows, dim=2)


maximum_of_windows.slips("""
maximum_at_least_zero: takes_maxima_of_negative_numbers
  - max(dim=4).values
  + max(dim=4).values.clamp(min=0)
maximum_of_absolute_values: takes_maxima_of_negative_numbers
  - windows.flatten(4)
  + windows.abs().flatten(4)
maximum_of_all_channels: takes_maxima_of_each_channel
  - windows.flatten(4).max(dim=4).values
  + windows.flatten(4).amax(dim=(1, 4))[:, None]
maximum_of_one_axis: keeps_the_largest_of_each_window takes_maxima_of_overlapping_windows
    leaves_out_windows_that_stick_out takes_maxima_of_negative_numbers takes_maxima_of_each_channel
    passes_the_gradient_to_the_winner
  - windows.flatten(4)
  + windows
maximum_is_a_mean: keeps_the_largest_of_each_window takes_maxima_of_overlapping_windows
    leaves_out_windows_that_stick_out takes_maxima_of_negative_numbers takes_maxima_of_each_channel
    passes_the_gradient_to_the_winner
  - max(dim=4).values
  + mean(dim=4)
maximum_without_gradient: passes_the_gradient_to_the_winner
  - windows.flatten(4)
  + windows.detach().flatten(4)
""")


@wrong("max_pool2d", fails=["passes_the_gradient_to_the_winner"])
def maximum_shares_the_gradient(x, size, stride=None):
    stride = stride or size
    windows = x.unfold(2, size, stride).unfold(3, size, stride).flatten(4)
    mean = windows.mean(dim=4)
    return mean + (windows.amax(dim=4) - mean).detach()


maximum_pixel_by_pixel.slips("""
maximum_on_the_cpu: takes_maxima_on_the_device_of_x
  - , device=x.device
""")


@wrong("max_pool2d", fails=["takes_maxima_by_hand"])
def maximum_library(x, size, stride=None):
    return nn.functional.max_pool2d(x, size, stride)


@wrong("max_pool2d", fails=["takes_maxima_by_hand"])
def maximum_layer(x, size, stride=None):
    return nn.MaxPool2d(size, stride)(x)


# ----------------------------------------------------------------------------- avg_pool2d


@right("avg_pool2d")
def mean_of_slices(x, size, stride=None):
    stride = stride or size
    rows = (x.shape[2] - size) // stride + 1
    columns = (x.shape[3] - size) // stride + 1
    total = 0
    for u in range(size):
        for v in range(size):
            total = total + x[:, :, u::stride, v::stride][:, :, :rows, :columns]
    return total / size**2


@right("avg_pool2d")
def mean_as_a_convolution(x, size, stride=None):
    n, c, height, width = x.shape
    weight = torch.full((1, 1, size, size), 1 / size**2, dtype=x.dtype, device=x.device)
    result = conv2d(x.reshape(n * c, 1, height, width), weight, stride=stride or size)
    return result.reshape(n, c, *result.shape[2:])


@right("avg_pool2d")
def mean_of_windows(x, size, stride=None):
    step = stride or size
    windows = x.unfold(2, size, step).unfold(3, size, step)
    return windows.sum(dim=(4, 5)) / (size * size)


@wrong(
    "avg_pool2d",
    fails=["averages_overlapping_windows", "averages_complete_windows_only"],
)
def mean_by_reshape(x, size, stride=None):
    n, c, height, width = x.shape
    return x.reshape(n, c, height // size, size, width // size, size).mean(dim=(3, 5))


mean_of_windows.slips("""
mean_stride_ignored: averages_overlapping_windows
  - step = stride or size
  + step = size
mean_stride_one: averages_each_window averages_complete_windows_only averages_each_channel
    shares_the_gradient_equally
  - step = stride or size
  + step = stride or 1
mean_stride_across_only: averages_overlapping_windows
  - x.unfold(2, size, step)
  + x.unfold(2, size, size)
mean_is_a_sum: averages_each_window averages_overlapping_windows averages_complete_windows_only
    averages_each_channel shares_the_gradient_equally
  - )) / (size * size)
  + ))
mean_divided_by_four: averages_overlapping_windows averages_complete_windows_only
  - (size * size)
  + 4
mean_divided_by_the_size: averages_each_window averages_overlapping_windows
    averages_complete_windows_only averages_each_channel shares_the_gradient_equally
  - (size * size)
  + size
""")


@wrong("avg_pool2d", fails=["averages_complete_windows_only"])
def mean_of_incomplete_windows(x, size, stride=None):
    stride = stride or size
    rows = [
        torch.stack(
            [
                x[:, :, i : i + size, j : j + size].mean(dim=(2, 3))
                for j in range(0, x.shape[3] - size + stride, stride)
            ],
            dim=2,
        )
        for i in range(0, x.shape[2] - size + stride, stride)
    ]
    return torch.stack(rows, dim=2)


mean_of_windows.slips("""
mean_of_all_channels: averages_each_channel
  - windows.sum(dim=(4, 5)) / (size * size)
  + windows.mean(dim=(1, 4, 5))[:, None]
mean_without_gradient: shares_the_gradient_equally
  - windows.sum
  + windows.detach().sum
""")


@wrong("avg_pool2d", fails=["averages_by_hand"])
def mean_library(x, size, stride=None):
    return nn.functional.avg_pool2d(x, size, stride)


@wrong("avg_pool2d", fails=["averages_by_hand"])
def mean_library_convolution(x, size, stride=None):
    weight = x.new_full((x.shape[1], 1, size, size), 1 / size**2)
    return nn.functional.conv2d(x, weight, stride=stride or size, groups=x.shape[1])


# ----------------------------------------------------------------------------- learn_kernel


@right("learn_kernel")
def learn_by_formula(image, target, shape, lr, steps):
    kernel = image.new_zeros(shape)
    for _ in range(steps):
        error = correlate2d(image, kernel) - target
        kernel = kernel - lr * 2 / target.numel() * correlate2d(image, error)
    return kernel


@right("learn_kernel")
def learn_with_backward(image, target, shape, lr, steps):
    kernel = torch.zeros(shape, dtype=image.dtype, device=image.device, requires_grad=True)
    for _ in range(steps):
        prediction = nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]
        loss = ((prediction - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            kernel -= lr * kernel.grad
        kernel.grad = None
    return kernel.detach()


@right("learn_kernel")
def learn_with_an_optimiser(image, target, shape, lr, steps):
    kernel = nn.Parameter(torch.zeros(shape, dtype=image.dtype, device=image.device))
    optimizer = torch.optim.SGD([kernel], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        prediction = conv2d(image[None, None], kernel[None, None])
        nn.functional.mse_loss(prediction[0, 0], target).backward()
        optimizer.step()
    return kernel.data


learn_with_backward.slips("""
learn_accumulates: follows_gradient_descent finds_a_hidden_kernel
  - kernel.grad = None
  + pass
learn_the_summed_loss: LEARNING
  - .mean()
  + .sum()
learn_uphill: LEARNING
  - kernel -= lr
  + kernel += lr
learn_flipped: LEARNING hint_of=finds_a_hidden_kernel
  - kernel[None, None])[0, 0]
  + kernel.flip(0, 1)[None, None])[0, 0]
learn_one_step_too_many: follows_gradient_descent takes_one_step_from_zero
  - range(steps)
  + range(steps + 1)
learn_the_absolute_error: LEARNING
  - ((prediction - target) ** 2)
  + (prediction - target).abs()
""")
learn_by_formula.slips("""
learn_without_the_two: takes_one_step_from_zero follows_gradient_descent
  - lr * 2 / target.numel()
  + lr / target.numel()
learn_mean_over_the_image: takes_one_step_from_zero follows_gradient_descent
  - target.numel()
  + image.numel()
learn_from_random_numbers: follows_gradient_descent takes_one_step_from_zero
    hint_of=takes_one_step_from_zero
  - image.new_zeros(shape)
  + torch.randn_like(image[: shape[0], : shape[1]])
learn_height_and_width_swapped: takes_one_step_from_zero finds_a_hidden_kernel
    follows_gradient_descent returns_a_plain_tensor learns_in_double_precision
    learns_on_the_device_of_the_image
  - image.new_zeros(shape)
  + image.new_zeros(shape[::-1])
learn_square_kernels: takes_one_step_from_zero finds_a_hidden_kernel follows_gradient_descent
    returns_a_plain_tensor learns_in_double_precision learns_on_the_device_of_the_image
  - image.new_zeros(shape)
  + image.new_zeros(shape[0], shape[0])
""")
learn_with_backward.slips("""
learn_returns_the_graph: returns_a_plain_tensor
  - return kernel.detach()
  + return kernel
""")
learn_by_formula.slips("""
learn_in_single_precision: learns_in_double_precision
  - return kernel
  + return kernel.float()
""")


@wrong("learn_kernel", fails=["learns_on_the_device_of_the_image"])
def learn_on_the_cpu(image, target, shape, lr, steps):
    kernel = torch.zeros(shape, dtype=image.dtype)
    for _ in range(steps):
        error = conv2d(image[None, None], kernel[None, None])[0, 0] - target
        kernel = kernel - lr * 2 / target.numel() * correlate2d(image, error)
    return kernel


@wrong(
    "learn_kernel",
    fails=["takes_one_step_from_zero", "finds_a_hidden_kernel", "follows_gradient_descent"],
)
def learn_nothing(image, target, shape, lr, steps):
    kernel = image.new_zeros(shape)
    for _ in range(steps):
        error = correlate2d(image, kernel) - target
        kernel - lr * 2 / target.numel() * correlate2d(image, error)
    return kernel
