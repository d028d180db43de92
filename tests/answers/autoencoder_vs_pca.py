"""Right and wrong answers to notebook 08."""

import itertools

import torch
from torch import nn

from autograder.course.corpus import right, wrong

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
fit_by_svd.slips("""
fit_not_centred: agrees_with_the_covariance_matrix stands_a_large_mean finds_the_axes_of_four_points
    measures_the_variance_along_an_axis
  - centred = x - mean
  + centred = x
fit_centred_by_rows: agrees_with_the_covariance_matrix stands_a_large_mean
    finds_the_axes_of_four_points measures_the_variance_along_an_axis
  - centred = x - mean
  + centred = x - x.mean(dim=1, keepdim=True)
fit_centred_by_one_number: agrees_with_the_covariance_matrix stands_a_large_mean
    finds_the_axes_of_four_points measures_the_variance_along_an_axis
  - centred = x - mean
  + centred = x - x.mean()
fit_standardised: agrees_with_the_covariance_matrix stands_a_large_mean
    finds_the_axes_of_four_points measures_the_variance_along_an_axis
  - centred = x - mean
  + centred = (x - mean) / x.std(dim=0)
fit_u_for_v: agrees_with_the_covariance_matrix finds_the_axes_of_four_points
  - vt[:k]
  + torch.linalg.svd(centred, full_matrices=False).U.T[:k]
fit_v_for_its_transpose: agrees_with_the_covariance_matrix
  - vt[:k]
  + vt.T[:k]
fit_axes_as_columns: agrees_with_the_covariance_matrix fits_in_double_precision
  - vt[:k]
  + vt[:k].T
fit_all_axes: agrees_with_the_covariance_matrix fits_in_double_precision
  - vt[:k]
  + vt
fit_axes_with_their_spread: agrees_with_the_covariance_matrix fits_in_double_precision
    finds_the_axes_of_four_points
  - vt[:k]
  + vt[:k] * s[:k, None]
fit_not_squared: measures_the_variance_along_an_axis finds_the_axes_of_four_points
    stands_a_large_mean
  - s[:k] ** 2
  + s[:k]
fit_deviations: measures_the_variance_along_an_axis finds_the_axes_of_four_points
    stands_a_large_mean
  - s[:k] ** 2 / (len(x) - 1)
  + s[:k] / (len(x) - 1) ** 0.5
fit_over_n: measures_the_variance_along_an_axis finds_the_axes_of_four_points
  - (len(x) - 1)
  + len(x)
fit_over_the_columns: measures_the_variance_along_an_axis finds_the_axes_of_four_points
  - (len(x) - 1)
  + (x.shape[1] - 1)
fit_shares: measures_the_variance_along_an_axis finds_the_axes_of_four_points
  - s[:k] ** 2 / (len(x) - 1)
  + s[:k] ** 2 / (s**2).sum()
fit_all_variances: measures_the_variance_along_an_axis
  - s[:k] ** 2
  + s**2
""")
fit_by_eigh.slips("""
fit_smallest_first: agrees_with_the_covariance_matrix stands_a_large_mean
    finds_the_axes_of_four_points measures_the_variance_along_an_axis
  - descending=True
fit_rows_of_eigenvectors: agrees_with_the_covariance_matrix
  - vectors[:, order].T
  + vectors[order]
fit_axes_in_another_order: agrees_with_the_covariance_matrix finds_the_axes_of_four_points
  - vectors[:, order].T
  + vectors[:, :k].T
""")
fit_by_svd.slips("""
fit_one_mean: returns_a_mean_for_every_column finds_the_axes_of_four_points
  - return mean,
  + return mean.mean().expand(x.shape[1]),
fit_mean_as_a_row: returns_a_mean_for_every_column finds_the_axes_of_four_points
  - x.mean(dim=0)
  + x.mean(dim=0, keepdim=True)
fit_median: returns_a_mean_for_every_column
  - return mean,
  + return x.median(dim=0).values,
""")
fit_by_eigh.slips("""
fit_mean_of_squares: stands_a_large_mean
  -     values, vectors = torch.linalg.eigh(centred.T @ centred / (x.shape[0] - 1))
  +     values, vectors = torch.linalg.eigh(
  +         (x.T @ x - len(x) * torch.outer(mean, mean)) / (x.shape[0] - 1)
  +     )
""")
fit_by_svd.slips("""
fit_in_single_precision: fits_in_double_precision
  -     mean = x.mean(dim=0)
  +     x = x.float()
  +     mean = x.mean(dim=0)
fit_always_in_double: finds_the_axes_of_four_points returns_a_mean_for_every_column
    measures_the_variance_along_an_axis
  -     mean = x.mean(dim=0)
  +     x = x.double()
  +     mean = x.mean(dim=0)
fit_in_place: leaves_the_data_alone
  - centred = x - mean
  + centred = x.sub_(mean)
""")


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
transform_by_einsum.slips("""
transform_without_mean: COORDINATES projects_a_point_onto_an_axis
  - ) - axes @ mean
  + )
""")
transform_by_product.slips("""
transform_adds_the_mean: COORDINATES projects_a_point_onto_an_axis
  - x - mean
  + x + mean
transform_by_its_own_mean: COORDINATES projects_a_point_onto_an_axis
  - x - mean
  + x - x.mean(dim=0)
transform_untransposed: COORDINATES
  - axes.transpose(0, 1)
  + axes.reshape(axes.shape[1], -1)
transform_whitened: COORDINATES projects_a_point_onto_an_axis
  -     return torch.matmul(x - mean, axes.transpose(0, 1))
  +     codes = torch.matmul(x - mean, axes.transpose(0, 1))
  +     return codes / codes.std(dim=0)
transform_first_axis: COORDINATES
  - axes.transpose(0, 1)
  + axes[:1].T
transform_to_distances: COORDINATES
  - axes.transpose(0, 1))
  + axes.transpose(0, 1)).abs()
transform_to_the_data: COORDINATES projects_a_point_onto_an_axis
  - axes.transpose(0, 1))
  + axes.transpose(0, 1)) @ axes
transform_in_place: leaves_the_examples_alone
  -     return torch.matmul(x - mean, axes.transpose(0, 1))
  +     x -= mean
  +     mean = 0 * mean
  +     return torch.matmul(x - mean, axes.transpose(0, 1))
""")

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


reconstruct_by_product.slips("""
reconstruct_without_mean: adds_the_axes_to_the_mean returns_to_the_point
  - ) + mean
  + )
reconstruct_subtracts_the_mean: adds_the_axes_to_the_mean returns_to_the_point
  - + mean
  + - mean
reconstruct_mean_of_the_codes: adds_the_axes_to_the_mean returns_to_the_point
    leaves_large_values_as_they_are
  - torch.matmul(codes, axes) + mean
  + torch.matmul(codes - codes.mean(dim=0), axes) + mean
reconstruct_clamped: leaves_large_values_as_they_are returns_to_the_point
  - torch.matmul(codes, axes) + mean
  + (torch.matmul(codes, axes) + mean).clamp(0, 1)
reconstruct_positive: leaves_large_values_as_they_are
  - torch.matmul(codes, axes) + mean
  + (torch.matmul(codes, axes) + mean).relu()
reconstruct_first_axis_only: adds_the_axes_to_the_mean leaves_large_values_as_they_are
  - torch.matmul(codes, axes)
  + torch.matmul(codes[:, :1], axes[:1])
reconstruct_reshaped_axes: adds_the_axes_to_the_mean leaves_large_values_as_they_are
  - torch.matmul(codes, axes)
  + torch.matmul(codes, axes.T.reshape(axes.shape))
""")

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
explained_by_means.slips("""
explained_share_left: EXPLAINED
  - return 1 - error
  + return error
""")
explained_by_norms.slips("""
explained_not_squared: EXPLAINED
  - mean) ** 2
  + mean)
explained_by_roots: EXPLAINED
  - return float(1 - left / torch.linalg.norm(x - mean) ** 2)
  + return 1 - (left / torch.linalg.norm(x - mean) ** 2).sqrt().item()
""")
explained_by_means.slips("""
explained_by_columns: divides_two_sums_of_squares
  -     error = ((x - reconstruction) ** 2).mean().item()
  -     return 1 - error / ((x - mean) ** 2).mean().item()
  +     left = ((x - reconstruction) ** 2).mean(dim=0)
  +     return 1 - (left / ((x - mean) ** 2).mean(dim=0)).mean().item()
explained_by_examples: divides_two_sums_of_squares compares_with_the_given_mean
  -     error = ((x - reconstruction) ** 2).mean().item()
  -     return 1 - error / ((x - mean) ** 2).mean().item()
  +     left = ((x - reconstruction) ** 2).mean(dim=1)
  +     return 1 - (left / ((x - mean) ** 2).mean(dim=1)).mean().item()
explained_by_spread_of_the_result: EXPLAINED
  - return 1 - error / ((x - mean) ** 2).mean().item()
  + return ((reconstruction - mean) ** 2).mean().item() / ((x - mean) ** 2).mean().item()
explained_by_its_own_mean: compares_with_the_given_mean explains_three_quarters
  - (x - mean) ** 2
  + (x - x.mean(dim=0)) ** 2
explained_without_mean: compares_with_the_given_mean divides_two_sums_of_squares
    explains_three_quarters
  - (x - mean) ** 2
  + x**2
explained_never_negative: may_be_negative
  - return 1 - error / ((x - mean) ** 2).mean().item()
  + return max(0.0, 1 - error / ((x - mean) ** 2).mean().item())
""")
explained_by_norms.slips("""
explained_as_a_tensor: returns_the_share_as_a_float
  - float(1 - left / torch.linalg.norm(x - mean) ** 2)
  + 1 - left / torch.linalg.norm(x - mean) ** 2
explained_in_percent: EXPLAINED
  - return float(1
  + return 100 * float(1
""")

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


ShallowWithTanh.slips("""
coder_always_two: has_the_code_that_was_asked_for uses_all_numbers_of_a_large_code
  -         super().__init__()
  +         super().__init__()
  +         code = 2
coder_at_least_two: has_the_code_that_was_asked_for
  -         super().__init__()
  +         super().__init__()
  +         code = max(code, 2)
coder_another_default: goes_to_the_plane_and_back has_hidden_layers_on_both_sides
  - code=2
  + code=3
coder_linear: has_hidden_layers_on_both_sides
  - self.into(images).tanh()
  + self.into(images)
decoder_linear: has_hidden_layers_on_both_sides
  - torch.tanh(self.out_of(codes))
  + self.out_of(codes)
""")
DeepWithBatchNorm.slips("""
decoder_without_hidden_layer: has_hidden_layers_on_both_sides
  - *hidden(code, 128), *hidden(128, 256), nn.Linear(256, 784), nn.Sigmoid()
  + nn.Linear(code, 784), nn.Sigmoid()
""")
ShallowWithTanh.slips("""
coder_relu_code: leaves_the_code_unbounded
  - self.to_code(self.into(images).tanh())
  + self.to_code(self.into(images).tanh()).relu()
""")
DeepWithBatchNorm.slips("""
coder_sigmoid_code: leaves_the_code_unbounded
  - nn.Linear(128, code))
  + nn.Linear(128, code), nn.Sigmoid())
coder_tanh_code: leaves_the_code_unbounded
  - nn.Linear(128, code))
  + nn.Linear(128, code), nn.Tanh())
""")
ShallowWithTanh.slips("""
coder_skips_the_code: passes_everything_through_the_code
  - return self.decode(self.encode(images))
  + return self.decode(self.encode(images)) + self.to_pixels(self.into(images).tanh())
coder_forward_without_code: passes_everything_through_the_code
  - return self.decode(self.encode(images))
  + return images + 0 * self.decode(self.encode(images))
decoder_remembers: passes_everything_through_the_code
  -         return self.to_code(self.into(images).tanh())
  -
  -     def decode(self, codes):
  -         return self.to_pixels(torch.tanh(self.out_of(codes)))
  +         self.hidden = self.into(images).tanh()
  +         return self.to_code(self.hidden)
  +
  +     def decode(self, codes):
  +         hidden = torch.tanh(self.out_of(codes))
  +         return self.to_pixels(hidden + getattr(self, 'hidden', 0))
coder_drops_always: encodes_every_image_alone passes_everything_through_the_code
  - self.to_code(self.into(images).tanh())
  + self.to_code(nn.functional.dropout(self.into(images).tanh(), 0.2))
coder_noise: encodes_every_image_alone passes_everything_through_the_code
  - self.to_code(self.into(images).tanh())
  + self.to_code(self.into(images + 0.3 * torch.randn_like(images)).tanh())
coder_normalises_over_the_batch: encodes_every_image_alone
  -         return self.to_code(self.into(images).tanh())
  +         codes = self.to_code(self.into(images).tanh())
  +         return codes - codes.mean(dim=0)
coder_centres_the_batch: encodes_every_image_alone
  - self.to_code(self.into(images).tanh())
  + self.to_code(self.into(images - images.mean(dim=0)).tanh())
coder_loses_the_batch: encodes_every_image_alone
  - self.to_code(self.into(images).tanh())
  + self.to_code(self.into(images.squeeze()).tanh())
""")


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


ShallowWithTanh.slips("""
coder_cut_graph: trains_every_parameter
  - return self.decode(self.encode(images))
  + return self.decode(self.encode(images).detach())
coder_idle_layer: trains_every_parameter
  -         super().__init__()
  +         super().__init__()
  +         self.spare = nn.Linear(784, 100)
""")
DeepWithBatchNorm.slips("""
coder_narrow_for_large_codes: uses_all_numbers_of_a_large_code
  - *hidden(256, 128), nn.Linear(128, code)
  + *hidden(256, 32), nn.Linear(32, code)
""")
ShallowWithTanh.slips("""
coder_repeats_numbers: uses_all_numbers_of_a_large_code
  -         return self.to_code(self.into(images).tanh())
  +         codes = self.to_code(self.into(images).tanh())
  +         return codes[:, torch.arange(codes.shape[1]) % 8]
""")
DeepWithBatchNorm.slips("""
decoder_softmax: learns_five_patterns
  - nn.Linear(256, 784), nn.Sigmoid()
  + nn.Linear(256, 784), nn.Softmax(dim=1)
""")
ShallowWithTanh.slips("""
decoder_softmax_over_the_batch: learns_five_patterns encodes_every_image_alone
  - return self.to_pixels(torch.tanh(self.out_of(codes)))
  + return self.to_pixels(torch.tanh(self.out_of(codes))).softmax(dim=0)
""")
DeepWithBatchNorm.slips("""
decoder_negative: learns_five_patterns
  - nn.Linear(256, 784), nn.Sigmoid()
  + nn.Linear(256, 784), nn.LogSigmoid()
decoder_two_sigmoids: learns_five_patterns
  - nn.Linear(256, 784), nn.Sigmoid()
  + nn.Linear(256, 784), nn.Sigmoid(), nn.Sigmoid()
decoder_tiny_weights: learns_five_patterns
  - return self.decoder(codes)
  + return self.decoder(0 * codes)
coder_too_large: goes_to_the_plane_and_back
  - *hidden(784, 256), *hidden(256, 128)
  + *hidden(784, 2000), *hidden(2000, 128)
""")

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
train_plain.slips("""
train_towards_labels: STEPS averages_over_the_images uses_the_given_optimizer
  - loss = nn.functional.mse_loss(model(images), images)
  + loss = nn.functional.mse_loss(model(images), _labels[:, None].float().expand_as(images))
train_towards_noise: STEPS averages_over_the_images forgets_older_gradients
  -             loss = nn.functional.mse_loss(model(images), images)
  +             noisy = images + 0.3 * torch.randn_like(images)
  +             loss = nn.functional.mse_loss(model(images), noisy)
train_from_noise: STEPS averages_over_the_images forgets_older_gradients
  -             loss = nn.functional.mse_loss(model(images), images)
  +             noisy = images + 0.3 * torch.randn_like(images)
  +             loss = nn.functional.mse_loss(model(noisy), noisy)
train_denoising: STEPS averages_over_the_images forgets_older_gradients
  -             loss = nn.functional.mse_loss(model(images), images)
  +             noisy = images + 0.3 * torch.randn_like(images)
  +             loss = nn.functional.mse_loss(model(noisy), images)
train_towards_its_output: STEPS averages_over_the_images uses_the_given_optimizer
  -             loss = nn.functional.mse_loss(model(images), images)
  +             result = model(images)
  +             loss = nn.functional.mse_loss(result, result.detach())
train_towards_zero: STEPS averages_over_the_images
  - loss = nn.functional.mse_loss(model(images), images)
  + loss = model(images).square().mean()
train_by_the_sum: STEPS averages_over_the_images
  - loss = nn.functional.mse_loss(model(images), images)
  + loss = nn.functional.mse_loss(model(images), images, reduction='sum')
train_by_the_sum_over_pixels: STEPS averages_over_the_images
  - loss = nn.functional.mse_loss(model(images), images)
  + loss = (model(images) - images).square().sum(dim=1).mean()
train_by_absolute_errors: STEPS averages_over_the_images
  - loss = nn.functional.mse_loss(model(images), images)
  + loss = nn.functional.l1_loss(model(images), images)
train_by_the_root: STEPS averages_over_the_images
  - loss = nn.functional.mse_loss(model(images), images)
  + loss = nn.functional.mse_loss(model(images), images).sqrt()
train_without_zero_grad: steps_towards_its_own_input forgets_older_gradients
    goes_on_for_several_epochs measures_the_test_images_after_each_epoch
    decides_nothing_by_the_test_images
  - optimizer.zero_grad()
  + pass
train_zero_grad_last: forgets_older_gradients
  -             optimizer.zero_grad()
  -             loss = nn.functional.mse_loss(model(images), images)
  -             loss.backward()
  -             optimizer.step()
  +             loss = nn.functional.mse_loss(model(images), images)
  +             loss.backward()
  +             optimizer.step()
  +             optimizer.zero_grad()
train_zero_grad_once_an_epoch: steps_towards_its_own_input
  -             optimizer.zero_grad()
  +             if not count:
  +                 optimizer.zero_grad()
train_without_a_step: STEPS uses_the_given_optimizer
  - optimizer.step()
  + pass
train_without_backward: STEPS uses_the_given_optimizer
  - loss.backward()
  + pass
train_step_first: STEPS uses_the_given_optimizer
  -             loss.backward()
  -             optimizer.step()
  +             optimizer.step()
  +             loss.backward()
train_one_step_an_epoch: steps_towards_its_own_input
  -             optimizer.step()
  -             total += len(images) * loss.item()
  -             count += len(images)
  +             total += len(images) * loss.item()
  +             count += len(images)
  +         optimizer.step()
train_mean_of_means: averages_over_the_images
  -             total += len(images) * loss.item()
  -             count += len(images)
  +             total += loss.item()
  +             count += 1
train_last_batch: averages_over_the_images
  - train_errors.append(total / count)
  + train_errors.append(loss.item())
train_sum_of_errors: averages_over_the_images goes_on_for_several_epochs trains_on_two_images
  - train_errors.append(total / count)
  + train_errors.append(total)
train_never_starts_anew: goes_on_for_several_epochs
  -     for _ in range(epochs):
  -         model.train()
  -         total, count = 0.0, 0
  +     total, count = 0.0, 0
  +     for _ in range(epochs):
  +         model.train()
train_one_epoch: measures_in_evaluation_mode measures_without_a_graph
    returns_to_training_mode_in_every_epoch goes_on_for_several_epochs
    measures_the_test_images_after_each_epoch decides_nothing_by_the_test_images
    hint_of=goes_on_for_several_epochs
  - range(epochs)
  + range(1)
train_one_epoch_more: STEPS averages_over_the_images uses_the_given_optimizer
    hint_of=goes_on_for_several_epochs
  - range(epochs)
  + range(epochs + 1)
train_first_batch_only: steps_towards_its_own_input averages_over_the_images
    moves_images_to_the_model returns_to_training_mode_in_every_epoch
  - for images, _labels in loader:
  + for images, _labels in loader[:1]:
train_list_used_up: goes_on_for_several_epochs measures_the_test_images_after_each_epoch
    returns_to_training_mode_in_every_epoch measures_in_evaluation_mode measures_without_a_graph
    decides_nothing_by_the_test_images returns_two_lists_of_floats
  -     train_errors, test_errors = [], []
  +     train_errors, test_errors = [], []
  +     loader = iter(loader)
train_tests_on_the_last_batch: measures_the_test_images_after_each_epoch trains_on_two_images
    measures_in_evaluation_mode measures_without_a_graph
  - mse_loss(model(test_images), test_images)
  + mse_loss(model(images), images)
train_tests_summed: measures_the_test_images_after_each_epoch trains_on_two_images
  - mse_loss(model(test_images), test_images)
  + mse_loss(model(test_images), test_images, reduction='sum')
train_tests_against_the_mean: measures_the_test_images_after_each_epoch
  - mse_loss(model(test_images), test_images)
  + mse_loss(model(test_images), test_images.mean(dim=0).expand_as(test_images))
train_tests_at_the_end: measures_the_test_images_after_each_epoch
  - return train_errors, test_errors
  + return train_errors, test_errors[-1:] * epochs
train_curves_swapped: trains_on_two_images averages_over_the_images goes_on_for_several_epochs
    measures_the_test_images_after_each_epoch hint_of=goes_on_for_several_epochs
  - return train_errors, test_errors
  + return test_errors, train_errors
train_keeps_the_mode: returns_to_training_mode_in_every_epoch
  -         model.train()
train_switches_once: returns_to_training_mode_in_every_epoch
  -     for _ in range(epochs):
  -         model.train()
  +     model.train()
  +     for _ in range(epochs):
train_tests_in_training_mode: measures_in_evaluation_mode
  -         model.eval()
train_left_in_training_mode: measures_in_evaluation_mode
  -     return train_errors, test_errors
  +     model.train()
  +     return train_errors, test_errors
train_tests_with_a_graph: measures_without_a_graph
  - with torch.no_grad():
  + with torch.enable_grad():
train_stops_early: decides_nothing_by_the_test_images
  -         test_errors.append(error.item())
  +         test_errors.append(error.item())
  +         if test_errors[-1] > min(test_errors):
  +             break
train_keeps_the_best: decides_nothing_by_the_test_images
  -         test_errors.append(error.item())
  +         test_errors.append(error.item())
  +         if error.item() == min(test_errors):
  +             best = {k: v.clone() for k, v in model.state_dict().items()}
  +     model.load_state_dict(best)
train_on_the_test_images: STEPS uses_the_given_optimizer
  -         train_errors.append(total / count)
  +         train_errors.append(total / count)
  +         optimizer.zero_grad()
  +         nn.functional.mse_loss(model(test_images), test_images).backward()
  +         optimizer.step()
train_its_own_optimizer: uses_the_given_optimizer
  -     train_errors, test_errors = [], []
  +     train_errors, test_errors = [], []
  +     optimizer = torch.optim.SGD(model.parameters(), lr=optimizer.param_groups[0]['lr'])
train_its_own_adam: STEPS uses_the_given_optimizer averages_over_the_images
  -     train_errors, test_errors = [], []
  +     train_errors, test_errors = [], []
  +     optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_returns_tensors: returns_two_lists_of_floats
  - test_errors.append(error.item())
  + test_errors.append(error)
train_returns_a_tensor: returns_two_lists_of_floats
  - return train_errors, test_errors
  + return torch.tensor(train_errors), torch.tensor(test_errors)
train_stays_on_the_cpu: moves_images_to_the_model
  -             images = images.to(device)
train_tests_stay_on_the_cpu: moves_images_to_the_model
  -     test_images = test_images.to(device)
train_on_a_copy: STEPS uses_the_given_optimizer measures_in_evaluation_mode measures_without_a_graph
    moves_images_to_the_model returns_to_training_mode_in_every_epoch
  -     device = next(model.parameters()).device
  +     model = __import__('copy').deepcopy(model)
  +     device = next(model.parameters()).device
""")

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
knn_point_by_point.slips("""
knn_farthest: COUNTS measures_euclidean_distances takes_any_labels
  - distances.argsort()[:k]
  + distances.argsort(descending=True)[:k]
knn_nearest_only: COUNTS
  - distances.argsort()[:k]
  + distances.argsort()[:1]
knn_one_more: COUNTS measures_euclidean_distances
  - distances.argsort()[:k]
  + distances.argsort()[: k + 1]
knn_drops_the_nearest: COUNTS measures_euclidean_distances asks_three_neighbours takes_any_labels
  - distances.argsort()[:k]
  + distances.argsort()[1 : k + 1]
""")
knn_by_mode.slips("""
knn_mean_of_labels: COUNTS
  - train_labels[nearest].mode(dim=1).values
  + train_labels[nearest].float().mean(dim=1).round()
""")
knn_point_by_point.slips("""
knn_judged_on_training_data: COUNTS asks_three_neighbours takes_any_labels
  - correct = 0
  + correct, test_codes, test_labels = 0, train_codes, train_labels
knn_neighbours_among_the_tests: COUNTS asks_three_neighbours
  - correct = 0
  + correct, train_codes, train_labels = 0, test_codes, test_labels
knn_everybody_votes: COUNTS
  -     correct = 0
  +     correct = 0
  +     train_codes = torch.cat([train_codes, test_codes])
  +     train_labels = torch.cat([train_labels, test_labels])
knn_any_neighbour: COUNTS asks_three_neighbours
  - int(torch.bincount(votes).argmax() == truth)
  + int((votes == truth).any())
knn_share_of_neighbours: COUNTS asks_three_neighbours
  - int(torch.bincount(votes).argmax() == truth)
  + (votes == truth).double().mean().item()
knn_in_percent: COUNTS asks_three_neighbours measures_euclidean_distances takes_any_labels
  - return correct
  + return 100 * correct
knn_over_the_training_set: COUNTS asks_three_neighbours measures_euclidean_distances
    takes_any_labels
  - len(test_labels)
  + len(train_labels)
""")
knn_by_mode.slips("""
knn_by_sums_of_differences: measures_euclidean_distances
  - differences.norm(dim=2)
  + differences.abs().sum(dim=2)
knn_by_the_largest_difference: measures_euclidean_distances
  - differences.norm(dim=2)
  + differences.abs().amax(dim=2)
knn_by_the_first_two: measures_euclidean_distances
  - differences.norm(dim=2)
  + differences[:, :, :2].norm(dim=2)
knn_by_signed_differences: COUNTS measures_euclidean_distances asks_three_neighbours
    takes_any_labels
  - differences.norm(dim=2)
  + differences.sum(dim=2)
knn_by_products: COUNTS measures_euclidean_distances takes_any_labels
  - differences.norm(dim=2)
  + -(test_codes @ train_codes.T)
""")


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
LinearTied.slips("""
linear_with_relu: LINEAR
  - return examples @ self.weight.T
  + return (examples @ self.weight.T).relu()
linear_with_tanh: LINEAR
  - return examples @ self.weight.T
  + return (examples @ self.weight.T).tanh()
linear_with_sigmoid_at_the_end: LINEAR is_as_narrow_as_its_code
  - return codes @ self.weight
  + return (codes @ self.weight).sigmoid()
linear_with_relu_at_the_end: LINEAR is_as_narrow_as_its_code
  - return codes @ self.weight
  + return (codes @ self.weight).relu()
linear_normalised: LINEAR
  - return examples @ self.weight.T
  + return nn.functional.normalize(examples @ self.weight.T)
linear_around_the_code: is_as_narrow_as_its_code
  - return self.decode(self.encode(examples))
  + return examples + self.decode(self.encode(examples))
""")
LinearOfModules.slips("""
linear_without_code: is_as_narrow_as_its_code registers_both_layers
  - return self.decode(self.encode(examples))
  + return examples @ (self.encode.weight.T @ self.encode.weight)
""")
LinearTied.slips("""
linear_code_of_one: is_as_narrow_as_its_code
  - return examples @ self.weight.T
  + return (examples @ self.weight.T).mean(dim=1, keepdim=True).expand(-1, len(self.weight))
""")


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


LinearOfModules.slips("""
linear_cut_graph: registers_both_layers
  - self.decode(self.encode(examples))
  + self.decode(self.encode(examples).detach())
""")

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
projector_by_formula.slips("""
projector_not_normalised: ONTO projects_onto_the_diagonal projects_in_double_precision
  - torch.linalg.solve(basis.T @ basis, basis.T)
  + basis.T
projector_columns_normalised: ONTO
  -     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
  +     unit = basis / basis.norm(dim=0)
  +     return unit @ unit.T
projector_of_the_rows: ONTO projects_onto_the_diagonal projects_in_double_precision
  -     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
  +     basis = basis.T
  +     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
""")
projector_by_pseudoinverse.slips("""
projector_onto_the_rest: ONTO projects_in_double_precision projects_onto_the_diagonal
  - basis @ torch.linalg.pinv(basis)
  + torch.eye(len(basis)).to(basis.dtype) - basis @ torch.linalg.pinv(basis)
""")
projector_by_formula.slips("""
projector_without_inverse: ONTO projects_onto_the_diagonal projects_in_double_precision
  - torch.linalg.solve(basis.T @ basis, basis.T)
  + (basis.T @ basis) @ basis.T
projector_onto_the_first: ONTO projects_in_double_precision
  -     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
  +     basis = basis[:, :1]
  +     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
""")
projector_by_gram_schmidt.slips("""
projector_of_an_orthonormal_basis: ONTO
  -         rest = column - result @ column
  -         rest = rest / rest.norm()
  +         rest = column / column.norm()
""")
projector_by_formula.slips("""
projector_in_single_precision: projects_in_double_precision
  -     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
  +     basis = basis.float()
  +     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
projector_in_place: leaves_the_basis_alone
  -     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
  +     basis /= basis.norm(dim=0)
  +     return basis @ torch.linalg.solve(basis.T @ basis, basis.T)
""")

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
grid_by_rows.slips("""
grid_upside_down: PLACES draws_two_by_two_images
  - z2.flip(0)
  + z2
grid_coordinates_swapped: PLACES draws_two_by_two_images keeps_the_pixels_in_order
    takes_uneven_grids
  - torch.stack([z1, b.expand(len(z1))], dim=1)
  + torch.stack([b.expand(len(z1)), z1], dim=1)
grid_from_right_to_left: PLACES draws_two_by_two_images takes_uneven_grids
  - torch.stack([z1, b
  + torch.stack([z1.flip(0), b
grid_transposed: PLACES draws_two_by_two_images takes_uneven_grids
  - return torch.cat(rows, dim=0)
  + return torch.cat([torch.cat(list(row.split(28, dim=1))) for row in rows], dim=1)
grid_images_transposed: keeps_the_pixels_in_order
  - view(-1, 28, 28)
  + view(-1, 28, 28).transpose(1, 2)
grid_images_upside_down: keeps_the_pixels_in_order
  - view(-1, 28, 28)
  + view(-1, 28, 28).flip(1)
grid_evenly_spaced: takes_uneven_grids
  -     rows = []
  +     rows = []
  +     z1 = torch.linspace(z1[0], z1[-1], len(z1))
""")
grid_by_loops.slips("""
grid_of_pairs: PLACES draws_two_by_two_images keeps_the_pixels_in_order
  - for row, b in enumerate(z2):
  + for row, b in enumerate(z1[: len(z2)]):
grid_with_gradients: records_no_gradients
  - with torch.no_grad():
  + with torch.enable_grad():
""")


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
