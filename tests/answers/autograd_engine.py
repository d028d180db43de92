"""Right and wrong answers to notebook 02."""

import math

import torch

from autograder.course.corpus import right, wrong

# ----------------------------------------------------------------------------- chain_of_modules


@right("chain_of_modules")
def chain_one_product(x):
    b = torch.exp(-x)
    c = torch.sin(b)
    local = (-2 / c**2, torch.cos(b), b, -torch.ones_like(x))
    return 2 / c, torch.stack(local).prod(dim=0)


@right("chain_of_modules")
def chain_formula(x):
    b = (-x).exp()
    return 2 / b.sin(), 2 * b * b.cos() / b.sin().square()


@right("chain_of_modules")
def chain_loop(x):
    modules = (
        (torch.neg, lambda v: torch.full_like(v, -1.0)),
        (torch.exp, torch.exp),
        (torch.sin, torch.cos),
        (lambda v: 2 / v, lambda v: -2 / (v * v)),
    )
    derivative = torch.ones_like(x)
    for forward, local in modules:
        derivative = derivative * local(x)
        x = forward(x)
    return x, derivative


@wrong("chain_of_modules", fails=["differentiates_elsewhere", "differentiates_at_zero"])
def chain_finite_difference(x):
    def f(x):
        return 2 / torch.sin(torch.exp(-x))

    h = 1e-6 if x.dtype == torch.float64 else 1e-3
    return f(x), (f(x + h) - f(x - h)) / (2 * h)


chain_formula.slips("""
chain_without_the_first_module: differentiates_elsewhere differentiates_at_zero
  - 2 * b * b.cos()
  + -2 * b * b.cos()
chain_without_exp: differentiates_elsewhere
  - 2 * b * b.cos()
  + 2 * b.cos()
chain_without_square: differentiates_elsewhere differentiates_at_zero
  - .square()
""")


@wrong("chain_of_modules", fails=["differentiates_elsewhere", "differentiates_at_zero"])
def chain_local_derivative_at_its_output(x):
    a = -x
    b = torch.exp(a)
    c = torch.sin(b)
    d = 2 / c
    return d, -2 / c**2 * torch.cos(b) * torch.exp(b) * -1


@wrong("chain_of_modules", fails=["differentiates_elsewhere", "differentiates_at_zero"])
def chain_slide(x):
    b = torch.exp(-x)
    c = torch.sin(b)
    d = 2 / c
    return d, -2 / d**2 * torch.cos(b) * b * -1


@wrong("chain_of_modules", fails=["differentiates_elsewhere", "differentiates_at_zero"])
def chain_in_degrees(x):
    b = torch.deg2rad(torch.exp(-x))
    c = torch.sin(b)
    return 2 / c, 2 / c**2 * torch.cos(b) * b


@wrong(
    "chain_of_modules",
    fails=["keeps_shape_and_dtype", "differentiates_elsewhere", "differentiates_by_hand"],
)
def chain_of_floats(x):
    b = math.exp(-x)
    c = math.sin(b)
    return torch.tensor(2 / c, dtype=x.dtype), torch.tensor(
        2 / c**2 * math.cos(b) * b, dtype=x.dtype
    )


@wrong("chain_of_modules", fails=["differentiates_elsewhere"])
def chain_with_item(x):
    values = [(math.exp(-v), v) for v in x.double().flatten().tolist()]
    value = torch.tensor([2 / math.sin(b) for b, _ in values])
    slope = torch.tensor([2 * math.cos(b) * b / math.sin(b) ** 2 for b, _ in values])
    return value.reshape(x.shape), slope.reshape(x.shape)


@wrong("chain_of_modules", fails=["keeps_shape_and_dtype"])
def chain_double(x):
    b = (-x.double()).exp()
    return 2 / b.sin(), 2 * b * b.cos() / b.sin().square()


@wrong("chain_of_modules", fails=["differentiates_by_hand"])
def chain_autograd(x):
    x = x.clone().requires_grad_()
    value = 2 / torch.sin(torch.exp(-x))
    value.sum().backward()
    return value.detach(), x.grad


# ----------------------------------------------------------------------------- linear_backward


@right("linear_backward")
def linear_einsum(gradient, weight, x):
    if x.ndim == 1:
        return (
            torch.einsum("m,k->mk", gradient, x),
            torch.einsum("m,mk->k", gradient, weight),
            gradient,
        )
    of_weight = torch.einsum("nm,nk->mk", gradient, x)
    return of_weight, torch.einsum("nm,mk->nk", gradient, weight), gradient.sum(0)


@right("linear_backward")
def linear_loop(gradient, weight, x):
    gradients, rows = torch.atleast_2d(gradient), torch.atleast_2d(x)
    of_weight = torch.zeros_like(weight)
    of_x = []
    for g, row in zip(gradients, rows, strict=True):
        of_weight += torch.outer(g, row)
        of_x.append(weight.T @ g)
    return of_weight, torch.stack(of_x).reshape(x.shape), gradients.sum(dim=0)


@wrong("linear_backward", fails=["agrees_for_a_batch", "multiplies_by_hand"])
def linear_single_example(gradient, weight, x):
    return torch.outer(gradient, x), weight.T @ gradient, gradient


@wrong("linear_backward", fails=["agrees_for_one_example", "multiplies_out_a_small_case"])
def linear_batch_only(gradient, weight, x):
    return gradient.T @ x, gradient @ weight, gradient.sum(dim=0)


linear_loop.slips("""
linear_transposed_outer: multiplies_out_a_small_case agrees_for_one_example agrees_for_a_batch
    multiplies_by_hand
  - torch.outer(g, row)
  + torch.outer(row, g)
linear_without_transpose: multiplies_out_a_small_case agrees_for_one_example agrees_for_a_batch
    multiplies_by_hand
  - weight.T @ g
  + weight @ g
""")
linear_einsum.slips("""
linear_mean_over_the_batch: agrees_for_a_batch
  - return of_weight, torch
  + return of_weight / len(x), torch
""")
linear_loop.slips("""
linear_bias_per_example: agrees_for_a_batch
  - gradients.sum(dim=0)
  + gradient
linear_last_example: agrees_for_a_batch
  - of_weight += torch.outer
  + of_weight = torch.outer
linear_ignores_the_gradient: agrees_for_one_example multiplies_out_a_small_case agrees_for_a_batch
  - torch.outer(g, row)
  + torch.outer(torch.ones_like(g), row)
""")


@wrong("linear_backward", fails=["agrees_for_one_example", "agrees_for_a_batch"])
def linear_float32(gradient, weight, x):
    gradients, rows = torch.atleast_2d(gradient), torch.atleast_2d(x)
    of_weight = torch.zeros(weight.shape)
    for g, row in zip(gradients, rows, strict=True):
        of_weight += torch.outer(g, row)
    return of_weight, gradient @ weight, gradients.sum(dim=0)


@wrong("linear_backward", fails=["multiplies_by_hand"])
def linear_autograd(gradient, weight, x):
    weight, x = weight.clone().requires_grad_(), x.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=weight.dtype, requires_grad=True)
    k = torch.nn.functional.linear(x, weight, bias)
    return torch.autograd.grad((k * gradient).sum(), (weight, x, bias))


# ----------------------------------------------------------------------------- unbroadcast


@right("unbroadcast")
def unbroadcast_library(gradient, shape):
    return gradient.sum_to_size(shape)


@right("unbroadcast")
def unbroadcast_axes(gradient, shape):
    extra = gradient.ndim - len(shape)
    axes = [*range(extra), *(extra + k for k, length in enumerate(shape) if length == 1)]
    return gradient.sum(dim=axes).reshape(shape) if axes else gradient


@right("unbroadcast")
def unbroadcast_loop(gradient, shape):
    padded = (1,) * (gradient.ndim - len(shape)) + tuple(shape)
    for axis in range(gradient.ndim):
        if padded[axis] != gradient.shape[axis]:
            gradient = gradient.sum(dim=axis, keepdim=True)
    return gradient.reshape(shape)


unbroadcast_axes.slips("""
unbroadcast_one_leading_axis: removes_leading_axes takes_numbers_on_the_left leaves_operands_alone
  - axes = [*range(extra), *
  + axes = [*range(min(extra, 1)), *
""")


@wrong(
    "unbroadcast",
    fails=[
        "keeps_axes_of_length_one",
        "sums_over_repeated_entries",
        "does_both_at_once",
        "adds_with_broadcasting",
        "multiplies_with_broadcasting",
        "divides",
    ],
)
def unbroadcast_leading_only(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=0)
    return gradient


@wrong(
    "unbroadcast",
    fails=[
        "removes_leading_axes",
        "sums_over_repeated_entries",
        "does_both_at_once",
        "handles_scalars_and_equal_shapes",
        "step_3_sums_and_multiplies_matrices",
        "adds_with_broadcasting",
        "multiplies_with_broadcasting",
        "subtracts_and_negates",
        "multiplies_matrices",
        "multiplies_vectors",
        "multiplies_stacks_of_matrices",
        "takes_a_torch_tensor_left_of_matmul",
        "runs_on_your_engine",
        "trains_on_your_engine",
    ],
)
def unbroadcast_ones_only(gradient, shape):
    for axis, length in enumerate(shape):
        if length == 1:
            gradient = gradient.sum(dim=axis, keepdim=True)
    return gradient


@wrong(
    "unbroadcast",
    fails=[
        "removes_leading_axes",
        "sums_over_repeated_entries",
        "does_both_at_once",
        "step_3_sums_and_multiplies_matrices",
        "adds_with_broadcasting",
        "multiplies_with_broadcasting",
        "subtracts_and_negates",
        "multiplies_matrices",
        "multiplies_vectors",
        "multiplies_stacks_of_matrices",
        "takes_a_torch_tensor_left_of_matmul",
        "runs_on_your_engine",
        "trains_on_your_engine",
    ],
)
def unbroadcast_trailing_axes(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=-1)
    for axis, length in enumerate(shape):
        if length == 1:
            gradient = gradient.sum(dim=axis, keepdim=True)
    return gradient


@wrong(
    "unbroadcast",
    fails=[
        "keeps_axes_of_length_one",
        "sums_over_repeated_entries",
        "does_both_at_once",
        "adds_with_broadcasting",
        "multiplies_with_broadcasting",
        "divides",
    ],
)
def unbroadcast_loses_the_axis(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=0)
    for axis in reversed(range(len(shape))):
        if shape[axis] == 1:
            gradient = gradient.sum(dim=axis)
    return gradient


@wrong("unbroadcast", fails=["keeps_axes_of_length_one"])
def unbroadcast_one_short_axis(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=0)
    if 1 in shape:
        gradient = gradient.sum(dim=tuple(shape).index(1), keepdim=True)
    return gradient


@wrong("unbroadcast", fails=["does_both_at_once", "adds_with_broadcasting"])
def unbroadcast_old_numbers(gradient, shape):
    for axis, length in enumerate(shape):
        if length == 1:
            gradient = gradient.sum(dim=axis, keepdim=True)
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=0)
    return gradient


unbroadcast_loop.slips("""
unbroadcast_mean: sums_over_repeated_entries removes_leading_axes keeps_axes_of_length_one
    does_both_at_once handles_scalars_and_equal_shapes adds_with_broadcasting
    multiplies_with_broadcasting subtracts_and_negates divides multiplies_stacks_of_matrices
    trains_on_your_engine
  - gradient.sum(dim
  + gradient.mean(dim
unbroadcast_takes_the_first: sums_over_repeated_entries removes_leading_axes
    keeps_axes_of_length_one does_both_at_once handles_scalars_and_equal_shapes
    adds_with_broadcasting multiplies_with_broadcasting subtracts_and_negates divides
    multiplies_stacks_of_matrices trains_on_your_engine
  - gradient.sum(dim=axis, keepdim=True)
  + gradient.narrow(axis, 0, 1)
""")


@wrong("unbroadcast", fails=["does_both_at_once", "adds_with_broadcasting"])
def unbroadcast_by_length(gradient, shape):
    for axis in reversed(range(gradient.ndim)):
        if gradient.ndim > len(shape) and gradient.shape[axis] not in shape:
            gradient = gradient.sum(dim=axis)
    return gradient.sum_to_size(shape)


@wrong(
    "unbroadcast",
    fails=[
        "handles_scalars_and_equal_shapes",
        "step_1_adds_and_multiplies",
        "step_2_subtracts_divides_and_cubes",
        "step_4_knows_four_functions",
        "runs_backward_twice",
        "goes_through_a_deep_graph",
        "keeps_double_precision_with_numbers",
        "measures_on_your_engine",
        "trains_on_your_engine",
    ],
)
def unbroadcast_scalar_with_axis(gradient, shape):
    return gradient.sum_to_size(shape or (1,))


# ----------------------------------------------------------------------------- topological_order


@right("topological_order")
def order_by_counting_children(root):
    nodes, children = {id(root): root}, {id(root): 0}
    waiting = [root]
    while waiting:
        for parent in waiting.pop().parents:
            if id(parent) not in nodes:
                nodes[id(parent)] = parent
                children[id(parent)] = 0
                waiting.append(parent)
            children[id(parent)] += 1
    ready, order = [root], []
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            children[id(parent)] -= 1
            if children[id(parent)] == 0:
                ready.append(parent)
    return order[::-1]


@right("topological_order")
def order_with_iterators(root):
    order, seen = [], {id(root)}
    stack = [(root, iter(root.parents))]
    while stack:
        node, parents = stack[-1]
        for parent in parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                stack.append((parent, iter(parent.parents)))
                break
        else:
            order.append(node)
            stack.pop()
    return order


@right("topological_order")
def order_by_longest_path(root):
    nodes, depth, stack = {}, {}, [(root, False)]
    while stack:
        node, ready = stack.pop()
        nodes[id(node)] = node
        if ready:
            depth[id(node)] = 1 + max((depth[id(p)] for p in node.parents), default=0)
        elif id(node) not in depth:
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return sorted(nodes.values(), key=lambda node: depth[id(node)])


@wrong("topological_order", fails=["orders_a_long_chain", "goes_through_a_deep_graph"])
def order_recursive(root):
    order, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@wrong("topological_order", fails=["tells_equal_nodes_apart"])
def order_by_equality(root):
    order, stack = [], [(root, False)]
    while stack:
        node, ready = stack.pop()
        if node in order:
            continue
        if ready:
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


order_with_iterators.slips("""
order_set_of_nodes: tells_equal_nodes_apart orders_a_diamond waits_for_the_longer_path
    lists_every_node_once orders_a_long_chain
  - {id(root)}
  + {root}
  -             if id(parent) not in seen:
  -                 seen.add(id(parent))
  +             if parent not in seen:
  +                 seen.add(parent)
""")


@wrong("topological_order", fails=["waits_for_the_longer_path", "waits_for_every_path"])
def order_breadth_first(root):
    order, seen = [root], {id(root)}
    for node in order:
        for parent in node.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                order.append(parent)
    return order[::-1]


@wrong(
    "topological_order",
    fails=[
        "waits_for_the_longer_path",
        "orders_a_diamond",
        "lists_every_node_once",
        "waits_for_every_path",
        "goes_through_a_deep_graph",
    ],
)
def order_when_first_seen(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            order.append(node)
            stack.extend(node.parents)
    return order[::-1]


order_by_counting_children.slips("""
order_root_first: orders_a_diamond waits_for_the_longer_path lists_every_node_once
    orders_a_long_chain step_1_adds_and_multiplies step_2_subtracts_divides_and_cubes
    step_3_sums_and_multiplies_matrices takes_numbers_on_the_left waits_for_every_path
    adds_up_in_leaves runs_backward_twice keeps_gradients_apart goes_through_a_deep_graph
    keeps_double_precision_with_numbers differentiates_without_torch runs_the_convnet_on_your_engine
    measures_on_your_engine trains_on_your_engine
  - order[::-1]
  + order
""")
order_with_iterators.slips("""
order_without_leaves: lists_every_node_once orders_a_diamond waits_for_the_longer_path
    tells_equal_nodes_apart orders_a_long_chain
  -             order.append(node)
  +             if node.parents:
  +                 order.append(node)
order_without_the_root: lists_every_node_once orders_a_diamond waits_for_the_longer_path
    tells_equal_nodes_apart orders_a_long_chain step_1_adds_and_multiplies
    step_2_subtracts_divides_and_cubes step_3_sums_and_multiplies_matrices
    step_4_knows_four_functions adds_with_broadcasting multiplies_with_broadcasting
    subtracts_and_negates divides raises_to_a_power takes_numbers_on_the_left multiplies_matrices
    multiplies_vectors multiplies_stacks_of_matrices takes_a_torch_tensor_left_of_matmul
    sums_along_axes finds_maxima_along_axes shares_the_gradient_of_a_tie knows_exp_and_log
    switches_off_at_zero survives_large_entries uses_a_tensor_twice waits_for_every_path
    adds_up_in_leaves runs_backward_twice keeps_gradients_apart goes_through_a_deep_graph
    keeps_double_precision_with_numbers differentiates_without_torch runs_on_your_engine
    runs_the_convnet_on_your_engine measures_on_your_engine trains_on_your_engine
  - return order
  + return order[:-1]
""")
order_by_counting_children.slips("""
order_counts_a_double_parent_once: lists_every_node_once
  -         for parent in node.parents:
  -             children[id(parent)] -= 1
  +         for parent in {id(p): p for p in node.parents}.values():
  +             children[id(parent)] -= 1
""")


@wrong(
    "topological_order",
    fails=["lists_every_node_once", "waits_for_the_longer_path", "waits_for_every_path"],
)
def order_looks_only_when_pushing(root):
    order, listed, stack = [], set(), [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
            listed.add(id(node))
        else:
            stack.append((node, True))
            stack.extend((p, False) for p in node.parents if id(p) not in listed)
    return order


# ----------------------------------------------------------------------------- Tensor


@right("Tensor")
class EngineOfPullbacks:
    def __init__(self, data, parents=(), op="", pullback=None):
        data = torch.as_tensor(data).detach()
        self.data = data if data.is_floating_point() else data.to(torch.float32)
        self.grad = None
        self.parents = parents
        self.op = op
        self.pullback = pullback

    def _wrap(self, other):
        if isinstance(other, EngineOfPullbacks):
            return other
        if isinstance(other, torch.Tensor):
            return EngineOfPullbacks(other)
        return EngineOfPullbacks(torch.tensor(other, dtype=self.data.dtype))

    def _receive(self, share):
        share = unbroadcast(share, self.data.shape)
        self.grad = share if self.grad is None else self.grad + share

    def backward(self, gradient=None):
        if gradient is None:
            if self.data.numel() > 1:
                raise ValueError("not a scalar")
            gradient = torch.ones_like(self.data)
        order = topological_order(self)
        for node in order:
            if node.pullback is not None:
                node.grad = None
        self._receive(gradient)
        for node in reversed(order):
            if node.pullback is not None:
                shares = node.pullback(node.grad)
                for parent, share in zip(node.parents, shares, strict=True):
                    parent._receive(share)

    def __add__(self, other):
        other = self._wrap(other)
        return EngineOfPullbacks(self.data + other.data, (self, other), "+", lambda g: (g, g))

    def __mul__(self, other):
        other = self._wrap(other)
        a, b = self.data, other.data
        return EngineOfPullbacks(a * b, (self, other), "*", lambda g: (g * b, g * a))

    def __neg__(self):
        return EngineOfPullbacks(-self.data, (self,), "neg", lambda g: (-g,))

    def __sub__(self, other):
        other = self._wrap(other)
        return EngineOfPullbacks(self.data - other.data, (self, other), "-", lambda g: (g, -g))

    def __truediv__(self, other):
        other = self._wrap(other)
        a, b = self.data, other.data
        return EngineOfPullbacks(a / b, (self, other), "/", lambda g: (g / b, -g * a / b**2))

    def __pow__(self, n):
        a = self.data
        return EngineOfPullbacks(a**n, (self,), "**", lambda g: (g * n * a ** (n - 1),))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return self._wrap(other) - self

    def __rtruediv__(self, other):
        return self._wrap(other) / self

    def __rmatmul__(self, other):
        return self._wrap(other) @ self

    def __matmul__(self, other):
        other = self._wrap(other)
        a, b = self.data, other.data

        def pullback(g):
            if a.ndim == 1 and b.ndim == 1:
                return g * b, g * a
            if b.ndim == 1:
                return g.unsqueeze(-1) * b, (a.mT @ g.unsqueeze(-1)).squeeze(-1)
            if a.ndim == 1:
                return b @ g, torch.outer(a, g)
            if a.ndim == 2 and b.ndim == 2:
                return g @ b.T, a.T @ g
            return g @ b.mT, a.mT @ g

        return EngineOfPullbacks(a @ b, (self, other), "@", pullback)

    def sum(self, dim=None):
        lost = self.data.sum(dim, keepdim=True).shape

        def pullback(g):
            return (g.reshape(lost) * torch.ones_like(self.data),)

        return EngineOfPullbacks(self.data.sum(dim), (self,), "sum", pullback)

    def amax(self, dim=()):
        top = self.data.amax(dim, keepdim=True)
        mask = (self.data == top).to(self.data.dtype)
        count = mask.sum(dim, keepdim=True)

        def pullback(g):
            return (g.reshape(top.shape) * mask / count,)

        return EngineOfPullbacks(self.data.amax(dim), (self,), "max", pullback)

    def exp(self):
        e = self.data.exp()
        return EngineOfPullbacks(e, (self,), "exp", lambda g: (g * e,))

    def log(self):
        x = self.data
        return EngineOfPullbacks(x.log(), (self,), "log", lambda g: (g / x,))

    def relu(self):
        r = self.data.clamp(min=0)
        return EngineOfPullbacks(r, (self,), "relu", lambda g: (g * (r > 0),))

    def sigmoid(self):
        s = torch.sigmoid(self.data)
        return EngineOfPullbacks(s, (self,), "sigmoid", lambda g: (g * s * (1 - s),))


@right("Tensor")
class EngineOfClosures:
    """In the style of micrograd: a node adds to the gradients of its parents."""

    def __init__(self, data, parents=(), op=""):
        data = torch.as_tensor(data).detach()
        self.data = data if data.is_floating_point() else data.float()
        self.grad = None
        self.parents = tuple(parents)
        self.op = op
        self._backward = None

    def lift(self, other):
        if isinstance(other, EngineOfClosures):
            return other
        if not isinstance(other, torch.Tensor):
            other = torch.tensor(other, dtype=self.data.dtype)
        return EngineOfClosures(other)

    def take(self, g):
        self.grad = g if self.grad is None else self.grad + g

    def backward(self, gradient=None):
        if gradient is None:
            if self.data.ndim and self.data.numel() != 1:
                raise ValueError("backward needs a scalar or a gradient")
            gradient = torch.ones_like(self.data)
        nodes = topological_order(self)
        for node in nodes:
            if node._backward:
                node.grad = None
        self.take(gradient)
        for node in nodes[::-1]:
            if node._backward:
                node._backward()

    def __add__(self, other):
        other = self.lift(other)
        out = EngineOfClosures(self.data + other.data, (self, other), "+")

        def _backward():
            self.take(unbroadcast(out.grad, self.data.shape))
            other.take(unbroadcast(out.grad, other.data.shape))

        out._backward = _backward
        return out

    __radd__ = __add__

    def __mul__(self, other):
        other = self.lift(other)
        out = EngineOfClosures(self.data * other.data, (self, other), "*")

        def _backward():
            self.take(unbroadcast(other.data * out.grad, self.data.shape))
            other.take(unbroadcast(self.data * out.grad, other.data.shape))

        out._backward = _backward
        return out

    __rmul__ = __mul__

    def __truediv__(self, other):
        other = self.lift(other)
        out = EngineOfClosures(self.data / other.data, (self, other), "/")

        def _backward():
            self.take(unbroadcast(out.grad / other.data, self.data.shape))
            share = -out.grad * out.data / other.data
            other.take(unbroadcast(share, other.data.shape))

        out._backward = _backward
        return out

    def __rtruediv__(self, other):
        return self.lift(other) / self

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-self.lift(other))

    def __rsub__(self, other):
        return (-self) + other

    def __matmul__(self, other):
        other = self.lift(other)
        out = EngineOfClosures(self.data @ other.data, (self, other), "@")

        def _backward():
            a, b, g = self.data, other.data, out.grad
            if b.ndim == 1:
                b, g = b.unsqueeze(1), g.unsqueeze(-1)
            if a.ndim == 1:
                a, g = a.unsqueeze(0), g.unsqueeze(-2)
            self.take(unbroadcast(g @ b.transpose(-1, -2), self.data.shape))
            share = a.transpose(-1, -2) @ g
            if other.data.ndim == 1:
                share = share[..., 0]
            other.take(unbroadcast(share, other.data.shape))

        out._backward = _backward
        return out

    def __rmatmul__(self, other):
        return self.lift(other) @ self

    def unary(self, data, op, local):
        out = EngineOfClosures(data, (self,), op)
        out._backward = lambda: self.take(out.grad * local)
        return out

    def __pow__(self, n):
        return self.unary(self.data**n, "**", n * self.data ** (n - 1))

    def exp(self):
        return self.unary(self.data.exp(), "exp", self.data.exp())

    def log(self):
        return self.unary(self.data.log(), "log", 1 / self.data)

    def relu(self):
        return self.unary(self.data.relu(), "relu", (self.data > 0).to(self.data.dtype))

    def sigmoid(self):
        s = self.data.sigmoid()
        return self.unary(s, "sigmoid", s - s**2)

    def sum(self, dim=None):
        out = EngineOfClosures(self.data.sum(dim), (self,), "sum")
        shape = self.data.sum(dim, keepdim=True).shape
        out._backward = lambda: self.take(out.grad.view(shape).expand(self.data.shape))
        return out

    def amax(self, dim=None):
        dim = tuple(range(self.data.ndim)) if dim is None else dim
        out = EngineOfClosures(self.data.amax(dim), (self,), "max")
        shape = self.data.sum(dim, keepdim=True).shape
        won = self.data == out.data.view(shape)

        def _backward():
            share = out.grad.view(shape) / won.sum(dim, keepdim=True)
            self.take(torch.where(won, share, torch.zeros_like(share)))

        out._backward = _backward
        return out


@right("Tensor")
class EngineOfEdges:
    """A node is a list of edges: pairs of a parent and a function of the gradient."""

    def __init__(self, data, edges=(), op=""):
        data = torch.as_tensor(data).detach()
        self.data = data if data.is_floating_point() else data.to(torch.get_default_dtype())
        self.edges, self.op, self.grad = list(edges), op, None

    @property
    def parents(self):
        return tuple(parent for parent, _ in self.edges)

    def backward(self, gradient=None):
        if gradient is None and self.data.numel() != 1:
            raise ValueError("no gradient for a tensor with several entries")
        total = {id(self): torch.ones_like(self.data) if gradient is None else gradient}
        for node in reversed(topological_order(self)):
            g = total[id(node)]
            node.grad = g if node.edges or node.grad is None else node.grad + g
            for parent, pull in node.edges:
                share = unbroadcast(pull(g), parent.data.shape)
                total[id(parent)] = total.get(id(parent), 0) + share

    def elementwise(self, op, data, *pairs):
        out = EngineOfEdges(data, op=op)
        for parent, factor in pairs:
            out.edges.append((parent, lambda g, factor=factor: g * factor))
        return out

    def other(self, value):
        if isinstance(value, EngineOfEdges):
            return value
        if isinstance(value, torch.Tensor):
            return EngineOfEdges(value)
        return EngineOfEdges(torch.full((), value, dtype=self.data.dtype))

    def __add__(self, other):
        other = self.other(other)
        return self.elementwise("+", self.data + other.data, (self, 1), (other, 1))

    def __mul__(self, other):
        other = self.other(other)
        pairs = (self, other.data), (other, self.data)
        return self.elementwise("*", self.data * other.data, *pairs)

    def __sub__(self, other):
        other = self.other(other)
        return self.elementwise("-", self.data - other.data, (self, 1), (other, -1))

    def __truediv__(self, other):
        other = self.other(other)
        a, b = self.data, other.data
        return self.elementwise("/", a / b, (self, 1 / b), (other, -a / b.square()))

    def __pow__(self, n):
        return self.elementwise("**", self.data**n, (self, n * self.data ** (n - 1)))

    def __neg__(self):
        return self.elementwise("neg", -self.data, (self, -1))

    def exp(self):
        return self.elementwise("exp", self.data.exp(), (self, self.data.exp()))

    def log(self):
        return self.elementwise("log", self.data.log(), (self, 1 / self.data))

    def relu(self):
        return self.elementwise("relu", self.data.relu(), (self, self.data.sign().relu()))

    def sigmoid(self):
        s = torch.sigmoid(self.data)
        return self.elementwise("sigmoid", s, (self, s * (1 - s)))

    def __radd__(self, other):
        return self.other(other) + self

    def __rmul__(self, other):
        return self.other(other) * self

    def __rsub__(self, other):
        return self.other(other) - self

    def __rtruediv__(self, other):
        return self.other(other) / self

    def __rmatmul__(self, other):
        return self.other(other) @ self

    def __matmul__(self, other):
        other = self.other(other)
        row = self.data[None] if self.data.ndim == 1 else self.data
        column = other.data[:, None] if other.data.ndim == 1 else other.data
        shape = (row @ column).shape
        return EngineOfEdges(
            self.data @ other.data,
            [
                (self, lambda g: (g.reshape(shape) @ column.mT).reshape(-1, *self.data.shape)),
                (
                    other,
                    lambda g: (row.mT @ g.reshape(shape)).reshape(-1, *other.data.shape),
                ),
            ],
            "@",
        )

    def sum(self, dim=None):
        kept = self.data.sum(dim, keepdim=True)
        pull = lambda g: g.reshape(kept.shape).expand_as(self.data)  # noqa: E731
        return EngineOfEdges(self.data.sum(dim), [(self, pull)], "sum")

    def amax(self, dim=()):
        won = (self.data == self.data.amax(dim, keepdim=True)).to(self.data.dtype)
        won = won / won.sum(dim, keepdim=True)
        kept = self.data.amax(dim, keepdim=True).shape
        return EngineOfEdges(self.data.amax(dim), [(self, lambda g: g.reshape(kept) * won)], "max")


# Accumulation and order.

EngineOfClosures.slips("""
engine_assigns: uses_a_tensor_twice step_1_adds_and_multiplies step_2_subtracts_divides_and_cubes
    takes_numbers_on_the_left waits_for_every_path adds_up_in_leaves keeps_gradients_apart
    goes_through_a_deep_graph keeps_double_precision_with_numbers trains_on_your_engine
  - self.grad = g if self.grad is None else self.grad + g
  + self.grad = g
""")
EngineOfPullbacks.slips("""
engine_adds_in_place: keeps_gradients_apart
  -         self.grad = share if self.grad is None else self.grad + share
  +         if self.grad is None:
  +             self.grad = share
  +         else:
  +             self.grad += share
engine_root_last: waits_for_every_path step_1_adds_and_multiplies step_2_subtracts_divides_and_cubes
    step_3_sums_and_multiplies_matrices takes_numbers_on_the_left adds_up_in_leaves
    runs_backward_twice keeps_gradients_apart goes_through_a_deep_graph
    keeps_double_precision_with_numbers differentiates_without_torch runs_the_convnet_on_your_engine
    measures_on_your_engine trains_on_your_engine
  - reversed(order)
  + order
engine_breadth_first: waits_for_every_path
  -         order = topological_order(self)
  +         order, seen = [self], {id(self)}
  +         for node in order:
  +             for parent in node.parents:
  +                 if id(parent) not in seen:
  +                     seen.add(id(parent))
  +                     order.append(parent)
  +         order.reverse()
engine_recursive: goes_through_a_deep_graph
  -         order = topological_order(self)
  +         order, seen = [], set()
  +
  +         def visit(node):
  +             if id(node) not in seen:
  +                 seen.add(id(node))
  +                 for parent in node.parents:
  +                     visit(parent)
  +                 order.append(node)
  +
  +         visit(self)
engine_dictionary_of_parents: uses_a_tensor_twice
  - for parent, share in zip(node.parents, shares, strict=True):
  + for parent, share in dict(zip(node.parents, shares, strict=True)).items():
engine_keeps_stale_gradients: runs_backward_twice
  -             if node.pullback is not None:
  -                 node.grad = None
  +             pass
engine_forgets_leaves: adds_up_in_leaves
  -             if node.pullback is not None:
  -                 node.grad = None
  +             node.grad = None
engine_ignores_the_seed: adds_with_broadcasting step_4_knows_four_functions
    multiplies_with_broadcasting subtracts_and_negates divides raises_to_a_power
    takes_numbers_on_the_left multiplies_matrices multiplies_vectors multiplies_stacks_of_matrices
    takes_a_torch_tensor_left_of_matmul sums_along_axes finds_maxima_along_axes
    shares_the_gradient_of_a_tie knows_exp_and_log switches_off_at_zero survives_large_entries
    uses_a_tensor_twice waits_for_every_path keeps_gradients_apart
  - self._receive(gradient)
  + self._receive(torch.ones_like(self.data))
engine_takes_any_loss: insists_on_a_scalar_loss
  - if self.data.numel() > 1:
  + if self.data.numel() > 1e9:
engine_stops_below_the_root: step_1_adds_and_multiplies step_2_subtracts_divides_and_cubes
    step_3_sums_and_multiplies_matrices takes_numbers_on_the_left waits_for_every_path
    adds_up_in_leaves runs_backward_twice keeps_gradients_apart goes_through_a_deep_graph
    keeps_double_precision_with_numbers runs_the_convnet_on_your_engine measures_on_your_engine
    trains_on_your_engine
  - for node in reversed(order):
  + for node in (self,):
# Broadcasting.
engine_without_unbroadcast: adds_with_broadcasting multiplies_with_broadcasting
    subtracts_and_negates divides multiplies_stacks_of_matrices trains_on_your_engine
  -         share = unbroadcast(share, self.data.shape)
""")
EngineOfClosures.slips("""
engine_sum_without_unbroadcast: adds_with_broadcasting
  - self.take(unbroadcast(out.grad, self.data.shape))
  + self.take(out.grad)
  - other.take(unbroadcast(out.grad, other.data.shape))
  + other.take(out.grad)
engine_product_without_unbroadcast: multiplies_with_broadcasting trains_on_your_engine
  - other.take(unbroadcast(self.data * out.grad, other.data.shape))
  + other.take(self.data * out.grad)
engine_quotient_without_unbroadcast: divides
  -             other.take(unbroadcast(share, other.data.shape))
  -
  -         out._backward = _backward
  -         return out
  -
  -     def __rtruediv__(self, other):
  +             other.take(share)
  +
  +         out._backward = _backward
  +         return out
  +
  +     def __rtruediv__(self, other):
""")

# Operators.

EngineOfEdges.slips("""
engine_late_bound: multiplies_with_broadcasting step_1_adds_and_multiplies
    step_2_subtracts_divides_and_cubes subtracts_and_negates divides takes_numbers_on_the_left
    waits_for_every_path adds_up_in_leaves runs_backward_twice goes_through_a_deep_graph
    keeps_double_precision_with_numbers measures_on_your_engine trains_on_your_engine
  - lambda g, factor=factor:
  + lambda g:
""")
EngineOfPullbacks.slips("""
engine_product_of_own_factor: multiplies_with_broadcasting step_1_adds_and_multiplies
    takes_numbers_on_the_left waits_for_every_path adds_up_in_leaves runs_backward_twice
    goes_through_a_deep_graph keeps_double_precision_with_numbers measures_on_your_engine
    trains_on_your_engine
  - lambda g: (g * b, g * a)
  + lambda g: (g * a, g * b)
engine_product_ignores_upstream: multiplies_with_broadcasting takes_numbers_on_the_left
    uses_a_tensor_twice waits_for_every_path adds_up_in_leaves runs_backward_twice
    keeps_double_precision_with_numbers runs_the_convnet_on_your_engine trains_on_your_engine
  - lambda g: (g * b, g * a)
  + lambda g: (b, a)
engine_difference_without_sign: subtracts_and_negates step_2_subtracts_divides_and_cubes
    takes_numbers_on_the_left keeps_double_precision_with_numbers
  - lambda g: (g, -g)
  + lambda g: (g, g)
engine_negation_without_sign: subtracts_and_negates
  - lambda g: (-g,)
  + lambda g: (g,)
engine_quotient_without_sign: divides step_2_subtracts_divides_and_cubes takes_numbers_on_the_left
    keeps_double_precision_with_numbers
  - -g * a / b**2
  + g * a / b**2
engine_quotient_without_square: divides step_2_subtracts_divides_and_cubes takes_numbers_on_the_left
    keeps_double_precision_with_numbers
  - -g * a / b**2
  + -g * a / b
engine_power_keeps_the_exponent: raises_to_a_power step_2_subtracts_divides_and_cubes
    measures_on_your_engine trains_on_your_engine
  - a ** (n - 1)
  + a ** n
engine_power_without_factor: raises_to_a_power step_2_subtracts_divides_and_cubes
    measures_on_your_engine trains_on_your_engine
  - g * n * a
  + g * a
engine_power_is_a_square: raises_to_a_power step_2_subtracts_divides_and_cubes
  - g * n * a ** (n - 1)
  + g * 2 * a
engine_power_ignores_upstream: raises_to_a_power measures_on_your_engine trains_on_your_engine
  - g * n * a
  + n * a
engine_without_rsub: takes_numbers_on_the_left step_2_subtracts_divides_and_cubes
  - def __rsub__
  + def rsub
engine_without_rmul: takes_numbers_on_the_left
  - def __rmul__
  + def rmul
engine_swaps_rsub: takes_numbers_on_the_left step_2_subtracts_divides_and_cubes
  - return self._wrap(other) - self
  + return self - other
engine_swaps_rtruediv: takes_numbers_on_the_left step_2_subtracts_divides_and_cubes
    keeps_double_precision_with_numbers
  - return self._wrap(other) / self
  + return self / other
engine_without_rmatmul: takes_a_torch_tensor_left_of_matmul runs_on_your_engine
    runs_the_convnet_on_your_engine trains_on_your_engine
  - def __rmatmul__
  + def rmatmul
engine_swaps_rmatmul: takes_a_torch_tensor_left_of_matmul runs_on_your_engine trains_on_your_engine
  - return self._wrap(other) @ self
  + return self @ other
engine_numbers_in_float32: keeps_double_precision_with_numbers
  - torch.tensor(other, dtype=self.data.dtype)
  + torch.tensor(float(other))
# Matrix products, sums, maxima.
engine_matmul_without_transpose: multiplies_matrices
  - return g @ b.T, a.T @ g
  + return g @ b, a @ g
engine_matmul_swapped: multiplies_matrices
  - return g @ b.T, a.T @ g
  + return b.T @ g, g @ a.T
engine_matmul_for_matrices_only: multiplies_vectors step_3_sums_and_multiplies_matrices
    takes_a_torch_tensor_left_of_matmul runs_on_your_engine
  -             if a.ndim == 1 and b.ndim == 1:
  -                 return g * b, g * a
  +             if a.ndim == 1 or b.ndim == 1:
  +                 return g @ b.T, a.T @ g
engine_dot_product_fails: multiplies_vectors
  - return g * b, g * a
  + return g @ b, a @ g
engine_turns_all_axes: multiplies_stacks_of_matrices runs_the_convnet_on_your_engine
    trains_on_your_engine
  - return g @ b.mT, a.mT @ g
  + return g @ b.mT, a.permute(*reversed(range(a.ndim))) @ g
engine_sum_gives_one: sums_along_axes runs_backward_twice measures_on_your_engine
    trains_on_your_engine
  - return (g.reshape(lost) * torch.ones_like(self.data),)
  + return (torch.ones_like(self.data),)
engine_sum_without_lost_axis: sums_along_axes runs_the_convnet_on_your_engine trains_on_your_engine
  - g.reshape(lost) * torch.ones_like
  + g * torch.ones_like
engine_maximum_of_everything: finds_maxima_along_axes trains_on_your_engine
  - mask = (self.data == top)
  + mask = (self.data == self.data.max())
engine_maximum_gives_to_all: finds_maxima_along_axes step_3_sums_and_multiplies_matrices
    shares_the_gradient_of_a_tie trains_on_your_engine
  - * mask / count
  + * torch.ones_like(mask)
engine_maximum_doubles_ties: shares_the_gradient_of_a_tie
  - * mask / count
  + * mask
# Functions.
engine_exp_ignores_upstream: knows_exp_and_log step_4_knows_four_functions waits_for_every_path
  - lambda g: (g * e,)
  + lambda g: (e,)
engine_log_of_its_value: knows_exp_and_log step_4_knows_four_functions
  - lambda g: (g / x,)
  + lambda g: (g / x.log(),)
engine_relu_on_at_zero: switches_off_at_zero trains_on_your_engine
  - lambda g: (g * (r > 0),)
  + lambda g: (g * (r >= 0),)
engine_relu_passes_zero: switches_off_at_zero
  - g * (r > 0)
  + g * (self.data >= 0)
engine_relu_in_place: leaves_operands_alone
  - self.data.clamp(min=0)
  + self.data.clamp_(min=0)
engine_sigmoid_overflows: survives_large_entries
  - lambda g: (g * s * (1 - s),)
  + lambda g: (g * (-self.data).exp() * s * s,)
engine_sigmoid_twice: survives_large_entries step_4_knows_four_functions
  - lambda g: (g * s * (1 - s),)
  + lambda g: (g * torch.sigmoid(s) * (1 - torch.sigmoid(s)),)
engine_sigmoid_plus: survives_large_entries step_4_knows_four_functions
  - s * (1 - s)
  + s * (1 + s)
engine_exp_by_torch: differentiates_without_torch
  -         return Tensor(e, (self,), "exp", lambda g: (g * e,))
  +         def pullback(g):
  +             x = self.data.clone().requires_grad_()
  +             (x.exp() * g).sum().backward()
  +             return (x.grad,)
  +
  +         return Tensor(e, (self,), "exp", pullback)
""")


# ----------------------------------------------------------------------------- sigmoid_backward


@right("sigmoid_backward")
def sigmoid_expanded(gradient, activation):
    return gradient * (activation - activation**2)


@right("sigmoid_backward")
def sigmoid_loop(gradient, activation):
    result = torch.empty_like(gradient)
    for place in range(gradient.numel()):
        s = activation.flatten()[place]
        result.view(-1)[place] = gradient.flatten()[place] * s * (1 - s)
    return result


@wrong(
    "sigmoid_backward",
    fails=["uses_the_activation", "agrees_for_a_table", "is_zero_where_saturated"],
)
def sigmoid_applied_twice(gradient, activation):
    s = torch.sigmoid(activation)
    return gradient * s * (1 - s)


@wrong(
    "sigmoid_backward",
    fails=["uses_the_activation", "agrees_for_a_table", "is_zero_where_saturated"],
)
def sigmoid_with_plus(gradient, activation):
    return gradient * activation * (1 + activation)


@wrong("sigmoid_backward", fails=["agrees_for_a_table", "uses_the_activation"])
def sigmoid_without_gradient(gradient, activation):
    return activation * (1 - activation)


@wrong("sigmoid_backward", fails=["is_zero_where_saturated"])
def sigmoid_by_its_input(gradient, activation):
    x = torch.log(activation / (1 - activation))
    return gradient * torch.exp(-x) / (1 + torch.exp(-x)) ** 2


@wrong("sigmoid_backward", fails=["agrees_for_a_table"])
def sigmoid_in_float32(gradient, activation):
    return gradient.float() * activation.float() * (1 - activation.float())


@wrong(
    "sigmoid_backward",
    fails=["uses_the_activation", "agrees_for_a_table", "is_zero_where_saturated"],
)
def sigmoid_without_square(gradient, activation):
    return gradient * (1 - activation)


# ----------------------------------------------------------------------------- conv2d_backward


@right("conv2d_backward")
def conv_loop_over_the_kernel(gradient, image, kernel):
    rows, columns = gradient.shape
    of_image = torch.zeros_like(image)
    of_kernel = torch.zeros_like(kernel)
    for p in range(kernel.shape[0]):
        for q in range(kernel.shape[1]):
            of_image[p : p + rows, q : q + columns] += gradient * kernel[p, q]
            of_kernel[p, q] = (gradient * image[p : p + rows, q : q + columns]).sum()
    return of_image, of_kernel


@right("conv2d_backward")
def conv_windows(gradient, image, kernel):
    height, width = kernel.shape
    windows = image.unfold(0, height, 1).unfold(1, width, 1)
    of_kernel = torch.einsum("ij,ijpq->pq", gradient, windows)
    padded = torch.nn.functional.pad(gradient, (width - 1, width - 1, height - 1, height - 1))
    around = padded.unfold(0, height, 1).unfold(1, width, 1)
    return torch.einsum("ijpq,pq->ij", around, kernel.flip(0, 1)), of_kernel


conv_windows.slips("""
conv_turned: is_the_adjoint_map follows_one_window
  - kernel.flip(0, 1)
  + kernel
""")
conv_loop_over_the_kernel.slips("""
conv_overwrites: is_the_adjoint_map follows_one_window
  - columns] += gradient
  + columns] = gradient
conv_ignores_the_gradient: sums_over_all_positions follows_one_window
  - (gradient * image[p : p + rows, q : q + columns]).sum()
  + image[p : p + rows, q : q + columns].sum()
""")
conv_windows.slips("""
conv_kernel_transposed: sums_over_all_positions follows_one_window
  - "ij,ijpq->pq"
  + "ij,ijpq->qp"
conv_kernel_turned: sums_over_all_positions follows_one_window
  - torch.einsum("ij,ijpq->pq", gradient, windows)
  + torch.einsum("ij,ijpq->pq", gradient, windows).flip(0, 1)
""")
conv_loop_over_the_kernel.slips("""
conv_mean_over_positions: sums_over_all_positions follows_one_window
  - (gradient * image[p : p + rows, q : q + columns]).sum()
  + (gradient * image[p : p + rows, q : q + columns]).mean()
conv_two_by_two: is_the_adjoint_map sums_over_all_positions
  - range(kernel.shape[0])
  + range(2)
  - range(kernel.shape[1])
  + range(2)
conv_float32: is_the_adjoint_map
  - torch.zeros_like(image)
  + torch.zeros(image.shape)
conv_float32_kernel: sums_over_all_positions
  - torch.zeros_like(kernel)
  + torch.zeros(kernel.shape)
""")


@wrong("conv2d_backward", fails=["is_the_adjoint_map", "sums_over_all_positions"])
def conv_square_image(gradient, image, kernel):
    size = kernel.shape[0]
    of_image, of_kernel = torch.zeros_like(image), torch.zeros_like(kernel)
    for i in range(len(gradient)):
        for j in range(len(gradient)):
            of_image[i : i + size, j : j + size] += gradient[i, j] * kernel
            of_kernel += gradient[i, j] * image[i : i + size, j : j + size]
    return of_image, of_kernel


@wrong("conv2d_backward", fails=["convolves_by_hand"])
def conv_library(gradient, image, kernel):
    g, x, k = gradient[None, None], image[None, None], kernel[None, None]
    of_image = torch.nn.functional.conv_transpose2d(g, k)
    return of_image[0, 0], torch.nn.functional.conv2d(x, g)[0, 0]


@wrong("conv2d_backward", fails=["goes_back_through_conv_by_hand"])
def conv_autograd(gradient, image, kernel):
    image, kernel = image.clone().requires_grad_(), kernel.clone().requires_grad_()
    windows = image.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return torch.autograd.grad(((windows * kernel).sum((2, 3)) * gradient).sum(), (image, kernel))


# ----------------------------------------------------------------------------- max_pool2d_backward


@right("max_pool2d_backward")
def pool_strict_comparison(gradient, image, size, stride):
    result = torch.zeros_like(image)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            best = (i * stride, j * stride)
            for row in range(i * stride, i * stride + size):
                for column in range(j * stride, j * stride + size):
                    if image[row, column] > image[best]:
                        best = (row, column)
            result[best] += gradient[i, j]
    return result


@right("max_pool2d_backward")
def pool_index_add(gradient, image, size, stride):
    windows = image.unfold(0, size, stride).unfold(1, size, stride).flatten(2)
    place = windows.argmax(dim=2)
    rows = torch.arange(gradient.shape[0])[:, None] * stride + place // size
    columns = torch.arange(gradient.shape[1]) * stride + place % size
    flat = torch.zeros_like(image).flatten()
    flat.index_add_(0, (rows * image.shape[1] + columns).flatten(), gradient.flatten())
    return flat.reshape(image.shape)


pool_strict_comparison.slips("""
pool_overwrites: adds_up_where_windows_overlap routes_to_the_winners
  - result[best] += gradient
  + result[best] = gradient
pool_last_of_a_tie: gives_a_tie_to_the_first
  - image[row, column] > image[best]
  + image[row, column] >= image[best]
pool_ignores_the_gradient: routes_to_the_winners adds_up_where_windows_overlap moves_by_the_stride
    gives_a_tie_to_the_first
  - += gradient[i, j]
  + += 1
pool_stride_one: moves_by_the_stride
  - best = (i * stride, j * stride)
  + best = (i, j)
  -             for row in range(i * stride, i * stride + size):
  -                 for column in range(j * stride, j * stride + size):
  +             for row in range(i, i + size):
  +                 for column in range(j, j + size):
""")
pool_index_add.slips("""
pool_stride_is_the_size: moves_by_the_stride routes_to_the_winners adds_up_where_windows_overlap
    gives_a_tie_to_the_first
  -     windows = image.unfold(0, size, stride).unfold(1, size, stride).flatten(2)
  +     stride = size
  +     gradient = gradient[: image.shape[0] // size, : image.shape[1] // size]
  +     windows = image.unfold(0, size, stride).unfold(1, size, stride).flatten(2)
pool_flat_index: routes_to_the_winners adds_up_where_windows_overlap moves_by_the_stride
    gives_a_tie_to_the_first
  - place // size
  + place % size
""")
pool_strict_comparison.slips("""
pool_float32: adds_up_where_windows_overlap moves_by_the_stride gives_a_tie_to_the_first
  - torch.zeros_like(image)
  + torch.zeros(image.shape)
""")


@wrong("max_pool2d_backward", fails=["gives_a_tie_to_the_first"])
def pool_splits_a_tie(gradient, image, size, stride):
    result = torch.zeros_like(image)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            rows, columns = (
                slice(i * stride, i * stride + size),
                slice(j * stride, j * stride + size),
            )
            won = (image[rows, columns] == image[rows, columns].max()).to(image.dtype)
            result[rows, columns] += gradient[i, j] * won / won.sum()
    return result


pool_splits_a_tie.slips("""
pool_doubles_a_tie: gives_a_tie_to_the_first
  - * won / won.sum()
  + * won
pool_splits_among_all: routes_to_the_winners adds_up_where_windows_overlap moves_by_the_stride
    gives_a_tie_to_the_first
  - gradient[i, j] * won / won.sum()
  + gradient[i, j] / size**2
""")


@wrong("max_pool2d_backward", fails=["gives_a_tie_to_the_first"])
def pool_by_value(gradient, image, size, stride):
    result = torch.zeros_like(image)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            top, left = i * stride, j * stride
            winner = image[top : top + size, left : left + size].max()
            row, column = (image == winner).nonzero()[0].tolist()
            result[row, column] += gradient[i, j]
    return result


@wrong("max_pool2d_backward", fails=["pools_by_hand"])
def pool_library(gradient, image, size, stride):
    _, places = torch.nn.functional.max_pool2d(image[None, None], size, stride, return_indices=True)
    flat = torch.zeros_like(image).flatten()
    return flat.index_add_(0, places.flatten(), gradient.flatten()).reshape(image.shape)


@wrong("max_pool2d_backward", fails=["goes_back_through_pool_by_hand"])
def pool_autograd(gradient, image, size, stride):
    image = image.clone().requires_grad_()
    windows = image.unfold(0, size, stride).unfold(1, size, stride).flatten(2)
    maxima = windows.gather(2, windows.detach().argmax(dim=2, keepdim=True))[..., 0]
    (maxima * gradient).sum().backward()
    return image.grad


# ----------------------------------------------------------------------------- LinearModel


@right("LinearModel")
class LinearProducts:
    def __init__(self, w):
        self.w = w

    def parameters(self):
        return [self.w]

    def __call__(self, x):
        return (x * self.w).sum(1)


@right("LinearModel")
class LinearReversed:
    def __init__(self, w):
        self.weights = [w]
        self.w = w

    def parameters(self):
        return self.weights

    def __call__(self, x):
        return self.w @ x.T


LinearProducts.slips("""
linear_model_sums_rows: weighs_the_features passes_gradients_to_w runs_on_your_engine takes_one_step
  - .sum(1)
  + .sum()
linear_model_without_sum: weighs_the_features passes_gradients_to_w runs_on_your_engine
    takes_one_step
  - .sum(1)
linear_model_wrong_axis: weighs_the_features passes_gradients_to_w runs_on_your_engine
    takes_one_step
  - .sum(1)
  + .sum(0)
linear_model_of_data: passes_gradients_to_w runs_on_your_engine takes_one_step
  - x * self.w
  + x * self.w.data
linear_model_of_torch: runs_on_your_engine
  - (x * self.w).sum(1)
  + torch.mv(x, self.w)
linear_model_of_tensors: passes_gradients_to_w weighs_the_features takes_one_step returns_floats
  -         return (x * self.w).sum(1)
  +         w = self.w if isinstance(self.w, Tensor) else Tensor(self.w)
  +         return (x * w).sum(1)
""")


# ----------------------------------------------------------------------------- ToyConvnet


@right("ToyConvnet")
class ConvnetPoolsFirst:
    """ReLU and maximum commute."""

    def __init__(self, w, u):
        self.w, self.u = w, u

    def parameters(self):
        return [self.w, self.u]

    def __call__(self, x):
        pooled = (cut_windows(x) @ self.w).amax(dim=2).relu()
        return (self.u * pooled).sum(dim=2).sum(dim=1)


@right("ToyConvnet")
class ConvnetOwnWindows:
    def __init__(self, w, u):
        self.w, self.u = w, u

    def parameters(self):
        return [self.w, self.u]

    def __call__(self, x):
        positions = x.unfold(1, 2, 1)
        both = torch.stack([positions[:, :2], positions[:, 1:]], dim=2)
        hidden = (both @ self.w).relu().amax(2)
        return (hidden * self.u).sum((2, 1))


ConvnetPoolsFirst.slips("""
convnet_without_relu: agrees_with_layers_of_torch computes_the_layers trains_on_your_engine
  - .relu()
convnet_mean_pool: agrees_with_layers_of_torch computes_the_layers trains_on_your_engine
  - .amax(dim=2).relu()
  + .relu().sum(2) / 2
convnet_sums_the_batch: computes_the_layers agrees_with_layers_of_torch
    runs_the_convnet_on_your_engine trains_on_your_engine
  - .sum(dim=2).sum(dim=1)
  + .sum()
convnet_turned_filters: agrees_with_layers_of_torch computes_the_layers trains_on_your_engine
  - cut_windows(x)
  + cut_windows(x).flip(3)
convnet_data: passes_gradients_to_filters runs_the_convnet_on_your_engine trains_on_your_engine
  - cut_windows(x) @ self.w)
  + cut_windows(x) @ self.w.data)
""")


@wrong("ToyConvnet", fails=["passes_gradients_to_filters"])
class ConvnetWithNoGrad:
    def __init__(self, w, u):
        self.w, self.u = w, u

    def parameters(self):
        return [self.w, self.u]

    def __call__(self, x):
        with torch.no_grad():
            hidden = (cut_windows(x) @ self.w).relu()
            return (hidden.amax(2) * self.u).sum((1, 2))


ConvnetOwnWindows.slips("""
convnet_functions_of_torch: runs_the_convnet_on_your_engine trains_on_your_engine
  - (both @ self.w).relu().amax(2)
  + torch.relu(both @ self.w).amax(2)
convnet_max_values: runs_the_convnet_on_your_engine trains_on_your_engine
  - .relu().amax(2)
  + .relu().max(2).values
""")
ConvnetPoolsFirst.slips("""
convnet_relu_at_the_end: agrees_with_layers_of_torch computes_the_layers trains_on_your_engine
  - .relu()
  +
  - .sum(dim=2).sum(dim=1)
  + .sum(dim=2).sum(dim=1).relu()
""")
ConvnetOwnWindows.slips("""
convnet_dense_transposed: agrees_with_layers_of_torch computes_the_layers
  - (hidden * self.u).sum((2, 1))
  + (hidden * (self.u.T if isinstance(hidden, torch.Tensor) else self.u)).sum((2, 1))
""")
ConvnetPoolsFirst.slips("""
convnet_dense_without_sum_over_windows: computes_the_layers agrees_with_layers_of_torch
    runs_the_convnet_on_your_engine trains_on_your_engine
  - .sum(dim=2).sum(dim=1)
  + .sum(dim=2)
""")
ConvnetOwnWindows.slips("""
convnet_filters_as_rows: agrees_with_layers_of_torch computes_the_layers trains_on_your_engine
  - (both @ self.w)
  + (both.flip(3) @ self.w)
""")


# ----------------------------------------------------------------------------- regularized_loss


@right("regularized_loss")
def loss_products(prediction, target, parameters, decay):
    error = prediction - target
    penalty = 0
    for p in parameters:
        penalty = (p * p).sum() + penalty
    return (error * error).sum() * (1 / len(target)) + penalty * decay / 2


@right("regularized_loss")
def loss_builtin_sum(prediction, target, parameters, decay):
    penalty = sum(((p**2).sum() for p in parameters), start=0.0)
    return ((target - prediction) ** 2 / target.shape[0]).sum() + 0.5 * decay * penalty


loss_products.slips("""
loss_without_half: adds_error_and_penalty penalises_every_parameter can_be_differentiated_twice_over
    measures_on_your_engine agrees_for_several_steps
  - penalty * decay / 2
  + penalty * decay
loss_summed: penalises_every_parameter adds_error_and_penalty can_be_differentiated_twice_over
    measures_on_your_engine takes_one_step agrees_for_several_steps uses_the_last_few_examples
    ignores_old_gradients trains_on_your_engine
  - () * (1 / len(target))
  + ()
loss_half_error: adds_error_and_penalty penalises_every_parameter can_be_differentiated_twice_over
    measures_on_your_engine takes_one_step agrees_for_several_steps uses_the_last_few_examples
    ignores_old_gradients trains_on_your_engine
  - (1 / len(target))
  + (0.5 / len(target))
loss_first_parameter: penalises_every_parameter adds_error_and_penalty agrees_for_several_steps
  - in parameters:
  + in parameters[:1]:
loss_last_parameter: penalises_every_parameter adds_error_and_penalty agrees_for_several_steps
  - (p * p).sum() + penalty
  + (p * p).sum()
loss_first_two_parameters: penalises_every_parameter
  - in parameters:
  + in parameters[:2]:
loss_norm: adds_error_and_penalty penalises_every_parameter can_be_differentiated_twice_over
    measures_on_your_engine takes_one_step agrees_for_several_steps
  - (p * p).sum()
  + ((p * p).sum()) ** 0.5
loss_absolute: adds_error_and_penalty penalises_every_parameter can_be_differentiated_twice_over
    measures_on_your_engine takes_one_step agrees_for_several_steps
  - (p * p).sum()
  + ((p * p) ** 0.5).sum()
loss_mean_penalty: adds_error_and_penalty penalises_every_parameter can_be_differentiated_twice_over
    measures_on_your_engine agrees_for_several_steps
  - (p * p).sum()
  + (p * p).sum() / p.data.numel()
loss_constant_penalty: can_be_differentiated_twice_over measures_on_your_engine
    agrees_for_several_steps
  - (p * p).sum()
  + (p.data * p.data).sum()
loss_penalty_with_no_grad: can_be_differentiated_twice_over agrees_for_several_steps
  -     for p in parameters:
  -         penalty = (p * p).sum() + penalty
  +     with torch.no_grad():
  +         for p in parameters:
  +             penalty = (p * p).sum() + penalty
loss_without_penalty: adds_error_and_penalty penalises_every_parameter
    can_be_differentiated_twice_over measures_on_your_engine agrees_for_several_steps
  - )) + penalty * decay / 2
  + ))
loss_adds_decay_only: adds_error_and_penalty penalises_every_parameter
    can_be_differentiated_twice_over measures_on_your_engine agrees_for_several_steps
  - penalty * decay / 2
  + decay / 2
loss_subtracts_penalty: adds_error_and_penalty penalises_every_parameter
    can_be_differentiated_twice_over measures_on_your_engine agrees_for_several_steps
  - + penalty * decay / 2
  + - penalty * decay / 2
""")


@wrong("regularized_loss", fails=["measures_on_your_engine", "trains_on_your_engine"])
def loss_of_torch(prediction, target, parameters, decay):
    penalty = sum(p.square().sum() for p in parameters)
    return torch.nn.functional.mse_loss(prediction, target) + decay / 2 * penalty


@wrong(
    "regularized_loss",
    fails=[
        "can_be_differentiated_twice_over",
        "adds_error_and_penalty",
        "penalises_every_parameter",
        "takes_one_step",
        "agrees_for_several_steps",
        "uses_the_last_few_examples",
        "ignores_old_gradients",
        "returns_floats",
    ],
)
def loss_of_tensors(prediction, target, parameters, decay):
    if not isinstance(prediction, Tensor):
        prediction = Tensor(prediction)
    loss = ((prediction - target) ** 2).sum() / len(target)
    for p in parameters:
        loss = loss + (p**2).sum() * (decay / 2)
    return loss


# ----------------------------------------------------------------------------- train


@right("train")
def train_split(model, x, y, lr, decay, batch):
    losses = []
    for rows, targets in zip(x.split(batch), y.split(batch), strict=True):
        parameters = [*model.parameters()]
        loss = regularized_loss(model(rows), targets, parameters, decay)
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data -= lr * p.grad
        losses += [float(loss.data)]
    return losses


@right("train")
def train_clears_afterwards(model, x, y, lr, decay, batch):
    parameters = list(model.parameters())
    for p in parameters:
        p.grad = None
    history = []
    start = 0
    while start < len(x):
        part = slice(start, min(start + batch, len(x)))
        loss = regularized_loss(model(x[part]), y[part], parameters, decay)
        history.append(loss.data.item())
        loss.backward()
        for p in parameters:
            p.data = p.data.sub(p.grad, alpha=lr)
            p.grad = None
        start += batch
    return history


train_split.slips("""
train_without_clearing: agrees_for_several_steps uses_the_last_few_examples ignores_old_gradients
    trains_on_your_engine
  -         for p in parameters:
  -             p.grad = None
""")
train_clears_afterwards.slips("""
train_clears_too_late: ignores_old_gradients
  -     parameters = list(model.parameters())
  -     for p in parameters:
  -         p.grad = None
  +     parameters = list(model.parameters())
train_drops_the_rest: uses_the_last_few_examples
  - while start < len(x):
  + while start + batch <= len(x):
""")
train_split.slips("""
train_same_batch: agrees_for_several_steps uses_the_last_few_examples ignores_old_gradients
    trains_on_your_engine
  - regularized_loss(model(rows), targets,
  + regularized_loss(model(x[:batch]), y[:batch],
train_up_the_hill: takes_one_step agrees_for_several_steps uses_the_last_few_examples
    ignores_old_gradients trains_on_your_engine
  - p.data -= lr * p.grad
  + p.data += lr * p.grad
train_without_decay: agrees_for_several_steps
  - targets, parameters, decay)
  + targets, parameters, 0.0)
train_without_rate: takes_one_step agrees_for_several_steps uses_the_last_few_examples
    ignores_old_gradients trains_on_your_engine
  - lr * p.grad
  + p.grad
train_decays_twice: agrees_for_several_steps
  - lr * p.grad
  + lr * (p.grad + decay * p.data)
train_all_at_once: agrees_for_several_steps uses_the_last_few_examples ignores_old_gradients
    returns_floats trains_on_your_engine
  - x.split(batch)
  + x.split(len(x))
  - y.split(batch)
  + y.split(len(y))
train_keeps_tensors: returns_floats
  - losses += [float(loss.data)]
  + losses += [loss.data]
train_first_parameter: agrees_for_several_steps uses_the_last_few_examples ignores_old_gradients
    trains_on_your_engine
  -         for p in parameters:
  -             p.data -= lr * p.grad
  +         parameters[0].data -= lr * parameters[0].grad
train_loss_after_the_step: agrees_for_several_steps takes_one_step uses_the_last_few_examples
    ignores_old_gradients
  - losses += [float(loss.data)]
  + losses += [float(regularized_loss(model(rows), targets, parameters, decay).data)]
""")


@wrong(
    "train",
    fails=["agrees_for_several_steps", "uses_the_last_few_examples", "ignores_old_gradients"],
)
def train_exhausts_the_generator(model, x, y, lr, decay, batch):
    losses = []
    for start in range(0, len(x), batch):
        chosen = slice(start, start + batch)
        parameters = model.parameters()
        loss = regularized_loss(model(x[chosen]), y[chosen], parameters, decay)
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data = p.data - lr * p.grad
        losses.append(float(loss.data))
    return losses


@wrong("train", fails=["trains_on_your_engine"])
def train_with_no_grad(model, x, y, lr, decay, batch):
    losses = []
    for start in range(0, len(x), batch):
        parameters = list(model.parameters())
        chosen = slice(start, start + batch)
        loss = regularized_loss(model(x[chosen]), y[chosen], parameters, decay)
        for p in parameters:
            p.grad = None
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= lr * p.grad
        losses.append(float(loss.data))
    return losses


train_with_no_grad.slips("""
train_rebinds: agrees_for_several_steps takes_one_step uses_the_last_few_examples
    ignores_old_gradients trains_on_your_engine
  - p -= lr * p.grad
  + p = p - lr * p.grad
""")
