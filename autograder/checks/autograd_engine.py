"""The checks of notebook 02: backward functions, an autograd engine, two small models."""

import math

import torch
from torch.nn import functional

from autograder.checks import check
from autograder.checks.shared.common import expect_raises, numbers64
from autograder.checks.shared.makers import written_by_hand
from autograder.inside.student.course_helper import (
    expect,
    expect_close,
    expect_equal,
    expect_library_unused,
    inside,
    numbers,
    parameter,
    plain,
)

# ----------------------------------------------------------------------------- chain_of_modules


@check(
    "chain_of_modules",
    points=1,
    hint="At x = 0 the chain is a = 0, b = 1, c = sin 1, d = 2 / sin 1. The local derivatives are "
    "-2/c² for d, cos b for c, b for b, and -1 for a; multiply all four.",
)
def differentiates_at_zero(chain_of_modules):
    """The value 2 / sin 1 and the derivative 2 cos 1 / sin² 1."""
    value, derivative = chain_of_modules(torch.tensor(0.0))
    expect_close(value, 2 / math.sin(1))
    expect_close(derivative, 2 * math.cos(1) / math.sin(1) ** 2)


@check(
    "chain_of_modules",
    points=2,
    hidden=True,
    hint="Away from x = 0 the value or the derivative is wrong, or right to a few digits only. Is "
    "each local derivative taken at the input of its own module, with angles in radians? A "
    "difference quotient, or a number rounded on the way, loses half of the digits.",
)
def differentiates_elsewhere(chain_of_modules):
    """Six places, one of them steep, to ten digits."""
    x = torch.tensor([-4.499, -1.5, -0.5, 0.25, 0.9, 1.4], dtype=torch.float64)
    b = torch.exp(-x)
    value, derivative = chain_of_modules(x)
    expect_close(value, 2 / torch.sin(b), rtol=1e-10, atol=0)
    expect_close(derivative, 2 * torch.cos(b) * b / torch.sin(b) ** 2, rtol=1e-10, atol=0)


@check(
    "chain_of_modules",
    points=1,
    hidden=True,
    hint="x may have any shape, and the results have its shape and dtype. Functions of `math`, "
    "`.item()` and `float()` work for a single number only.",
)
def keeps_shape_and_dtype(chain_of_modules):
    """A float32 table of shape (2, 3)."""
    value, derivative = chain_of_modules(torch.full((2, 3), 0.5))
    expect_equal((value.shape, value.dtype), (torch.Size([2, 3]), torch.float32))
    expect_equal((derivative.shape, derivative.dtype), (torch.Size([2, 3]), torch.float32))


# No backward of torch.
written_by_hand(
    "chain_of_modules",
    "differentiates_by_hand",
    "autograd",
    lambda: torch.tensor([0.3, 0.6]),
    hint="The derivative comes from torch's automatic differentiation. Here you multiply the local"
    " derivatives yourself.",
)


# ----------------------------------------------------------------------------- linear_backward


@check(
    "linear_backward",
    points=1,
    hint="Entry [i, j] of the gradient of W is gradient[i] times x[j]. Entry j of the gradient of "
    "x sums gradient[i] times W[i, j] over i. b is added to k, so it gets the gradient of k.",
)
def multiplies_out_a_small_case(linear_backward):
    """Two outputs, three inputs."""
    gradient, x = torch.tensor([1.0, 10.0]), torch.tensor([2.0, 3.0, 4.0])
    weight = torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]])
    of_weight, of_x, of_bias = linear_backward(gradient, weight, x)
    expect_close(of_weight, torch.tensor([[2.0, 3.0, 4.0], [20.0, 30.0, 40.0]]))
    expect_close(of_x, torch.tensor([6.0, 20.0, -1.0]))
    expect_close(of_bias, torch.tensor([1.0, 10.0]))


def expect_linear_gradients(linear_backward, gradient, weight, x) -> None:
    """Compare with torch's gradients of the sum of gradient * (W x + b)."""
    leaves = [weight.clone(), x.clone(), torch.zeros(len(weight), dtype=weight.dtype)]
    for leaf in leaves:
        leaf.requires_grad_()
    (functional.linear(leaves[1], leaves[0], leaves[2]) * gradient).sum().backward()
    of_weight, of_x, of_bias = linear_backward(gradient, weight, x)
    expect_close(of_weight, leaves[0].grad)
    expect_close(of_x, leaves[1].grad)
    expect_close(of_bias, leaves[2].grad)


@check(
    "linear_backward",
    points=1,
    hidden=True,
    hint="It goes wrong for another single example, with more outputs than inputs, in float64. Is "
    "each gradient multiplied by the one that was passed in, and do all of them keep its "
    "dtype?",
)
def agrees_for_one_example(linear_backward):
    """Five outputs, two inputs, a random gradient."""
    gradient, weight = numbers64(5, seed=201), numbers64(5, 2, seed=202)
    expect_linear_gradients(linear_backward, gradient, weight, numbers64(2, seed=203))


@check(
    "linear_backward",
    points=2,
    hidden=True,
    hint="It goes wrong for a batch, a row per example. W and b are used once per example, so "
    "their gradients are the sums over the examples; x has a gradient per example.",
)
def agrees_for_a_batch(linear_backward):
    """Four examples, three outputs, two inputs."""
    gradient, weight = numbers64(4, 3, seed=204), numbers64(3, 2, seed=205)
    expect_linear_gradients(linear_backward, gradient, weight, numbers64(4, 2, seed=206))


written_by_hand(
    "linear_backward",
    "multiplies_by_hand",
    "autograd",
    lambda: (numbers(4, 3, seed=207), numbers(3, 2, seed=208), numbers(4, 2, seed=209)),
    hint="The gradients come from torch's automatic differentiation. Multiply matrices instead.",
)


# ----------------------------------------------------------------------------- unbroadcast


@check(
    "unbroadcast",
    points=1,
    hint="A row of shape (3,) was used for both rows, so its gradient is the sum down the columns."
    " A column of shape (2, 1) was used for three columns: sum along the rows, keep the axis.",
)
def sums_over_repeated_entries(unbroadcast):
    """A gradient of shape (2, 3) for a row and for a column."""
    gradient = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    expect_close(unbroadcast(gradient, (3,)), torch.tensor([11.0, 22.0, 33.0]))
    expect_close(unbroadcast(gradient, (2, 1)), torch.tensor([[6.0], [60.0]]))


@check(
    "unbroadcast",
    points=1,
    hidden=True,
    hint="It goes wrong when several axes are missing on the left of the operand, none of length "
    "1. All of them are summed, and only as many axes as the operand has are left.",
)
def removes_leading_axes(unbroadcast):
    """(4, 2, 5, 3) to (5, 3), and square axes, which no length can tell apart."""
    gradient = numbers64(4, 2, 5, 3, seed=211)
    expect_close(unbroadcast(gradient, (5, 3)), gradient.sum((0, 1)))
    square = numbers64(3, 3, seed=212)
    expect_close(unbroadcast(square, (3,)), square.sum(0))


@check(
    "unbroadcast",
    points=1,
    hidden=True,
    hint="It goes wrong for axes of length 1, the first, the middle or several. Each is summed and"
    " stays, with length 1.",
)
def keeps_axes_of_length_one(unbroadcast):
    """Shapes with as many axes as the gradient."""
    gradient = numbers64(4, 5, 3, seed=213)
    expect_close(unbroadcast(gradient, (4, 1, 3)), gradient.sum(1, keepdim=True))
    expect_close(unbroadcast(gradient, (1, 5, 1)), gradient.sum((0, 2), keepdim=True))


@check(
    "unbroadcast",
    points=1,
    hidden=True,
    hint="It goes wrong when an axis is missing on the left and another has length 1. After the "
    "leading axes are gone, the rest has new numbers.",
)
def does_both_at_once(unbroadcast):
    """(2, 5, 3) to (5, 1), and (4, 2, 5, 3) to (2, 1, 3)."""
    gradient = numbers64(2, 5, 3, seed=214)
    expect_close(unbroadcast(gradient, (5, 1)), gradient.sum((0, 2))[:, None])
    gradient = numbers64(4, 2, 5, 3, seed=210)
    expect_close(unbroadcast(gradient, (2, 1, 3)), gradient.sum((0, 2))[:, None])


@check(
    "unbroadcast",
    points=1,
    hidden=True,
    hint="It goes wrong for a scalar, whose shape is (), or where nothing was repeated. A scalar "
    "gets the sum of everything, in shape (); equal shapes need no sum.",
)
def handles_scalars_and_equal_shapes(unbroadcast):
    """To (), and to the gradient's own shape."""
    expect_close(unbroadcast(numbers64(4, seed=215), ()), numbers64(4, seed=215).sum())
    gradient = numbers64(2, 4, seed=216)
    expect_close(unbroadcast(gradient, (2, 4)), gradient)


# ----------------------------------------------------------------------------- topological_order


@check(
    "topological_order",
    points=1,
    hint="x is a leaf, a and b are computed from x, and c from a and b. So x comes first and c "
    "last; a and b may stand in either order between them, each once.",
)
def orders_a_diamond(topological_order):
    """Nodes are any objects with `parents`; here they also have a name."""
    node = inside("types.SimpleNamespace")
    x = node(name="x", parents=())
    a, b = node(name="a", parents=(x,)), node(name="b", parents=(x,))
    c = node(name="c", parents=(a, b))
    names = [one.name for one in topological_order(c)]
    expect_equal(sorted(names), ["a", "b", "c", "x"])
    expect_equal((names[0], names[-1]), ("x", "c"))


def expect_parents_first(topological_order, edges: dict[str, str]) -> None:
    """Order the graph whose edges are given by name, parents before children; check the order."""
    node, made = inside("types.SimpleNamespace"), {}
    for name, parents in edges.items():
        made[name] = node(name=name, parents=tuple(made[parent] for parent in parents))
    names = [one.name for one in topological_order(made[name])]
    expect_equal(sorted(names), sorted(edges))
    for child, parents in edges.items():
        for parent in parents:
            expect(names.index(parent) < names.index(child), f"in {names} {parent} follows {child}")


@check(
    "topological_order",
    points=2,
    hidden=True,
    hint="A child stands before one of its parents, where a long and a short path lead to the same"
    " node. A node may be listed only after all its parents, not when it is first seen.",
)
def waits_for_the_longer_path(topological_order):
    """Shortcuts, as the first parent and as the last."""
    expect_parents_first(topological_order, {"x": "", "a": "x", "b": "a", "c": "b", "y": "xc"})
    expect_parents_first(topological_order, {"x": "", "a": "x", "b": "ax", "c": "b", "y": "cax"})
    expect_parents_first(topological_order, {"x": "", "a": "x", "b": "xa", "y": "ab"})


@check(
    "topological_order",
    points=1,
    hidden=True,
    hint="A node is missing, or it is listed more than once. Several children may share a parent, "
    "and a node may be both parents of its child, as in a * a. Each node stands in the list "
    "once.",
)
def lists_every_node_once(topological_order):
    """Two leaves, a square, shared nodes, and a graph of one node."""
    expect_parents_first(topological_order, {"x": ""})
    expect_parents_first(topological_order, {"x": "", "w": "", "s": "xx", "t": "ws", "y": "tsw"})


@check(
    "topological_order",
    points=1,
    hidden=True,
    hint="Two different nodes that are equal were taken for one, or a node was put into a set or "
    "dictionary. Nodes are told apart by identity; use id(node).",
)
def tells_equal_nodes_apart(topological_order):
    """Two leaves that are equal, and two inner nodes that are equal."""
    node = inside("types.SimpleNamespace")
    left, right = node(parents=()), node(parents=())
    root = node(parents=(node(parents=(left,)), node(parents=(right,))))
    expect_equal(len(topological_order(root)), 5)


@check(
    "topological_order",
    points=1,
    hidden=True,
    hint="It fails for a chain of a few thousand nodes. Python limits the depth of nested calls to"
    " about 1,000; a list used as a stack has no such limit.",
)
def orders_a_long_chain(topological_order):
    """A chain of 3,000 nodes."""
    chain = inside("builtins.eval")(
        "__import__('functools').reduce(lambda last, number: "
        "__import__('types').SimpleNamespace(number=number, parents=(last,)), range(1, 3000), "
        "__import__('types').SimpleNamespace(number=0, parents=()))"
    )
    order = topological_order(chain)
    expect_equal(len(order), 3000)
    expect_equal((order[0].number, order[1500].number, order[2999].number), (0, 1500, 2999))


# ----------------------------------------------------------------------------- Tensor


@check(
    "Tensor",
    points=1,
    hint="With a = 2 and b = -3 the result is a * b + b = -9. Its derivative with respect to a is "
    "b, with respect to b it is a + 1: b is used twice, and both uses count.",
)
def step_1_adds_and_multiplies(Tensor):
    """A product, a sum, and a value that is used twice."""
    a, b = Tensor(2.0), Tensor(-3.0)
    result = a * b + b
    result.backward()
    expect_close(result.data, -9.0)
    expect_close(a.grad, -3.0)
    expect_close(b.grad, 3.0)


@check(
    "Tensor",
    points=1,
    hint="With a = 2 the value is (1 - 2/4)³ + 6/2 = 3.125. The derivative of the cube is 3(1 - "
    "a/4)²(-1/4) = -0.1875, that of 6/a is -6/a² = -1.5.",
)
def step_2_subtracts_divides_and_cubes(Tensor):
    """Numbers stand on the left of - and / as well."""
    a = Tensor(2.0)
    result = (1 - a / 4) ** 3 + 6 / a
    result.backward()
    expect_close(result.data, 3.125)
    expect_close(a.grad, -1.6875)


@check(
    "Tensor",
    points=1,
    hint="weight @ x is (11, 4). The maximum is 11, from the first row alone, so only the first "
    "row of weight gets a gradient from it, and that is x. The sum reaches every entry.",
)
def step_3_sums_and_multiplies_matrices(Tensor):
    """The largest entry of weight @ x, and the sum of its entries."""
    weight, x = Tensor([[1.0, 3.0], [-1.0, 2.0]]), Tensor([2.0, 3.0])
    (weight @ x).amax().backward()
    expect_close(weight.grad, [[2.0, 3.0], [0.0, 0.0]])
    expect_close(x.grad, [1.0, 3.0])
    x = Tensor([2.0, 3.0])
    (weight @ x).sum().backward()
    expect_close(x.grad, [0.0, 5.0])


@check(
    "Tensor",
    points=1,
    hint="At 2 the derivatives are: exp, e²; log, 1/2; relu, 1; sigmoid, s(1 - s) with the value s"
    " of the sigmoid at 2. Each is multiplied by the gradient that the pullback is given.",
)
def step_4_knows_four_functions(Tensor):
    """Each function at 2, with the gradient 10 from behind it."""
    s = 1 / (1 + math.exp(-2))
    for name, derivative in (
        ("exp", math.exp(2)),
        ("log", 0.5),
        ("relu", 1),
        ("sigmoid", s - s * s),
    ):
        x = Tensor(2.0)
        getattr(x, name)().backward(torch.tensor(10.0))
        expect_close(x.grad, 10 * derivative)


def expect_same_gradients(Tensor, build, *arrays) -> None:
    """Build an expression from the student's tensors and from torch's, and compare.

    The gradient with respect to the result is random.
    """
    mine = [Tensor(array) for array in arrays]
    theirs = [array.clone().requires_grad_() for array in arrays]
    result, expected = build(*mine), build(*theirs)
    expect_close(result.data, expected.detach())
    gradient = numbers64(*expected.shape, seed=299)
    result.backward(gradient.clone())
    (expected * gradient).sum().backward()  # backward(gradient) would import sympy
    for one, other in zip(mine, theirs, strict=True):
        expect_close(one.grad, other.grad)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="a + b goes wrong if the shapes differ, or for a gradient other than 1. What broadcasting"
    " has repeated is summed in the backward pass, so that each gradient has the shape of its"
    " data.",
)
def adds_with_broadcasting(Tensor):
    """Shapes (2, 1, 3) and (4, 1)."""
    arrays = numbers64(2, 1, 3, seed=221), numbers64(4, 1, seed=222)
    expect_same_gradients(Tensor, lambda a, b: a + b, *arrays)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="a * b goes wrong if the shapes differ, or for a gradient other than 1. The gradient of a"
    " is the gradient of the result times b, and the reverse, each summed to the shape of its"
    " data.",
)
def multiplies_with_broadcasting(Tensor):
    """Shapes (3,) and (4, 1)."""
    arrays = numbers64(3, seed=223), numbers64(4, 1, seed=224)
    expect_same_gradients(Tensor, lambda a, b: a * b, *arrays)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="-a or a - b goes wrong. In a - b the second operand has the factor -1, also if its shape"
    " is broadcast.",
)
def subtracts_and_negates(Tensor):
    """Shapes (2, 3) and (3,), and a negation."""
    arrays = numbers64(2, 3, seed=225), numbers64(3, seed=226)
    expect_same_gradients(Tensor, lambda a, b: a - b, *arrays)
    expect_same_gradients(Tensor, lambda a: -a, arrays[0])


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="a / b goes wrong. Its derivative with respect to b is -a/b²; mind the sign and the "
    "square, and the shapes if b is broadcast.",
)
def divides(Tensor):
    """Shapes (2, 3) and (2, 1); positive and negative divisors."""
    arrays = numbers64(2, 3, seed=227), torch.tensor([[0.5], [-2.0]], dtype=torch.float64)
    expect_same_gradients(Tensor, lambda a, b: a / b, *arrays)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="a ** n goes wrong for some exponent. The derivative is n times a to the power n - 1, for"
    " negative and fractional n as well, times the gradient from behind.",
)
def raises_to_a_power(Tensor):
    """Exponents 3, 0.5, -2 and 1."""
    a = numbers64(2, 3, seed=228).abs() + 0.3
    for exponent in (3, 0.5, -2, 1):
        expect_same_gradients(Tensor, lambda a, n=exponent: a**n, a)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="An operation with a number or a torch tensor on the left goes wrong: 2 - a, 3 / a, 2 + "
    "a, 2 * a. Python then calls the reflected operator, such as __rsub__, whose self is on "
    "the right.",
)
def takes_numbers_on_the_left(Tensor):
    """Numbers, and a torch tensor, as the left operand."""
    a, left = numbers64(2, 3, seed=229).abs() + 0.5, numbers64(3, seed=230)
    expect_same_gradients(Tensor, lambda a: 2 - a, a)
    expect_same_gradients(Tensor, lambda a: 3 / a, a)
    expect_same_gradients(Tensor, lambda a: (2 + a) * a + 2 * a, a)
    on_the_left = inside("operator.sub")(left, Tensor(a) * left)
    expect_close(on_the_left.data, left - a * left)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="A @ B goes wrong for matrices that are not square, or for a gradient other than 1. As in"
    " linear_backward, write the shapes down: only one product of the gradient and B fits A.",
)
def multiplies_matrices(Tensor):
    """(2, 3) @ (3, 4)."""
    arrays = numbers64(2, 3, seed=231), numbers64(3, 4, seed=232)
    expect_same_gradients(Tensor, lambda a, b: a @ b, *arrays)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="@ goes wrong if one operand is a vector, or both are. Make a row of a vector on the left"
    " and a column of one on the right; the gradients have the shapes of the data.",
)
def multiplies_vectors(Tensor):
    """Matrix and vector, vector and matrix, vector and vector."""
    matrix, vector = numbers64(2, 3, seed=233), numbers64(3, seed=234)
    expect_same_gradients(Tensor, lambda a, b: a @ b, matrix, vector)
    expect_same_gradients(Tensor, lambda a, b: a @ b, vector, numbers64(3, 2, seed=235))
    expect_same_gradients(Tensor, lambda a, b: a @ b, vector, numbers64(3, seed=236))


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="@ goes wrong for a stack of matrices times one matrix. The matrix is used for each of "
    "the stack, so its gradient is a sum; .T turns all axes around, .mT only the last two.",
)
def multiplies_stacks_of_matrices(Tensor):
    """(5, 2, 3) @ (3, 4), and a torch tensor of that shape on the left."""
    stack, matrix = numbers64(5, 2, 3, seed=237), numbers64(3, 4, seed=238)
    expect_same_gradients(Tensor, lambda a, b: a @ b, stack, matrix)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="A torch tensor on the left of @ goes wrong. Python then calls __rmatmul__ of your class;"
    " a matrix product must not change its order.",
)
def takes_a_torch_tensor_left_of_matmul(Tensor):
    """A constant of shape (4, 2) times a vector."""
    left, array, gradient = (
        numbers64(4, 2, seed=239),
        numbers64(2, seed=240),
        numbers64(4, seed=241),
    )
    vector = Tensor(array)
    result = inside("operator.matmul")(left, vector)
    expect_close(result.data, left @ array)
    result.backward(gradient)
    expect_close(vector.grad, gradient @ left)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="sum goes wrong over an axis, over two axes or over all. Each entry gets the gradient of "
    "the sum that it is part of: give the gradient its lost axes back, then repeat it.",
)
def sums_along_axes(Tensor):
    """Over axis 1, over axes 0 and 2, over the last axis, over everything."""
    array = numbers64(3, 4, 3, seed=242)
    for dim in (1, (0, 2), -1, None):
        expect_same_gradients(Tensor, lambda a, dim=dim: a.sum(dim), array)
    expect_same_gradients(Tensor, lambda a: a.sum(), array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="amax goes wrong over an axis or over all entries. Each maximum passes its own gradient "
    "on, to the entry that it was taken from, and the other entries get 0.",
)
def finds_maxima_along_axes(Tensor):
    """Over axis 1, over axes 0 and 2, over everything."""
    array = numbers64(3, 4, 3, seed=243)
    for dim in (1, (0, 2)):
        expect_same_gradients(Tensor, lambda a, dim=dim: a.amax(dim), array)
    expect_same_gradients(Tensor, lambda a: a.amax(), array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="Several entries are the maximum. The docstring of amax says how they share its gradient;"
    " the shares of one maximum add up to its gradient.",
)
def shares_the_gradient_of_a_tie(Tensor):
    """Two and three equal maxima in a row."""
    array = torch.tensor([[1.0, 5.0, 5.0, 0.0], [5.0, 5.0, -1.0, 5.0]], dtype=torch.float64)
    expect_same_gradients(Tensor, lambda a: a.amax(1), array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="exp or log goes wrong, or ignores the gradient from behind. The derivative of exp is its"
    " own value, that of the logarithm of x is 1/x.",
)
def knows_exp_and_log(Tensor):
    """Random entries, positive for the logarithm."""
    array = numbers64(2, 3, seed=244)
    expect_same_gradients(Tensor, lambda a: a.exp(), array)
    expect_same_gradients(Tensor, lambda a: a.log(), array.abs() + 0.2)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="relu goes wrong. It passes the gradient on where its input is positive, and 0 where it "
    "is negative or exactly 0.",
)
def switches_off_at_zero(Tensor):
    """Positive, negative and zero entries."""
    array = torch.tensor([[-1.5, 0.0, 2.0], [0.3, -0.1, 0.0]], dtype=torch.float64)
    expect_same_gradients(Tensor, lambda a: a.relu(), array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="sigmoid goes wrong, perhaps for large entries only. exp(-x) overflows for x = -1000, and"
    " infinity times 0 is nan. torch.sigmoid is safe, and the derivative needs only its "
    "result.",
)
def survives_large_entries(Tensor):
    """Entries from -1000 to 1000."""
    array = torch.tensor([-1000.0, -2.0, 0.0, 0.5, 30.0, 1000.0], dtype=torch.float64)
    expect_same_gradients(Tensor, lambda a: a.sigmoid(), array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="a * a or a + a goes wrong: both parents are the same object. A dictionary with the "
    "parents as keys keeps one of their two gradients; an assignment keeps the last.",
)
def uses_a_tensor_twice(Tensor):
    """A square by multiplication, and a double by addition."""
    array = numbers64(2, 3, seed=245)
    expect_same_gradients(Tensor, lambda a: a * a, array)
    expect_same_gradients(Tensor, lambda a: a + a, array)


@check(
    "Tensor",
    points=2,
    hidden=True,
    hint="A node handed its gradient on before all nodes computed from it had added their share. "
    "Go through the nodes in reverse topological order, the root first.",
)
def waits_for_every_path(Tensor):
    """A node that is reached on a short and on a long path, in either order."""

    def long_and_short(a):
        b = a.exp()
        c = b * a
        d = c * b
        return d * b * c

    def short_first(a):
        b = a * 2
        return b * (b * (a.exp() * b))

    array = numbers64(3, seed=246)
    expect_same_gradients(Tensor, long_and_short, array)
    expect_same_gradients(Tensor, short_first, array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="Two losses share a leaf. The second backward must add to the gradient that the first one"
    " left in the leaf, as torch does, and not replace it.",
)
def adds_up_in_leaves(Tensor):
    """The gradient 3 of one loss, and 4a of another."""
    a = Tensor(torch.tensor([1.0, 4.0]))
    (a * 3).sum().backward()
    (a * 2 * a).sum().backward()
    expect_close(a.grad, [7.0, 19.0])


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="backward was called twice on the same graph, and the second call gave something else. "
    "Inner nodes must forget the gradient of the first call, or they hand it on a second "
    "time.",
)
def runs_backward_twice(Tensor):
    """Three calls, before each of which the gradient of the leaf is cleared."""
    a = Tensor(torch.tensor([1.0, 4.0]))
    b = a * 3
    c = b.sum() * 2
    for _ in range(3):
        a.grad = None
        c.backward()
        expect_close(b.grad, [2.0, 2.0])
        expect_close(a.grad, [6.0, 6.0])


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="A gradient was changed in place after another node had got hold of the same tensor. The "
    "pullback of + may give one tensor to both parents; add with `a = a + b`, not with `a += "
    "b`.",
)
def keeps_gradients_apart(Tensor):
    """Two sums of the same operands; the gradient that was passed in is not changed either."""
    a, b = Tensor(torch.tensor([1.0, 2.0])), Tensor(torch.tensor([3.0, 4.0]))
    gradient = torch.tensor([1.0, 10.0])
    ((a + b) + (a + b)).backward(gradient)
    expect_close(a.grad, [2.0, 20.0])
    expect_close(b.grad, [2.0, 20.0])
    expect_close(gradient, torch.tensor([1.0, 10.0]))


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="A graph of 1,000 nodes in a row fails or never ends. Recursion stops at a depth of about"
    " 1,000, and following every path takes forever where paths branch: visit each node once.",
)
def goes_through_a_deep_graph(Tensor):
    """500 times the mean of a value with itself: 1,000 nodes deep, with 2 to the 500 paths."""
    a = Tensor(torch.tensor(3.0, dtype=torch.float64))
    inside("autograder.inside.spies.average_with_itself")(a, 500).backward()
    expect_close(a.grad, 1.0)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="backward without a gradient was called on a tensor with several entries. Only a loss, a "
    "single number, can do without; the docstring says which exception to raise.",
)
def insists_on_a_scalar_loss(Tensor):
    """Three entries and no gradient."""
    product = Tensor(torch.tensor([1.0, 2.0, 3.0])) * 2
    expect_raises("ValueError", product.backward)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="float64 came in, and digits were lost. A number such as 0.1 must get the dtype of the "
    "other operand, as _wrap does; in float32 it is 0.100000001.",
)
def keeps_double_precision_with_numbers(Tensor):
    """0.1 and 0.7 with a float64 scalar."""
    a = Tensor(torch.tensor(3.0, dtype=torch.float64))
    result = (a * 0.1 + 0.7) / 0.3 - 1 / a
    result.backward()
    expect_close(result.data, torch.tensor(3.0, dtype=torch.float64), rtol=1e-14)
    expect_close(a.grad, torch.tensor(1 / 3 + 1 / 9, dtype=torch.float64), rtol=1e-14)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="An operation has changed the data of its operand. Methods of torch that end in _, and "
    "operators such as `*=`, work in place; the backward pass still needs the old values.",
)
def leaves_operands_alone(Tensor):
    """The data of a leaf before and after."""
    array = numbers64(2, 3, seed=247)
    a = Tensor(array.clone())
    for result in (a.relu(), -a, a - 1, a.exp(), a.sigmoid(), a.amax(1), a**2):
        result.backward(torch.ones_like(plain(result.data)))
    expect_close(a.data, array)


@check(
    "Tensor",
    points=1,
    hidden=True,
    hint="Your engine lets torch's automatic differentiation do the work. Compute the gradients in"
    " the pullbacks.",
)
def differentiates_without_torch(Tensor):
    """No backward of torch."""
    a = Tensor(torch.tensor([0.5, 2.0]))
    result = ((a * a).exp() + a.sigmoid()).sum()
    expect_library_unused("autograd", result.backward)


# ----------------------------------------------------------------------------- sigmoid_backward


@check(
    "sigmoid_backward",
    points=1,
    hint="Where the activation is 0.5 the derivative of the sigmoid is 0.25, where it is 0.8 the "
    "derivative is 0.16. The activation is the result of the sigmoid: do not apply it again.",
)
def uses_the_activation(sigmoid_backward):
    """Gradients 1 and 10."""
    gradient, activation = torch.tensor([1.0, 10.0]), torch.tensor([0.5, 0.8])
    expect_close(sigmoid_backward(gradient, activation), torch.tensor([0.25, 1.6]))


@check(
    "sigmoid_backward",
    points=1,
    hidden=True,
    hint="It goes wrong for a table of random gradients in float64. Is every entry of the gradient"
    " multiplied by the derivative of its own activation, in double precision?",
)
def agrees_for_a_table(sigmoid_backward):
    """Shape (3, 4), against torch."""
    x, gradient = numbers64(3, 4, seed=251).requires_grad_(), numbers64(3, 4, seed=252)
    activation = torch.sigmoid(x)
    (activation * gradient).sum().backward()
    expect_close(sigmoid_backward(gradient, activation.detach()), x.grad)


@check(
    "sigmoid_backward",
    points=1,
    hidden=True,
    hint="An activation of exactly 0 or 1 gave nan or infinity. There the derivative is 0; no "
    "logarithm and no division is needed.",
)
def is_zero_where_saturated(sigmoid_backward):
    """Activations 0 and 1, which rounding produces for large inputs."""
    result = sigmoid_backward(torch.tensor([3.0, -2.0]), torch.tensor([0.0, 1.0]))
    expect_close(result.abs(), torch.zeros(2))


# ----------------------------------------------------------------------------- conv2d_backward


@check(
    "conv2d_backward",
    points=1,
    hint="Only the output [0, 1] has a gradient. It saw the window of the image in rows 0 and 1, "
    "columns 1 and 2: that window is the gradient of the kernel, and the kernel, put in its "
    "place, is the gradient of the image.",
)
def follows_one_window(conv2d_backward):
    """A 3x3 image, a 2x2 kernel, and a single gradient of 1."""
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    kernel = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    gradient = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    of_image, of_kernel = conv2d_backward(gradient, image, kernel)
    expect_close(of_kernel, torch.tensor([[2.0, 3.0], [5.0, 6.0]]))
    expect_close(of_image, torch.tensor([[0.0, 10.0, 20.0], [0.0, 30.0, 40.0], [0.0, 0.0, 0.0]]))


@check(
    "conv2d_backward",
    points=2,
    hidden=True,
    hint="The gradient of the image is wrong: backward must be the adjoint of forward. Do "
    "overlapping windows add up, is the kernel unturned, and do shapes that are not square "
    "and float64 work?",
)
def is_the_adjoint_map(conv2d_backward):
    """<conv(x), y> = <x, backward(y)> for images of shape (6, 5) and a kernel of shape (2, 3)."""
    kernel = numbers64(2, 3, seed=261)
    for seed in (262, 263, 264):
        image, y = numbers64(6, 5, seed=seed), numbers64(5, 3, seed=seed + 10)
        forward = functional.conv2d(image[None, None], kernel[None, None])[0, 0]
        of_image, _ = conv2d_backward(y, image, kernel)
        expect_equal((of_image.shape, of_image.dtype), (image.shape, torch.float64))
        expect_close((image * of_image).sum(), (forward * y).sum())


@check(
    "conv2d_backward",
    points=2,
    hidden=True,
    hint="The gradient of the kernel is wrong. Each of its entries is used at every position: its "
    "gradient sums, over all outputs, gradient[i, j] times the pixel it met there. Mind "
    "float64.",
)
def sums_over_all_positions(conv2d_backward):
    """An image of shape (5, 7), a kernel of shape (3, 2), against torch."""
    image, gradient = numbers64(5, 7, seed=265), numbers64(3, 6, seed=266)
    kernel = numbers64(3, 2, seed=267).requires_grad_()
    result = functional.conv2d(image[None, None], kernel[None, None])[0, 0]
    (result * gradient).sum().backward()
    _, of_kernel = conv2d_backward(gradient, image, kernel.detach())
    expect_close(of_kernel, kernel.grad)


written_by_hand(
    "conv2d_backward",
    "convolves_by_hand",
    "convolution",
    lambda: (numbers(3, 3, seed=270), numbers(4, 4, seed=268), numbers(2, 2, seed=269)),
    hint="A library's convolution does the work. The docstring's sums can be written with loops "
    "over the output.",
)

written_by_hand(
    "conv2d_backward",
    "goes_back_through_conv_by_hand",
    "autograd",
    lambda: (numbers(3, 3, seed=270), numbers(4, 4, seed=268), numbers(2, 2, seed=269)),
    hint="torch's automatic differentiation does the work. Send each output's gradient back along "
    "the products that it was made of.",
)


# ----------------------------------------------------------------------------- max_pool2d_backward


@check(
    "max_pool2d_backward",
    points=1,
    hint="The 8 wins the two upper windows and gets 1 + 10. The 6 wins the lower left, the 7 the "
    "lower right. All other entries get 0.",
)
def routes_to_the_winners(max_pool2d_backward):
    """Windows of 2x2 with stride 1, which overlap."""
    image = torch.tensor([[1.0, 8.0, 2.0], [3.0, 4.0, 5.0], [6.0, 0.0, 7.0]])
    gradient = torch.tensor([[1.0, 10.0], [100.0, 1000.0]])
    expected = torch.tensor([[0.0, 11.0, 0.0], [0.0, 0.0, 0.0], [100.0, 0.0, 1000.0]])
    expect_close(max_pool2d_backward(gradient, image, 2, 1), expected)


def expect_pool_gradient(max_pool2d_backward, image, size, stride) -> None:
    """Compare with torch for a random gradient."""
    image.requires_grad_()
    pooled = functional.max_pool2d(image[None, None], size, stride)[0, 0]
    gradient = numbers64(*pooled.shape, seed=275)
    (pooled * gradient).sum().backward()
    expect_close(max_pool2d_backward(gradient, image.detach(), size, stride), image.grad)


@check(
    "max_pool2d_backward",
    points=2,
    hidden=True,
    hint="It goes wrong for overlapping windows on an image that is not square, in float64. An "
    "entry that wins several windows gets the sum of their gradients.",
)
def adds_up_where_windows_overlap(max_pool2d_backward):
    """Windows of 3x3 with stride 1, on an image of shape (5, 7)."""
    expect_pool_gradient(max_pool2d_backward, numbers64(5, 7, seed=271), 3, 1)


@check(
    "max_pool2d_backward",
    points=1,
    hidden=True,
    hint="It goes wrong for another stride than 1. Window [i, j] starts at row i * stride, column "
    "j * stride; rows and columns that no window reaches get 0.",
)
def moves_by_the_stride(max_pool2d_backward):
    """Size 2 with stride 2 and a row left over; size 3 with stride 2; size 2 with stride 3."""
    expect_pool_gradient(max_pool2d_backward, numbers64(5, 6, seed=272), 2, 2)
    expect_pool_gradient(max_pool2d_backward, numbers64(7, 5, seed=273), 3, 2)
    expect_pool_gradient(max_pool2d_backward, numbers64(5, 8, seed=274), 2, 3)


@check(
    "max_pool2d_backward",
    points=1,
    hidden=True,
    hint="Several entries are equal and the largest. One of them wins a window, the first in "
    "reading order within that window, and gets the whole gradient; it is neither shared nor "
    "doubled.",
)
def gives_a_tie_to_the_first(max_pool2d_backward):
    """Three equal maxima, zeros alone, and two windows with the same maximum."""
    image = torch.tensor([[0.0, 2.0, 1.0], [2.0, 1.0, 2.0], [0.0, 1.0, 0.0]])
    expect_pool_gradient(max_pool2d_backward, image.double(), 3, 1)
    expect_pool_gradient(max_pool2d_backward, torch.zeros(2, 2, dtype=torch.float64), 2, 2)
    image = torch.tensor([[5.0, 1.0, 5.0], [1.0, 0.0, 1.0]])
    expect_pool_gradient(max_pool2d_backward, image.double(), 2, 1)


written_by_hand(
    "max_pool2d_backward",
    "pools_by_hand",
    "pooling",
    lambda: (numbers(3, 3, seed=276), numbers(4, 4, seed=277), 2, 1),
    hint="A pooling function of a library does the work. The winner of a window is easy to find by"
    " hand, with max or argmax.",
)

written_by_hand(
    "max_pool2d_backward",
    "goes_back_through_pool_by_hand",
    "autograd",
    lambda: (numbers(3, 3, seed=276), numbers(4, 4, seed=277), 2, 1),
    hint="torch's automatic differentiation does the work. Find the winners and add their "
    "gradients yourself.",
)


# ----------------------------------------------------------------------------- LinearModel


@check(
    "LinearModel",
    points=1,
    hint="With w = (1, 10, 100) the row (1, 2, 3) gives 1 + 20 + 300 = 321. One number per row.",
)
def weighs_the_features(LinearModel):
    """Two rows with three features."""
    model = LinearModel(parameter([1.0, 10.0, 100.0]))
    x = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.0]])
    expect_close(model(x), torch.tensor([321.0, -10.0]))


@check(
    "LinearModel",
    points=1,
    hidden=True,
    hint="No gradient, or a wrong one, reaches a parameter that is a torch tensor. `.data`, "
    "`.detach()` and a new tensor around w cut the graph.",
)
def passes_gradients_to_w(LinearModel):
    """The gradient of the weighted sum of the predictions."""
    w, x, gradient = numbers64(3, seed=281), numbers64(5, 3, seed=282), numbers64(5, seed=283)
    w = parameter(w)
    (LinearModel(w)(x) * gradient).sum().backward()
    expect_close(w.grad, gradient @ x)


@check(
    "LinearModel",
    points=1,
    hidden=True,
    hint="It fails for a parameter of your own class Tensor. Functions such as torch.matmul take "
    "only torch's tensors; the operator @ works for both, if your class has __rmatmul__.",
)
def runs_on_your_engine(Tensor, LinearModel):
    """The same with a Tensor."""
    array, x = numbers64(3, seed=284), numbers64(5, 3, seed=285)
    w = Tensor(array)
    prediction = LinearModel(w)(x)
    expect_close(prediction.data, x @ array)
    prediction.backward(torch.ones(5, dtype=torch.float64))
    expect_close(w.grad, x.sum(0))


# ----------------------------------------------------------------------------- ToyConvnet


@check(
    "ToyConvnet",
    points=1,
    hint="Filter 0 is (1, 0), so it copies 5, -1, 4; relu gives 5, 0, 4, the two pools 5 and 4. "
    "Filter 1 is (0, -1): 1, -4, -2; relu 1, 0, 0, pools 1 and 0. Then 5·1 + 4·10 + 1·100 + "
    "0·1000.",
)
def computes_the_layers(ToyConvnet):
    """One row, (5, -1, 4, 2)."""
    w = parameter([[1.0, 0.0], [0.0, -1.0]])
    u = parameter([[1.0, 100.0], [10.0, 1000.0]])
    model = ToyConvnet(w, u)
    expect_close(model(torch.tensor([[5.0, -1.0, 4.0, 2.0]])), torch.tensor([145.0]))


def reference_convnet(w, u, x):
    """The toy convnet by torch's layers, for rows of x."""
    hidden = functional.conv1d(x[:, None], w.T[:, None]).relu()
    return torch.einsum("nfp,pf->n", functional.max_pool1d(hidden, 2, 1), u)


@check(
    "ToyConvnet",
    points=2,
    hidden=True,
    hint="The predictions for several rows are wrong. Filter f is column f of w, and u[p, f] "
    "belongs to pooling window p of filter f; a ReLU and a maximum over the two positions of "
    "a window in between.",
)
def agrees_with_layers_of_torch(ToyConvnet):
    """Seven rows, random parameters."""
    w, u, x = numbers64(2, 2, seed=291), numbers64(2, 2, seed=292), numbers64(7, 4, seed=293)
    expect_close(ToyConvnet(parameter(w), parameter(u))(x), reference_convnet(w, u, x))


@check(
    "ToyConvnet",
    points=1,
    hidden=True,
    hint="No gradient reaches the parameters if they are torch tensors. `.data`, `.detach()` and a"
    " new tensor around a parameter cut the graph.",
)
def passes_gradients_to_filters(ToyConvnet):
    """After a backward pass w and u have gradients that are not zero."""
    w, u = parameter(numbers64(2, 2, seed=294)), parameter(numbers64(2, 2, seed=295))
    ToyConvnet(w, u)(numbers64(6, 4, seed=296)).sum().backward()
    for name, gradient in (("w", w.grad), ("u", u.grad)):
        expect(gradient is not None and bool(gradient.any()), f"no gradient reached {name}")


@check(
    "ToyConvnet",
    points=1,
    hidden=True,
    hint="It fails for parameters of your own class Tensor. Use operators and methods that both "
    "kinds have: @, *, t.relu(), t.amax(axis), t.sum(axes); no functions of torch, no "
    "indexing.",
)
def runs_the_convnet_on_your_engine(Tensor, ToyConvnet):
    """With Tensors there is a prediction a row, and a gradient reaches w and u."""
    w, u = Tensor(numbers64(2, 2, seed=297)), Tensor(numbers64(2, 2, seed=298))
    prediction = ToyConvnet(w, u)(numbers64(5, 4, seed=299))
    expect_equal(prediction.data.shape, (5,))
    prediction.backward(torch.ones(5, dtype=torch.float64))
    for name, gradient in (("w", w.grad), ("u", u.grad)):
        expect(gradient is not None and bool(gradient.any()), f"no gradient reached {name}")


# ----------------------------------------------------------------------------- regularized_loss


@check(
    "regularized_loss",
    points=1,
    hint="The squared errors are 1 and 9, their mean is 5. The squared parameters sum to 4 + 9 + 1"
    " = 14; half of that times the decay 0.5 is 3.5.",
)
def adds_error_and_penalty(regularized_loss):
    """Two predictions, two parameters of different shapes."""
    prediction, target = parameter([2.0, 0.0]), torch.tensor([1.0, 3.0])
    parameters = [parameter([2.0, -3.0]), parameter([[1.0]])]
    expect_close(regularized_loss(prediction, target, parameters, 0.5), 8.5)


@check(
    "regularized_loss",
    points=1,
    hidden=True,
    hint="The value is wrong for three predictions and three parameters. The error is a mean over "
    "the examples; the penalty is decay / 2 times a sum over the entries of all parameters.",
)
def penalises_every_parameter(regularized_loss):
    """Parameters with one, two and no axes."""
    arrays = [numbers64(4, seed=301), numbers64(2, 3, seed=302), numbers64(seed=303)]
    prediction, target = numbers64(3, seed=304), numbers64(3, seed=305)
    penalty = 0.3 / 2 * sum(array.square().sum() for array in arrays)
    expected = functional.mse_loss(prediction, target) + penalty
    parameters = [parameter(array) for array in arrays]
    expect_close(regularized_loss(parameter(prediction), target, parameters, 0.3), expected)


@check(
    "regularized_loss",
    points=1,
    hidden=True,
    hint="The gradients are wrong: 2 (p - y) / N for the prediction, decay times the parameter for"
    " each parameter. `.data`, `.item()` and `float` cut the graph.",
)
def can_be_differentiated_twice_over(regularized_loss):
    """The gradients of the prediction and of a parameter."""
    prediction, target = numbers64(4, seed=306), numbers64(4, seed=307)
    array = numbers64(2, 2, seed=308)
    p, w = parameter(prediction), parameter(array)
    regularized_loss(p, target, [w], 0.3).backward()
    expect_close(p.grad, 2 * (prediction - target) / 4)
    expect_close(w.grad, 0.3 * array)


@check(
    "regularized_loss",
    points=1,
    hidden=True,
    hint="It fails for predictions and parameters of your own class Tensor. Use what both kinds "
    "have: -, *, /, **, and the method sum; there is no mean.",
)
def measures_on_your_engine(Tensor, regularized_loss):
    """Values and gradients with Tensors."""
    prediction, target = numbers64(4, seed=309), numbers64(4, seed=310)
    array = numbers64(3, seed=311)
    p, w = Tensor(prediction), Tensor(array)
    loss = regularized_loss(p, target, [w], 0.2)
    expected = (prediction - target).square().mean() + 0.1 * array.square().sum()
    expect_close(loss.data, expected)
    loss.backward()
    expect_close(p.grad, 2 * (prediction - target) / 4)
    expect_close(w.grad, 0.2 * array)


# ----------------------------------------------------------------------------- train


@check(
    "train",
    points=1,
    hint="At w = 0 the predictions are 0, so the loss is (4 + 16)/2 = 10 and the gradient is "
    "-(2·2·1 + 2·4·3)/2 = -14. One step with the rate 0.1 gives w = 1.4. There is one "
    "mini-batch.",
)
def takes_one_step(LinearModel, train):
    """Two examples, one mini-batch, no decay."""
    model = LinearModel(parameter([0.0]))
    losses = train(model, torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 4.0]), 0.1, 0.0, 2)
    expect_close(torch.tensor(losses), torch.tensor([10.0]))
    expect_close(model.w, [1.4])


def descend(leaves, error, lr: float, decay: float) -> None:
    """Take a step of gradient descent on the error plus decay / 2 times the squared leaves."""
    gradients = torch.autograd.grad(error, leaves)
    with torch.no_grad():
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf -= lr * (gradient + decay * leaf)


def reference_training(x, y, weight, bias, lr, decay, batch):
    """Train x @ weight.T + bias by torch's gradients; return the losses and the parameters."""
    leaves = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
    losses = []
    for start in range(0, len(x), batch):
        rows, targets = x[start : start + batch], y[start : start + batch]
        error = functional.mse_loss(rows @ leaves[0].T + leaves[1], targets)
        penalty = decay / 2 * sum(leaf.detach().square().sum() for leaf in leaves)
        losses.append((error + penalty).item())
        descend(leaves, error, lr, decay)
    return losses, leaves[0].detach(), leaves[1].detach()


def expect_same_training(
    train, rows: int, batch: int, decay: float = 0.0, gradients_before: bool = False
) -> None:
    """Train a linear layer of torch with the student's function and with torch's gradients."""
    model = inside("torch.nn.Linear")(3, 1)
    # Drawn here: the numbers of a layer that was replaced could be beyond all change.
    weight, bias = 0.5 * numbers(1, 3, seed=323), 0.5 * numbers(1, seed=324)
    model.weight.data, model.bias.data = weight.clone(), bias.clone()
    x, y = numbers(rows, 3, seed=321), numbers(rows, 1, seed=322) * 3 + 1
    if gradients_before:
        (model(x) * 10).sum().backward()
    losses = train(model, x, y, 0.1, decay, batch)
    expected, weight, bias = reference_training(x, y, weight, bias, 0.1, decay, batch)
    expect_close(torch.tensor([float(loss) for loss in losses]), torch.tensor(expected), rtol=1e-4)
    expect_close(model.weight, weight, rtol=1e-4)
    expect_close(model.bias, bias, rtol=1e-4)


@check(
    "train",
    points=2,
    hidden=True,
    hint="Several steps with a decay go wrong. In each: the next examples, the loss before the "
    "step, cleared gradients, then a step of every parameter with its own gradient.",
)
def agrees_for_several_steps(train):
    """Four mini-batches of three examples."""
    expect_same_training(train, rows=12, batch=3, decay=0.4)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The number of examples is no multiple of the size of a mini-batch. The last mini-batch "
    "is smaller, and its examples count as well.",
)
def uses_the_last_few_examples(train):
    """Eleven examples in mini-batches of four."""
    expect_same_training(train, rows=11, batch=4)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The parameters held gradients before train was called, and the first step used them. "
    "Clear the gradients before backward.",
)
def ignores_old_gradients(train):
    """Somebody has called backward before."""
    expect_same_training(train, rows=6, batch=3, gradients_before=True)


@check(
    "train",
    points=1,
    hidden=True,
    hint="The losses are tensors, each with its graph in memory. Return plain floats.",
)
def returns_floats(LinearModel, train):
    """Every loss is a Python float."""
    x, y = numbers(4, 2, seed=323), numbers(4, seed=324)
    losses = train(LinearModel(parameter([0.5, -0.5])), x, y, 0.1, 0.1, 2)
    expect_equal([type(loss) is float for loss in losses], [True, True])


@check(
    "train",
    points=1,
    hidden=True,
    hint="It fails for parameters of your own class Tensor. Both kinds have `data`, `grad` and "
    "`backward`; neither torch.no_grad nor methods such as `item` or `zero_grad` help for "
    "yours.",
)
def trains_on_your_engine(Tensor, ToyConvnet, train):
    """Two steps of the convnet, against torch."""
    w, u, x = numbers64(2, 2, seed=325), numbers64(2, 2, seed=326), numbers64(6, 4, seed=327)
    y, model = x.amax(1), ToyConvnet(Tensor(w.clone()), Tensor(u.clone()))
    losses = train(model, x, y, 0.05, 0.0, 3)
    leaves = w.clone().requires_grad_(), u.clone().requires_grad_()
    for rows in (slice(0, 3), slice(3, 6)):
        error = functional.mse_loss(reference_convnet(*leaves, x[rows]), y[rows])
        descend(leaves, error, 0.05, 0.0)
    expect_equal(len(losses), 2)
    expect_close(model.w.data, leaves[0].detach())
    expect_close(model.u.data, leaves[1].detach())
