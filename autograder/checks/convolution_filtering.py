"""The checks of notebook 04: convolution, filters, pooling, and a learned kernel."""

import torch
from torch import nn

from autograder.checks import check
from autograder.checks.shared.common import expect_raises
from autograder.checks.shared.makers import (
    keeps_device,
    keeps_double_precision,
    leaves_alone,
    raises,
    written_by_hand,
)
from autograder.inside.student.course_helper import (
    expect_close,
    expect_equal,
    expect_written_by_hand,
    numbers,
    parameter,
    plain,
)


def picture(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return positive numbers: mistakes with negative ones have checks of their own."""
    return numbers(*shape, seed=seed, dtype=dtype).abs()


def photograph(*shape: int, seed: int) -> torch.Tensor:
    """Return random uint8 pixels from 0 to 255."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).to(torch.uint8)


def library_correlation(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Return the correlation of an image with a kernel in valid mode, by the library."""
    return nn.functional.conv2d(image.to(kernel.dtype)[None, None], kernel[None, None])[0, 0]


# ----------------------------------------------------------------------------- output_size


@check(
    "output_size",
    points=1,
    hint="Seven inputs and a kernel of length 3. It fits at the places 0, 1, 2, 3 and 4; with "
    "stride 2 at 0, 2 and 4. The result is an int.",
)
def counts_the_places_of_the_kernel(output_size):
    """Every place, then every second place."""
    expect_equal(output_size(7, 3), 5)
    expect_equal(output_size(7, 3, stride=2), 3)


@check(
    "output_size",
    points=1,
    hidden=True,
    hint="With this stride the last step is incomplete: the kernel would stick out at the end. "
    "Such a step does not count.",
)
def leaves_out_an_incomplete_step(output_size):
    """Places 0 and 4 of 10; the kernel of length 3 would stick out at 8."""
    expect_equal(output_size(10, 3, stride=4), 2)


@check(
    "output_size",
    points=1,
    hidden=True,
    hint="The padding is added at each of the two ends, so the input gets longer by twice as much.",
)
def pads_both_ends(output_size):
    """6 inputs and 2 on each side."""
    expect_equal(output_size(6, 3, padding=2), 8)


@check(
    "output_size",
    points=1,
    hidden=True,
    hint="The dilation is wrong. k weights have k - 1 distances between them; each is `dilation` "
    "places long. How many places does the kernel span, its first and last weight included?",
)
def spreads_the_weights(output_size):
    """Three weights at distance 3 span 7 places."""
    expect_equal(output_size(9, 3, dilation=3), 3)


@check(
    "output_size",
    points=1,
    hidden=True,
    hint="A kernel that is longer than the padded input is a ValueError; one that just fits has "
    "one output.",
)
def refuses_a_kernel_that_does_not_fit(output_size):
    """A kernel of 5 fits 5 inputs and does not fit 4."""
    expect_equal(output_size(5, 5), 1)
    expect_raises("ValueError", output_size, 4, 5)


# ----------------------------------------------------------------------------- parameter_count


@check(
    "parameter_count",
    points=1,
    hint="There are 2 channels of 4 by 4 outputs. Dense: each has 25 weights. Pruned: each has "
    "4 weights. Shared: each channel has 4 weights.",
)
def counts_the_weights_of_the_example(parameter_count):
    """A picture of 5 by 5 pixels, two channels, kernels of 2 by 2, no biases."""
    expect_equal(parameter_count((1, 5, 5), 2, (2, 2), bias=False), (800, 128, 8))


@check(
    "parameter_count",
    points=1,
    hidden=True,
    hint="It goes wrong for a picture with several channels, H not W, and a kernel that is "
    "higher than wide. Every output looks at all input channels; heights go with heights.",
)
def counts_input_channels(parameter_count):
    """Three channels of 6 by 8; 4 by 7 places for a kernel of 3 by 2."""
    expect_equal(parameter_count((3, 6, 8), 4, (3, 2), bias=False), (16128, 2016, 72))


@check(
    "parameter_count",
    points=1,
    hidden=True,
    hint="The biases are wrong. Without sharing every output has one of its own; with sharing all "
    "outputs of a channel have the same one.",
)
def counts_biases(parameter_count):
    """Three channels of 4 by 3 outputs, by default with biases."""
    expect_equal(parameter_count((1, 5, 4), 3, (2, 2)), (756, 180, 15))


@check(
    "parameter_count",
    points=1,
    hidden=True,
    hint="The stride is wrong. It leaves fewer outputs, down as well as across; the weights of a "
    "shared kernel stay as many.",
)
def counts_outputs_with_a_stride(parameter_count):
    """Every second place: 3 by 4 of them."""
    expect_equal(parameter_count((1, 7, 9), 3, (3, 3), 2, bias=False), (2268, 324, 27))


# ----------------------------------------------------------------------------- pad2d


@check(
    "pad2d",
    points=1,
    hint="One row of zeros above and one below, two columns of zeros on the left and two on the "
    "right.",
)
def puts_a_frame_around_two_pixels(pad2d):
    """From shape (1, 2) to shape (3, 6)."""
    expected = torch.tensor(
        [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0, 7.0, 0.0, 0.0], [0.0] * 6]
    )
    expect_close(pad2d(torch.tensor([[5.0, 7.0]]), rows=1, columns=2), expected)


@check(
    "pad2d",
    points=1,
    hidden=True,
    hint="The frame has the value 0 where another was asked for. Is the argument `value` used?",
)
def fills_with_the_value(pad2d):
    """A frame of -1.5."""
    image = picture(3, 4, seed=411, dtype=torch.float32)
    expected = nn.functional.pad(image, (1, 1, 2, 2), value=-1.5)
    expect_close(pad2d(image, 2, 1, -1.5), expected)


@check(
    "pad2d",
    points=1,
    hidden=True,
    hint="It goes wrong for a batch, shape (N, C, H, W). Height and width are the last two axes; "
    "all axes before them stay as they are.",
)
def pads_the_last_two_axes(pad2d):
    """Two examples with three channels."""
    batch = picture(2, 3, 4, 5, seed=412, dtype=torch.float32)
    expect_close(pad2d(batch, 1, 3), nn.functional.pad(batch, (3, 3, 1, 1)))


@check(
    "pad2d",
    points=1,
    hidden=True,
    hint="The result must have the dtype of the image, also for uint8 pixels. A new tensor is "
    "float32 unless you say otherwise.",
)
def keeps_the_dtype_of_the_image(pad2d):
    """A photograph of uint8 with a frame of 7, and an image in double precision."""
    pixels = photograph(2, 3, seed=413)
    expect_equal(pad2d(pixels, 1, 1, 7).dtype, torch.uint8)
    expect_equal(pad2d(picture(2, 3, seed=414), 1, 1).dtype, torch.float64)


keeps_device(
    "pad2d",
    "pads_on_the_device_of_the_image",
    lambda: (numbers(4, 3, seed=415), 2, 1),
    of="the image",
)


# ----------------------------------------------------------------------------- correlate2d


@check(
    "correlate2d",
    points=1,
    hint="The kernel lies on the four pixels 1, 2, 4, 5 first: 1·1 + 10·5 = 51. Then it moves one "
    "to the right. It is laid on as it is, not turned.",
)
def weights_and_adds_each_neighbourhood(correlate2d):
    """A kernel of 2 by 2 fits into an image of 2 by 3 at two places."""
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    kernel = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    expect_close(correlate2d(image, kernel), torch.tensor([[51.0, 62.0]]))


@check(
    "correlate2d",
    points=2,
    hidden=True,
    hint="It goes wrong for an image with H not W and a kernel of 2 by 4. Does it count the places "
    "right on each axis, take the size of the kernel from its shape, and lay it on unturned?",
)
def agrees_with_the_library(correlate2d):
    """An image of 6 by 9, a kernel of 2 by 4."""
    image, kernel = picture(6, 9, seed=421), picture(2, 4, seed=422)
    expected = library_correlation(image, kernel)
    expect_close(correlate2d(image, kernel).double(), expected, rtol=1e-5)


@check(
    "correlate2d",
    points=1,
    hidden=True,
    hint="Negative results have become something else. Results are not limited to the range of "
    "pixels; whoever draws them may limit them then.",
)
def keeps_negative_values(correlate2d):
    """A kernel that is negative everywhere."""
    image, kernel = picture(4, 5, seed=423), torch.full((2, 2), -0.75, dtype=torch.float64)
    expected = library_correlation(image, kernel)
    expect_close(correlate2d(image, kernel).double(), expected, rtol=1e-5)


@check(
    "correlate2d",
    points=1,
    hidden=True,
    hint="It goes wrong for a uint8 photograph and a kernel with fractions. uint8 holds whole "
    "numbers from 0 to 255, and starts again at 0 above that: neither the kernel nor the sums may "
    "be stored in it.",
)
def computes_with_uint8_pixels(correlate2d):
    """A photograph, and a kernel that adds up 1.5 times four pixels."""
    image, kernel = photograph(5, 6, seed=425), torch.full((2, 2), 1.5)
    expect_close(correlate2d(image, kernel), library_correlation(image, kernel), atol=1e-3)


# An image in single precision, a kernel in double precision.
keeps_double_precision(
    "correlate2d",
    "has_the_dtype_of_the_kernel",
    lambda: (picture(4, 4, seed=426, dtype=torch.float32), picture(2, 3, seed=427)),
    hint="The kernel has double precision, and the result has another dtype. A new tensor is "
    "float32 unless you say otherwise.",
)

written_by_hand(
    "correlate2d",
    "correlates_without_the_library",
    "convolution",
    lambda: (picture(4, 6, seed=428), picture(3, 2, seed=429)),
    hint="A library function did the work. Write the sum over the entries of the kernel yourself.",
)


keeps_device(
    "correlate2d",
    "correlates_on_the_device_of_the_image",
    lambda: (numbers(3, 4, seed=430), numbers(2, 2, seed=431)),
    of="the image",
)


# ----------------------------------------------------------------------------- convolve2d


@check(
    "convolve2d",
    points=1,
    hint="An image with a single 1 in the middle must come out as the kernel itself. If it comes "
    "out turned by 180 degrees, the flip is missing; if mirrored, it is missing on one axis.",
)
def stamps_the_kernel_on_an_impulse(convolve2d):
    """An impulse in the middle of 3 by 5 pixels, a kernel of 2 by 3."""
    impulse = torch.zeros(3, 5)
    impulse[1, 2] = 1
    kernel = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    expect_close(convolve2d(impulse, kernel), kernel)


@check(
    "convolve2d",
    points=2,
    hidden=True,
    hint="It goes wrong for a kernel of 3 by 2 in double precision. The rows of the kernel run "
    "backwards, and its columns, too; its shape stays.",
)
def runs_backwards_through_the_kernel(convolve2d):
    """The library's correlation with the kernel turned by 180 degrees."""
    image, kernel = picture(5, 8, seed=441), numbers(3, 2, seed=442, dtype=torch.float64)
    expect_close(convolve2d(image, kernel), library_correlation(image, kernel.rot90(2)))


@check(
    "convolve2d",
    points=1,
    hidden=True,
    hint="It goes wrong for a uint8 photograph and a kernel with fractions. Compute in the dtype "
    "of the kernel.",
)
def convolves_uint8_pixels(convolve2d):
    """A photograph, and a kernel whose numbers uint8 cannot hold."""
    image, kernel = photograph(4, 6, seed=443), torch.full((2, 2), 2.5)
    expect_close(convolve2d(image, kernel), library_correlation(image, kernel), atol=1e-3)


written_by_hand(
    "convolve2d",
    "convolves_without_the_library",
    "convolution",
    lambda: (picture(4, 6, seed=444), picture(3, 2, seed=445)),
    hint="A library function did the work. Use your correlate2d, or write the sum yourself.",
)


# ----------------------------------------------------------------------------- box_blur


@check(
    "box_blur",
    points=1,
    hint="The middle pixel becomes the mean of 3, 6 and 12. The first has a neighbour on one side "
    "only, so it becomes the mean of 3 and 6. The result has the shape of the image.",
)
def averages_the_pixels_in_the_window(box_blur):
    """A row of three pixels, a window of three."""
    expect_close(box_blur(torch.tensor([[3.0, 6.0, 12.0]]), 1, 3), torch.tensor([[4.5, 7.0, 9.0]]))


@check(
    "box_blur",
    points=1,
    hidden=True,
    hint="Pixels far from the border are wrong for a window that is 3 high and 5 wide, in double "
    "precision. Are the height and the width taken from the arguments, in this order?",
)
def blurs_with_a_rectangle(box_blur):
    """Where the whole window lies inside."""
    image = picture(6, 8, seed=451)
    expected = nn.functional.avg_pool2d(image[None], (3, 5), 1)[0]
    expect_close(box_blur(image, 3, 5)[1:-1, 2:-2], expected)


@check(
    "box_blur",
    points=1,
    hidden=True,
    hint="Pixels near the border are wrong. There a part of the window lies outside the image; it "
    "counts neither in the sum nor in the number that you divide by.",
)
def keeps_a_white_wall_white(box_blur):
    """All pixels are 1, so every mean is 1."""
    expect_close(box_blur(torch.ones(6, 7), 5, 3), torch.ones(6, 7))


@check(
    "box_blur",
    points=1,
    hidden=True,
    hint="It goes wrong for a uint8 photograph. The sum of a window is more than uint8 can hold, "
    "and its mean is no whole number: convert first.",
)
def blurs_uint8_pixels(box_blur):
    """A photograph becomes float32; where the whole window lies inside."""
    image = photograph(4, 6, seed=452)
    expected = nn.functional.avg_pool2d(image[None].float(), 3, 1)[0]
    expect_close(box_blur(image, 3, 3)[1:-1, 1:-1], expected, atol=1e-3)


@check(
    "box_blur",
    points=1,
    hidden=True,
    hint="A library function for convolution or pooling did the work. Use your own functions.",
)
def blurs_without_the_library(box_blur):
    """Watched while it runs."""
    expect_written_by_hand("convolution", box_blur, picture(5, 4, seed=453), 3, 1)
    expect_written_by_hand("pooling", box_blur, picture(5, 4, seed=454), 3, 1)


# ----------------------------------------------------------------------------- gaussian_kernel


@check(
    "gaussian_kernel",
    points=1,
    hint="The neighbours of the middle are exp(-1/2) = 0.61 times as large as the middle, the "
    "corners exp(-2/2) = 0.37 times. Then divide by the sum of all nine.",
)
def falls_off_from_the_middle(gaussian_kernel):
    """Three by three entries, standard deviation 1."""
    expected = torch.tensor(
        [[0.0751, 0.1238, 0.0751], [0.1238, 0.2042, 0.1238], [0.0751, 0.1238, 0.0751]]
    )
    expect_close(gaussian_kernel(3, 1.0), expected, atol=1e-4)


@check(
    "gaussian_kernel",
    points=2,
    hidden=True,
    hint="Its standard deviation is not sigma. In the exponent stands the squared distance, "
    "divided by twice the *square* of sigma.",
)
def has_the_given_standard_deviation(gaussian_kernel):
    """The mean squared distance from the middle, along each axis, is sigma²."""
    kernel = gaussian_kernel(31, 2.5)
    share = kernel / kernel.sum()
    squares = (torch.arange(31.0) - 15).square()
    expect_close((share.sum(dim=1) * squares).sum(), 6.25, rtol=1e-3)
    expect_close((share.sum(dim=0) * squares).sum(), 6.25, rtol=1e-3)


@check(
    "gaussian_kernel",
    points=1,
    hidden=True,
    hint="The entries do not add up to 1 when the kernel is too small for its sigma. Divide by "
    "the sum of the entries that there are.",
)
def sums_to_one(gaussian_kernel):
    """Five by five entries with a standard deviation of 3: much is cut off."""
    expect_close(gaussian_kernel(5, 3.0).sum(), 1.0)


@check(
    "gaussian_kernel",
    points=1,
    hidden=True,
    hint="With an even size the kernel is not the same from both sides, or has another size. The "
    "middle of 0, 1, 2, 3 is 1.5.",
)
def is_centred_for_even_sizes(gaussian_kernel):
    """Four by four entries: mirror images agree."""
    expect_equal(gaussian_kernel(4, 1.2).shape, (4, 4))
    expect_close(gaussian_kernel(4, 1.2).flip(0), gaussian_kernel(4, 1.2))
    expect_close(gaussian_kernel(4, 1.2).flip(1), gaussian_kernel(4, 1.2))


# ----------------------------------------------------------------------------- sharpen_kernel


@check(
    "sharpen_kernel",
    points=1,
    hint="x is the correlation with (0, 1, 0), the blur takes off what (1/3, 1/3, 1/3) leaves. "
    "Write x + a (x - blurred x) as one kernel.",
)
def adds_what_the_blur_takes_away(sharpen_kernel):
    """The mean of three pixels in a row, its difference added once."""
    blur = torch.full((1, 3), 1 / 3)
    expect_close(sharpen_kernel(blur, 1.0), torch.tensor([[-1 / 3, 5 / 3, -1 / 3]]))


@check(
    "sharpen_kernel",
    points=2,
    hidden=True,
    hint="It goes wrong for a blur of 3 by 7 and an amount other than 1. Where is the middle of "
    "each axis? And what does the amount multiply?",
)
def sharpens_with_a_rectangle(sharpen_kernel):
    """A picture filtered with the kernel is x + a (x - blurred x)."""
    blur = picture(3, 7, seed=461)
    blur = blur / blur.sum()
    x = picture(5, 10, seed=462)
    inside_x = x[1:-1, 3:-3]
    expected = inside_x + 0.6 * (inside_x - library_correlation(x, blur))
    expect_equal(sharpen_kernel(blur.clone(), 0.6).shape, (3, 7))
    expect_close(library_correlation(x, plain(sharpen_kernel(blur.clone(), 0.6))), expected)


leaves_alone(
    "sharpen_kernel",
    "leaves_the_blur_alone",
    lambda: (picture(3, 3, seed=463), 1.5),
    hint="The blur that was passed in has changed. `kernel = blur` copies nothing, and `-=`, `*=` "
    "or an assignment to an entry works in place.",
)


# ----------------------------------------------------------------------------- gradient_magnitude


@check(
    "gradient_magnitude",
    points=1,
    hint="Across the edge Gx is 1 + 2 + 1 = 4 and Gy is 0, at both places of the kernel.",
)
def measures_an_upright_edge(gradient_magnitude):
    """Black on the left, white on the right."""
    image = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(3, 1)
    expect_close(gradient_magnitude(image), torch.tensor([[4.0, 4.0]]))


@check(
    "gradient_magnitude",
    points=2,
    hidden=True,
    hint="It goes wrong where the brightness changes down as well as across. The length of a "
    "vector is the root of the sum of the squares of Gx and Gy.",
)
def combines_both_directions(gradient_magnitude):
    """A picture that gets brighter to the right and downwards."""
    image = picture(6, 9, seed=471).cumsum(0).cumsum(1)
    sobel = image.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    across, down = library_correlation(image, sobel), library_correlation(image, sobel.T)
    expect_close(gradient_magnitude(image), (across**2 + down**2).sqrt())


@check(
    "gradient_magnitude",
    points=1,
    hidden=True,
    hint="Edges towards the dark are lost: there Gx or Gy is negative. Cut nothing off at 0.",
)
def finds_edges_towards_the_dark(gradient_magnitude):
    """Like the public check, white on the left and at the top."""
    across = torch.tensor([[3.0, 3.0, 0.0, 0.0]]).repeat(4, 1)
    expect_close(gradient_magnitude(across), torch.full((2, 2), 12.0))
    expect_close(gradient_magnitude(across.T), torch.full((2, 2), 12.0))


@check(
    "gradient_magnitude",
    points=1,
    hidden=True,
    hint="It goes wrong for a uint8 photograph. uint8 knows neither negative numbers nor numbers "
    "above 255: convert first.",
)
def finds_edges_in_uint8_pixels(gradient_magnitude):
    """Pixels that get brighter to the right, by more than uint8 can hold; float32 comes out."""
    image = torch.tensor([[0, 90, 200, 245, 255]]).repeat(4, 1).to(torch.uint8)
    expected = torch.tensor([[800.0, 620.0, 220.0]]).repeat(2, 1)
    expect_close(gradient_magnitude(image), expected, rtol=1e-5)


written_by_hand(
    "gradient_magnitude",
    "finds_edges_without_the_library",
    "convolution",
    lambda: picture(4, 5, seed=473),
    hint="A library function for convolution did the work. Use your own functions.",
)


# ----------------------------------------------------------------------------- separate


@check(
    "separate",
    points=1,
    hint="The second row is twice the first: so the column is (1, 2) and the row (1, 2, 3), or "
    "multiples of them whose product is the same. The column comes first.",
)
def takes_a_kernel_apart(separate):
    """The product of column and row is the kernel."""
    kernel = torch.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    expect_close(torch.outer(*separate(kernel)), kernel)


@check(
    "separate",
    points=1,
    hidden=True,
    hint="It goes wrong for a kernel whose first row and first column are zero. Do you divide by "
    "an entry or a sum that can be 0?",
)
def takes_apart_a_kernel_with_zeros(separate):
    """Zeros at the edge, as in a shift, in double precision."""
    column = torch.tensor([0.0, 2.0, 1.0, 4.0], dtype=torch.float64)
    kernel = torch.outer(column, torch.tensor([0.0, 3.0, 0.5], dtype=torch.float64))
    expect_close(torch.outer(*separate(kernel)), kernel)


@check(
    "separate",
    points=1,
    hidden=True,
    hint="It goes wrong for a kernel with positive and negative entries that add up to 0. Column "
    "and row must keep the signs, and a sum that can be 0 is nothing to divide by.",
)
def keeps_the_signs_of_the_kernel(separate):
    """A derivative in one direction, a blur in the other."""
    kernel = torch.outer(torch.tensor([1.0, 3.0, 1.0]), torch.tensor([-2.0, -1.0, 1.0, 2.0]))
    expect_close(torch.outer(*separate(kernel)), kernel)


# The kernel of a Laplacian: its rows are no multiples of each other.
raises(
    "separate",
    "refuses_what_is_no_product",
    "ValueError",
    lambda: torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]),
    hint="A kernel that is no product of a column and a row must raise a ValueError. Multiply what "
    "you found and compare with the kernel.",
)


@check(
    "separate",
    points=1,
    hidden=True,
    hint="A Gaussian kernel in single precision was refused. Its entries are rounded, so they "
    "agree with the product only nearly.",
)
def forgives_rounding(separate):
    """Seven by five entries in float32."""
    down, across = (torch.arange(7.0) - 3) / 1.3, (torch.arange(5.0) - 2) / 0.8
    kernel = torch.exp(-(down.square()[:, None] + across.square()) / 2)
    kernel = kernel / kernel.sum()
    expect_close(torch.outer(*separate(kernel)), kernel)


@check(
    "separate",
    points=1,
    hidden=True,
    hint="A product of a column and a row was refused because its entries are large, about a "
    "million. An error is large or small only in comparison with the entries of the kernel.",
)
def judges_a_kernel_by_its_own_scale(separate):
    """Powers of two, so that dividing by any of them is exact."""
    column, row = torch.tensor([1.0, -4.0, 2.0, 8.0]), torch.tensor([8.0, 0.5, 2.0])
    kernel = torch.outer(column, row) * 2.0**20
    expect_close(torch.outer(*separate(kernel)), kernel)


# ----------------------------------------------------------------------------- conv2d


@check(
    "conv2d",
    points=1,
    hint="The first output is 1·1 + 1·2 from the first channel, 1·10 + 0·20 from the second, and "
    "the bias 100. The sum runs over the channels as well as over the window.",
)
def adds_over_the_input_channels(conv2d):
    """One picture with two channels, 1 pixel high and 3 wide; one output channel."""
    x = torch.tensor([[[[1.0, 2.0, 3.0]], [[10.0, 20.0, 30.0]]]])
    weight = torch.tensor([[[[1.0, 1.0]], [[1.0, 0.0]]]])
    expected = torch.tensor([[[[113.0, 125.0]]]])
    expect_close(conv2d(x, weight, bias=torch.tensor([100.0])), expected)


@check(
    "conv2d",
    points=1,
    hint="The picture without its first two columns must give the same output without its first "
    "two columns. Which pixels does output j depend on in your code?",
)
def moves_with_the_picture(conv2d):
    """Shift equivariance: two pictures, two channels in, three channels out."""
    x, weight = numbers(2, 2, 5, 9, seed=41), numbers(3, 2, 2, 3, seed=42)
    expect_equal(conv2d(x, weight).shape, (2, 3, 4, 7))
    expect_close(conv2d(x[:, :, :, 2:], weight), conv2d(x, weight)[:, :, :, 2:])


@check(
    "conv2d",
    points=2,
    hidden=True,
    hint="It goes wrong for two pictures with three channels, H not W, four output channels and a "
    "kernel of 3 by 2, without bias. Are examples kept apart and channels in order, is the "
    "kernel unturned, is there one output for each place, and are rows still rows?",
)
def computes_a_layer(conv2d):
    """The library's layer, stride 1, no padding."""
    x, weight = picture(2, 3, 6, 8, seed=481), picture(4, 3, 3, 2, seed=482)
    expected = nn.functional.conv2d(x, weight)
    expect_close(conv2d(x, weight).double(), expected, rtol=1e-5)


@check(
    "conv2d",
    points=1,
    hidden=True,
    hint="The bias is wrong when there are several output channels: every number in it belongs to "
    "one channel, to all pixels of it.",
)
def adds_a_bias_per_channel(conv2d):
    """Three output channels of 3 by 3: as many as columns."""
    x, weight, bias = (
        picture(1, 2, 4, 4, seed=483),
        picture(3, 2, 2, 2, seed=484),
        picture(3, seed=485),
    )
    expected = nn.functional.conv2d(x, weight, bias)
    expect_close(conv2d(x, weight, bias).double(), expected, rtol=1e-5)


@check(
    "conv2d",
    points=2,
    hidden=True,
    hint="The stride is wrong. The kernel moves that many rows down and that many columns across; "
    "a last step that is incomplete does not count.",
)
def strides_as_its_adjoint(conv2d):
    """<conv2d(x), z> = <x, conv_transpose2d(z)> with stride 3."""
    x, weight = picture(1, 2, 8, 14, seed=486), picture(3, 2, 2, 3, seed=487)
    z = picture(1, 3, 3, 4, seed=488)
    back = nn.functional.conv_transpose2d(z, weight, stride=3)
    expect_equal(conv2d(x, weight, stride=3).shape, (1, 3, 3, 4))
    result = conv2d(x, weight, stride=3).double()
    expect_close((result * z).sum(), (x[:, :, :8, :12] * back).sum(), rtol=1e-5)


@check(
    "conv2d",
    points=1,
    hidden=True,
    hint="The padding is wrong. It adds zeros, as many rows above as below, as many columns on the "
    "left as on the right.",
)
def pads_with_zeros_on_all_sides(conv2d):
    """Two rows and columns on each side."""
    x, weight = picture(1, 2, 3, 5, seed=489), picture(2, 2, 2, 3, seed=490)
    expected = nn.functional.conv2d(x, weight, padding=2)
    expect_close(conv2d(x, weight, padding=2).double(), expected, rtol=1e-5)


@check(
    "conv2d",
    points=1,
    hidden=True,
    hint="The layer is not linear: negative outputs differ from what they should be. Limiting them "
    "is the task of a ReLU after the layer.",
)
def is_linear(conv2d):
    """The output for 2 x - 3 y is 2 times that for x minus 3 times that for y."""
    x, y = numbers(2, 1, 2, 5, 6, seed=491, dtype=torch.float64)
    weight = numbers(2, 2, 3, 3, seed=492, dtype=torch.float64)
    expected = 2 * plain(conv2d(x, weight)) - 3 * plain(conv2d(y, weight))
    expect_close(conv2d(2 * x - 3 * y, weight), expected, rtol=1e-5, atol=1e-5)


@check(
    "conv2d",
    points=2,
    hidden=True,
    hint="Gradients do not flow back to x, weight and bias, or are wrong. Was the graph cut by "
    "`.data`, `.detach()`, `.item()`, `torch.tensor(...)` or `no_grad`?",
)
def passes_gradients_on(conv2d):
    """The gradients of a weighted sum of the outputs, against the library's."""
    x, weight, bias = (
        picture(1, 2, 4, 5, seed=493),
        picture(1, 2, 2, 3, seed=494),
        picture(1, seed=495),
    )
    upstream = picture(1, 1, 3, 3, seed=496)
    theirs = [value.clone().requires_grad_() for value in (x, weight, bias)]
    (nn.functional.conv2d(*theirs) * upstream).sum().backward()
    mine = [parameter(value) for value in (x, weight, bias)]
    (conv2d(*mine) * upstream).sum().backward()
    for one, other in zip(mine, theirs, strict=True):
        expect_close(one.grad, other.grad)


keeps_double_precision(
    "conv2d",
    "computes_a_layer_in_double_precision",
    lambda: (picture(1, 1, 3, 4, seed=497), picture(1, 1, 2, 2, seed=498)),
)

keeps_device(
    "conv2d",
    "computes_a_layer_on_the_device_of_x",
    lambda: (
        numbers(1, 2, 3, 4, seed=499),
        numbers(1, 2, 2, 2, seed=500),
        numbers(1, seed=501),
        1,
        1,
    ),
    of="x",
)


written_by_hand(
    "conv2d",
    "computes_a_layer_by_hand",
    "convolution",
    lambda: (picture(1, 2, 4, 5, seed=502), picture(3, 2, 2, 2, seed=503)),
    points=2,
    hint="A library function for convolution did the work. Cut out the patches and multiply "
    "matrices yourself.",
)


# ----------------------------------------------------------------------------- max_pool2d


@check(
    "max_pool2d",
    points=1,
    hint="Two windows of 2 by 2: the left one holds 1, 5, 2 and 4, the right one 3, 8, 7 and 6.",
)
def keeps_the_largest_of_each_window(max_pool2d):
    """A picture of 2 by 4."""
    x = torch.tensor([[[[1.0, 5.0, 3.0, 8.0], [2.0, 4.0, 7.0, 6.0]]]])
    expect_close(max_pool2d(x, 2), torch.tensor([[[[5.0, 8.0]]]]))


@check(
    "max_pool2d",
    points=2,
    hidden=True,
    hint="It goes wrong for windows of 3 that are 2 apart, so that they overlap, in double "
    "precision. Is the stride used, down as well as across?",
)
def takes_maxima_of_overlapping_windows(max_pool2d):
    """One channel of 7 by 11."""
    x = picture(1, 1, 7, 11, seed=511)
    expect_close(max_pool2d(x, 3, 2), nn.functional.max_pool2d(x, 3, 2))


@check(
    "max_pool2d",
    points=1,
    hidden=True,
    hint="It goes wrong if height or width is no multiple of the window. Rows and columns at the "
    "end that fill no window are left out.",
)
def leaves_out_windows_that_stick_out(max_pool2d):
    """Five by seven pixels, windows of 3."""
    x = picture(1, 1, 5, 7, seed=512)
    expect_close(max_pool2d(x, 3), nn.functional.max_pool2d(x, 3))


@check(
    "max_pool2d",
    points=1,
    hidden=True,
    hint="Where all numbers of a window are negative, so is their maximum. A zero that is not in "
    "the window must not win.",
)
def takes_maxima_of_negative_numbers(max_pool2d):
    """No number is positive."""
    x = -picture(1, 1, 4, 6, seed=513) - 0.1
    expect_close(max_pool2d(x, 2), nn.functional.max_pool2d(x, 2))


@check(
    "max_pool2d",
    points=1,
    hidden=True,
    hint="It goes wrong for two pictures with three channels: every channel of every picture is "
    "pooled by itself.",
)
def takes_maxima_of_each_channel(max_pool2d):
    """Shape (2, 3, 4, 6)."""
    x = picture(2, 3, 4, 6, seed=514)
    expect_close(max_pool2d(x, 2), nn.functional.max_pool2d(x, 2))


@check(
    "max_pool2d",
    points=1,
    hidden=True,
    hint="The gradient must go back to the largest pixel of each window, all of it, and nothing "
    "to the others. Was the graph cut?",
)
def passes_the_gradient_to_the_winner(max_pool2d):
    """The gradients of a weighted sum of maxima."""
    value, upstream = picture(1, 1, 4, 4, seed=515), picture(1, 1, 2, 2, seed=516)
    x = parameter(value)
    (max_pool2d(x, 2) * upstream).sum().backward()
    theirs = value.clone().requires_grad_()
    (nn.functional.max_pool2d(theirs, 2) * upstream).sum().backward()
    expect_close(x.grad, theirs.grad)


keeps_device(
    "max_pool2d",
    "takes_maxima_on_the_device_of_x",
    lambda: (numbers(1, 1, 4, 2, seed=517), 2),
    of="x",
)

written_by_hand(
    "max_pool2d",
    "takes_maxima_by_hand",
    "pooling",
    lambda: (picture(1, 1, 4, 4, seed=518), 2),
    hint="A library function for pooling did the work. Cut out the windows yourself.",
)


# ----------------------------------------------------------------------------- avg_pool2d


@check(
    "avg_pool2d",
    points=1,
    hint="Two windows of 2 by 2: (1 + 5 + 2 + 4) / 4 = 3, and (3 + 8 + 7 + 6) / 4 = 6.",
)
def averages_each_window(avg_pool2d):
    """A picture of 2 by 4."""
    x = torch.tensor([[[[1.0, 5.0, 3.0, 8.0], [2.0, 4.0, 7.0, 6.0]]]])
    expect_close(avg_pool2d(x, 2), torch.tensor([[[[3.0, 6.0]]]]))


@check(
    "avg_pool2d",
    points=1,
    hidden=True,
    hint="It goes wrong for windows of 3 that are 2 apart, so that they overlap, in double "
    "precision. Is the stride used, down as well as across? How many pixels has a window?",
)
def averages_overlapping_windows(avg_pool2d):
    """One channel of 9 by 5."""
    x = picture(1, 1, 9, 5, seed=521)
    expect_close(avg_pool2d(x, 3, 2), nn.functional.avg_pool2d(x, 3, 2))


@check(
    "avg_pool2d",
    points=1,
    hidden=True,
    hint="It goes wrong if height or width is no multiple of the window. Rows and columns at the "
    "end that fill no window are left out.",
)
def averages_complete_windows_only(avg_pool2d):
    """Seven by five pixels, windows of 3."""
    x = picture(1, 1, 7, 5, seed=522)
    expect_close(avg_pool2d(x, 3), nn.functional.avg_pool2d(x, 3))


@check(
    "avg_pool2d",
    points=1,
    hidden=True,
    hint="It goes wrong for two pictures with three channels: every channel of every picture is "
    "pooled by itself.",
)
def averages_each_channel(avg_pool2d):
    """Shape (2, 3, 6, 4)."""
    x = picture(2, 3, 6, 4, seed=523)
    expect_close(avg_pool2d(x, 2), nn.functional.avg_pool2d(x, 2))


@check(
    "avg_pool2d",
    points=1,
    hidden=True,
    hint="Every pixel of a window must get the same part of the gradient. Was the graph cut?",
)
def shares_the_gradient_equally(avg_pool2d):
    """The gradients of a weighted sum of means."""
    value, upstream = picture(1, 1, 4, 4, seed=524), picture(1, 1, 2, 2, seed=525)
    x = parameter(value)
    (avg_pool2d(x, 2) * upstream).sum().backward()
    expect_close(x.grad, upstream.repeat_interleave(2, 2).repeat_interleave(2, 3) / 4)


@check(
    "avg_pool2d",
    points=1,
    hidden=True,
    hint="A library function for pooling or convolution did the work. Cut out windows yourself.",
)
def averages_by_hand(avg_pool2d):
    """Watched while it runs."""
    expect_written_by_hand("pooling", avg_pool2d, picture(1, 1, 4, 4, seed=526), 2)
    expect_written_by_hand("convolution", avg_pool2d, picture(1, 1, 4, 4, seed=527), 2)


# ----------------------------------------------------------------------------- learn_kernel


@check(
    "learn_kernel",
    points=1,
    hint="With a kernel of zeros the errors are -4 and 0. The gradient of their mean square is "
    "(2 / 2)·(-4·1, -4·2) = (-4, -8), and the learning rate is 0.5.",
)
def takes_one_step_from_zero(learn_kernel):
    """Three pixels, two targets, two weights."""
    image, target = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[4.0, 0.0]])
    kernel = learn_kernel(image, target, (1, 2), lr=0.5, steps=1)
    expect_close(kernel, [[2.0, 4.0]])


@check(
    "learn_kernel",
    points=1,
    hint="The target is the correlation of the image with a kernel of 1 by 3, and enough steps "
    "find this kernel. If yours comes out mirrored, there is a flip.",
)
def finds_a_hidden_kernel(learn_kernel):
    """Noise, correlated with (2, -1, 0.5)."""
    image = numbers(8, 11, seed=43)
    target = 2 * image[:, :-2] - image[:, 1:-1] + 0.5 * image[:, 2:]
    kernel = learn_kernel(image, target, (1, 3), lr=0.3, steps=50)
    expect_close(kernel, [[2.0, -1.0, 0.5]], atol=1e-3)


@check(
    "learn_kernel",
    points=2,
    hidden=True,
    hint="After several steps the kernel is not where gradient descent leads. Is the gradient that "
    "of the mean, at the current kernel, and that of one step only? Is the number of steps right?",
)
def follows_gradient_descent(learn_kernel):
    """Three steps with a kernel of 3 by 2, from the normal equations."""
    image, target = numbers(2, 6, 7, seed=531, dtype=torch.float64)
    target = target[:4, :6]
    design = nn.functional.unfold(image[None, None], (3, 2))[0].T
    expected = torch.zeros(6, dtype=torch.float64)
    for _ in range(3):
        expected -= 0.1 * 2 / 24 * design.T @ (design @ expected - target.reshape(-1))
    kernel = plain(learn_kernel(image, target, (3, 2), 0.1, 3))
    expect_close(kernel.double(), expected.reshape(3, 2), rtol=1e-5, atol=1e-6)


@check(
    "learn_kernel",
    points=1,
    hidden=True,
    hint="The kernel that you return still records gradients, and holds the graph of the training. "
    "Detach it.",
)
def returns_a_plain_tensor(learn_kernel):
    """A tensor, two by one, that records nothing."""
    image, target = numbers(4, 4, seed=532), numbers(3, 4, seed=533)
    kernel = learn_kernel(image, target, (2, 1), 0.1, 2)
    expect_equal(kernel.shape, (2, 1))
    expect_equal(kernel.requires_grad, False)


keeps_double_precision(
    "learn_kernel",
    "learns_in_double_precision",
    lambda: (picture(4, 5, seed=534), picture(3, 3, seed=535), (2, 3), 0.1, 2),
    hint="The image has double precision, and the kernel has another dtype. A new tensor is "
    "float32 unless you say otherwise.",
)

keeps_device(
    "learn_kernel",
    "learns_on_the_device_of_the_image",
    lambda: (numbers(4, 5, seed=536), numbers(3, 3, seed=537), (2, 3), 0.1, 2),
    hint="The kernel is on another device than the image. A new tensor is made on the CPU unless "
    "you say otherwise.",
)
