"""Breast tumours: 30 measurements of a cell sample, benign or malignant, and a small network."""

from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from satisfice import split

CSV = Path(__file__).with_name("tumours.csv")


def load():
    table = pd.read_csv(CSV)
    return split(table.drop(columns="target"), table["target"].to_numpy(), seed=0)


def build(params):
    width = params["width"]
    layers = [nn.BatchNorm1d(30), nn.Linear(30, width), nn.ReLU()]  # the first layer scales
    for _ in range(params["depth"] - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(params["dropout"]), nn.Linear(width, 2))


def train(trial, data):
    x, y = tensor(data.train.x), torch.from_numpy(data.train.y)
    model = build(trial.params)
    optimizer = torch.optim.AdamW(model.parameters(), lr=trial.params["lr"])
    trial.track(model=model, optimizer=optimizer)
    for _ in trial.epochs(20):
        model.train()
        for rows in torch.randperm(len(y)).split(32):
            optimizer.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        trial.report(**evaluate(model, data.validation))
    return trial.finish(example_input=x[:1])


@torch.no_grad()
def evaluate(model, split):
    model.eval()
    logits, y = model(tensor(split.x)), torch.from_numpy(split.y)
    return {
        "loss": float(cross_entropy(logits, y)),
        "accuracy": float((logits.argmax(dim=1) == y).float().mean()),
    }


def tensor(table):
    return torch.from_numpy(table.to_numpy("float32"))
