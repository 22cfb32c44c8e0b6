"""How wrong forecasts are: real trainings of the digits study, each forecast from the others.

    python benchmarks/predictions.py                       # trains 40 networks: about three minutes
    python benchmarks/predictions.py --keep trials.json    # and keeps what was measured
    python benchmarks/predictions.py --replay trials.json  # evaluates it again, without training

Random configurations of the study's own space (its rule on parameters left out, its rule on groups
kept) are trained one after the other by the service's own trial server, each for whole epochs until
two seconds are over. Then, many times over: a model learns from n of them in a random choice and
forecasts all others. Printed for each quantity and n: the share of measured values within the
central 90 % interval, how wide that is (its upper end over the middle), the median error of the
middle, the share within 20 %, and the median error of a constant (the median of the n) beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from satisfice.domain.economics.cost import Cost
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.prediction.model import Observation, learn, observe
from satisfice.domain.rules.predicted import (
    CHECKPOINT,
    EPOCH_SECONDS,
    LATENCY_P50,
    LATENCY_P95,
    MEMORY,
)
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Space
from satisfice.domain.study import Study
from satisfice.domain.trials.history import TrialRecord, TrialState
from satisfice.domain.trials.orders import record_of, trial_seed
from satisfice.flows.coordination.orders import OrderBook
from satisfice.tasks.sampling.proposer import random_configurations
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order

HERE = Path(__file__).resolve().parent
QUANTITIES = (MEMORY, CHECKPOINT, EPOCH_SECONDS, LATENCY_P50, LATENCY_P95)
SECONDS = 2.0
CHOICES = 40  # random choices of what is learnt from
LEARNT_FROM = (0, 1, 2, 5, 10, 20)


@dataclass(frozen=True)
class Seen:
    """What a training says of one quantity, as a file can hold it."""

    name: str
    observation: Observation


def trained(study: Study, count: int) -> Iterator[Seen]:
    """Train random configurations, and yield what they say."""
    asking = RuleBook((Rule("asks", Expression(f"{' + '.join(QUANTITIES)} > 0")),))
    space, allowed = study.space, study.rules.without_predictions
    drawn = random_configurations(space, 100 * count, study.seed)
    chosen = islice((one for one in drawn if allowed.allow(one, {})), count)
    with TrialServer(replace(study, rules=asking)) as server:
        digest = server.ready().digest
        book = OrderBook(server.study, f"{study.name}-predictions", digest)
        for number, params in enumerate(chosen):
            begun = TrialRecord(
                number, params, TrialState.RUNNING, seed=trial_seed(study.seed, number)
            )
            sizes = server.predict(params)
            verdict = allowed.judge(params, {})
            order = book.order(begun, verdict, 1, Cost(seconds=SECONDS))
            Path(order.folder).mkdir(parents=True, exist_ok=True)
            record = record_of(order, run_order(order, study.prices, server))
            found = [(name, observe(name, record, sizes)) for name in QUANTITIES]
            yield from (Seen(name, one) for name, one in found if one is not None)
            print(f"\r{number + 1} of {count} trained", end="", file=sys.stderr)
    print(file=sys.stderr)


def evaluate(name: str, space: Space, seen: list[Observation]) -> None:
    """Print how well each number of trials forecasts the others."""
    values = sorted(one.value for one in seen)
    print(f"{name}: {len(seen)} trials, {values[0]:.4g} to {values[-1]:.4g}")
    chance = random.Random(0)
    for count in LEARNT_FROM:
        if count >= len(seen):
            break
        inside, factors, errors, constant = [], [], [], []
        for _ in range(CHOICES):
            mixed = chance.sample(seen, len(seen))
            known, others = mixed[:count], mixed[count:]
            model = learn(name, space, known)
            middle = statistics.median(one.value for one in known) if known else None
            for one in others:
                said = model.forecast(one.params, one.sizes)
                inside.append(said.at(0.05) <= one.value <= said.at(0.95))
                factors.append(said.at(0.95) / said.median)
                errors.append(abs(said.median / one.value - 1))
                if middle is not None:
                    constant.append(abs(middle / one.value - 1))
        beside = f"{statistics.median(constant):>8.0%}" if constant else f"{'-':>8}"
        print(
            f"  after {count:>2}: within 90 % interval {statistics.mean(inside):>4.0%} "
            f"(a factor of {statistics.median(factors):>5.2f}), "
            f"median error {statistics.median(errors):>4.0%}, "
            f"within 20 % {statistics.mean(one <= 0.2 for one in errors):>4.0%}; "
            f"a constant: {beside}"
        )


def main() -> None:
    """Train or replay, and print."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--trials", type=int, default=40)
    read.add_argument("--keep", type=Path)
    read.add_argument("--replay", type=Path)
    given = read.parse_args()
    study = read_study(HERE.parent / "studies" / "digits")
    if given.replay is not None:
        kept = json.loads(given.replay.read_text())
        seen = [Seen(one["name"], Observation(**one["observation"])) for one in kept]
    else:
        with tempfile.TemporaryDirectory() as home:
            os.environ["SATISFICE_HOME"] = home
            seen = list(trained(study, given.trials))
    if given.keep is not None:
        given.keep.write_text(json.dumps([asdict(one) for one in seen]))
    for name in QUANTITIES:
        evaluate(name, study.space, [one.observation for one in seen if one.name == name])


if __name__ == "__main__":
    main()
