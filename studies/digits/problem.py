"""Handwritten digits: the 1,797 images of scikit-learn, 8 x 8 pixels, and a small grouped CNN."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from satisfice import split

EPOCHS = 15
BATCH = 64


def load():
    digits = load_digits()
    images = digits.images[:, None].astype("float32") / 16  # n, 1, 8, 8 between 0 and 1
    return split(images, digits.target, seed=0)


def build(params):
    channels = params["channels"]
    layers = [nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    for _ in range(params["depth"]):
        grouped = nn.Conv2d(channels, channels, 3, padding=1, groups=params["groups"])
        layers += [grouped, nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * channels, 10))


def train(trial, data):
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    model = build(trial.params)
    optimizer = make_optimizer(model, trial.params)
    trial.track(model=model, optimizer=optimizer)
    for _ in trial.epochs(EPOCHS):
        model.train()
        for rows in torch.randperm(len(y)).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        trial.report(**evaluate(model, data.validation))
    return trial.finish(example_input=x[:1])


def make_optimizer(model, params):
    if params["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), lr=params["lr"], momentum=params["momentum"])
    return torch.optim.AdamW(model.parameters(), lr=params["lr"])


@torch.no_grad()
def evaluate(model, split):
    model.eval()
    guesses = model(torch.from_numpy(split.x)).argmax(dim=1).numpy()
    return {"accuracy": float((guesses == split.y).mean())}
