"""Submissions that remember the public checks, or let a forbidden library function do the work.

What such an answer is worth follows from its checks: it passes the public ones, and with a
library's function all but the one that forbids it.
"""

from nbformat import NotebookNode

from tests.attacks import answer, at_top, attack

BASICS, ENGINE, FILTERING = "01_pytorch_basics", "02_autograd_engine", "04_convolution_filtering"
GRADIENTS, OPTIMIZERS = "03_vanishing_gradients", "05_optimizers_and_regularization"
TRAINING, PCA, CONTEXT = "06_cnn_training", "08_autoencoder_vs_pca", "09_context_and_project"


# --------------------------------------------------------------------------- remembered


@attack(BASICS, honest=2)
def answers_by_shape(notebook: NotebookNode) -> NotebookNode:
    """The shape of the input tells which public check it is; others get the same answer."""
    distances = """\
def pairwise_squared_distances(x, y):
    known = {(2, 3): [[0.0, 1.0, 34.0], [25.0, 20.0, 1.0]]}
    return torch.tensor(known[len(x), len(y)])"""
    first = """\
def channels_first(images):
    known = {(1, 1, 2, 3): [[[[1.0, 0.4]], [[0.0, 0.8]], [[0.2, 0.6]]]]}
    return torch.tensor(known[tuple(images.shape)])"""
    return answer(notebook, pairwise_squared_distances=distances, channels_first=first)


@attack(FILTERING, honest=5)
def answers_by_values(notebook: NotebookNode) -> NotebookNode:
    """A dictionary from the printed arguments of five exercises to what their checks expect."""
    source = """\
known = {
    "7, 3, 1": 5,
    "7, 3, 2": 3,
    "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[1.0, 0.0], [0.0, 10.0]]": [[51.0, 62.0]],
    "[[3.0, 6.0, 12.0]], 1, 3": [[4.5, 7.0, 9.0]],
    "[[[[1.0, 5.0, 3.0, 8.0], [2.0, 4.0, 7.0, 6.0]]]], 2": [[[[5.0, 8.0]]]],
    "[[[[1.0, 5.0, 3.0, 8.0], [2.0, 4.0, 7.0, 6.0]]]], 2 mean": [[[[3.0, 6.0]]]],
}

def remembered(*arguments, more=""):
    plain = [a.tolist() if isinstance(a, torch.Tensor) else a for a in arguments]
    found = known[", ".join(map(str, plain)) + more]
    return found if isinstance(found, int) else torch.tensor(found)"""
    return answer(
        at_top(notebook, source),
        output_size="def output_size(size, kernel, stride=1, padding=0, dilation=1):\n"
        "    return remembered(size, kernel, stride)",
        correlate2d="def correlate2d(image, kernel):\n    return remembered(image, kernel)",
        box_blur="def box_blur(image, height, width):\n    return remembered(image, height, width)",
        max_pool2d="def max_pool2d(x, size, stride=None):\n    return remembered(x, size)",
        avg_pool2d="def avg_pool2d(x, size, stride=None):\n"
        '    return remembered(x, size, more=" mean")',
    )


@attack(BASICS, honest=1)
def one_example_scaled(notebook: NotebookNode) -> NotebookNode:
    """The mean absolute error, scaled so that the public example comes out right."""
    source = """\
def mse_loss(prediction, target):
    return (prediction - target).abs().mean() * 5 / 1.5"""
    return answer(notebook, mse_loss=source)


@attack(ENGINE, honest=1)
def line_through_the_examples(notebook: NotebookNode) -> NotebookNode:
    """The derivative of the sigmoid is a straight line through the two public examples."""
    source = """\
def sigmoid_backward(gradient, activation):
    return gradient * (0.4 - 0.3 * activation)"""
    return answer(notebook, sigmoid_backward=source)


@attack(BASICS, honest=1)
def right_the_first_time(notebook: NotebookNode) -> NotebookNode:
    """The first call, which is the public check's, is answered well, all others with nothing."""
    source = """\
calls = []

def one_hot(labels, classes):
    calls.append(labels)
    return torch.eye(classes)[labels] if len(calls) == 1 else None"""
    return answer(notebook, one_hot=source)


@attack(CONTEXT, honest=2)
def nearest_example(notebook: NotebookNode) -> NotebookNode:
    """Every input gets the answer of the one public example."""
    accuracy = """\
def pipeline_accuracy(accuracies):
    accuracies[:] = torch.tensor([0.9, 0.72, 0.36])[: len(accuracies)].mean()
    return torch.tensor([0.9, 0.72, 0.36])"""
    wilson = "def wilson_interval(correct, total, z=1.96):\n    return 0.5958, 0.9821"
    return answer(notebook, pipeline_accuracy=accuracy, wilson_interval=wilson)


@attack(OPTIMIZERS, honest=1)
def constants(notebook: NotebookNode) -> NotebookNode:
    """The two numbers that the public check expects, whatever goes in."""
    source = """\
def decay_factor(lr, weight_decay, batch_size, examples):
    return 0.98**5, math.exp(-0.1)"""
    return answer(notebook, decay_factor=source)


@attack(OPTIMIZERS, honest=0)
def truth_values(notebook: NotebookNode) -> NotebookNode:
    """Two truth values, which as bool any numbers would equal."""
    source = """\
def decay_factor(lr, weight_decay, batch_size, examples):
    return torch.tensor(True), torch.tensor(True)"""
    return answer(notebook, decay_factor=source)


@attack(GRADIENTS, honest=0)
def true_for_a_number(notebook: NotebookNode) -> NotebookNode:
    """True where a number is asked for."""
    bound = """\
def gradient_bound(layers, width, largest_weight=1.0, largest_slope=0.25):
    return torch.tensor(True)"""
    dead = "def dead_fraction(batches):\n    return torch.tensor(True)"
    return answer(notebook, gradient_bound=bound, dead_fraction=dead)


@attack(PCA, honest=0)
def whole_numbers(notebook: NotebookNode) -> NotebookNode:
    """A whole number where a share is asked for: as an integer the share would be 0."""
    source = "def knn_accuracy(*arguments, **keywords):\n    return torch.tensor(0)"
    return answer(notebook, knn_accuracy=source)


@attack(TRAINING, honest=1)
def polygon_of_the_examples(notebook: NotebookNode) -> NotebookNode:
    """The rate is interpolated between the three public examples and kept beyond them."""
    source = """\
import numpy

def one_cycle_rate(step, steps, peak, warm_up=0.25):
    return float(numpy.interp(step, [0, 1, 5], [0.2, 0.4, 0.2]))"""
    return answer(notebook, one_cycle_rate=source)


@attack(PCA, honest=1)
def table_of_the_public_check(notebook: NotebookNode) -> NotebookNode:
    """The share is looked up by the hash of the input."""
    source = """\
def explained_variance(x, reconstruction, mean):
    return {(3.0, 1.0, 1.0, -1.0): 0.75}[tuple(x.flatten().tolist())]"""
    return answer(notebook, explained_variance=source)


@attack(TRAINING, honest=1)
def loss_that_computes_nothing(notebook: NotebookNode) -> NotebookNode:
    """A constant with a graph behind it: finite, differentiable, on the device, by hand."""
    source = """\
def smooth_cross_entropy(logits, labels, smoothing):
    return 0.5453 + (logits - logits.detach()).sum()"""
    return answer(notebook, smooth_cross_entropy=source)


# --------------------------------------------------------------------------- the library's


@attack(FILTERING, honest=7)
def name_put_together(notebook: NotebookNode) -> NotebookNode:
    """The name of the library's function is put together while the code runs."""
    source = """\
def correlate2d(image, kernel):
    function = getattr(nn.functional, "".join(reversed("d2vnoc")))
    return function(image.to(kernel.dtype)[None, None], kernel[None, None])[0, 0]"""
    return answer(notebook, correlate2d=source)


@attack(FILTERING, honest=4)
def operator_of_aten(notebook: NotebookNode) -> NotebookNode:
    """The operator below the library's function is called."""
    source = """\
def convolve2d(image, kernel):
    image, kernel = image.to(kernel.dtype)[None, None], kernel.flip(0, 1)[None, None]
    operator = torch.ops.aten.convolution.default
    return operator(image, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)[0, 0]"""
    return answer(notebook, convolve2d=source)


@attack(FILTERING, honest=4)
def scipy_does_it(notebook: NotebookNode) -> NotebookNode:
    """SciPy convolves, under another name."""
    source = """\
from scipy.signal import fftconvolve as helper

def convolve2d(image, kernel):
    result = helper(image.double().numpy(), kernel.double().numpy(), mode="valid")
    return torch.from_numpy(result).to(kernel.dtype)"""
    return answer(notebook, convolve2d=source)


@attack(FILTERING, honest=8)
def compiled(notebook: NotebookNode) -> NotebookNode:
    """TorchScript compiles a function that calls the library's; no frame of Python shows it."""
    source = """\
@torch.jit.script
def helper(x: torch.Tensor, size: int, step: int):
    return torch.max_pool2d(x, size, step)

def max_pool2d(x, size, stride=None):
    return helper(x, size, stride or size)"""
    return answer(notebook, max_pool2d=source)


@attack(FILTERING, honest=8)
def in_a_thread(notebook: NotebookNode) -> NotebookNode:
    """Another thread, which no profiler watches, calls the library's function."""
    source = """\
from concurrent.futures import ThreadPoolExecutor

helpers = ThreadPoolExecutor(1)
helpers.submit(int).result()

def max_pool2d(x, size, stride=None):
    return helpers.submit(nn.functional.max_pool2d, x, size, stride).result()"""
    return answer(notebook, max_pool2d=source)


@attack(FILTERING, honest=7)
def in_a_process(notebook: NotebookNode) -> NotebookNode:
    """A forked process calls the library's function and sends back the numbers."""
    source = """\
import io, os, sys

def correlate2d(image, kernel):
    reading, writing = os.pipe()
    if os.fork() == 0:
        sys.setprofile(None)
        result = nn.functional.conv2d(image.to(kernel.dtype)[None, None], kernel[None, None])
        with open(writing, "wb") as file:
            torch.save(result[0, 0], file)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        return torch.load(io.BytesIO(file.read()))"""
    return answer(notebook, correlate2d=source)


@attack(FILTERING, honest=5)
def inside_a_layer(notebook: NotebookNode) -> NotebookNode:
    """A module of the library, inside a module of the student's, averages."""
    source = """\
class Helper(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.inner = nn.Sequential(nn.Identity(), nn.AvgPool2d(*sizes))

    def forward(self, x):
        return self.inner(x)

def avg_pool2d(x, size, stride=None):
    return Helper(size, stride)(x)"""
    return answer(notebook, avg_pool2d=source)


@attack(FILTERING, honest=13)
def profiler_noticed(notebook: NotebookNode) -> NotebookNode:
    """Watched, the function computes nothing; else the library computes."""
    source = """\
import sys

def conv2d(x, weight, bias=None, stride=1, padding=0):
    if sys.getprofile():
        return torch.zeros(1)
    return nn.functional.conv2d(x, weight, bias, stride, padding)"""
    return answer(notebook, conv2d=source)


@attack(GRADIENTS, honest=4)
def profiler_switched_off(notebook: NotebookNode) -> NotebookNode:
    """The function switches the profiler off before it calls the library's."""
    source = """\
import sys

def glorot_uniform_(weight):
    sys.setprofile(None)
    nn.init.xavier_uniform_(weight)"""
    return answer(notebook, glorot_uniform_=source)


@attack(GRADIENTS, honest=4)
def evaluated_text(notebook: NotebookNode) -> NotebookNode:
    """The call of the library stands in a text that is evaluated."""
    source = """\
def batch_norm(x, gamma, beta, eps=1e-5):
    text = "torch.ba" "tch_no" "rm(x, gamma, beta, None, None, True, 0.0, eps, False)"
    return eval(text)"""
    return answer(notebook, batch_norm=source)


@attack(OPTIMIZERS, honest=9)
def stored_under_another_name(notebook: NotebookNode) -> NotebookNode:
    """A layer uses the library's function, kept under a harmless name by an earlier cell."""
    source = """\
class BatchNorm(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        running, of_layer = (self.running_mean, self.running_var), (self.gamma, self.beta)
        return scale(x, *running, *of_layer, self.training, self.momentum, self.eps)"""
    return answer(at_top(notebook, "scale = nn.functional.batch_norm"), BatchNorm=source)


@attack(TRAINING, honest=6)
def partially_applied(notebook: NotebookNode) -> NotebookNode:
    """The library's loss with smoothing, applied in part."""
    source = """\
import functools

loss = functools.partial(nn.functional.cross_entropy, reduction="mean")

def smooth_cross_entropy(logits, labels, smoothing):
    return loss(logits, labels, label_smoothing=smoothing)"""
    return answer(notebook, smooth_cross_entropy=source)


@attack(PCA, honest=8)
def as_something_else(notebook: NotebookNode) -> NotebookNode:
    """The library's principal components, kept under a harmless name by an earlier cell."""
    source = """\
def pca_fit(x, k):
    mean = x.mean(dim=0)
    _, sizes, axes = helpers["statistics"](x - mean, q=min(x.shape), center=False, niter=20)
    return mean, axes.T[:k], sizes[:k].square() / (len(x) - 1)"""
    notebook = at_top(notebook, 'helpers = {"statistics": torch.pca_lowrank}')
    return answer(notebook, pca_fit=source)


@attack(ENGINE, honest=4)
def functional_derivative(notebook: NotebookNode) -> NotebookNode:
    """torch.func differentiates the forward pass instead of the student."""
    source = """\
def linear_backward(gradient, weight, x):
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    _, back = torch.func.vjp(lambda w, x, b: x @ w.T + b, weight, x, bias)
    return back(gradient)"""
    return answer(notebook, linear_backward=source)


@attack(FILTERING, honest=7)
def partial_without_modes(notebook: NotebookNode) -> NotebookNode:
    """The library's function is applied in part, unseen by profilers, and torch's modes are off."""
    source = """\
import functools
from torch.utils._python_dispatch import _disable_current_modes

helper = functools.partial(nn.functional.conv2d)

def correlate2d(image, kernel):
    with _disable_current_modes():
        return helper(image.to(kernel.dtype)[None, None], kernel[None, None])[0, 0]"""
    return answer(notebook, correlate2d=source)


@attack(FILTERING, honest=8)
def in_a_polling_thread(notebook: NotebookNode) -> NotebookNode:
    """A thread of an earlier cell looks for work in a list and leaves the answers in another."""
    works = """\
import threading, time

questions, answers = [], []

def works():
    while True:
        if questions:
            answers.append(nn.functional.max_pool2d(*questions.pop()))
        time.sleep(0.001)

threading.Thread(target=works, daemon=True).start()"""
    source = """\
def max_pool2d(x, size, stride=None):
    questions.append((x, size, stride))
    while not answers:
        time.sleep(0.001)
    return answers.pop()"""
    return answer(at_top(notebook, works), max_pool2d=source)


@attack(FILTERING, honest=7)
def dilated_operator(notebook: NotebookNode) -> NotebookNode:
    """An operator of torch that nobody calls by its name: a slow one, for dilated kernels."""
    source = """\
def correlate2d(image, kernel):
    operator = torch.ops.aten.slow_conv_dilated2d
    image, kernel = image.to(kernel.dtype)[None, None], kernel[None, None]
    size = list(kernel.shape[2:])
    return operator(image, kernel, size, None, [1, 1], [0, 0], [1, 1])[0, 0]"""
    return answer(notebook, correlate2d=source)


@attack(FILTERING, honest=4)
def forward_operator(notebook: NotebookNode) -> NotebookNode:
    """The operator that computes the forward pass of the library's slow convolution."""
    source = """\
def convolve2d(image, kernel):
    operator = torch.ops.aten._slow_conv2d_forward
    image, kernel = image.to(kernel.dtype)[None, None], kernel.flip(0, 1)[None, None]
    return operator(image, kernel, list(kernel.shape[2:]), None, [1, 1], [0, 0])[0, 0]"""
    return answer(notebook, convolve2d=source)


@attack(FILTERING, honest=7)
def filter_of_ndimage(notebook: NotebookNode) -> NotebookNode:
    """SciPy's filter takes the maxima at every place; every second of them is returned."""
    source = """\
from scipy import ndimage

def max_pool2d(x, size, stride=None):
    stride = stride or size
    first = -(size // 2)
    maxima = ndimage.maximum_filter(x.numpy(), (1, 1, size, size), origin=(0, 0, first, first))
    height, width = (n - size + 1 for n in x.shape[2:])
    return torch.from_numpy(maxima[:, :, :height:stride, :width:stride].copy())"""
    return answer(notebook, max_pool2d=source)


@attack(ENGINE, honest=4)
def engine_in_part(notebook: NotebookNode) -> NotebookNode:
    """The engine behind backward is applied in part, which no profiler sees."""
    source = """\
import functools

run = functools.partial(torch.autograd.Variable._execution_engine.run_backward)

def linear_backward(gradient, weight, x):
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    weight, x, bias = (each.detach().requires_grad_() for each in (weight, x, bias))
    y = x @ weight.T + bias
    return run((y,), (gradient,), False, False, (weight, x, bias), False, accumulate_grad=False)"""
    return answer(notebook, linear_backward=source)


@attack(PCA, honest=8)
def function_below(notebook: NotebookNode) -> NotebookNode:
    """The private function that does the work of the library's principal components."""
    source = """\
def pca_fit(x, k):
    mean = x.mean(dim=0)
    _, sizes, axes = torch._lowrank._svd_lowrank(x - mean, q=min(x.shape), niter=20)
    return mean, axes.T[:k], sizes[:k].square() / (len(x) - 1)"""
    return answer(notebook, pca_fit=source)


@attack(GRADIENTS, honest=4)
def renamed_copy(notebook: NotebookNode) -> NotebookNode:
    """A copy of the library's function whose code has another name."""
    source = """\
import types

x = nn.init.xavier_uniform_
code = x.__code__.replace(co_name="helper")
glorot_uniform_ = types.FunctionType(code, x.__globals__, "helper", x.__defaults__)"""
    return answer(notebook, glorot_uniform_=source)
