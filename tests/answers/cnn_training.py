"""Right and wrong answers to notebook 06."""

import math

import torch
from torch import nn

from autograder.course.corpus import right, wrong

# ----------------------------------------------------------------------------- make_loaders


@right("make_loaders")
def loaders_of_lists(train_images, train_labels, test_images, test_labels, batch_size, seed):
    mean = train_images.double().mean()
    std = train_images.double().std(unbiased=False)
    loaders = []
    for images, labels, shuffle in (
        (train_images, train_labels, True),
        (test_images, test_labels, False),
    ):
        pixels = images.double().sub(mean).div(std).float()[:, None]
        pairs = [(pixels[k], labels[k]) for k in range(len(labels))]
        order = torch.Generator()
        order.manual_seed(seed)
        loaders.append(
            torch.utils.data.DataLoader(pairs, batch_size, shuffle=shuffle, generator=order)
        )
    return loaders[0], loaders[1]


@right("make_loaders")
def loaders_as_own_class(train_images, train_labels, test_images, test_labels, batch_size, seed):
    class Loader:
        def __init__(self, images, labels, generator):
            self.images, self.labels, self.generator = images, labels, generator

        def __len__(self):
            return -(-len(self.labels) // batch_size)

        def __iter__(self):
            order = torch.arange(len(self.labels))
            if self.generator is not None:
                order = torch.randperm(len(self.labels), generator=self.generator)
            for chosen in order.split(batch_size):
                yield self.images[chosen], self.labels[chosen]

    scale = train_images.float() / 255
    mean, std = scale.mean(), scale.std()
    generator = torch.Generator().manual_seed(seed)
    train = ((scale - mean) / std).unsqueeze(1)
    test = ((test_images.float() / 255 - mean) / std).unsqueeze(1)
    return Loader(train, train_labels, generator), Loader(test, test_labels, None)


# The master in the shape that the changes below need.
@right("make_loaders")
def loaders_plain(train_images, train_labels, test_images, test_labels, batch_size, seed):
    train, test = train_images.float()[:, None], test_images.float()[:, None]
    mean, std = train.mean(), train.std()
    train, test = (train - mean) / std, (test - mean) / std
    train_set = torch.utils.data.TensorDataset(train, train_labels)
    test_set = torch.utils.data.TensorDataset(test, test_labels)
    generator = torch.Generator().manual_seed(seed)
    train_loader = torch.utils.data.DataLoader(
        train_set, batch_size=batch_size, shuffle=True, generator=generator
    )
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=batch_size)
    return train_loader, test_loader


loaders_plain.slips("""
loaders_not_normalised: normalises_five_tiny_pictures normalises_by_the_training_set
  - train, test = (train - mean) / std, (test - mean) / std
  + train, test = train / 255, test / 255
loaders_test_by_itself: normalises_five_tiny_pictures normalises_by_the_training_set
    hint_of=normalises_by_the_training_set
  - (test - mean) / std
  + (test - test.mean()) / test.std()
loaders_by_all_images: normalises_five_tiny_pictures normalises_by_the_training_set
    hint_of=normalises_by_the_training_set
  -     mean, std = train.mean(), train.std()
  +     everything = torch.cat([train, test])
  +     mean, std = everything.mean(), everything.std()
loaders_by_the_test_set: normalises_five_tiny_pictures normalises_by_the_training_set
    hint_of=normalises_by_the_training_set
  - train.mean(), train.std()
  + test.mean(), test.std()
loaders_each_image_by_itself: normalises_by_the_training_set normalises_five_tiny_pictures
    keeps_images_and_labels_together
  - (train - mean) / std, (test - mean) / std
  + ((x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), keepdim=True) for x in (train, test))
loaders_each_pixel_by_itself: normalises_by_the_training_set normalises_five_tiny_pictures
  - train.mean(), train.std()
  + train.mean(dim=0), train.std(dim=0) + 1e-6
loaders_by_the_variance: normalises_by_the_training_set normalises_five_tiny_pictures
  - train.mean(), train.std()
  + train.mean(), train.var()
loaders_without_the_mean: normalises_by_the_training_set normalises_five_tiny_pictures
  - (train - mean) / std, (test - mean) / std
  + train / std, test / std
loaders_unshuffled: shuffles_anew_in_every_epoch takes_the_order_from_the_seed
  - shuffle=True
  + shuffle=False
""")


@wrong("make_loaders", fails=["shuffles_anew_in_every_epoch"])
def loaders_shuffled_once(train_images, train_labels, test_images, test_labels, batch_size, seed):
    train, test = train_images.float()[:, None], test_images.float()[:, None]
    mean, std = train.mean(), train.std()
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    train, train_labels = train[order], train_labels[order]
    train_set = torch.utils.data.TensorDataset((train - mean) / std, train_labels)
    test_set = torch.utils.data.TensorDataset((test - mean) / std, test_labels)
    return (
        torch.utils.data.DataLoader(train_set, batch_size),
        torch.utils.data.DataLoader(test_set, batch_size),
    )


@wrong("make_loaders", fails=["keeps_images_and_labels_together"])
def loaders_labels_apart(train_images, train_labels, test_images, test_labels, batch_size, seed):
    train, test = train_images.float()[:, None], test_images.float()[:, None]
    mean, std = train.mean(), train.std()
    train, test = (train - mean) / std, (test - mean) / std

    class Loader:
        def __len__(self):
            return -(-len(train) // batch_size)

        def __iter__(self):
            images = torch.randperm(len(train), generator=generator).split(batch_size)
            labels = torch.randperm(len(train), generator=generator).split(batch_size)
            return iter([(train[i], train_labels[k]) for i, k in zip(images, labels, strict=True)])

    generator = torch.Generator().manual_seed(seed)
    test_set = torch.utils.data.TensorDataset(test, test_labels)
    return Loader(), torch.utils.data.DataLoader(test_set, batch_size)


loaders_plain.slips("""
loaders_drop_the_last: shows_every_example_once
  - shuffle=True, generator=generator
  + shuffle=True, generator=generator, drop_last=True
loaders_drop_the_last_of_the_test: shows_every_example_once leaves_the_test_set_in_order
    normalises_five_tiny_pictures
  - DataLoader(test_set, batch_size=batch_size)
  + DataLoader(test_set, batch_size=batch_size, drop_last=True)
loaders_with_replacement: shows_every_example_once normalises_by_the_training_set
  - shuffle=True, generator=generator
  + sampler=torch.utils.data.RandomSampler(train_set, True, generator=generator)
loaders_shuffle_the_test: leaves_the_test_set_in_order
  - DataLoader(test_set, batch_size=batch_size)
  + DataLoader(test_set, batch_size=batch_size, shuffle=True)
loaders_without_the_seed: takes_the_order_from_the_seed
  - shuffle=True, generator=generator
  + shuffle=True
loaders_seed_all_numbers: takes_the_order_from_the_seed
  - generator = torch.Generator().manual_seed(seed)
  + generator = torch.manual_seed(seed)
loaders_of_one_seed: takes_the_order_from_the_seed
  - manual_seed(seed)
  + manual_seed(0)
loaders_without_channels: normalises_five_tiny_pictures normalises_by_the_training_set
  - train_images.float()[:, None], test_images.float()[:, None]
  + train_images.float(), test_images.float()
loaders_of_all_in_one: shows_every_example_once
  - train_set, batch_size=batch_size
  + train_set, batch_size=len(train_set)
loaders_train_on_the_test: shows_every_example_once normalises_by_the_training_set
    normalises_five_tiny_pictures
  - TensorDataset(train, train_labels)
  + TensorDataset(torch.cat([train, test]), torch.cat([train_labels, test_labels]))
loaders_for_one_epoch: shuffles_anew_in_every_epoch shows_every_example_once
  - return train_loader, test_loader
  + return iter(train_loader), iter(test_loader)
""")


# ----------------------------------------------------------------------------- SoftmaxRegression


@right("SoftmaxRegression")
class SoftmaxInOneSequence(nn.Module):
    def __init__(self, pixels=784, classes=10):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(pixels, classes))

    def forward(self, images):
        return self.layers(images)


@right("SoftmaxRegression")
class SoftmaxByHand(nn.Module):
    def __init__(self, pixels=784, classes=10):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, pixels) / pixels**0.5)
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, images):
        return images.reshape(len(images), -1) @ self.weight.T + self.bias


SoftmaxInOneSequence.slips("""
softmax_probabilities: returns_linear_scores
  - return self.layers(images)
  + return self.layers(images).softmax(dim=1)
softmax_log_probabilities: returns_linear_scores
  - return self.layers(images)
  + return self.layers(images).log_softmax(dim=1)
softmax_over_the_batch: returns_linear_scores
  - return self.layers(images)
  + return self.layers(images).softmax(dim=0)
softmax_with_relu: returns_linear_scores
  - nn.Linear(pixels, classes))
  + nn.Linear(pixels, classes), nn.ReLU())
softmax_of_absolute_pixels: returns_linear_scores
  - return self.layers(images)
  + return self.layers(images.abs())
softmax_without_bias: registers_one_layer
  - nn.Linear(pixels, classes)
  + nn.Linear(pixels, classes, bias=False)
softmax_for_digits_only: registers_one_layer returns_linear_scores scores_a_single_image
  - nn.Linear(pixels, classes)
  + nn.Linear(784, 10)
""")
SoftmaxByHand.slips("""
softmax_drops_the_batch: scores_three_images returns_linear_scores scores_a_single_image
  - images.reshape(len(images), -1)
  + images.flatten()
softmax_squeezes: scores_a_single_image
  - images.reshape(len(images), -1)
  + images.reshape(len(images), -1).squeeze()
softmax_only_the_rows: scores_three_images returns_linear_scores scores_a_single_image
  - images.reshape(len(images), -1)
  + images.flatten(2)
""")


@wrong("SoftmaxRegression", fails=["registers_one_layer"])
class SoftmaxInAList(nn.Module):
    def __init__(self, pixels=784, classes=10):
        super().__init__()
        self.layers = [nn.Linear(pixels, classes)]
        self.layers[0].bias.data.zero_()
        self.weight = nn.Parameter(self.layers[0].weight.data)

    def forward(self, images):
        return self.layers[0](images.flatten(1))


# ----------------------------------------------------------------------------- MLP


@right("MLP")
class MLPOfModules(nn.Module):
    def __init__(self, hidden=(128, 64), dropout=0.2, pixels=784, classes=10):
        super().__init__()
        widths = [pixels, *hidden, classes]
        self.layers = nn.ModuleList(
            [nn.Linear(widths[k], widths[k + 1]) for k in range(len(widths) - 1)]
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, images):
        out = images.flatten(1)
        for layer in self.layers[:-1]:
            out = self.dropout(layer(out).relu())
        return self.layers[-1](out)


@right("MLP")
class MLPOfFunctions(nn.Module):
    def __init__(self, hidden=(128, 64), dropout=0.2, pixels=784, classes=10):
        super().__init__()
        self.count = len(hidden)
        self.share = dropout
        for k, width in enumerate(hidden):
            setattr(self, f"layer{k}", nn.Linear(pixels, width))
            pixels = width
        self.output = nn.Linear(pixels, classes)

    def forward(self, images):
        out = images.reshape(images.shape[0], -1)
        for k in range(self.count):
            out = nn.functional.relu(getattr(self, f"layer{k}")(out))
            out = nn.functional.dropout(out, self.share, training=self.training)
        return self.output(out)


MLPOfFunctions.slips("""
mlp_always_drops: computes_an_mlp_by_hand keeps_all_units_in_evaluation
    hint_of=keeps_all_units_in_evaluation
  - , training=self.training
mlp_never_drops: drops_every_hidden_unit
  - training=self.training
  + training=False
""")
MLPOfModules.slips("""
mlp_drops_a_fixed_share: drops_every_hidden_unit
  - nn.Dropout(dropout)
  + nn.Dropout(0.5 if dropout else 0.0)
mlp_drops_the_pixels: drops_every_hidden_unit
  - out = self.dropout(layer(out).relu())
  + out = layer(self.dropout(out)).relu()
mlp_drops_in_the_first_layer_only: drops_every_hidden_unit
  -             out = self.dropout(layer(out).relu())
  +             out = layer(out).relu()
  +             out = self.dropout(out) if layer is self.layers[0] else out
mlp_drops_the_scores: drops_every_hidden_unit
  - return self.layers[-1](out)
  + return self.dropout(self.layers[-1](out))
mlp_without_relu: computes_an_mlp_by_hand follows_the_mlp_formula
  - layer(out).relu()
  + layer(out)
mlp_with_sigmoid: computes_an_mlp_by_hand follows_the_mlp_formula
  - layer(out).relu()
  + layer(out).sigmoid()
mlp_relu_at_the_end: follows_the_mlp_formula drops_every_hidden_unit
  - return self.layers[-1](out)
  + return self.layers[-1](out).relu()
mlp_softmax_at_the_end: computes_an_mlp_by_hand follows_the_mlp_formula drops_every_hidden_unit
    hint_of=follows_the_mlp_formula
  - return self.layers[-1](out)
  + return self.layers[-1](out).softmax(dim=1)
mlp_softmax_over_the_batch: computes_an_mlp_by_hand follows_the_mlp_formula drops_every_hidden_unit
    hint_of=follows_the_mlp_formula
  - return self.layers[-1](out)
  + return self.layers[-1](out).softmax(dim=0)
mlp_squeezes: feeds_a_single_image_through
  - return self.layers[-1](out)
  + return self.layers[-1](out).squeeze()
mlp_drops_the_batch: computes_an_mlp_by_hand follows_the_mlp_formula keeps_all_units_in_evaluation
    drops_every_hidden_unit feeds_a_single_image_through
  - images.flatten(1)
  + images.flatten()
""")


@wrong(
    "MLP",
    fails=["registers_every_hidden_layer", "follows_the_mlp_formula", "computes_an_mlp_by_hand"],
)
class MLPInAList(nn.Module):
    def __init__(self, hidden=(128, 64), dropout=0.2, pixels=784, classes=10):
        super().__init__()
        widths = [pixels, *hidden]
        self.layers = [nn.Linear(widths[k], widths[k + 1]) for k in range(len(hidden))]
        self.output = nn.Linear(widths[-1], classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images):
        out = images.flatten(1)
        for layer in self.layers:
            out = self.dropout(layer(out).relu())
        return self.output(out)


@wrong("MLP", fails=["registers_every_hidden_layer"])
class MLPOneHiddenLayer(nn.Module):
    def __init__(self, hidden=(128, 64), dropout=0.2, pixels=784, classes=10):
        super().__init__()
        self.first = nn.Linear(pixels, hidden[0])
        self.last = nn.Linear(hidden[0], classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images):
        return self.last(self.dropout(self.first(images.flatten(1)).relu()))


MLPOfModules.slips("""
mlp_without_bias: registers_every_hidden_layer computes_an_mlp_by_hand follows_the_mlp_formula
  - nn.Linear(widths[k], widths[k + 1])
  + nn.Linear(widths[k], widths[k + 1], bias=k == len(hidden))
""")


# ----------------------------------------------------------------------------- CNN


@right("CNN")
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.dense1 = nn.Linear(16 * 5 * 5, 84)
        self.drop = nn.Dropout(0.5)
        self.dense2 = nn.Linear(84, 10)

    def forward(self, images):
        out = nn.functional.max_pool2d(self.norm1(self.conv1(images)).relu(), 2)
        out = nn.functional.max_pool2d(self.conv2(out).relu(), 2)
        out = self.drop(self.dense1(out.flatten(1)).relu())
        return self.dense2(out)


@right("CNN")
class ThreeBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for wider in (16, 32, 64):
            layers += [
                nn.Conv2d(channels, wider, 3, padding=1, bias=False),
                nn.MaxPool2d(2),
                nn.BatchNorm2d(wider),
                nn.GELU(),
                nn.Dropout2d(0.1),
            ]
            channels = wider
        self.layers = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
        )

    def forward(self, images):
        return self.layers(images)


@right("CNN")
class TheHomeworksNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 5, padding=2),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 5, padding=2),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 100),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(100, 100),
            nn.ReLU(),
            nn.Linear(100, 10),
        )

    def forward(self, images):
        return self.layers(images)


@right("CNN")
class TwoConvolutionsABlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList()
        for a, b in ((1, 8), (8, 16)):
            self.blocks.append(
                nn.Sequential(
                    nn.Conv2d(a, b, 3),
                    nn.Tanh(),
                    nn.Conv2d(b, b, 3, padding=1),
                    nn.BatchNorm2d(b),
                    nn.Tanh(),
                    nn.MaxPool2d(3, 2),
                )
            )
        self.dense = nn.LazyLinear(10)
        self.dense(torch.zeros(1, 16 * 4 * 4))

    def forward(self, images):
        for block in self.blocks:
            images = block(images)
        images = nn.functional.dropout(images, 0.25, self.training)
        return self.dense(images.flatten(1))


LeNet.slips("""
cnn_one_pooling: alternates_convolutions_and_pooling
  - nn.functional.max_pool2d(self.conv2(out).relu(), 2)
  + self.conv2(out).relu()[:, :, ::2, ::2]
cnn_average_pooling: alternates_convolutions_and_pooling
  - nn.functional.max_pool2d(self.conv2(out).relu(), 2)
  + nn.functional.avg_pool2d(self.conv2(out).relu(), 2)
cnn_pools_twice_at_the_end: alternates_convolutions_and_pooling
  -         out = nn.functional.max_pool2d(self.norm1(self.conv1(images)).relu(), 2)
  -         out = nn.functional.max_pool2d(self.conv2(out).relu(), 2)
  +         out = self.conv2(self.norm1(self.conv1(images)).relu()).relu()
  +         out = nn.functional.max_pool2d(nn.functional.max_pool2d(out, 2)[:, :, 1:11, 1:11], 2)
cnn_one_nonlinearity: has_a_nonlinearity_in_each_block
  -         out = nn.functional.max_pool2d(self.norm1(self.conv1(images)).relu(), 2)
  -         out = nn.functional.max_pool2d(self.conv2(out).relu(), 2)
  +         out = nn.functional.max_pool2d(self.norm1(self.conv1(images)), 2)
  +         out = nn.functional.max_pool2d(self.conv2(out), 2)
cnn_without_normalisation: normalises_over_the_batch
  - nn.BatchNorm2d(6)
  + nn.Identity()
cnn_group_normalisation: normalises_over_the_batch
  - nn.BatchNorm2d(6)
  + nn.GroupNorm(2, 6)
cnn_normalises_always: normalises_over_the_batch treats_every_image_alone
  - nn.BatchNorm2d(6)
  + nn.BatchNorm2d(6, track_running_stats=False)
cnn_without_dropout: switches_dropout_with_the_mode
  - nn.Dropout(0.5)
  + nn.Identity()
cnn_always_drops: switches_dropout_with_the_mode treats_every_image_alone
  - self.drop(self.dense1(out.flatten(1)).relu())
  + nn.functional.dropout(self.dense1(out.flatten(1)).relu(), 0.3)
cnn_softmax: returns_raw_scores
  - return self.dense2(out)
  + return self.dense2(out).softmax(dim=1)
cnn_log_softmax: returns_raw_scores
  - return self.dense2(out)
  + return self.dense2(out).log_softmax(dim=1)
cnn_softmax_over_the_batch: returns_raw_scores treats_every_image_alone
  - return self.dense2(out)
  + return self.dense2(out).softmax(dim=0)
cnn_relu_at_the_end: returns_raw_scores
  - return self.dense2(out)
  + return self.dense2(out).relu()
cnn_squeezes: treats_every_image_alone
  - return self.dense2(out)
  + return self.dense2(out).squeeze()
cnn_flattens_the_batch: scores_four_digits alternates_convolutions_and_pooling
    has_a_nonlinearity_in_each_block normalises_over_the_batch switches_dropout_with_the_mode
    returns_raw_scores treats_every_image_alone trains_its_convolutions learns_ten_patterns
  - self.dense1(out.flatten(1))
  + self.dense1(out.flatten())
cnn_forgets_the_batch: treats_every_image_alone learns_ten_patterns
  - out.flatten(1)
  + out.mean(dim=0, keepdim=True).expand_as(out).flatten(1)
cnn_cuts_the_graph: trains_its_convolutions
  - out.flatten(1)
  + out.detach().flatten(1)
cnn_in_a_list: trains_its_convolutions
  -         self.conv2 = nn.Conv2d(6, 16, 5)
  +         self.others = [nn.Conv2d(6, 16, 5)]
  +         self.conv2 = lambda out: self.others[0](out)
cnn_constant: learns_ten_patterns
  - out.flatten(1)
  + 0 * out.flatten(1)
cnn_far_too_much_dropout: learns_ten_patterns
  - nn.Dropout(0.5)
  + nn.Dropout(0.99)
cnn_too_many_parameters: scores_four_digits
  -         self.drop = nn.Dropout(0.5)
  +         self.drop = nn.Dropout(0.5)
  +         self.spare = nn.Linear(1000, 500)
""")


# ----------------------------------------------------------------------------- train_epoch


@right("train_epoch")
def train_with_lists(model, loader, optimizer, loss_function=nn.functional.cross_entropy):
    model.train()
    device = next(model.parameters()).device
    losses, sizes = [], []
    for batch in loader:
        images, labels = (part.to(device) for part in batch)
        model.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
        sizes.append(labels.numel())
    return sum(a * n for a, n in zip(losses, sizes, strict=True)) / sum(sizes)


@right("train_epoch")
def train_with_a_tensor(model, loader, optimizer, loss_function=nn.functional.cross_entropy):
    parameters = list(model.parameters())
    total, count = torch.zeros((), dtype=torch.float64), 0
    model = model.train()
    optimizer.zero_grad()
    for images, labels in loader:
        images = images.to(parameters[0].device)
        labels = labels.to(parameters[0].device)
        loss = loss_function(model(images), labels)
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        total += loss.detach() * images.shape[0]
        count += images.shape[0]
    return (total / count).item()


@right("train_epoch")
def train_plain(model, loader, optimizer, loss_function=nn.functional.cross_entropy):
    model.train()
    device = next(model.parameters()).device
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        total += len(labels) * loss.item()
        count += len(labels)
    return total / count


train_plain.slips("""
train_mean_of_means: averages_over_the_examples
  -         total += len(labels) * loss.item()
  -         count += len(labels)
  +         total += loss.item()
  +         count += 1
train_sum_of_losses: trains_on_one_batch averages_over_the_examples lowers_the_loss_of_one_batch
    repeats_the_same_step uses_the_given_loss_function
  - return total / count
  + return total
train_last_loss: averages_over_the_examples
  - return total / count
  + return loss.item()
train_loss_after_the_step: trains_on_one_batch lowers_the_loss_of_one_batch
    overfits_in_training_mode repeats_the_same_step
  - total += len(labels) * loss.item()
  + total += len(labels) * loss_function(model(images), labels).item()
train_without_zero_grad: steps_after_every_batch forgets_older_gradients repeats_the_same_step
  - optimizer.zero_grad()
  + pass
train_zero_grad_last: forgets_older_gradients
  -         optimizer.zero_grad()
  -         loss = loss_function(model(images), labels)
  -         loss.backward()
  -         optimizer.step()
  +         loss = loss_function(model(images), labels)
  +         loss.backward()
  +         optimizer.step()
  +         optimizer.zero_grad()
train_zero_grad_after_backward: trains_on_one_batch steps_after_every_batch
    lowers_the_loss_of_one_batch repeats_the_same_step uses_the_given_optimizer
  -         optimizer.zero_grad()
  -         loss = loss_function(model(images), labels)
  -         loss.backward()
  +         loss = loss_function(model(images), labels)
  +         loss.backward()
  +         optimizer.zero_grad()
train_zero_grad_once: steps_after_every_batch
  -         optimizer.zero_grad()
  -         loss = loss_function(model(images), labels)
  +         if count == 0:
  +             optimizer.zero_grad()
  +         loss = loss_function(model(images), labels)
train_without_a_step: trains_on_one_batch steps_after_every_batch lowers_the_loss_of_one_batch
    repeats_the_same_step uses_the_given_optimizer
  - optimizer.step()
  + pass
train_without_backward: trains_on_one_batch steps_after_every_batch lowers_the_loss_of_one_batch
    repeats_the_same_step uses_the_given_optimizer
  - loss.backward()
  + pass
train_step_before_backward: trains_on_one_batch steps_after_every_batch lowers_the_loss_of_one_batch
    repeats_the_same_step uses_the_given_optimizer
  -         loss.backward()
  -         optimizer.step()
  +         optimizer.step()
  +         loss.backward()
train_one_step_an_epoch: steps_after_every_batch
  -         optimizer.step()
  -         total += len(labels) * loss.item()
  -         count += len(labels)
  +         total += len(labels) * loss.item()
  +         count += len(labels)
  +     optimizer.step()
train_softmax_first: trains_on_one_batch steps_after_every_batch averages_over_the_examples
    repeats_the_same_step uses_the_given_loss_function
  - loss_function(model(images), labels)
  + loss_function(model(images).softmax(dim=1), labels)
train_softmax_over_the_batch: trains_on_one_batch steps_after_every_batch averages_over_the_examples
    repeats_the_same_step uses_the_given_loss_function
  - loss_function(model(images), labels)
  + loss_function(model(images).softmax(dim=0), labels)
train_in_any_mode: trains_in_training_mode overfits_in_training_mode
  - model.train()
  + pass
train_in_evaluation_mode: trains_in_training_mode overfits_in_training_mode
  - model.train()
  + model.eval()
train_own_optimizer: trains_on_one_batch steps_after_every_batch uses_the_given_optimizer
    repeats_the_same_step hint_of=uses_the_given_optimizer
  -     model.train()
  +     model.train()
  +     optimizer = torch.optim.Adam(model.parameters())
train_old_models_optimizer: trains_on_one_batch steps_after_every_batch uses_the_given_optimizer
    lowers_the_loss_of_one_batch repeats_the_same_step hint_of=uses_the_given_optimizer
  -     model.train()
  +     model.train()
  +     old = nn.Linear(2, 2)
  +     optimizer = torch.optim.SGD(old.parameters(), lr=0.1)
""")


@wrong("train_epoch", fails=["uses_the_given_optimizer"])
def train_steps_by_hand(model, loader, optimizer, loss_function=nn.functional.cross_entropy):
    model.train()
    device = next(model.parameters()).device
    rate = optimizer.param_groups[0]["lr"]
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        model.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= rate * p.grad
        total += len(labels) * loss.item()
        count += len(labels)
    return total / count


train_plain.slips("""
train_always_cross_entropy: uses_the_given_loss_function
  - loss_function(model(images), labels)
  + nn.functional.cross_entropy(model(images), labels)
train_returns_a_tensor: returns_the_loss_as_a_float collects_plain_floats
  - return total / count
  + return torch.tensor(total / count)
train_returns_a_graph: returns_the_loss_as_a_float frees_the_graph_of_every_batch
    collects_plain_floats hint_of=frees_the_graph_of_every_batch
  - loss.item()
  + loss
train_keeps_graphs: frees_the_graph_of_every_batch
  -         total += len(labels) * loss.item()
  -         count += len(labels)
  -     return total / count
  +         total = total + len(labels) * loss
  +         count += len(labels)
  +     return (total / count).item()
train_images_stay: moves_batches_to_the_model
  - images.to(device), labels.to(device)
  + images, labels.to(device)
train_labels_stay: moves_batches_to_the_model
  - images.to(device), labels.to(device)
  + images.to(device), labels
train_first_batch_only: steps_after_every_batch averages_over_the_examples
    moves_batches_to_the_model
  -         count += len(labels)
  +         count += len(labels)
  +         return total / count
""")


# ----------------------------------------------------------------------------- evaluate


@right("evaluate")
def evaluate_all_at_once(model, loader):
    mode = model.training
    model.eval()
    device = next(model.parameters()).device
    logits, labels = [], []
    with torch.inference_mode():
        for images, answers in loader:
            logits.append(model(images.to(device)))
            labels.append(answers.to(device))
    model.train(mode)
    logits, labels = torch.cat(logits), torch.cat(labels)
    loss = nn.functional.cross_entropy(logits, labels).item()
    return loss, (logits.argmax(1) == labels).double().mean().item()


@right("evaluate")
def evaluate_plain(model, loader):
    before = model.training
    model.eval()
    device = next(model.parameters()).device
    loss, hits, count = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            logits = model(images)
            loss += len(labels) * nn.functional.cross_entropy(logits, labels).item()
            hits += int((logits.max(dim=1).indices == labels).sum())
            count += len(labels)
    model.train(before)
    return loss / count, hits / count


evaluate_plain.slips("""
evaluate_mean_of_means: is_exact_for_a_ragged_loader
  -             loss += len(labels) * nn.functional.cross_entropy(logits, labels).item()
  -             hits += int((logits.max(dim=1).indices == labels).sum())
  -             count += len(labels)
  +             loss += nn.functional.cross_entropy(logits, labels).item()
  +             hits += (logits.max(dim=1).indices == labels).double().mean().item()
  +             count += 1
evaluate_loss_mean_of_means: is_exact_for_a_ragged_loader
  - return loss / count, hits / count
  + return nn.functional.cross_entropy(logits, labels).item(), hits / count
evaluate_percentage: evaluates_one_batch is_exact_for_a_ragged_loader
  - hits / count
  + 100 * hits / count
evaluate_hits: evaluates_one_batch is_exact_for_a_ragged_loader
  - hits / count
  + float(hits)
evaluate_summed_loss: evaluates_one_batch is_exact_for_a_ragged_loader
  - loss / count,
  + loss,
evaluate_softmax_first: is_exact_for_a_ragged_loader
  - cross_entropy(logits, labels)
  + cross_entropy(logits.softmax(dim=1), labels)
evaluate_softmax_over_the_batch: is_exact_for_a_ragged_loader evaluates_one_batch
  - logits = model(images)
  + logits = model(images).softmax(dim=0)
evaluate_best_example_of_a_class: evaluates_one_batch is_exact_for_a_ragged_loader
  - (logits.max(dim=1).indices == labels).sum()
  + (labels[logits.max(dim=0).indices] == torch.arange(logits.shape[1])).sum()
evaluate_least_score: evaluates_one_batch is_exact_for_a_ragged_loader
  - logits.max(dim=1)
  + logits.min(dim=1)
evaluate_always_the_same: is_exact_for_a_ragged_loader
  - (logits.max(dim=1).indices == labels).sum()
  + (labels.mode().values == labels).sum()
evaluate_one_batch: is_exact_for_a_ragged_loader evaluates_in_evaluation_mode records_no_gradients
    evaluates_on_the_device_of_the_model
  -             count += len(labels)
  +             count += len(labels)
  +             break
evaluate_in_any_mode: evaluates_in_evaluation_mode
  - model.eval()
  + pass
evaluate_leaves_evaluation_mode: restores_the_mode
  - model.train(before)
  + pass
evaluate_leaves_training_mode: restores_the_mode
  - model.train(before)
  + model.train()
evaluate_records: records_no_gradients
  - torch.no_grad()
  + torch.enable_grad()
evaluate_returns_tensors: returns_two_floats
  - return loss / count, hits / count
  + return torch.tensor(loss / count), torch.tensor(hits / count)
evaluate_tensor_accuracy: returns_two_floats
  - int((logits.max(dim=1).indices == labels).sum())
  + (logits.max(dim=1).indices == labels).sum()
evaluate_images_stay: evaluates_on_the_device_of_the_model
  - images.to(device), labels.to(device)
  + images, labels.to(device)
evaluate_labels_stay: evaluates_on_the_device_of_the_model
  - images.to(device), labels.to(device)
  + images.to(device), labels
""")


# ----------------------------------------------------------------------------- overfit_one_batch


@right("overfit_one_batch")
def overfit_with_a_loop(model, images, labels, optimizer, steps):
    losses = []
    model.train()
    device = next(model.parameters()).device
    images, labels = images.to(device), labels.to(device)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@right("overfit_one_batch")
def overfit_with_train_epoch(model, images, labels, optimizer, steps):
    losses, loader = [], [(images, labels)]
    while len(losses) < steps:
        losses.append(train_epoch(model, loader, optimizer))
    return losses


overfit_with_a_loop.slips("""
overfit_accumulates: repeats_the_same_step
  - optimizer.zero_grad()
  + pass
overfit_without_a_step: lowers_the_loss_of_one_batch repeats_the_same_step
  - optimizer.step()
  + pass
overfit_softmax_first: repeats_the_same_step
  - model(images), labels)
  + model(images).softmax(dim=1), labels)
""")
overfit_with_train_epoch.slips("""
overfit_example_by_example: repeats_the_same_step lowers_the_loss_of_one_batch
    overfits_in_training_mode
  - [(images, labels)]
  + list(zip(images.split(1), labels.split(1)))
""")
overfit_with_a_loop.slips("""
overfit_one_step_more: lowers_the_loss_of_one_batch repeats_the_same_step collects_plain_floats
    overfits_in_training_mode
  - range(steps)
  + range(steps + 1)
overfit_tensors: collects_plain_floats
  - loss.item()
  + loss.detach()
overfit_graphs: collects_plain_floats
  - loss.item()
  + loss
overfit_in_any_mode: overfits_in_training_mode
  - model.train()
  + pass
overfit_in_evaluation_mode: overfits_in_training_mode
  - model.train()
  + model.eval()
overfit_only_the_last_loss: lowers_the_loss_of_one_batch repeats_the_same_step collects_plain_floats
  - return losses
  + return losses[-1:]
""")


# ----------------------------------------------------------------------------- confusion_matrix


@right("confusion_matrix")
def matrix_by_loop(predictions, labels, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    for prediction, label in zip(predictions.tolist(), labels.tolist(), strict=True):
        matrix[label, prediction] += 1
    return matrix


@right("confusion_matrix")
def matrix_by_products(predictions, labels, classes):
    rows = labels[:, None] == torch.arange(classes)
    columns = predictions[:, None] == torch.arange(classes)
    return (rows[:, :, None] & columns[:, None, :]).sum(dim=0)


@right("confusion_matrix")
def matrix_by_accumulation(predictions, labels, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    return matrix.index_put((labels, predictions), torch.ones_like(labels), accumulate=True)


matrix_by_loop.slips("""
matrix_transposed: counts_four_predictions counts_repeated_pairs has_rows_for_absent_classes
    hint_of=counts_repeated_pairs
  - matrix[label, prediction]
  + matrix[prediction, label]
""")


@wrong("confusion_matrix", fails=["counts_four_predictions", "counts_repeated_pairs"])
def matrix_counts_once(predictions, labels, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    matrix[labels, predictions] += 1
    return matrix


@wrong("confusion_matrix", fails=["has_rows_for_absent_classes"])
def matrix_of_seen_classes(predictions, labels, classes):
    names = torch.cat([predictions, labels]).unique()
    rows = [[((labels == i) & (predictions == j)).sum() for j in names] for i in names]
    return torch.tensor(rows)


matrix_by_loop.slips("""
matrix_of_floats: counts_in_whole_numbers
  - , dtype=torch.int64
matrix_of_int32: counts_in_whole_numbers
  - torch.int64
  + torch.int32
matrix_of_shares: counts_four_predictions counts_repeated_pairs has_rows_for_absent_classes
    counts_in_whole_numbers
  - return matrix
  + return matrix / matrix.sum(dim=1, keepdim=True)
matrix_of_mistakes_only: counts_four_predictions counts_repeated_pairs has_rows_for_absent_classes
  - matrix[label, prediction] += 1
  + matrix[label, prediction] += label != prediction
""")


@wrong("confusion_matrix", fails=["counts_repeated_pairs"])
def matrix_of_eight_bits(predictions, labels, classes):
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    for label in labels.unique():
        found = predictions[labels == label].unique(return_counts=True)
        matrix[label, found[0]] = found[1].clamp(max=5)
    return matrix


# ----------------------------------------------------------------------------- worst_mistakes


@right("worst_mistakes")
def mistakes_by_probability(logits, labels, count):
    truth = logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]
    order = truth.argsort()
    wrong = logits.argmax(dim=1) != labels
    return order[wrong[order]][:count]


@right("worst_mistakes")
def mistakes_by_a_list(logits, labels, count):
    found = []
    for k, (scores, label) in enumerate(zip(logits.double(), labels.tolist(), strict=True)):
        if int(scores.argmax()) != label:
            found.append((float(scores.logsumexp(0) - scores[label]), k))
    found.sort(reverse=True)
    return torch.tensor([k for _, k in found[:count]], dtype=torch.int64)


mistakes_by_probability.slips("""
mistakes_and_others: leaves_out_what_is_right returns_fewer_if_there_are_fewer
  - order[wrong[order]][:count]
  + order[:count]
mistakes_least_bad: finds_two_mistakes sorts_by_the_loss
  - truth.argsort()
  + truth.argsort(descending=True)
mistakes_by_raw_scores: sorts_by_the_loss
  - logits.softmax(dim=1).gather
  + logits.gather
mistakes_by_confidence: sorts_by_the_loss
  - logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]
  + -logits.softmax(dim=1).amax(dim=1)
mistakes_softmax_over_the_batch: sorts_by_the_loss
  - logits.softmax(dim=1).gather
  + logits.softmax(dim=0).gather
mistakes_unsorted: finds_two_mistakes sorts_by_the_loss
  - truth.argsort()
  + torch.arange(len(labels))
mistakes_positions_among_mistakes: finds_two_mistakes sorts_by_the_loss leaves_out_what_is_right
    returns_fewer_if_there_are_fewer
  -     order = truth.argsort()
  -     wrong = logits.argmax(dim=1) != labels
  -     return order[wrong[order]][:count]
  +     wrong = logits.argmax(dim=1) != labels
  +     return truth[wrong].argsort()[:count]
""")


@wrong("worst_mistakes", fails=["returns_fewer_if_there_are_fewer"])
def mistakes_filled_up(logits, labels, count):
    losses = nn.functional.cross_entropy(logits, labels, reduction="none")
    losses[logits.argmax(dim=1) == labels] = -1
    return losses.topk(min(count, len(labels))).indices


@wrong("worst_mistakes", fails=["returns_fewer_if_there_are_fewer"])
def mistakes_of_no_dtype(logits, labels, count):
    losses = nn.functional.cross_entropy(logits, labels, reduction="none").tolist()
    wrong = [k for k in range(len(labels)) if logits[k].argmax() != labels[k]]
    return torch.tensor(sorted(wrong, key=lambda k: -losses[k])[:count])


mistakes_by_probability.slips("""
mistakes_all: sorts_by_the_loss
  - order[wrong[order]][:count]
  + order[wrong[order]]
mistakes_choose_then_keep: leaves_out_what_is_right
  - order[wrong[order]][:count]
  + order[:count][wrong[order[:count]]]
""")


# ----------------------------------------------------------------------------- shift_images


@right("shift_images")
def shift_by_padding(images, dx, dy, fill=0):
    height, width = images.shape[-2:]
    framed = images.new_full((*images.shape[:-2], 3 * height, 3 * width), fill)
    framed[..., height : 2 * height, width : 2 * width] = images
    top = min(max(height - dy, 0), 2 * height)
    left = min(max(width - dx, 0), 2 * width)
    return framed[..., top : top + height, left : left + width].clone()


@right("shift_images")
def shift_by_roll(images, dx, dy, fill=0):
    height, width = images.shape[-2:]
    result = images.roll((dy, dx), dims=(-2, -1)).clone()
    rows = torch.arange(height, device=images.device) - dy
    columns = torch.arange(width, device=images.device) - dx
    result[..., (rows < 0) | (rows >= height), :] = fill
    result[..., (columns < 0) | (columns >= width)] = fill
    return result


@right("shift_images")
def shift_pixel_by_pixel(images, dx, dy, fill=0):
    height, width = images.shape[-2:]
    result = torch.zeros_like(images) + torch.tensor(fill, dtype=images.dtype)
    for i in range(height):
        for j in range(width):
            if 0 <= i - dy < height and 0 <= j - dx < width:
                result[..., i, j] = images[..., i - dy, j - dx]
    return result


ALL_SHIFTS = [
    "shifts_one_to_the_right",
    "shifts_right_and_down",
    "shifts_left_and_up",
    "shifts_everything_out",
    "fills_with_the_given_value",
]
RANDOM_SHIFTS = ["moves_a_pixel_by_one", "shifts_every_image_as_a_whole", "draws_all_shifts_alike"]


@wrong(
    "shift_images",
    fails=[
        "shifts_one_to_the_right",
        "shifts_right_and_down",
        "shifts_left_and_up",
        "shifts_everything_out",
        "fills_with_the_given_value",
        "draws_all_shifts_alike",
        "shifts_every_image_as_a_whole",
    ],
)
def shift_wraps(images, dx, dy, fill=0):
    return images.roll((dy, dx), dims=(-2, -1))


shift_by_roll.slips("""
shift_axes_swapped: ALL_SHIFTS
  -     height, width = images.shape[-2:]
  +     height, width = images.shape[-2:]
  +     dx, dy = dy, dx
shift_the_other_way: shifts_one_to_the_right shifts_right_and_down shifts_left_and_up
    fills_with_the_given_value
  -     height, width = images.shape[-2:]
  +     height, width = images.shape[-2:]
  +     dx, dy = -dx, -dy
shift_up_for_down: shifts_right_and_down shifts_left_and_up fills_with_the_given_value
  -     height, width = images.shape[-2:]
  +     height, width = images.shape[-2:]
  +     dy = -dy
""")


@wrong(
    "shift_images",
    fails=["shifts_left_and_up", "fills_with_the_given_value", "draws_all_shifts_alike"],
)
def shift_positive_only(images, dx, dy, fill=0):
    height, width = images.shape[-2:]
    result = torch.full_like(images, fill)
    if abs(dy) < height and abs(dx) < width:
        dx, dy = abs(dx), abs(dy)
        result[..., dy:, dx:] = images[..., : height - dy, : width - dx]
    return result


@wrong("shift_images", fails=["shifts_everything_out"])
def shift_small_only(images, dx, dy, fill=0):
    height, width = images.shape[-2:]
    result = torch.full_like(images, fill)
    rows, columns = slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0))
    old_rows = slice(max(-dy, 0), min(height, height - dy))
    old_columns = slice(max(-dx, 0), min(width, width - dx))
    result[..., rows, columns] = images[..., old_rows, old_columns]
    return result


shift_by_padding.slips("""
shift_fills_with_zero: fills_with_the_given_value shifts_every_image_as_a_whole
  - 3 * width), fill)
  + 3 * width), 0)
shift_clips_to_one_pixel: shifts_left_and_up
  -     height, width = images.shape[-2:]
  +     height, width = images.shape[-2:]
  +     dx = max(dx, -1)
shift_by_one_pixel: shifts_right_and_down
  -     height, width = images.shape[-2:]
  +     height, width = images.shape[-2:]
  +     dx = 1 if 0 < dx < width else dx
""")


@wrong("shift_images", fails=["leaves_the_images_alone"])
def shift_in_place(images, dx, dy, fill=0):
    height, width = images.shape[-2:]
    old = images.clone()
    images[...] = fill
    for i in range(height):
        for j in range(width):
            if 0 <= i - dy < height and 0 <= j - dx < width:
                images[..., i, j] = old[..., i - dy, j - dx]
    return images


# ----------------------------------------------------------------------------- scramble


@right("scramble")
def scramble_by_gather(images, permutation):
    flat = images.reshape(*images.shape[:-2], -1)
    order = permutation.expand(flat.shape)
    return flat.gather(-1, order).reshape(images.shape)


@right("scramble")
def scramble_by_assignment(images, permutation):
    flat = images.flatten(-2)
    result = torch.empty_like(flat)
    for new, old in enumerate(permutation.tolist()):
        result[..., new] = flat[..., old]
    return result.unflatten(-1, images.shape[-2:])


scramble_by_assignment.slips("""
scramble_inverse: scrambles_four_pixels scrambles_all_images_alike scrambles_every_channel_alike
  - result[..., new] = flat[..., old]
  + result[..., old] = flat[..., new]
""")


@wrong(
    "scramble",
    fails=["scrambles_four_pixels", "scrambles_all_images_alike", "scrambles_every_channel_alike"],
)
def scramble_each_anew(images, permutation):
    flat = images.flatten(-2)
    order = torch.rand(flat.shape).argsort(dim=-1)
    return flat.gather(-1, order).reshape(images.shape)


@wrong("scramble", fails=["scrambles_all_images_alike"])
def scramble_turns_on(images, permutation):
    flat = images.flatten(-2)
    if images.ndim == 4 and images.shape[1] == 1:
        rows = [row[:, permutation.roll(k)] for k, row in enumerate(flat)]
        return torch.stack(rows).reshape(images.shape)
    return flat[..., permutation].reshape(images.shape)


@wrong("scramble", fails=["scrambles_every_channel_alike"])
def scramble_one_channel(images, permutation):
    if images.ndim == 2:
        return images.flatten()[permutation].reshape(images.shape)
    return images.flatten(1)[:, permutation].reshape(len(images), 1, *images.shape[-2:])


@wrong("scramble", fails=["scrambles_all_images_alike", "scrambles_every_channel_alike"])
def scramble_the_batch(images, permutation):
    flat = images.flatten()
    result = flat.clone()
    result[: len(permutation)] = flat[permutation]
    return result.reshape(images.shape)


@wrong(
    "scramble",
    fails=["scrambles_four_pixels", "scrambles_all_images_alike", "scrambles_every_channel_alike"],
)
def scramble_rows_only(images, permutation):
    order = permutation[permutation < images.shape[-2]]
    return images[..., order, :]


@wrong("scramble", fails=["leaves_the_originals_alone"])
def scramble_in_place(images, permutation):
    images[...] = images.flatten(-2)[..., permutation].reshape(images.shape)
    return images


# ----------------------------------------------------------------------------- one_cycle_rate


@right("one_cycle_rate")
def rate_as_a_minimum(step, steps, peak, warm_up=0.25):
    t = (step + 1) / (steps + 1)
    return peak * min(t / warm_up, (1 - t) / (1 - warm_up))


@right("one_cycle_rate")
def rate_by_interpolation(step, steps, peak, warm_up=0.25):
    import numpy as np

    t = (step + 1) / (steps + 1)
    return float(np.interp(t, [0, warm_up, 1], [0, peak, 0]))


RATES = ["goes_up_and_down", "follows_two_straight_lines", "warms_up_for_a_quarter"]
rate_as_a_minimum.slips("""
rate_of_the_step_before: RATES
  - (step + 1) / (steps + 1)
  + step / steps
rate_ends_at_zero_early: RATES
  - (step + 1) / (steps + 1)
  + (step + 1) / steps
rate_warms_up_for_a_quarter_always: goes_up_and_down follows_two_straight_lines
    hint_of=follows_two_straight_lines
  -     t = (step + 1) / (steps + 1)
  +     warm_up = 0.25
  +     t = (step + 1) / (steps + 1)
rate_another_default: warms_up_for_a_quarter
  - warm_up=0.25
  + warm_up=0.3
rate_never_falls: RATES
  - min(t / warm_up, (1 - t) / (1 - warm_up))
  + min(t / warm_up, 1)
rate_never_rises: RATES
  - min(t / warm_up, (1 - t) / (1 - warm_up))
  + min(1, (1 - t) / (1 - warm_up))
rate_as_a_maximum: RATES
  - min(t / warm_up
  + max(t / warm_up
rate_falls_to_the_end_too_fast: RATES
  - (1 - t) / (1 - warm_up)
  + (1 - t) / warm_up
rate_without_a_peak: RATES
  - peak * min
  + min
rate_limited_to_one: follows_two_straight_lines warms_up_for_a_quarter
  - return peak * min
  + return min(peak, 1) * min
""")


@wrong("one_cycle_rate", fails=["follows_two_straight_lines", "warms_up_for_a_quarter"])
def rate_of_a_cosine(step, steps, peak, warm_up=0.25):
    t = (step + 1) / (steps + 1)
    if t < warm_up:
        return peak * t / warm_up
    return peak * (1 + math.cos(math.pi * (t - warm_up) / (1 - warm_up))) / 2


@wrong("one_cycle_rate", fails=["follows_two_straight_lines"])
def rate_changes_at_half(step, steps, peak, warm_up=0.25):
    t = (step + 1) / (steps + 1)
    warm_up = min(warm_up, 0.5)
    return peak * min(t / warm_up, (1 - t) / (1 - warm_up))


# ------------------------------------------------------------------------- smooth_cross_entropy


@right("smooth_cross_entropy")
def smooth_with_targets(logits, labels, smoothing):
    classes = logits.shape[1]
    targets = torch.full_like(logits, smoothing / classes, requires_grad=False)
    targets.scatter_add_(1, labels[:, None], targets.new_full((len(labels), 1), 1 - smoothing))
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()


@right("smooth_cross_entropy")
def smooth_with_logsumexp(logits, labels, smoothing):
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    rows = torch.arange(len(labels), device=logits.device)
    loss = -(1 - smoothing) * log_p[rows, labels] - smoothing * log_p.mean(dim=1)
    return loss.mean()


SMOOTH = [
    "smooths_two_classes",
    "agrees_with_smoothed_targets",
    "stands_large_scores",
    "passes_the_gradient_to_the_logits",
]
smooth_with_logsumexp.slips("""
smooth_nothing: smooths_two_classes agrees_with_smoothed_targets
  - -(1 - smoothing) * log_p[rows, labels] - smoothing * log_p.mean(dim=1)
  + -log_p[rows, labels]
""")
smooth_with_targets.slips("""
smooth_over_the_others: smooths_two_classes agrees_with_smoothed_targets
  -     targets = torch.full_like(logits, smoothing / classes, requires_grad=False)
  +     targets = torch.full_like(logits, smoothing / (classes - 1))
  +     targets.scatter_(1, labels[:, None], 0.0)
smooth_adds_to_one: smooths_two_classes agrees_with_smoothed_targets
  - 1), 1 - smoothing)
  + 1), 1.0)
""")
smooth_with_logsumexp.slips("""
smooth_sums_over_classes: smooths_two_classes agrees_with_smoothed_targets
  - log_p.mean(dim=1)
  + log_p.sum(dim=1)
""")
smooth_with_targets.slips("""
smooth_mean_over_everything: smooths_two_classes agrees_with_smoothed_targets
  - .sum(dim=1).mean()
  + .mean()
""")
smooth_with_logsumexp.slips("""
smooth_sums_over_examples: smooths_two_classes agrees_with_smoothed_targets
  - loss.mean()
  + loss.sum()
""")
smooth_with_targets.slips("""
smooth_positive: smooths_two_classes agrees_with_smoothed_targets
  - return -(targets
  + return (targets
smooth_over_the_batch: smooths_two_classes agrees_with_smoothed_targets
  - log_softmax(dim=1)
  + log_softmax(dim=0)
smooth_twice: smooths_two_classes agrees_with_smoothed_targets
  - logits.log_softmax(dim=1)
  + logits.softmax(dim=1).log_softmax(dim=1)
""")
smooth_with_logsumexp.slips("""
smooth_overflows: stands_large_scores
  - logits - logits.logsumexp(dim=1, keepdim=True)
  + (logits.exp() / logits.exp().sum(dim=1, keepdim=True)).log()
smooth_underflows: stands_large_scores
  - logits - logits.logsumexp(dim=1, keepdim=True)
  + logits.softmax(dim=1).log()
smooth_a_number: passes_the_gradient_to_the_logits
  - return loss.mean()
  + return loss.mean().detach()
""")
smooth_with_targets.slips("""
smooth_on_the_cpu: smooths_on_the_device_of_the_logits
  - torch.full_like(logits, smoothing / classes, requires_grad=False)
  + torch.full(logits.shape, smoothing / classes)
""")


@wrong("smooth_cross_entropy", fails=["smooths_by_hand"])
def smooth_library(logits, labels, smoothing):
    return nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)


@wrong("smooth_cross_entropy", fails=["smooths_by_hand"])
def smooth_library_in_part(logits, labels, smoothing):
    plain = nn.CrossEntropyLoss()(logits, labels)
    return (1 - smoothing) * plain - smoothing * logits.log_softmax(dim=1).mean()


# ----------------------------------------------------------------------------- random_shift


@right("random_shift")
def shift_one_by_one(images, most, generator, fill=0):
    result = []
    for image in images:
        dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
        result.append(shift_images(image, dx, dy, fill))
    return torch.stack(result)


@right("random_shift")
def shift_by_index(images, most, generator, fill=0):
    count, channels, height, width = images.shape
    framed = torch.full(
        (count, channels, height + 2 * most, width + 2 * most),
        fill,
        dtype=images.dtype,
        device=images.device,
    )
    framed[:, :, most : most + height, most : most + width] = images
    top = torch.randint(2 * most + 1, (count,), generator=generator)
    left = torch.randint(2 * most + 1, (count,), generator=generator)
    cuts = [
        framed[k, :, a : a + height, b : b + width]
        for k, (a, b) in enumerate(zip(top.tolist(), left.tolist(), strict=True))
    ]
    return torch.stack(cuts)


shift_one_by_one.slips("""
random_without_the_upper_end: draws_all_shifts_alike
  - most + 1, (2,)
  + max(most, 1), (2,)
random_to_the_right_only: draws_all_shifts_alike
  - randint(-most,
  + randint(0,
random_along_the_diagonal: draws_all_shifts_alike
  - dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
  + dx = dy = torch.randint(-most, most + 1, (), generator=generator).item()
random_by_a_bell: draws_all_shifts_alike
  - torch.randint(-most, most + 1, (2,), generator=generator).tolist()
  + (0.4 * most * torch.randn(2, generator=generator)).round().int().clamp(-most, most).tolist()
""")


@wrong("random_shift", fails=["draws_all_shifts_alike"])
def random_for_the_batch(images, most, generator, fill=0):
    dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    return shift_images(images, dx, dy, fill)


shift_one_by_one.slips("""
random_wraps: shifts_every_image_as_a_whole draws_all_shifts_alike
  - shift_images(image, dx, dy, fill)
  + image.roll((dy, dx), (-2, -1))
random_fills_with_zero: shifts_every_image_as_a_whole
  - shift_images(image, dx, dy, fill)
  + shift_images(image, dx, dy)
random_too_far: moves_a_pixel_by_one shifts_every_image_as_a_whole draws_all_shifts_alike
    hint_of=shifts_every_image_as_a_whole
  - randint(-most, most + 1
  + randint(-most - 1, most + 2
random_channels_apart: shifts_every_image_as_a_whole
  -         dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
  -         result.append(shift_images(image, dx, dy, fill))
  +         moves = torch.randint(-most, most + 1, (len(image), 2), generator=generator)
  +         pairs = zip(image, moves.tolist(), strict=True)
  +         result.append(torch.stack([shift_images(c, a, b, fill) for c, (a, b) in pairs]))
random_of_the_global_generator: draws_from_the_generator
  - , generator=generator
random_starts_again: draws_from_the_generator
  -     result = []
  +     result = []
  +     generator = torch.Generator().manual_seed(0)
""")
shift_by_index.slips("""
random_one_axis_global: draws_from_the_generator
  - left = torch.randint(2 * most + 1, (count,), generator=generator)
  + left = torch.randint(2 * most + 1, (count,))
""")


@wrong("random_shift", fails=["leaves_the_batch_alone"])
def random_in_place(images, most, generator, fill=0):
    original = images
    for k, image in enumerate(images.clone()):
        dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
        original[k] = shift_images(image, dx, dy, fill)
    return original.clone()
