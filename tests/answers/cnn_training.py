"""Right and wrong answers to notebook 06."""

import math

import torch
from torch import nn

from autograder.course.corpus import changed, right, wrong

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


loaders_not_normalised = changed(
    loaders_plain,
    "train, test = (train - mean) / std, (test - mean) / std",
    "train, test = train / 255, test / 255",
    fails=["normalises_five_tiny_pictures", "normalises_by_the_training_set"],
)
loaders_test_by_itself = changed(
    loaders_plain,
    "(test - mean) / std",
    "(test - test.mean()) / test.std()",
    fails=["normalises_five_tiny_pictures", "normalises_by_the_training_set"],
    hint_of="normalises_by_the_training_set",
)
loaders_by_all_images = changed(
    loaders_plain,
    "mean, std = train.mean(), train.std()",
    "everything = torch.cat([train, test])\n    mean, std = everything.mean(), everything.std()",
    fails=["normalises_five_tiny_pictures", "normalises_by_the_training_set"],
    hint_of="normalises_by_the_training_set",
)
loaders_by_the_test_set = changed(
    loaders_plain,
    "train.mean(), train.std()",
    "test.mean(), test.std()",
    fails=["normalises_five_tiny_pictures", "normalises_by_the_training_set"],
    hint_of="normalises_by_the_training_set",
)
loaders_each_image_by_itself = changed(
    loaders_plain,
    "(train - mean) / std, (test - mean) / std",
    "((x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), keepdim=True) for x in (train, test))",
    fails=[
        "normalises_by_the_training_set",
        "normalises_five_tiny_pictures",
        "keeps_images_and_labels_together",
    ],
)
loaders_each_pixel_by_itself = changed(
    loaders_plain,
    "train.mean(), train.std()",
    "train.mean(dim=0), train.std(dim=0) + 1e-6",
    fails=["normalises_by_the_training_set", "normalises_five_tiny_pictures"],
)
loaders_by_the_variance = changed(
    loaders_plain,
    "train.mean(), train.std()",
    "train.mean(), train.var()",
    fails=["normalises_by_the_training_set", "normalises_five_tiny_pictures"],
)
loaders_without_the_mean = changed(
    loaders_plain,
    "(train - mean) / std, (test - mean) / std",
    "train / std, test / std",
    fails=["normalises_by_the_training_set", "normalises_five_tiny_pictures"],
)
loaders_unshuffled = changed(
    loaders_plain,
    "shuffle=True",
    "shuffle=False",
    fails=["shuffles_anew_in_every_epoch", "takes_the_order_from_the_seed"],
)


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


loaders_drop_the_last = changed(
    loaders_plain,
    "shuffle=True, generator=generator",
    "shuffle=True, generator=generator, drop_last=True",
    fails=["shows_every_example_once"],
)
loaders_drop_the_last_of_the_test = changed(
    loaders_plain,
    "DataLoader(test_set, batch_size=batch_size)",
    "DataLoader(test_set, batch_size=batch_size, drop_last=True)",
    fails=[
        "shows_every_example_once",
        "leaves_the_test_set_in_order",
        "normalises_five_tiny_pictures",
    ],
)
loaders_with_replacement = changed(
    loaders_plain,
    "shuffle=True, generator=generator",
    "sampler=torch.utils.data.RandomSampler(train_set, True, generator=generator)",
    fails=["shows_every_example_once", "normalises_by_the_training_set"],
)
loaders_shuffle_the_test = changed(
    loaders_plain,
    "DataLoader(test_set, batch_size=batch_size)",
    "DataLoader(test_set, batch_size=batch_size, shuffle=True)",
    fails=["leaves_the_test_set_in_order"],
)
loaders_without_the_seed = changed(
    loaders_plain,
    "shuffle=True, generator=generator",
    "shuffle=True",
    fails=["takes_the_order_from_the_seed"],
)
loaders_seed_all_numbers = changed(
    loaders_plain,
    "generator = torch.Generator().manual_seed(seed)",
    "generator = torch.manual_seed(seed)",
    fails=["takes_the_order_from_the_seed"],
)
loaders_of_one_seed = changed(
    loaders_plain, "manual_seed(seed)", "manual_seed(0)", fails=["takes_the_order_from_the_seed"]
)
loaders_without_channels = changed(
    loaders_plain,
    "train_images.float()[:, None], test_images.float()[:, None]",
    "train_images.float(), test_images.float()",
    fails=["normalises_five_tiny_pictures", "normalises_by_the_training_set"],
)
loaders_of_all_in_one = changed(
    loaders_plain,
    "train_set, batch_size=batch_size",
    "train_set, batch_size=len(train_set)",
    fails=["shows_every_example_once"],
)
loaders_train_on_the_test = changed(
    loaders_plain,
    "TensorDataset(train, train_labels)",
    "TensorDataset(torch.cat([train, test]), torch.cat([train_labels, test_labels]))",
    fails=[
        "shows_every_example_once",
        "normalises_by_the_training_set",
        "normalises_five_tiny_pictures",
    ],
)


loaders_for_one_epoch = changed(
    loaders_plain,
    "return train_loader, test_loader",
    "return iter(train_loader), iter(test_loader)",
    fails=["shuffles_anew_in_every_epoch", "shows_every_example_once"],
)


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


softmax_probabilities = changed(
    SoftmaxInOneSequence,
    "return self.layers(images)",
    "return self.layers(images).softmax(dim=1)",
    fails=["returns_linear_scores"],
)
softmax_log_probabilities = changed(
    SoftmaxInOneSequence,
    "return self.layers(images)",
    "return self.layers(images).log_softmax(dim=1)",
    fails=["returns_linear_scores"],
)
softmax_over_the_batch = changed(
    SoftmaxInOneSequence,
    "return self.layers(images)",
    "return self.layers(images).softmax(dim=0)",
    fails=["returns_linear_scores"],
)
softmax_with_relu = changed(
    SoftmaxInOneSequence,
    "nn.Linear(pixels, classes))",
    "nn.Linear(pixels, classes), nn.ReLU())",
    fails=["returns_linear_scores"],
)
softmax_of_absolute_pixels = changed(
    SoftmaxInOneSequence,
    "return self.layers(images)",
    "return self.layers(images.abs())",
    fails=["returns_linear_scores"],
)
softmax_without_bias = changed(
    SoftmaxInOneSequence,
    "nn.Linear(pixels, classes)",
    "nn.Linear(pixels, classes, bias=False)",
    fails=["registers_one_layer"],
)
softmax_for_digits_only = changed(
    SoftmaxInOneSequence,
    "nn.Linear(pixels, classes)",
    "nn.Linear(784, 10)",
    fails=["registers_one_layer", "returns_linear_scores", "scores_a_single_image"],
)
softmax_drops_the_batch = changed(
    SoftmaxByHand,
    "images.reshape(len(images), -1)",
    "images.flatten()",
    fails=["scores_three_images", "returns_linear_scores", "scores_a_single_image"],
)
softmax_squeezes = changed(
    SoftmaxByHand,
    "images.reshape(len(images), -1)",
    "images.reshape(len(images), -1).squeeze()",
    fails=["scores_a_single_image"],
)
softmax_only_the_rows = changed(
    SoftmaxByHand,
    "images.reshape(len(images), -1)",
    "images.flatten(2)",
    fails=["scores_three_images", "returns_linear_scores", "scores_a_single_image"],
)


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


mlp_always_drops = changed(
    MLPOfFunctions,
    ", training=self.training",
    "",
    fails=["computes_an_mlp_by_hand", "keeps_all_units_in_evaluation"],
    hint_of="keeps_all_units_in_evaluation",
)
mlp_never_drops = changed(
    MLPOfFunctions, "training=self.training", "training=False", fails=["drops_every_hidden_unit"]
)
mlp_drops_a_fixed_share = changed(
    MLPOfModules,
    "nn.Dropout(dropout)",
    "nn.Dropout(0.5 if dropout else 0.0)",
    fails=["drops_every_hidden_unit"],
)
mlp_drops_the_pixels = changed(
    MLPOfModules,
    "out = self.dropout(layer(out).relu())",
    "out = layer(self.dropout(out)).relu()",
    fails=["drops_every_hidden_unit"],
)
mlp_drops_in_the_first_layer_only = changed(
    MLPOfModules,
    "out = self.dropout(layer(out).relu())",
    "out = layer(out).relu()\n"
    "            out = self.dropout(out) if layer is self.layers[0] else out",
    fails=["drops_every_hidden_unit"],
)
mlp_drops_the_scores = changed(
    MLPOfModules,
    "return self.layers[-1](out)",
    "return self.dropout(self.layers[-1](out))",
    fails=["drops_every_hidden_unit"],
)
mlp_without_relu = changed(
    MLPOfModules,
    "layer(out).relu()",
    "layer(out)",
    fails=["computes_an_mlp_by_hand", "follows_the_mlp_formula"],
)
mlp_with_sigmoid = changed(
    MLPOfModules,
    "layer(out).relu()",
    "layer(out).sigmoid()",
    fails=["computes_an_mlp_by_hand", "follows_the_mlp_formula"],
)
mlp_relu_at_the_end = changed(
    MLPOfModules,
    "return self.layers[-1](out)",
    "return self.layers[-1](out).relu()",
    fails=["follows_the_mlp_formula", "drops_every_hidden_unit"],
)
mlp_softmax_at_the_end = changed(
    MLPOfModules,
    "return self.layers[-1](out)",
    "return self.layers[-1](out).softmax(dim=1)",
    fails=["computes_an_mlp_by_hand", "follows_the_mlp_formula", "drops_every_hidden_unit"],
    hint_of="follows_the_mlp_formula",
)
mlp_softmax_over_the_batch = changed(
    MLPOfModules,
    "return self.layers[-1](out)",
    "return self.layers[-1](out).softmax(dim=0)",
    fails=["computes_an_mlp_by_hand", "follows_the_mlp_formula", "drops_every_hidden_unit"],
    hint_of="follows_the_mlp_formula",
)
mlp_squeezes = changed(
    MLPOfModules,
    "return self.layers[-1](out)",
    "return self.layers[-1](out).squeeze()",
    fails=["feeds_a_single_image_through"],
)
mlp_drops_the_batch = changed(
    MLPOfModules,
    "images.flatten(1)",
    "images.flatten()",
    fails=[
        "computes_an_mlp_by_hand",
        "follows_the_mlp_formula",
        "keeps_all_units_in_evaluation",
        "drops_every_hidden_unit",
        "feeds_a_single_image_through",
    ],
)


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


mlp_without_bias = changed(
    MLPOfModules,
    "nn.Linear(widths[k], widths[k + 1])",
    "nn.Linear(widths[k], widths[k + 1], bias=k == len(hidden))",
    fails=["registers_every_hidden_layer", "computes_an_mlp_by_hand", "follows_the_mlp_formula"],
)


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


cnn_one_pooling = changed(
    LeNet,
    "nn.functional.max_pool2d(self.conv2(out).relu(), 2)",
    "self.conv2(out).relu()[:, :, ::2, ::2]",
    fails=["alternates_convolutions_and_pooling"],
)
cnn_average_pooling = changed(
    LeNet,
    "nn.functional.max_pool2d(self.conv2(out).relu(), 2)",
    "nn.functional.avg_pool2d(self.conv2(out).relu(), 2)",
    fails=["alternates_convolutions_and_pooling"],
)
cnn_pools_twice_at_the_end = changed(
    LeNet,
    "nn.functional.max_pool2d(self.norm1(self.conv1(images)).relu(), 2)\n"
    "        out = nn.functional.max_pool2d(self.conv2(out).relu(), 2)",
    "self.conv2(self.norm1(self.conv1(images)).relu()).relu()\n"
    "        out = nn.functional.max_pool2d(nn.functional.max_pool2d(out, 2)[:, :, 1:11, 1:11], 2)",
    fails=["alternates_convolutions_and_pooling"],
)
cnn_one_nonlinearity = changed(
    LeNet,
    "nn.functional.max_pool2d(self.norm1(self.conv1(images)).relu(), 2)\n"
    "        out = nn.functional.max_pool2d(self.conv2(out).relu(), 2)",
    "nn.functional.max_pool2d(self.norm1(self.conv1(images)), 2)\n"
    "        out = nn.functional.max_pool2d(self.conv2(out), 2)",
    fails=["has_a_nonlinearity_in_each_block"],
)
cnn_without_normalisation = changed(
    LeNet, "nn.BatchNorm2d(6)", "nn.Identity()", fails=["normalises_over_the_batch"]
)
cnn_group_normalisation = changed(
    LeNet, "nn.BatchNorm2d(6)", "nn.GroupNorm(2, 6)", fails=["normalises_over_the_batch"]
)
cnn_normalises_always = changed(
    LeNet,
    "nn.BatchNorm2d(6)",
    "nn.BatchNorm2d(6, track_running_stats=False)",
    fails=["normalises_over_the_batch", "treats_every_image_alone"],
)
cnn_without_dropout = changed(
    LeNet, "nn.Dropout(0.5)", "nn.Identity()", fails=["switches_dropout_with_the_mode"]
)
cnn_always_drops = changed(
    LeNet,
    "self.drop(self.dense1(out.flatten(1)).relu())",
    "nn.functional.dropout(self.dense1(out.flatten(1)).relu(), 0.3)",
    fails=["switches_dropout_with_the_mode", "treats_every_image_alone"],
)
cnn_softmax = changed(
    LeNet,
    "return self.dense2(out)",
    "return self.dense2(out).softmax(dim=1)",
    fails=["returns_raw_scores"],
)
cnn_log_softmax = changed(
    LeNet,
    "return self.dense2(out)",
    "return self.dense2(out).log_softmax(dim=1)",
    fails=["returns_raw_scores"],
)
cnn_softmax_over_the_batch = changed(
    LeNet,
    "return self.dense2(out)",
    "return self.dense2(out).softmax(dim=0)",
    fails=["returns_raw_scores", "treats_every_image_alone"],
)
cnn_relu_at_the_end = changed(
    LeNet,
    "return self.dense2(out)",
    "return self.dense2(out).relu()",
    fails=["returns_raw_scores"],
)
cnn_squeezes = changed(
    LeNet,
    "return self.dense2(out)",
    "return self.dense2(out).squeeze()",
    fails=["treats_every_image_alone"],
)
cnn_flattens_the_batch = changed(
    LeNet,
    "self.dense1(out.flatten(1))",
    "self.dense1(out.flatten())",
    fails=[
        "scores_four_digits",
        "alternates_convolutions_and_pooling",
        "has_a_nonlinearity_in_each_block",
        "normalises_over_the_batch",
        "switches_dropout_with_the_mode",
        "returns_raw_scores",
        "treats_every_image_alone",
        "trains_its_convolutions",
        "learns_ten_patterns",
    ],
)
cnn_forgets_the_batch = changed(
    LeNet,
    "out.flatten(1)",
    "out.mean(dim=0, keepdim=True).expand_as(out).flatten(1)",
    fails=["treats_every_image_alone", "learns_ten_patterns"],
)
cnn_cuts_the_graph = changed(
    LeNet, "out.flatten(1)", "out.detach().flatten(1)", fails=["trains_its_convolutions"]
)
cnn_in_a_list = changed(
    LeNet,
    "self.conv2 = nn.Conv2d(6, 16, 5)",
    "self.others = [nn.Conv2d(6, 16, 5)]\n        self.conv2 = lambda out: self.others[0](out)",
    fails=["trains_its_convolutions"],
)
cnn_constant = changed(
    LeNet,
    "out.flatten(1)",
    "0 * out.flatten(1)",
    fails=["learns_ten_patterns"],
)
cnn_far_too_much_dropout = changed(
    LeNet, "nn.Dropout(0.5)", "nn.Dropout(0.99)", fails=["learns_ten_patterns"]
)
cnn_too_many_parameters = changed(
    LeNet,
    "self.drop = nn.Dropout(0.5)",
    "self.drop = nn.Dropout(0.5)\n        self.spare = nn.Linear(1000, 500)",
    fails=["scores_four_digits"],
)


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


train_mean_of_means = changed(
    train_plain,
    "total += len(labels) * loss.item()\n        count += len(labels)",
    "total += loss.item()\n        count += 1",
    fails=["averages_over_the_examples"],
)
train_sum_of_losses = changed(
    train_plain,
    "return total / count",
    "return total",
    fails=[
        "trains_on_one_batch",
        "averages_over_the_examples",
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
        "uses_the_given_loss_function",
    ],
)
train_last_loss = changed(
    train_plain,
    "return total / count",
    "return loss.item()",
    fails=["averages_over_the_examples"],
)
train_loss_after_the_step = changed(
    train_plain,
    "total += len(labels) * loss.item()",
    "total += len(labels) * loss_function(model(images), labels).item()",
    fails=[
        "trains_on_one_batch",
        "lowers_the_loss_of_one_batch",
        "overfits_in_training_mode",
        "repeats_the_same_step",
    ],
)
train_without_zero_grad = changed(
    train_plain,
    "optimizer.zero_grad()",
    "pass",
    fails=["steps_after_every_batch", "forgets_older_gradients", "repeats_the_same_step"],
)
train_zero_grad_last = changed(
    train_plain,
    "        optimizer.zero_grad()\n        loss = loss_function(model(images), labels)\n"
    "        loss.backward()\n        optimizer.step()",
    "        loss = loss_function(model(images), labels)\n"
    "        loss.backward()\n        optimizer.step()\n        optimizer.zero_grad()",
    fails=["forgets_older_gradients"],
)
train_zero_grad_after_backward = changed(
    train_plain,
    "        optimizer.zero_grad()\n        loss = loss_function(model(images), labels)\n"
    "        loss.backward()",
    "        loss = loss_function(model(images), labels)\n"
    "        loss.backward()\n        optimizer.zero_grad()",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
        "uses_the_given_optimizer",
    ],
)
train_zero_grad_once = changed(
    train_plain,
    "        optimizer.zero_grad()\n        loss =",
    "        if count == 0:\n            optimizer.zero_grad()\n        loss =",
    fails=["steps_after_every_batch"],
)
train_without_a_step = changed(
    train_plain,
    "optimizer.step()",
    "pass",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
        "uses_the_given_optimizer",
    ],
)
train_without_backward = changed(
    train_plain,
    "loss.backward()",
    "pass",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
        "uses_the_given_optimizer",
    ],
)
train_step_before_backward = changed(
    train_plain,
    "        loss.backward()\n        optimizer.step()",
    "        optimizer.step()\n        loss.backward()",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
        "uses_the_given_optimizer",
    ],
)
train_one_step_an_epoch = changed(
    train_plain,
    "        optimizer.step()\n        total += len(labels) * loss.item()\n"
    "        count += len(labels)\n",
    "        total += len(labels) * loss.item()\n        count += len(labels)\n"
    "    optimizer.step()\n",
    fails=["steps_after_every_batch"],
)
train_softmax_first = changed(
    train_plain,
    "loss_function(model(images), labels)",
    "loss_function(model(images).softmax(dim=1), labels)",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "averages_over_the_examples",
        "repeats_the_same_step",
        "uses_the_given_loss_function",
    ],
)
train_softmax_over_the_batch = changed(
    train_plain,
    "loss_function(model(images), labels)",
    "loss_function(model(images).softmax(dim=0), labels)",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "averages_over_the_examples",
        "repeats_the_same_step",
        "uses_the_given_loss_function",
    ],
)
train_in_any_mode = changed(
    train_plain,
    "model.train()",
    "pass",
    fails=["trains_in_training_mode", "overfits_in_training_mode"],
)
train_in_evaluation_mode = changed(
    train_plain,
    "model.train()",
    "model.eval()",
    fails=["trains_in_training_mode", "overfits_in_training_mode"],
)
train_own_optimizer = changed(
    train_plain,
    "model.train()",
    "model.train()\n    optimizer = torch.optim.Adam(model.parameters())",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "uses_the_given_optimizer",
        "repeats_the_same_step",
    ],
    hint_of="uses_the_given_optimizer",
)
train_old_models_optimizer = changed(
    train_plain,
    "model.train()",
    "model.train()\n    old = nn.Linear(2, 2)\n"
    "    optimizer = torch.optim.SGD(old.parameters(), lr=0.1)",
    fails=[
        "trains_on_one_batch",
        "steps_after_every_batch",
        "uses_the_given_optimizer",
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
    ],
    hint_of="uses_the_given_optimizer",
)


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


train_always_cross_entropy = changed(
    train_plain,
    "loss_function(model(images), labels)",
    "nn.functional.cross_entropy(model(images), labels)",
    fails=["uses_the_given_loss_function"],
)
train_returns_a_tensor = changed(
    train_plain,
    "return total / count",
    "return torch.tensor(total / count)",
    fails=["returns_the_loss_as_a_float", "collects_plain_floats"],
)
train_returns_a_graph = changed(
    train_plain,
    "loss.item()",
    "loss",
    fails=[
        "returns_the_loss_as_a_float",
        "frees_the_graph_of_every_batch",
        "collects_plain_floats",
    ],
    hint_of="frees_the_graph_of_every_batch",
)
train_keeps_graphs = changed(
    train_plain,
    "total += len(labels) * loss.item()\n        count += len(labels)\n    return total / count",
    "total = total + len(labels) * loss\n        count += len(labels)\n"
    "    return (total / count).item()",
    fails=["frees_the_graph_of_every_batch"],
)
train_images_stay = changed(
    train_plain,
    "images.to(device), labels.to(device)",
    "images, labels.to(device)",
    fails=["moves_batches_to_the_model"],
)
train_labels_stay = changed(
    train_plain,
    "images.to(device), labels.to(device)",
    "images.to(device), labels",
    fails=["moves_batches_to_the_model"],
)
train_first_batch_only = changed(
    train_plain,
    "        count += len(labels)\n",
    "        count += len(labels)\n        return total / count\n",
    fails=["steps_after_every_batch", "averages_over_the_examples", "moves_batches_to_the_model"],
)


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


evaluate_mean_of_means = changed(
    evaluate_plain,
    "            loss += len(labels) * nn.functional.cross_entropy(logits, labels).item()\n"
    "            hits += int((logits.max(dim=1).indices == labels).sum())\n"
    "            count += len(labels)",
    "            loss += nn.functional.cross_entropy(logits, labels).item()\n"
    "            hits += (logits.max(dim=1).indices == labels).double().mean().item()\n"
    "            count += 1",
    fails=["is_exact_for_a_ragged_loader"],
)
evaluate_loss_mean_of_means = changed(
    evaluate_plain,
    "return loss / count, hits / count",
    "return nn.functional.cross_entropy(logits, labels).item(), hits / count",
    fails=["is_exact_for_a_ragged_loader"],
)
evaluate_percentage = changed(
    evaluate_plain,
    "hits / count",
    "100 * hits / count",
    fails=["evaluates_one_batch", "is_exact_for_a_ragged_loader"],
)
evaluate_hits = changed(
    evaluate_plain,
    "hits / count",
    "float(hits)",
    fails=["evaluates_one_batch", "is_exact_for_a_ragged_loader"],
)
evaluate_summed_loss = changed(
    evaluate_plain,
    "loss / count, ",
    "loss, ",
    fails=["evaluates_one_batch", "is_exact_for_a_ragged_loader"],
)
evaluate_softmax_first = changed(
    evaluate_plain,
    "cross_entropy(logits, labels)",
    "cross_entropy(logits.softmax(dim=1), labels)",
    fails=["is_exact_for_a_ragged_loader"],
)
evaluate_softmax_over_the_batch = changed(
    evaluate_plain,
    "logits = model(images)",
    "logits = model(images).softmax(dim=0)",
    fails=["is_exact_for_a_ragged_loader", "evaluates_one_batch"],
)
evaluate_best_example_of_a_class = changed(
    evaluate_plain,
    "(logits.max(dim=1).indices == labels).sum()",
    "(labels[logits.max(dim=0).indices] == torch.arange(logits.shape[1])).sum()",
    fails=["evaluates_one_batch", "is_exact_for_a_ragged_loader"],
)
evaluate_least_score = changed(
    evaluate_plain,
    "logits.max(dim=1)",
    "logits.min(dim=1)",
    fails=["evaluates_one_batch", "is_exact_for_a_ragged_loader"],
)
evaluate_always_the_same = changed(
    evaluate_plain,
    "(logits.max(dim=1).indices == labels).sum()",
    "(labels.mode().values == labels).sum()",
    fails=["is_exact_for_a_ragged_loader"],
)
evaluate_one_batch = changed(
    evaluate_plain,
    "            count += len(labels)\n",
    "            count += len(labels)\n            break\n",
    fails=[
        "is_exact_for_a_ragged_loader",
        "evaluates_in_evaluation_mode",
        "records_no_gradients",
        "evaluates_on_the_device_of_the_model",
    ],
)
evaluate_in_any_mode = changed(
    evaluate_plain, "model.eval()", "pass", fails=["evaluates_in_evaluation_mode"]
)
evaluate_leaves_evaluation_mode = changed(
    evaluate_plain, "model.train(before)", "pass", fails=["restores_the_mode"]
)
evaluate_leaves_training_mode = changed(
    evaluate_plain, "model.train(before)", "model.train()", fails=["restores_the_mode"]
)
evaluate_records = changed(
    evaluate_plain, "torch.no_grad()", "torch.enable_grad()", fails=["records_no_gradients"]
)
evaluate_returns_tensors = changed(
    evaluate_plain,
    "return loss / count, hits / count",
    "return torch.tensor(loss / count), torch.tensor(hits / count)",
    fails=["returns_two_floats"],
)
evaluate_tensor_accuracy = changed(
    evaluate_plain,
    "int((logits.max(dim=1).indices == labels).sum())",
    "(logits.max(dim=1).indices == labels).sum()",
    fails=["returns_two_floats"],
)
evaluate_images_stay = changed(
    evaluate_plain,
    "images.to(device), labels.to(device)",
    "images, labels.to(device)",
    fails=["evaluates_on_the_device_of_the_model"],
)
evaluate_labels_stay = changed(
    evaluate_plain,
    "images.to(device), labels.to(device)",
    "images.to(device), labels",
    fails=["evaluates_on_the_device_of_the_model"],
)


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


overfit_accumulates = changed(
    overfit_with_a_loop, "optimizer.zero_grad()", "pass", fails=["repeats_the_same_step"]
)
overfit_without_a_step = changed(
    overfit_with_a_loop,
    "optimizer.step()",
    "pass",
    fails=["lowers_the_loss_of_one_batch", "repeats_the_same_step"],
)
overfit_softmax_first = changed(
    overfit_with_a_loop,
    "model(images), labels)\n",
    "model(images).softmax(dim=1), labels)\n",
    fails=["repeats_the_same_step"],
)
overfit_example_by_example = changed(
    overfit_with_train_epoch,
    "[(images, labels)]",
    "list(zip(images.split(1), labels.split(1)))",
    fails=["repeats_the_same_step", "lowers_the_loss_of_one_batch", "overfits_in_training_mode"],
)
overfit_one_step_more = changed(
    overfit_with_a_loop,
    "range(steps)",
    "range(steps + 1)",
    fails=[
        "lowers_the_loss_of_one_batch",
        "repeats_the_same_step",
        "collects_plain_floats",
        "overfits_in_training_mode",
    ],
)
overfit_tensors = changed(
    overfit_with_a_loop, "loss.item()", "loss.detach()", fails=["collects_plain_floats"]
)
overfit_graphs = changed(
    overfit_with_a_loop, "loss.item()", "loss", fails=["collects_plain_floats"]
)
overfit_in_any_mode = changed(
    overfit_with_a_loop, "model.train()", "pass", fails=["overfits_in_training_mode"]
)
overfit_in_evaluation_mode = changed(
    overfit_with_a_loop, "model.train()", "model.eval()", fails=["overfits_in_training_mode"]
)
overfit_only_the_last_loss = changed(
    overfit_with_a_loop,
    "return losses",
    "return losses[-1:]",
    fails=["lowers_the_loss_of_one_batch", "repeats_the_same_step", "collects_plain_floats"],
)


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


matrix_transposed = changed(
    matrix_by_loop,
    "matrix[label, prediction]",
    "matrix[prediction, label]",
    fails=["counts_four_predictions", "counts_repeated_pairs", "has_rows_for_absent_classes"],
    hint_of="counts_repeated_pairs",
)


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


matrix_of_floats = changed(
    matrix_by_loop, ", dtype=torch.int64", "", fails=["counts_in_whole_numbers"]
)
matrix_of_int32 = changed(
    matrix_by_loop, "torch.int64", "torch.int32", fails=["counts_in_whole_numbers"]
)
matrix_of_shares = changed(
    matrix_by_loop,
    "return matrix",
    "return matrix / matrix.sum(dim=1, keepdim=True)",
    fails=[
        "counts_four_predictions",
        "counts_repeated_pairs",
        "has_rows_for_absent_classes",
        "counts_in_whole_numbers",
    ],
)
matrix_of_mistakes_only = changed(
    matrix_by_loop,
    "matrix[label, prediction] += 1",
    "matrix[label, prediction] += label != prediction",
    fails=["counts_four_predictions", "counts_repeated_pairs", "has_rows_for_absent_classes"],
)


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


mistakes_and_others = changed(
    mistakes_by_probability,
    "order[wrong[order]][:count]",
    "order[:count]",
    fails=["leaves_out_what_is_right", "returns_fewer_if_there_are_fewer"],
)
mistakes_least_bad = changed(
    mistakes_by_probability,
    "truth.argsort()",
    "truth.argsort(descending=True)",
    fails=["finds_two_mistakes", "sorts_by_the_loss"],
)
mistakes_by_raw_scores = changed(
    mistakes_by_probability,
    "logits.softmax(dim=1).gather",
    "logits.gather",
    fails=["sorts_by_the_loss"],
)
mistakes_by_confidence = changed(
    mistakes_by_probability,
    "logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]",
    "-logits.softmax(dim=1).amax(dim=1)",
    fails=["sorts_by_the_loss"],
)
mistakes_softmax_over_the_batch = changed(
    mistakes_by_probability,
    "logits.softmax(dim=1).gather",
    "logits.softmax(dim=0).gather",
    fails=["sorts_by_the_loss"],
)
mistakes_unsorted = changed(
    mistakes_by_probability,
    "truth.argsort()",
    "torch.arange(len(labels))",
    fails=["finds_two_mistakes", "sorts_by_the_loss"],
)
mistakes_positions_among_mistakes = changed(
    mistakes_by_probability,
    "    order = truth.argsort()\n    wrong = logits.argmax(dim=1) != labels\n"
    "    return order[wrong[order]][:count]",
    "    wrong = logits.argmax(dim=1) != labels\n    return truth[wrong].argsort()[:count]",
    fails=[
        "finds_two_mistakes",
        "sorts_by_the_loss",
        "leaves_out_what_is_right",
        "returns_fewer_if_there_are_fewer",
    ],
)


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


mistakes_all = changed(
    mistakes_by_probability,
    "order[wrong[order]][:count]",
    "order[wrong[order]]",
    fails=["sorts_by_the_loss"],
)
mistakes_choose_then_keep = changed(
    mistakes_by_probability,
    "order[wrong[order]][:count]",
    "order[:count][wrong[order[:count]]]",
    fails=["leaves_out_what_is_right"],
)


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


shift_axes_swapped = changed(
    shift_by_roll,
    "height, width = images.shape[-2:]",
    "height, width = images.shape[-2:]\n    dx, dy = dy, dx",
    fails=ALL_SHIFTS,
)
shift_the_other_way = changed(
    shift_by_roll,
    "height, width = images.shape[-2:]",
    "height, width = images.shape[-2:]\n    dx, dy = -dx, -dy",
    fails=[
        "shifts_one_to_the_right",
        "shifts_right_and_down",
        "shifts_left_and_up",
        "fills_with_the_given_value",
    ],
)
shift_up_for_down = changed(
    shift_by_roll,
    "height, width = images.shape[-2:]",
    "height, width = images.shape[-2:]\n    dy = -dy",
    fails=["shifts_right_and_down", "shifts_left_and_up", "fills_with_the_given_value"],
)


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


shift_fills_with_zero = changed(
    shift_by_padding,
    "3 * width), fill)",
    "3 * width), 0)",
    fails=["fills_with_the_given_value", "shifts_every_image_as_a_whole"],
)
shift_clips_to_one_pixel = changed(
    shift_by_padding,
    "height, width = images.shape[-2:]",
    "height, width = images.shape[-2:]\n    dx = max(dx, -1)",
    fails=["shifts_left_and_up"],
)
shift_by_one_pixel = changed(
    shift_by_padding,
    "height, width = images.shape[-2:]",
    "height, width = images.shape[-2:]\n    dx = 1 if 0 < dx < width else dx",
    fails=["shifts_right_and_down"],
)


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


scramble_inverse = changed(
    scramble_by_assignment,
    "result[..., new] = flat[..., old]",
    "result[..., old] = flat[..., new]",
    fails=["scrambles_four_pixels", "scrambles_all_images_alike", "scrambles_every_channel_alike"],
)


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
rate_of_the_step_before = changed(
    rate_as_a_minimum, "(step + 1) / (steps + 1)", "step / steps", fails=RATES
)
rate_ends_at_zero_early = changed(
    rate_as_a_minimum, "(step + 1) / (steps + 1)", "(step + 1) / steps", fails=RATES
)
rate_warms_up_for_a_quarter_always = changed(
    rate_as_a_minimum,
    "t = (step",
    "warm_up = 0.25\n    t = (step",
    fails=["goes_up_and_down", "follows_two_straight_lines"],
    hint_of="follows_two_straight_lines",
)
rate_another_default = changed(
    rate_as_a_minimum, "warm_up=0.25", "warm_up=0.3", fails=["warms_up_for_a_quarter"]
)
rate_never_falls = changed(
    rate_as_a_minimum,
    "min(t / warm_up, (1 - t) / (1 - warm_up))",
    "min(t / warm_up, 1)",
    fails=RATES,
)
rate_never_rises = changed(
    rate_as_a_minimum,
    "min(t / warm_up, (1 - t) / (1 - warm_up))",
    "min(1, (1 - t) / (1 - warm_up))",
    fails=RATES,
)
rate_as_a_maximum = changed(rate_as_a_minimum, "min(t / warm_up", "max(t / warm_up", fails=RATES)
rate_falls_to_the_end_too_fast = changed(
    rate_as_a_minimum, "(1 - t) / (1 - warm_up)", "(1 - t) / warm_up", fails=RATES
)
rate_without_a_peak = changed(rate_as_a_minimum, "peak * min", "min", fails=RATES)
rate_limited_to_one = changed(
    rate_as_a_minimum,
    "return peak * min",
    "return min(peak, 1) * min",
    fails=["follows_two_straight_lines", "warms_up_for_a_quarter"],
)


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
smooth_nothing = changed(
    smooth_with_logsumexp,
    "-(1 - smoothing) * log_p[rows, labels] - smoothing * log_p.mean(dim=1)",
    "-log_p[rows, labels]",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_over_the_others = changed(
    smooth_with_targets,
    "smoothing / classes, requires_grad=False)",
    "smoothing / (classes - 1))\n    targets.scatter_(1, labels[:, None], 0.0)",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_adds_to_one = changed(
    smooth_with_targets,
    "1), 1 - smoothing)",
    "1), 1.0)",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_sums_over_classes = changed(
    smooth_with_logsumexp,
    "log_p.mean(dim=1)",
    "log_p.sum(dim=1)",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_mean_over_everything = changed(
    smooth_with_targets,
    ".sum(dim=1).mean()",
    ".mean()",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_sums_over_examples = changed(
    smooth_with_logsumexp,
    "loss.mean()",
    "loss.sum()",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_positive = changed(
    smooth_with_targets,
    "return -(targets",
    "return (targets",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_over_the_batch = changed(
    smooth_with_targets,
    "log_softmax(dim=1)",
    "log_softmax(dim=0)",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_twice = changed(
    smooth_with_targets,
    "logits.log_softmax(dim=1)",
    "logits.softmax(dim=1).log_softmax(dim=1)",
    fails=["smooths_two_classes", "agrees_with_smoothed_targets"],
)
smooth_overflows = changed(
    smooth_with_logsumexp,
    "logits - logits.logsumexp(dim=1, keepdim=True)",
    "(logits.exp() / logits.exp().sum(dim=1, keepdim=True)).log()",
    fails=["stands_large_scores"],
)
smooth_underflows = changed(
    smooth_with_logsumexp,
    "logits - logits.logsumexp(dim=1, keepdim=True)",
    "logits.softmax(dim=1).log()",
    fails=["stands_large_scores"],
)
smooth_a_number = changed(
    smooth_with_logsumexp,
    "return loss.mean()",
    "return loss.mean().detach()",
    fails=["passes_the_gradient_to_the_logits"],
)
smooth_on_the_cpu = changed(
    smooth_with_targets,
    "torch.full_like(logits, smoothing / classes, requires_grad=False)",
    "torch.full(logits.shape, smoothing / classes)",
    fails=["smooths_on_the_device_of_the_logits"],
)


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


random_without_the_upper_end = changed(
    shift_one_by_one,
    "most + 1, (2,)",
    "max(most, 1), (2,)",
    fails=["draws_all_shifts_alike"],
)
random_to_the_right_only = changed(
    shift_one_by_one, "randint(-most,", "randint(0,", fails=["draws_all_shifts_alike"]
)
random_along_the_diagonal = changed(
    shift_one_by_one,
    "dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()",
    "dx = dy = torch.randint(-most, most + 1, (), generator=generator).item()",
    fails=["draws_all_shifts_alike"],
)
random_by_a_bell = changed(
    shift_one_by_one,
    "torch.randint(-most, most + 1, (2,), generator=generator).tolist()",
    "(0.4 * most * torch.randn(2, generator=generator)).round().int().clamp(-most, most).tolist()",
    fails=["draws_all_shifts_alike"],
)


@wrong("random_shift", fails=["draws_all_shifts_alike"])
def random_for_the_batch(images, most, generator, fill=0):
    dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    return shift_images(images, dx, dy, fill)


random_wraps = changed(
    shift_one_by_one,
    "shift_images(image, dx, dy, fill)",
    "image.roll((dy, dx), (-2, -1))",
    fails=["shifts_every_image_as_a_whole", "draws_all_shifts_alike"],
)
random_fills_with_zero = changed(
    shift_one_by_one,
    "shift_images(image, dx, dy, fill)",
    "shift_images(image, dx, dy)",
    fails=["shifts_every_image_as_a_whole"],
)
random_too_far = changed(
    shift_one_by_one,
    "randint(-most, most + 1",
    "randint(-most - 1, most + 2",
    fails=["moves_a_pixel_by_one", "shifts_every_image_as_a_whole", "draws_all_shifts_alike"],
    hint_of="shifts_every_image_as_a_whole",
)
random_channels_apart = changed(
    shift_one_by_one,
    "        dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()\n"
    "        result.append(shift_images(image, dx, dy, fill))",
    "        moves = torch.randint(-most, most + 1, (len(image), 2), generator=generator)\n"
    "        pairs = zip(image, moves.tolist(), strict=True)\n"
    "        result.append(torch.stack([shift_images(c, a, b, fill) for c, (a, b) in pairs]))",
    fails=["shifts_every_image_as_a_whole"],
)
random_of_the_global_generator = changed(
    shift_one_by_one, ", generator=generator", "", fails=["draws_from_the_generator"]
)
random_starts_again = changed(
    shift_one_by_one,
    "result = []",
    "result = []\n    generator = torch.Generator().manual_seed(0)",
    fails=["draws_from_the_generator"],
)
random_one_axis_global = changed(
    shift_by_index,
    "left = torch.randint(2 * most + 1, (count,), generator=generator)",
    "left = torch.randint(2 * most + 1, (count,))",
    fails=["draws_from_the_generator"],
)


@wrong("random_shift", fails=["leaves_the_batch_alone"])
def random_in_place(images, most, generator, fill=0):
    original = images
    for k, image in enumerate(images.clone()):
        dx, dy = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
        original[k] = shift_images(image, dx, dy, fill)
    return original.clone()
