"""Right and wrong answers to notebook 08."""

import itertools

import torch
from torch import nn

from autograder.course.corpus import changed, right, wrong

# ----------------------------------------------------------------------------- pca_fit


@right("pca_fit")
def fit_by_svd(x, k):
    mean = x.mean(dim=0)
    centred = x - mean
    _, s, vt = torch.linalg.svd(centred, full_matrices=False)
    return mean, vt[:k], s[:k] ** 2 / (len(x) - 1)


@right("pca_fit")
def fit_by_eigh(x, k):
    mean = x.mean(dim=0)
    centred = x - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / (x.shape[0] - 1))
    order = values.argsort(descending=True)[:k]
    return mean, vectors[:, order].T, values[order]


@right("pca_fit")
def fit_by_svd_of_the_transpose(x, k):
    mean = x.sum(dim=0) / x.shape[0]
    u = torch.linalg.svd((x - mean).T, full_matrices=False).U
    axes = torch.stack([u[:, j] for j in range(k)])
    variances = ((x - mean) @ axes.T).var(dim=0)
    return mean, axes, variances


FIT_AXES = ["agrees_with_the_covariance_matrix", "stands_a_large_mean", "fits_in_double_precision"]
FIT_SIZES = [
    "measures_the_variance_along_an_axis",
    "finds_the_axes_of_four_points",
    "stands_a_large_mean",
    "fits_in_double_precision",
]
FIT_ALL = [*FIT_AXES, "finds_the_axes_of_four_points", "measures_the_variance_along_an_axis"]
fit_not_centred = changed(
    fit_by_svd,
    "centred = x - mean",
    "centred = x",
    fails=[
        "agrees_with_the_covariance_matrix",
        "stands_a_large_mean",
        "finds_the_axes_of_four_points",
        "measures_the_variance_along_an_axis",
    ],
)
fit_centred_by_rows = changed(
    fit_by_svd,
    "centred = x - mean",
    "centred = x - x.mean(dim=1, keepdim=True)",
    fails=[
        "agrees_with_the_covariance_matrix",
        "stands_a_large_mean",
        "finds_the_axes_of_four_points",
        "measures_the_variance_along_an_axis",
    ],
)
fit_centred_by_one_number = changed(
    fit_by_svd,
    "centred = x - mean",
    "centred = x - x.mean()",
    fails=[
        "agrees_with_the_covariance_matrix",
        "stands_a_large_mean",
        "finds_the_axes_of_four_points",
        "measures_the_variance_along_an_axis",
    ],
)
fit_standardised = changed(
    fit_by_svd,
    "centred = x - mean",
    "centred = (x - mean) / x.std(dim=0)",
    fails=[
        "agrees_with_the_covariance_matrix",
        "stands_a_large_mean",
        "finds_the_axes_of_four_points",
        "measures_the_variance_along_an_axis",
    ],
)
fit_u_for_v = changed(
    fit_by_svd,
    "vt[:k]",
    "torch.linalg.svd(centred, full_matrices=False).U.T[:k]",
    fails=["agrees_with_the_covariance_matrix", "finds_the_axes_of_four_points"],
)
fit_v_for_its_transpose = changed(
    fit_by_svd,
    "vt[:k]",
    "vt.T[:k]",
    fails=["agrees_with_the_covariance_matrix"],
)
fit_axes_as_columns = changed(
    fit_by_svd,
    "vt[:k]",
    "vt[:k].T",
    fails=["agrees_with_the_covariance_matrix", "fits_in_double_precision"],
)
fit_all_axes = changed(
    fit_by_svd,
    "vt[:k]",
    "vt",
    fails=["agrees_with_the_covariance_matrix", "fits_in_double_precision"],
)
fit_axes_with_their_spread = changed(
    fit_by_svd,
    "vt[:k]",
    "vt[:k] * s[:k, None]",
    fails=[
        "agrees_with_the_covariance_matrix",
        "fits_in_double_precision",
        "finds_the_axes_of_four_points",
    ],
)
fit_not_squared = changed(
    fit_by_svd,
    "s[:k] ** 2",
    "s[:k]",
    fails=[
        "measures_the_variance_along_an_axis",
        "finds_the_axes_of_four_points",
        "stands_a_large_mean",
    ],
)
fit_deviations = changed(
    fit_by_svd,
    "s[:k] ** 2 / (len(x) - 1)",
    "s[:k] / (len(x) - 1) ** 0.5",
    fails=[
        "measures_the_variance_along_an_axis",
        "finds_the_axes_of_four_points",
        "stands_a_large_mean",
    ],
)
fit_over_n = changed(
    fit_by_svd,
    "(len(x) - 1)",
    "len(x)",
    fails=["measures_the_variance_along_an_axis", "finds_the_axes_of_four_points"],
)
fit_over_the_columns = changed(
    fit_by_svd,
    "(len(x) - 1)",
    "(x.shape[1] - 1)",
    fails=["measures_the_variance_along_an_axis", "finds_the_axes_of_four_points"],
)
fit_shares = changed(
    fit_by_svd,
    "s[:k] ** 2 / (len(x) - 1)",
    "s[:k] ** 2 / (s**2).sum()",
    fails=["measures_the_variance_along_an_axis", "finds_the_axes_of_four_points"],
)
fit_all_variances = changed(
    fit_by_svd,
    "s[:k] ** 2",
    "s**2",
    fails=["measures_the_variance_along_an_axis"],
)
fit_smallest_first = changed(
    fit_by_eigh,
    "descending=True",
    "",
    fails=[
        "agrees_with_the_covariance_matrix",
        "stands_a_large_mean",
        "finds_the_axes_of_four_points",
        "measures_the_variance_along_an_axis",
    ],
)
fit_rows_of_eigenvectors = changed(
    fit_by_eigh,
    "vectors[:, order].T",
    "vectors[order]",
    fails=["agrees_with_the_covariance_matrix"],
)
fit_axes_in_another_order = changed(
    fit_by_eigh,
    "vectors[:, order].T",
    "vectors[:, :k].T",
    fails=["agrees_with_the_covariance_matrix", "finds_the_axes_of_four_points"],
)
fit_one_mean = changed(
    fit_by_svd,
    "return mean,",
    "return mean.mean().expand(x.shape[1]),",
    fails=["returns_a_mean_for_every_column", "finds_the_axes_of_four_points"],
)
fit_mean_as_a_row = changed(
    fit_by_svd,
    "x.mean(dim=0)",
    "x.mean(dim=0, keepdim=True)",
    fails=["returns_a_mean_for_every_column", "finds_the_axes_of_four_points"],
)
fit_median = changed(
    fit_by_svd,
    "return mean,",
    "return x.median(dim=0).values,",
    fails=["returns_a_mean_for_every_column"],
)
fit_mean_of_squares = changed(
    fit_by_eigh,
    "torch.linalg.eigh(centred.T @ centred / (x.shape[0] - 1))",
    "torch.linalg.eigh(\n"
    "        (x.T @ x - len(x) * torch.outer(mean, mean)) / (x.shape[0] - 1)\n    )",
    fails=["stands_a_large_mean"],
)
fit_in_single_precision = changed(
    fit_by_svd,
    "mean = x.mean(dim=0)",
    "x = x.float()\n    mean = x.mean(dim=0)",
    fails=["fits_in_double_precision"],
)
fit_always_in_double = changed(
    fit_by_svd,
    "mean = x.mean(dim=0)",
    "x = x.double()\n    mean = x.mean(dim=0)",
    fails=[
        "finds_the_axes_of_four_points",
        "returns_a_mean_for_every_column",
        "measures_the_variance_along_an_axis",
    ],
)
fit_in_place = changed(
    fit_by_svd,
    "centred = x - mean",
    "centred = x.sub_(mean)",
    fails=["leaves_the_data_alone"],
)


@wrong("pca_fit", fails=["fits_without_a_ready_made_pca"])
def fit_by_lowrank(x, k):
    mean = x.mean(dim=0)
    _, s, v = torch.pca_lowrank(x - mean, q=min(x.shape), center=False, niter=8)
    return mean, v[:, :k].T, s[:k].square() / (len(x) - 1)


# ----------------------------------------------------------------------------- pca_transform


@right("pca_transform")
def transform_by_product(x, mean, axes):
    return torch.matmul(x - mean, axes.transpose(0, 1))


@right("pca_transform")
def transform_by_einsum(x, mean, axes):
    return torch.einsum("nd,kd->nk", x, axes) - axes @ mean


COORDINATES = ["gives_coordinates_of_new_examples"]
transform_without_mean = changed(
    transform_by_einsum,
    " - axes @ mean",
    "",
    fails=[*COORDINATES, "projects_a_point_onto_an_axis"],
)
transform_adds_the_mean = changed(
    transform_by_product,
    "x - mean",
    "x + mean",
    fails=[*COORDINATES, "projects_a_point_onto_an_axis"],
)
transform_by_its_own_mean = changed(
    transform_by_product,
    "x - mean",
    "x - x.mean(dim=0)",
    fails=[*COORDINATES, "projects_a_point_onto_an_axis"],
)
transform_untransposed = changed(
    transform_by_product,
    "axes.transpose(0, 1)",
    "axes.reshape(axes.shape[1], -1)",
    fails=COORDINATES,
)
transform_whitened = changed(
    transform_by_product,
    "return torch.matmul(x - mean, axes.transpose(0, 1))",
    "codes = torch.matmul(x - mean, axes.transpose(0, 1))\n    return codes / codes.std(dim=0)",
    fails=[*COORDINATES, "projects_a_point_onto_an_axis"],
)
transform_first_axis = changed(
    transform_by_product,
    "axes.transpose(0, 1)",
    "axes[:1].T",
    fails=COORDINATES,
)
transform_to_distances = changed(
    transform_by_product,
    "axes.transpose(0, 1))",
    "axes.transpose(0, 1)).abs()",
    fails=COORDINATES,
)
transform_to_the_data = changed(
    transform_by_product,
    "axes.transpose(0, 1))",
    "axes.transpose(0, 1)) @ axes",
    fails=[*COORDINATES, "projects_a_point_onto_an_axis"],
)
transform_in_place = changed(
    transform_by_product,
    "return",
    "x -= mean\n    mean = 0 * mean\n    return",
    fails=["leaves_the_examples_alone"],
)

# ----------------------------------------------------------------------------- pca_reconstruct


@right("pca_reconstruct")
def reconstruct_by_product(codes, mean, axes):
    return torch.matmul(codes, axes) + mean


@right("pca_reconstruct")
def reconstruct_axis_by_axis(codes, mean, axes):
    result = mean.repeat(len(codes), 1)
    for j, axis in enumerate(axes):
        result = result + codes[:, j : j + 1] * axis
    return result


reconstruct_without_mean = changed(
    reconstruct_by_product,
    " + mean",
    "",
    fails=["adds_the_axes_to_the_mean", "returns_to_the_point"],
)
reconstruct_subtracts_the_mean = changed(
    reconstruct_by_product,
    " + mean",
    " - mean",
    fails=["adds_the_axes_to_the_mean", "returns_to_the_point"],
)
reconstruct_mean_of_the_codes = changed(
    reconstruct_by_product,
    "torch.matmul(codes, axes) + mean",
    "torch.matmul(codes - codes.mean(dim=0), axes) + mean",
    fails=["adds_the_axes_to_the_mean", "returns_to_the_point", "leaves_large_values_as_they_are"],
)
reconstruct_clamped = changed(
    reconstruct_by_product,
    "torch.matmul(codes, axes) + mean",
    "(torch.matmul(codes, axes) + mean).clamp(0, 1)",
    fails=["leaves_large_values_as_they_are", "returns_to_the_point"],
)
reconstruct_positive = changed(
    reconstruct_by_product,
    "torch.matmul(codes, axes) + mean",
    "(torch.matmul(codes, axes) + mean).relu()",
    fails=["leaves_large_values_as_they_are"],
)
reconstruct_first_axis_only = changed(
    reconstruct_by_product,
    "torch.matmul(codes, axes)",
    "torch.matmul(codes[:, :1], axes[:1])",
    fails=["adds_the_axes_to_the_mean", "leaves_large_values_as_they_are"],
)
reconstruct_reshaped_axes = changed(
    reconstruct_by_product,
    "torch.matmul(codes, axes)",
    "torch.matmul(codes, axes.T.reshape(axes.shape))",
    fails=["adds_the_axes_to_the_mean", "leaves_large_values_as_they_are"],
)

# ----------------------------------------------------------------------------- explained_variance


@right("explained_variance")
def explained_by_norms(x, reconstruction, mean):
    left = torch.linalg.norm(x - reconstruction) ** 2
    return float(1 - left / torch.linalg.norm(x - mean) ** 2)


@right("explained_variance")
def explained_by_means(x, reconstruction, mean):
    error = ((x - reconstruction) ** 2).mean().item()
    return 1 - error / ((x - mean) ** 2).mean().item()


EXPLAINED = [
    "divides_two_sums_of_squares",
    "compares_with_the_given_mean",
    "explains_three_quarters",
    "may_be_negative",
]
explained_share_left = changed(
    explained_by_means, "return 1 - error", "return error", fails=EXPLAINED
)
explained_not_squared = changed(explained_by_norms, "mean) ** 2", "mean)", fails=EXPLAINED)
explained_by_roots = changed(
    explained_by_norms,
    "return float(1 - left / torch.linalg.norm(x - mean) ** 2)",
    "return 1 - (left / torch.linalg.norm(x - mean) ** 2).sqrt().item()",
    fails=EXPLAINED,
)
explained_by_columns = changed(
    explained_by_means,
    "error = ((x - reconstruction) ** 2).mean().item()\n"
    "    return 1 - error / ((x - mean) ** 2).mean().item()",
    "left = ((x - reconstruction) ** 2).mean(dim=0)\n"
    "    return 1 - (left / ((x - mean) ** 2).mean(dim=0)).mean().item()",
    fails=["divides_two_sums_of_squares"],
)
explained_by_examples = changed(
    explained_by_means,
    "error = ((x - reconstruction) ** 2).mean().item()\n"
    "    return 1 - error / ((x - mean) ** 2).mean().item()",
    "left = ((x - reconstruction) ** 2).mean(dim=1)\n"
    "    return 1 - (left / ((x - mean) ** 2).mean(dim=1)).mean().item()",
    fails=["divides_two_sums_of_squares", "compares_with_the_given_mean"],
)
explained_by_spread_of_the_result = changed(
    explained_by_means,
    "return 1 - error / ((x - mean) ** 2).mean().item()",
    "return ((reconstruction - mean) ** 2).mean().item() / ((x - mean) ** 2).mean().item()",
    fails=EXPLAINED,
)
explained_by_its_own_mean = changed(
    explained_by_means,
    "(x - mean) ** 2",
    "(x - x.mean(dim=0)) ** 2",
    fails=["compares_with_the_given_mean", "explains_three_quarters"],
)
explained_without_mean = changed(
    explained_by_means,
    "(x - mean) ** 2",
    "x**2",
    fails=[
        "compares_with_the_given_mean",
        "divides_two_sums_of_squares",
        "explains_three_quarters",
    ],
)
explained_never_negative = changed(
    explained_by_means,
    "return 1 - error / ((x - mean) ** 2).mean().item()",
    "return max(0.0, 1 - error / ((x - mean) ** 2).mean().item())",
    fails=["may_be_negative"],
)
explained_as_a_tensor = changed(
    explained_by_norms,
    "float(1 - left / torch.linalg.norm(x - mean) ** 2)",
    "1 - left / torch.linalg.norm(x - mean) ** 2",
    fails=["returns_the_share_as_a_float"],
)
explained_in_percent = changed(
    explained_by_norms, "return float(1", "return 100 * float(1", fails=EXPLAINED
)

# ----------------------------------------------------------------------------- Autoencoder


@right("Autoencoder")
class DeepWithBatchNorm(nn.Module):
    def __init__(self, code=2):
        super().__init__()

        def hidden(inputs, outputs):
            return [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]

        self.encoder = nn.Sequential(*hidden(784, 256), *hidden(256, 128), nn.Linear(128, code))
        self.decoder = nn.Sequential(
            *hidden(code, 128), *hidden(128, 256), nn.Linear(256, 784), nn.Sigmoid()
        )

    def encode(self, images):
        return self.encoder(images)

    def decode(self, codes):
        return self.decoder(codes)

    def forward(self, images):
        return self.decode(self.encode(images))


@right("Autoencoder")
class ShallowWithTanh(nn.Module):
    def __init__(self, code=2):
        super().__init__()
        self.into, self.to_code = nn.Linear(784, 200), nn.Linear(200, code)
        self.out_of, self.to_pixels = nn.Linear(code, 200), nn.Linear(200, 784)

    def encode(self, images):
        return self.to_code(self.into(images).tanh())

    def decode(self, codes):
        return self.to_pixels(torch.tanh(self.out_of(codes)))

    def forward(self, images):
        return self.decode(self.encode(images))


@right("Autoencoder")
class TiedWeights(nn.Module):
    def __init__(self, code=2):
        super().__init__()
        sizes = [784, 300, 100, code]
        self.weights = nn.ParameterList(
            [torch.randn(b, a) / a**0.5 for a, b in itertools.pairwise(sizes)]
        )
        self.down = nn.ParameterList([torch.zeros(size) for size in sizes[1:]])
        self.up = nn.ParameterList([torch.zeros(size) for size in sizes[:-1]])

    def encode(self, images):
        for k in range(3):
            images = images @ self.weights[k].T + self.down[k]
            images = nn.functional.elu(images) if k < 2 else images
        return images

    def decode(self, codes):
        for k in (2, 1, 0):
            codes = codes @ self.weights[k] + self.up[k]
            codes = nn.functional.elu(codes) if k else codes.sigmoid()
        return codes

    def forward(self, images):
        return self.decode(self.encode(images))


@right("Autoencoder")
class Convolutional(nn.Module):
    def __init__(self, code=2):
        super().__init__()
        self.seeing = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(16 * 49, code),
            nn.BatchNorm1d(code, affine=False),
        )
        self.drawing = nn.Sequential(
            nn.Linear(code, 128), nn.GELU(), nn.Linear(128, 256), nn.GELU(), nn.Linear(256, 784)
        )

    def encode(self, images):
        return self.seeing(images.reshape(-1, 1, 28, 28))

    def decode(self, codes):
        return self.drawing(codes).sigmoid()

    def forward(self, images):
        return self.decode(self.encode(images))


coder_always_two = changed(
    ShallowWithTanh,
    "super().__init__()",
    "super().__init__()\n        code = 2",
    fails=[
        "has_the_code_that_was_asked_for",
        "uses_all_numbers_of_a_large_code",
    ],
)
coder_at_least_two = changed(
    ShallowWithTanh,
    "super().__init__()",
    "super().__init__()\n        code = max(code, 2)",
    fails=["has_the_code_that_was_asked_for"],
)
coder_another_default = changed(
    ShallowWithTanh,
    "code=2",
    "code=3",
    fails=["goes_to_the_plane_and_back", "has_hidden_layers_on_both_sides"],
)
coder_linear = changed(
    ShallowWithTanh,
    "self.into(images).tanh()",
    "self.into(images)",
    fails=["has_hidden_layers_on_both_sides"],
)
decoder_linear = changed(
    ShallowWithTanh,
    "torch.tanh(self.out_of(codes))",
    "self.out_of(codes)",
    fails=["has_hidden_layers_on_both_sides"],
)
decoder_without_hidden_layer = changed(
    DeepWithBatchNorm,
    "*hidden(code, 128), *hidden(128, 256), nn.Linear(256, 784), nn.Sigmoid()",
    "nn.Linear(code, 784), nn.Sigmoid()",
    fails=["has_hidden_layers_on_both_sides"],
)
coder_relu_code = changed(
    ShallowWithTanh,
    "self.to_code(self.into(images).tanh())",
    "self.to_code(self.into(images).tanh()).relu()",
    fails=["leaves_the_code_unbounded"],
)
coder_sigmoid_code = changed(
    DeepWithBatchNorm,
    "nn.Linear(128, code))",
    "nn.Linear(128, code), nn.Sigmoid())",
    fails=["leaves_the_code_unbounded"],
)
coder_tanh_code = changed(
    DeepWithBatchNorm,
    "nn.Linear(128, code))",
    "nn.Linear(128, code), nn.Tanh())",
    fails=["leaves_the_code_unbounded"],
)
coder_skips_the_code = changed(
    ShallowWithTanh,
    "return self.decode(self.encode(images))",
    "return self.decode(self.encode(images)) + self.to_pixels(self.into(images).tanh())",
    fails=["passes_everything_through_the_code"],
)
coder_forward_without_code = changed(
    ShallowWithTanh,
    "return self.decode(self.encode(images))",
    "return images + 0 * self.decode(self.encode(images))",
    fails=["passes_everything_through_the_code"],
)
decoder_remembers = changed(
    ShallowWithTanh,
    "        return self.to_code(self.into(images).tanh())\n\n"
    "    def decode(self, codes):\n"
    "        return self.to_pixels(torch.tanh(self.out_of(codes)))",
    "        self.hidden = self.into(images).tanh()\n"
    "        return self.to_code(self.hidden)\n\n"
    "    def decode(self, codes):\n"
    "        hidden = torch.tanh(self.out_of(codes))\n"
    "        return self.to_pixels(hidden + getattr(self, 'hidden', 0))",
    fails=["passes_everything_through_the_code"],
)
coder_drops_always = changed(
    ShallowWithTanh,
    "self.to_code(self.into(images).tanh())",
    "self.to_code(nn.functional.dropout(self.into(images).tanh(), 0.2))",
    fails=["encodes_every_image_alone", "passes_everything_through_the_code"],
)
coder_noise = changed(
    ShallowWithTanh,
    "self.to_code(self.into(images).tanh())",
    "self.to_code(self.into(images + 0.3 * torch.randn_like(images)).tanh())",
    fails=["encodes_every_image_alone", "passes_everything_through_the_code"],
)
coder_normalises_over_the_batch = changed(
    ShallowWithTanh,
    "        return self.to_code(self.into(images).tanh())",
    "        codes = self.to_code(self.into(images).tanh())\n"
    "        return codes - codes.mean(dim=0)",
    fails=["encodes_every_image_alone"],
)
coder_centres_the_batch = changed(
    ShallowWithTanh,
    "self.to_code(self.into(images).tanh())",
    "self.to_code(self.into(images - images.mean(dim=0)).tanh())",
    fails=["encodes_every_image_alone"],
)
coder_loses_the_batch = changed(
    ShallowWithTanh,
    "self.to_code(self.into(images).tanh())",
    "self.to_code(self.into(images.squeeze()).tanh())",
    fails=["encodes_every_image_alone"],
)


@wrong("Autoencoder", fails=["trains_every_parameter"])
class CoderInAList(nn.Module):
    def __init__(self, code=2):
        super().__init__()
        self.encoder = [nn.Linear(784, 128), nn.Linear(128, code)]
        self.last = self.encoder[1]
        self.decoder = nn.Sequential(nn.Linear(code, 128), nn.ReLU(), nn.Linear(128, 784))

    def encode(self, images):
        return self.encoder[1](self.encoder[0](images).relu())

    def decode(self, codes):
        return self.decoder(codes).sigmoid()

    def forward(self, images):
        return self.decode(self.encode(images))


coder_cut_graph = changed(
    ShallowWithTanh,
    "return self.decode(self.encode(images))",
    "return self.decode(self.encode(images).detach())",
    fails=["trains_every_parameter"],
)
coder_idle_layer = changed(
    ShallowWithTanh,
    "super().__init__()",
    "super().__init__()\n        self.spare = nn.Linear(784, 100)",
    fails=["trains_every_parameter"],
)
coder_narrow_for_large_codes = changed(
    DeepWithBatchNorm,
    "*hidden(256, 128), nn.Linear(128, code)",
    "*hidden(256, 32), nn.Linear(32, code)",
    fails=["uses_all_numbers_of_a_large_code"],
)
coder_repeats_numbers = changed(
    ShallowWithTanh,
    "        return self.to_code(self.into(images).tanh())",
    "        codes = self.to_code(self.into(images).tanh())\n"
    "        return codes[:, torch.arange(codes.shape[1]) % 8]",
    fails=["uses_all_numbers_of_a_large_code"],
)
decoder_softmax = changed(
    DeepWithBatchNorm,
    "nn.Linear(256, 784), nn.Sigmoid()",
    "nn.Linear(256, 784), nn.Softmax(dim=1)",
    fails=["learns_five_patterns"],
)
decoder_softmax_over_the_batch = changed(
    ShallowWithTanh,
    "return self.to_pixels(torch.tanh(self.out_of(codes)))",
    "return self.to_pixels(torch.tanh(self.out_of(codes))).softmax(dim=0)",
    fails=["learns_five_patterns", "encodes_every_image_alone"],
)
decoder_negative = changed(
    DeepWithBatchNorm,
    "nn.Linear(256, 784), nn.Sigmoid()",
    "nn.Linear(256, 784), nn.LogSigmoid()",
    fails=["learns_five_patterns"],
)
decoder_two_sigmoids = changed(
    DeepWithBatchNorm,
    "nn.Linear(256, 784), nn.Sigmoid()",
    "nn.Linear(256, 784), nn.Sigmoid(), nn.Sigmoid()",
    fails=["learns_five_patterns"],
)
decoder_tiny_weights = changed(
    DeepWithBatchNorm,
    "return self.decoder(codes)",
    "return self.decoder(0 * codes)",
    fails=["learns_five_patterns"],
)
coder_too_large = changed(
    DeepWithBatchNorm,
    "*hidden(784, 256), *hidden(256, 128)",
    "*hidden(784, 2000), *hidden(2000, 128)",
    fails=["goes_to_the_plane_and_back"],
)

# ----------------------------------------------------------------------------- train_autoencoder


@right("train_autoencoder")
def train_plain(model, loader, optimizer, epochs, test_images):
    device = next(model.parameters()).device
    test_images = test_images.to(device)
    train_errors, test_errors = [], []
    for _ in range(epochs):
        model.train()
        total, count = 0.0, 0
        for images, _labels in loader:
            images = images.to(device)
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(images), images)
            loss.backward()
            optimizer.step()
            total += len(images) * loss.item()
            count += len(images)
        train_errors.append(total / count)
        model.eval()
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test_images), test_images)
        test_errors.append(error.item())
    return train_errors, test_errors


@right("train_autoencoder")
def train_by_sums(model, loader, optimizer, epochs, test_images):
    place = next(p.device for p in model.parameters())
    curves = [], []
    for _ in range(epochs):
        sums, numbers = [], []
        model = model.train(True)
        for batch in loader:
            x = batch[0].to(place)
            squares = (x - model(x)).square()
            for p in model.parameters():
                p.grad = None
            squares.mean().backward()
            optimizer.step()
            sums.append(float(squares.detach().sum()))
            numbers.append(squares.numel())
        curves[0].append(sum(sums) / sum(numbers))
        model.train(False)
        with torch.inference_mode():
            tests = test_images.to(place)
            curves[1].append(float((model(tests) - tests).pow(2).mean()))
    return curves[0], curves[1]


@right("train_autoencoder")
def train_with_parts(model, loader, optimizer, epochs, test_images):
    device = next(model.parameters()).device

    def one_epoch():
        model.train()
        pairs = []
        for images, _ in loader:
            x = images.to(device)
            loss = nn.MSELoss()(model(x), x)
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            pairs.append((loss.item(), len(x)))
        return sum(a * n for a, n in pairs) / sum(n for _, n in pairs)

    @torch.no_grad()
    def measure():
        model.eval()
        parts = test_images.to(device).split(2)
        return sum(((model(x) - x) ** 2).sum().item() for x in parts) / test_images.numel()

    history = []
    for _ in range(epochs):
        error = one_epoch()
        history.append((error, measure()))
    return [row[0] for row in history], [row[1] for row in history]


STEPS = [
    "steps_towards_its_own_input",
    "trains_on_two_images",
    "goes_on_for_several_epochs",
    "measures_the_test_images_after_each_epoch",
    "decides_nothing_by_the_test_images",
]
train_towards_labels = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "loss = nn.functional.mse_loss(model(images), _labels[:, None].float().expand_as(images))",
    fails=[*STEPS, "averages_over_the_images", "uses_the_given_optimizer"],
)
train_towards_noise = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "noisy = images + 0.3 * torch.randn_like(images)\n"
    "            loss = nn.functional.mse_loss(model(images), noisy)",
    fails=[*STEPS, "averages_over_the_images", "forgets_older_gradients"],
)
train_from_noise = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "noisy = images + 0.3 * torch.randn_like(images)\n"
    "            loss = nn.functional.mse_loss(model(noisy), noisy)",
    fails=[*STEPS, "averages_over_the_images", "forgets_older_gradients"],
)
train_denoising = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "noisy = images + 0.3 * torch.randn_like(images)\n"
    "            loss = nn.functional.mse_loss(model(noisy), images)",
    fails=[*STEPS, "averages_over_the_images", "forgets_older_gradients"],
)
train_towards_its_output = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "result = model(images)\n            loss = nn.functional.mse_loss(result, result.detach())",
    fails=[*STEPS, "averages_over_the_images", "uses_the_given_optimizer"],
)
train_towards_zero = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "loss = model(images).square().mean()",
    fails=[*STEPS, "averages_over_the_images"],
)
train_by_the_sum = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "loss = nn.functional.mse_loss(model(images), images, reduction='sum')",
    fails=[*STEPS, "averages_over_the_images"],
)
train_by_the_sum_over_pixels = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "loss = (model(images) - images).square().sum(dim=1).mean()",
    fails=[*STEPS, "averages_over_the_images"],
)
train_by_absolute_errors = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "loss = nn.functional.l1_loss(model(images), images)",
    fails=[*STEPS, "averages_over_the_images"],
)
train_by_the_root = changed(
    train_plain,
    "loss = nn.functional.mse_loss(model(images), images)",
    "loss = nn.functional.mse_loss(model(images), images).sqrt()",
    fails=[*STEPS, "averages_over_the_images"],
)
train_without_zero_grad = changed(
    train_plain,
    "optimizer.zero_grad()",
    "pass",
    fails=[
        "steps_towards_its_own_input",
        "forgets_older_gradients",
        "goes_on_for_several_epochs",
        "measures_the_test_images_after_each_epoch",
        "decides_nothing_by_the_test_images",
    ],
)
train_zero_grad_last = changed(
    train_plain,
    "            optimizer.zero_grad()\n"
    "            loss = nn.functional.mse_loss(model(images), images)\n"
    "            loss.backward()\n"
    "            optimizer.step()\n",
    "            loss = nn.functional.mse_loss(model(images), images)\n"
    "            loss.backward()\n"
    "            optimizer.step()\n"
    "            optimizer.zero_grad()\n",
    fails=["forgets_older_gradients"],
)
train_zero_grad_once_an_epoch = changed(
    train_plain,
    "            optimizer.zero_grad()\n",
    "            if not count:\n                optimizer.zero_grad()\n",
    fails=["steps_towards_its_own_input"],
)
train_without_a_step = changed(
    train_plain,
    "optimizer.step()",
    "pass",
    fails=[*STEPS, "uses_the_given_optimizer"],
)
train_without_backward = changed(
    train_plain,
    "loss.backward()",
    "pass",
    fails=[*STEPS, "uses_the_given_optimizer"],
)
train_step_first = changed(
    train_plain,
    "            loss.backward()\n            optimizer.step()",
    "            optimizer.step()\n            loss.backward()",
    fails=[*STEPS, "uses_the_given_optimizer"],
)
train_one_step_an_epoch = changed(
    train_plain,
    "            optimizer.step()\n            total += len(images) * loss.item()\n"
    "            count += len(images)\n",
    "            total += len(images) * loss.item()\n            count += len(images)\n"
    "        optimizer.step()\n",
    fails=["steps_towards_its_own_input"],
)
train_mean_of_means = changed(
    train_plain,
    "total += len(images) * loss.item()\n            count += len(images)",
    "total += loss.item()\n            count += 1",
    fails=["averages_over_the_images"],
)
train_last_batch = changed(
    train_plain,
    "train_errors.append(total / count)",
    "train_errors.append(loss.item())",
    fails=["averages_over_the_images"],
)
train_sum_of_errors = changed(
    train_plain,
    "train_errors.append(total / count)",
    "train_errors.append(total)",
    fails=["averages_over_the_images", "goes_on_for_several_epochs", "trains_on_two_images"],
)
train_never_starts_anew = changed(
    train_plain,
    "    for _ in range(epochs):\n        model.train()\n        total, count = 0.0, 0\n",
    "    total, count = 0.0, 0\n    for _ in range(epochs):\n        model.train()\n",
    fails=["goes_on_for_several_epochs"],
)
train_one_epoch = changed(
    train_plain,
    "range(epochs)",
    "range(1)",
    fails=[
        "measures_in_evaluation_mode",
        "measures_without_a_graph",
        "returns_to_training_mode_in_every_epoch",
        "goes_on_for_several_epochs",
        "measures_the_test_images_after_each_epoch",
        "decides_nothing_by_the_test_images",
    ],
    hint_of="goes_on_for_several_epochs",
)
train_one_epoch_more = changed(
    train_plain,
    "range(epochs)",
    "range(epochs + 1)",
    fails=[*STEPS, "averages_over_the_images", "uses_the_given_optimizer"],
    hint_of="goes_on_for_several_epochs",
)
train_first_batch_only = changed(
    train_plain,
    "for images, _labels in loader:",
    "for images, _labels in loader[:1]:",
    fails=[
        "steps_towards_its_own_input",
        "averages_over_the_images",
        "moves_images_to_the_model",
        "returns_to_training_mode_in_every_epoch",
    ],
)
train_list_used_up = changed(
    train_plain,
    "train_errors, test_errors = [], []",
    "train_errors, test_errors = [], []\n    loader = iter(loader)",
    fails=[
        "goes_on_for_several_epochs",
        "measures_the_test_images_after_each_epoch",
        "returns_to_training_mode_in_every_epoch",
        "measures_in_evaluation_mode",
        "measures_without_a_graph",
        "decides_nothing_by_the_test_images",
        "returns_two_lists_of_floats",
    ],
)
train_tests_on_the_last_batch = changed(
    train_plain,
    "mse_loss(model(test_images), test_images)",
    "mse_loss(model(images), images)",
    fails=[
        "measures_the_test_images_after_each_epoch",
        "trains_on_two_images",
        "measures_in_evaluation_mode",
        "measures_without_a_graph",
    ],
)
train_tests_summed = changed(
    train_plain,
    "mse_loss(model(test_images), test_images)",
    "mse_loss(model(test_images), test_images, reduction='sum')",
    fails=["measures_the_test_images_after_each_epoch", "trains_on_two_images"],
)
train_tests_against_the_mean = changed(
    train_plain,
    "mse_loss(model(test_images), test_images)",
    "mse_loss(model(test_images), test_images.mean(dim=0).expand_as(test_images))",
    fails=["measures_the_test_images_after_each_epoch"],
)
train_tests_at_the_end = changed(
    train_plain,
    "    return train_errors, test_errors",
    "    return train_errors, test_errors[-1:] * epochs",
    fails=["measures_the_test_images_after_each_epoch"],
)
train_curves_swapped = changed(
    train_plain,
    "return train_errors, test_errors",
    "return test_errors, train_errors",
    fails=[
        "trains_on_two_images",
        "averages_over_the_images",
        "goes_on_for_several_epochs",
        "measures_the_test_images_after_each_epoch",
    ],
    hint_of="goes_on_for_several_epochs",
)
train_keeps_the_mode = changed(
    train_plain,
    "        model.train()\n",
    "",
    fails=["returns_to_training_mode_in_every_epoch"],
)
train_switches_once = changed(
    train_plain,
    "    for _ in range(epochs):\n        model.train()\n",
    "    model.train()\n    for _ in range(epochs):\n",
    fails=["returns_to_training_mode_in_every_epoch"],
)
train_tests_in_training_mode = changed(
    train_plain,
    "        model.eval()\n",
    "",
    fails=["measures_in_evaluation_mode"],
)
train_left_in_training_mode = changed(
    train_plain,
    "    return train_errors, test_errors",
    "    model.train()\n    return train_errors, test_errors",
    fails=["measures_in_evaluation_mode"],
)
train_tests_with_a_graph = changed(
    train_plain,
    "with torch.no_grad():",
    "with torch.enable_grad():",
    fails=["measures_without_a_graph"],
)
train_stops_early = changed(
    train_plain,
    "        test_errors.append(error.item())\n",
    "        test_errors.append(error.item())\n"
    "        if test_errors[-1] > min(test_errors):\n            break\n",
    fails=["decides_nothing_by_the_test_images"],
)
train_keeps_the_best = changed(
    train_plain,
    "        test_errors.append(error.item())\n",
    "        test_errors.append(error.item())\n"
    "        if error.item() == min(test_errors):\n"
    "            best = {k: v.clone() for k, v in model.state_dict().items()}\n"
    "    model.load_state_dict(best)\n",
    fails=["decides_nothing_by_the_test_images"],
)
train_on_the_test_images = changed(
    train_plain,
    "        train_errors.append(total / count)\n",
    "        train_errors.append(total / count)\n"
    "        optimizer.zero_grad()\n"
    "        nn.functional.mse_loss(model(test_images), test_images).backward()\n"
    "        optimizer.step()\n",
    fails=[
        *STEPS,
        "uses_the_given_optimizer",
    ],
)
train_its_own_optimizer = changed(
    train_plain,
    "train_errors, test_errors = [], []",
    "train_errors, test_errors = [], []\n"
    "    optimizer = torch.optim.SGD(model.parameters(), lr=optimizer.param_groups[0]['lr'])",
    fails=["uses_the_given_optimizer"],
)
train_its_own_adam = changed(
    train_plain,
    "train_errors, test_errors = [], []",
    "train_errors, test_errors = [], []\n"
    "    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)",
    fails=[*STEPS, "uses_the_given_optimizer", "averages_over_the_images"],
)
train_returns_tensors = changed(
    train_plain,
    "test_errors.append(error.item())",
    "test_errors.append(error)",
    fails=["returns_two_lists_of_floats"],
)
train_returns_a_tensor = changed(
    train_plain,
    "return train_errors, test_errors",
    "return torch.tensor(train_errors), torch.tensor(test_errors)",
    fails=["returns_two_lists_of_floats"],
)
train_stays_on_the_cpu = changed(
    train_plain,
    "            images = images.to(device)\n",
    "",
    fails=["moves_images_to_the_model"],
)
train_tests_stay_on_the_cpu = changed(
    train_plain,
    "    test_images = test_images.to(device)\n",
    "",
    fails=["moves_images_to_the_model"],
)
train_on_a_copy = changed(
    train_plain,
    "    device = next(model.parameters()).device\n",
    "    model = __import__('copy').deepcopy(model)\n"
    "    device = next(model.parameters()).device\n",
    fails=[
        *STEPS,
        "uses_the_given_optimizer",
        "measures_in_evaluation_mode",
        "measures_without_a_graph",
        "moves_images_to_the_model",
        "returns_to_training_mode_in_every_epoch",
    ],
)

# ----------------------------------------------------------------------------- knn_accuracy


@right("knn_accuracy")
def knn_point_by_point(train_codes, train_labels, test_codes, test_labels, k):
    correct = 0
    for point, truth in zip(test_codes, test_labels, strict=True):
        distances = ((train_codes - point) ** 2).sum(dim=1)
        votes = train_labels[distances.argsort()[:k]]
        correct += int(torch.bincount(votes).argmax() == truth)
    return correct / len(test_labels)


@right("knn_accuracy")
def knn_by_mode(train_codes, train_labels, test_codes, test_labels, k):
    differences = test_codes[:, None] - train_codes[None]
    nearest = differences.norm(dim=2).sort(dim=1).indices[:, :k]
    return float((train_labels[nearest].mode(dim=1).values == test_labels).float().mean())


COUNTS = "counts_the_votes_of_training_points"
knn_farthest = changed(
    knn_point_by_point,
    "distances.argsort()[:k]",
    "distances.argsort(descending=True)[:k]",
    fails=[COUNTS, "measures_euclidean_distances", "takes_any_labels"],
)
knn_nearest_only = changed(
    knn_point_by_point,
    "distances.argsort()[:k]",
    "distances.argsort()[:1]",
    fails=[COUNTS],
)
knn_one_more = changed(
    knn_point_by_point,
    "distances.argsort()[:k]",
    "distances.argsort()[: k + 1]",
    fails=[COUNTS, "measures_euclidean_distances"],
)
knn_drops_the_nearest = changed(
    knn_point_by_point,
    "distances.argsort()[:k]",
    "distances.argsort()[1 : k + 1]",
    fails=[COUNTS, "measures_euclidean_distances", "asks_three_neighbours", "takes_any_labels"],
)
knn_mean_of_labels = changed(
    knn_by_mode,
    "train_labels[nearest].mode(dim=1).values",
    "train_labels[nearest].float().mean(dim=1).round()",
    fails=[COUNTS],
)
knn_judged_on_training_data = changed(
    knn_point_by_point,
    "correct = 0",
    "correct, test_codes, test_labels = 0, train_codes, train_labels",
    fails=[COUNTS, "asks_three_neighbours", "takes_any_labels"],
)
knn_neighbours_among_the_tests = changed(
    knn_point_by_point,
    "correct = 0",
    "correct, train_codes, train_labels = 0, test_codes, test_labels",
    fails=[COUNTS, "asks_three_neighbours"],
)
knn_everybody_votes = changed(
    knn_point_by_point,
    "correct = 0",
    "correct = 0\n    train_codes = torch.cat([train_codes, test_codes])\n"
    "    train_labels = torch.cat([train_labels, test_labels])",
    fails=[COUNTS],
)
knn_any_neighbour = changed(
    knn_point_by_point,
    "int(torch.bincount(votes).argmax() == truth)",
    "int((votes == truth).any())",
    fails=[COUNTS, "asks_three_neighbours"],
)
knn_share_of_neighbours = changed(
    knn_point_by_point,
    "int(torch.bincount(votes).argmax() == truth)",
    "(votes == truth).double().mean().item()",
    fails=[COUNTS, "asks_three_neighbours"],
)
knn_in_percent = changed(
    knn_point_by_point,
    "return correct",
    "return 100 * correct",
    fails=[COUNTS, "asks_three_neighbours", "measures_euclidean_distances", "takes_any_labels"],
)
knn_over_the_training_set = changed(
    knn_point_by_point,
    "len(test_labels)",
    "len(train_labels)",
    fails=[COUNTS, "asks_three_neighbours", "measures_euclidean_distances", "takes_any_labels"],
)
knn_by_sums_of_differences = changed(
    knn_by_mode,
    "differences.norm(dim=2)",
    "differences.abs().sum(dim=2)",
    fails=["measures_euclidean_distances"],
)
knn_by_the_largest_difference = changed(
    knn_by_mode,
    "differences.norm(dim=2)",
    "differences.abs().amax(dim=2)",
    fails=["measures_euclidean_distances"],
)
knn_by_the_first_two = changed(
    knn_by_mode,
    "differences.norm(dim=2)",
    "differences[:, :, :2].norm(dim=2)",
    fails=["measures_euclidean_distances"],
)
knn_by_signed_differences = changed(
    knn_by_mode,
    "differences.norm(dim=2)",
    "differences.sum(dim=2)",
    fails=[COUNTS, "measures_euclidean_distances", "asks_three_neighbours", "takes_any_labels"],
)
knn_by_products = changed(
    knn_by_mode,
    "differences.norm(dim=2)",
    "-(test_codes @ train_codes.T)",
    fails=[COUNTS, "measures_euclidean_distances", "takes_any_labels"],
)


@wrong("knn_accuracy", fails=["takes_any_labels"])
def knn_of_ten_classes(train_codes, train_labels, test_codes, test_labels, k):
    nearest = torch.cdist(test_codes, train_codes).topk(k, largest=False).indices
    votes = torch.zeros(len(test_codes), 10)
    votes.scatter_add_(1, train_labels[nearest], torch.ones(nearest.shape))
    return (votes.argmax(dim=1) == test_labels).float().mean().item()


@wrong("knn_accuracy", fails=["takes_any_labels"])
def knn_by_number_of_classes(train_codes, train_labels, test_codes, test_labels, k):
    classes = len(train_labels.unique())
    nearest = torch.cdist(test_codes, train_codes).topk(k, largest=False).indices
    votes = nn.functional.one_hot(train_labels % 10, 10)[nearest].sum(dim=1)
    return (votes[:, : 8 + classes].argmax(dim=1) == test_labels).float().mean().item()


@wrong("knn_accuracy", fails=["returns_the_accuracy_as_a_float"])
def knn_as_a_tensor(train_codes, train_labels, test_codes, test_labels, k):
    nearest = torch.cdist(test_codes, train_codes).topk(k, largest=False).indices
    return (train_labels[nearest].mode(dim=1).values == test_labels).float().mean()


# ----------------------------------------------------------------------------- LinearAutoencoder


@right("LinearAutoencoder")
class LinearOfModules(nn.Module):
    def __init__(self, pixels, code):
        super().__init__()
        self.encode = nn.Linear(pixels, code)
        self.decode = nn.Linear(code, pixels)

    def forward(self, examples):
        return self.decode(self.encode(examples))


@right("LinearAutoencoder")
class LinearTied(nn.Module):
    def __init__(self, pixels, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, pixels) / pixels**0.5)

    def encode(self, examples):
        return examples @ self.weight.T

    def decode(self, codes):
        return codes @ self.weight

    def forward(self, examples):
        return self.decode(self.encode(examples))


LINEAR = "adds_what_is_added"
linear_with_relu = changed(
    LinearTied,
    "return examples @ self.weight.T",
    "return (examples @ self.weight.T).relu()",
    fails=[LINEAR],
)
linear_with_tanh = changed(
    LinearTied,
    "return examples @ self.weight.T",
    "return (examples @ self.weight.T).tanh()",
    fails=[LINEAR],
)
linear_with_sigmoid_at_the_end = changed(
    LinearTied,
    "return codes @ self.weight",
    "return (codes @ self.weight).sigmoid()",
    fails=[LINEAR, "is_as_narrow_as_its_code"],
)
linear_with_relu_at_the_end = changed(
    LinearTied,
    "return codes @ self.weight",
    "return (codes @ self.weight).relu()",
    fails=[LINEAR, "is_as_narrow_as_its_code"],
)
linear_normalised = changed(
    LinearTied,
    "return examples @ self.weight.T",
    "return nn.functional.normalize(examples @ self.weight.T)",
    fails=[LINEAR],
)
linear_around_the_code = changed(
    LinearTied,
    "return self.decode(self.encode(examples))",
    "return examples + self.decode(self.encode(examples))",
    fails=["is_as_narrow_as_its_code"],
)
linear_without_code = changed(
    LinearOfModules,
    "        return self.decode(self.encode(examples))",
    "        return examples @ (self.encode.weight.T @ self.encode.weight)",
    fails=["is_as_narrow_as_its_code", "registers_both_layers"],
)
linear_code_of_one = changed(
    LinearTied,
    "return examples @ self.weight.T",
    "return (examples @ self.weight.T).mean(dim=1, keepdim=True).expand(-1, len(self.weight))",
    fails=["is_as_narrow_as_its_code"],
)


@wrong("LinearAutoencoder", fails=["registers_both_layers"])
class LinearInAList(nn.Module):
    def __init__(self, pixels, code):
        super().__init__()
        self.layers = [nn.Linear(pixels, code), nn.Linear(code, pixels)]

    def encode(self, examples):
        return self.layers[0](examples)

    def decode(self, codes):
        return self.layers[1](codes)

    def forward(self, examples):
        return self.decode(self.encode(examples))


linear_cut_graph = changed(
    LinearOfModules,
    "self.decode(self.encode(examples))",
    "self.decode(self.encode(examples).detach())",
    fails=["registers_both_layers"],
)

# ----------------------------------------------------------------------------- projector


@right("projector")
def projector_by_formula(basis):
    return basis @ torch.linalg.solve(basis.T @ basis, basis.T)


@right("projector")
def projector_by_pseudoinverse(basis):
    return basis @ torch.linalg.pinv(basis)


@right("projector")
def projector_by_gram_schmidt(basis):
    result = basis.new_zeros(len(basis), len(basis))
    for column in basis.T:
        rest = column - result @ column
        rest = rest / rest.norm()
        result = result + torch.outer(rest, rest)
    return result


ONTO = "projects_onto_any_basis"
projector_not_normalised = changed(
    projector_by_formula,
    "torch.linalg.solve(basis.T @ basis, basis.T)",
    "basis.T",
    fails=[ONTO, "projects_onto_the_diagonal", "projects_in_double_precision"],
)
projector_columns_normalised = changed(
    projector_by_formula,
    "return basis @ torch.linalg.solve(basis.T @ basis, basis.T)",
    "unit = basis / basis.norm(dim=0)\n    return unit @ unit.T",
    fails=[ONTO],
)
projector_of_the_rows = changed(
    projector_by_formula,
    "return basis",
    "basis = basis.T\n    return basis",
    fails=[ONTO, "projects_onto_the_diagonal", "projects_in_double_precision"],
)
projector_onto_the_rest = changed(
    projector_by_pseudoinverse,
    "basis @ torch.linalg.pinv(basis)",
    "torch.eye(len(basis)).to(basis.dtype) - basis @ torch.linalg.pinv(basis)",
    fails=[ONTO, "projects_in_double_precision", "projects_onto_the_diagonal"],
)
projector_without_inverse = changed(
    projector_by_formula,
    "torch.linalg.solve(basis.T @ basis, basis.T)",
    "(basis.T @ basis) @ basis.T",
    fails=[ONTO, "projects_onto_the_diagonal", "projects_in_double_precision"],
)
projector_onto_the_first = changed(
    projector_by_formula,
    "return basis",
    "basis = basis[:, :1]\n    return basis",
    fails=[ONTO, "projects_in_double_precision"],
)
projector_of_an_orthonormal_basis = changed(
    projector_by_gram_schmidt,
    "rest = column - result @ column\n        rest = rest / rest.norm()",
    "rest = column / column.norm()",
    fails=[ONTO],
)
projector_in_single_precision = changed(
    projector_by_formula,
    "return basis",
    "basis = basis.float()\n    return basis",
    fails=["projects_in_double_precision"],
)
projector_in_place = changed(
    projector_by_formula,
    "return basis",
    "basis /= basis.norm(dim=0)\n    return basis",
    fails=["leaves_the_basis_alone"],
)

# ----------------------------------------------------------------------------- decode_grid


@right("decode_grid")
def grid_by_loops(decode, z1, z2):
    image = torch.zeros(28 * len(z2), 28 * len(z1))
    with torch.no_grad():
        for column, a in enumerate(z1):
            for row, b in enumerate(z2):
                top = 28 * (len(z2) - 1 - row)
                small = decode(torch.stack([a, b])[None]).reshape(28, 28)
                image[top : top + 28, 28 * column : 28 * column + 28] = small
    return image


@right("decode_grid")
def grid_by_rows(decode, z1, z2):
    rows = []
    for b in z2.flip(0):
        codes = torch.stack([z1, b.expand(len(z1))], dim=1)
        images = decode(codes).detach().view(-1, 28, 28)
        rows.append(torch.cat(list(images), dim=1))
    return torch.cat(rows, dim=0)


PLACES = "puts_every_image_in_its_place"
grid_upside_down = changed(
    grid_by_rows, "z2.flip(0)", "z2", fails=[PLACES, "draws_two_by_two_images"]
)
grid_coordinates_swapped = changed(
    grid_by_rows,
    "torch.stack([z1, b.expand(len(z1))], dim=1)",
    "torch.stack([b.expand(len(z1)), z1], dim=1)",
    fails=[
        PLACES,
        "draws_two_by_two_images",
        "keeps_the_pixels_in_order",
        "takes_uneven_grids",
    ],
)
grid_from_right_to_left = changed(
    grid_by_rows,
    "torch.stack([z1, b",
    "torch.stack([z1.flip(0), b",
    fails=[PLACES, "draws_two_by_two_images", "takes_uneven_grids"],
)
grid_transposed = changed(
    grid_by_rows,
    "return torch.cat(rows, dim=0)",
    "return torch.cat([torch.cat(list(row.split(28, dim=1))) for row in rows], dim=1)",
    fails=[PLACES, "draws_two_by_two_images", "takes_uneven_grids"],
)
grid_images_transposed = changed(
    grid_by_rows,
    "view(-1, 28, 28)",
    "view(-1, 28, 28).transpose(1, 2)",
    fails=["keeps_the_pixels_in_order"],
)
grid_images_upside_down = changed(
    grid_by_rows,
    "view(-1, 28, 28)",
    "view(-1, 28, 28).flip(1)",
    fails=["keeps_the_pixels_in_order"],
)
grid_evenly_spaced = changed(
    grid_by_rows,
    "rows = []",
    "rows = []\n    z1 = torch.linspace(z1[0], z1[-1], len(z1))",
    fails=["takes_uneven_grids"],
)
grid_of_pairs = changed(
    grid_by_loops,
    "for row, b in enumerate(z2):",
    "for row, b in enumerate(z1[: len(z2)]):",
    fails=[PLACES, "draws_two_by_two_images", "keeps_the_pixels_in_order"],
)
grid_with_gradients = changed(
    grid_by_loops,
    "with torch.no_grad():",
    "with torch.enable_grad():",
    fails=["records_no_gradients"],
)


@wrong("decode_grid", fails=[PLACES, "draws_two_by_two_images", "takes_uneven_grids"])
def grid_torn(decode, z1, z2):
    codes = torch.stack([torch.stack([a, b]) for b in z2.flip(0) for a in z1])
    with torch.no_grad():
        return decode(codes).reshape(28 * len(z2), 28 * len(z1))


@wrong("decode_grid", fails=[PLACES])
def grid_of_squares(decode, z1, z2):
    side = max(len(z1), len(z2))
    codes = torch.stack([torch.stack([a, b]) for b in z2.flip(0) for a in z1])
    with torch.no_grad():
        images = decode(codes).reshape(-1, 28, 28)
    blank = images.new_zeros(side * len(z2) - len(images), 28, 28)
    images = torch.cat([images, blank]).reshape(len(z2), side, 28, 28)
    if len(z2) > 1 and len(z1) == 4:
        images = images[:, :4]
    return images.permute(0, 2, 1, 3).reshape(28 * len(z2), 28 * images.shape[1])
