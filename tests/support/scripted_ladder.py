"""A ladder of scripted models, a store in memory, and a model that asks leave before it runs."""

import os

import numpy as np
from scripted import ScriptedEvaluator, ScriptedImages, no_noise, scripted_model

from sizer.measure.cells import source_of
from sizer.noise import Noise, linear_schedule

SCHEDULE = linear_schedule()
NOISE = Noise(SCHEDULE, no_noise, seed=7)
STEPS = (0, 200, 400, 800)
IMAGES = ScriptedImages(1300)


def falling(step, parameters):
    return (1 - parameters**-0.3) / (1 + (step / 400) ** 3)


def ladder(**options):
    return [scripted_model(f"m{n}", n, falling, **options) for n in (100, 1000, 10_000)]


class MemoryStore:
    """A store that lists what was kept since it was made."""

    def __init__(self):
        self.kept = {}
        self.added = []

    def cells(self, source, classes):
        return dict(self.kept.get(source, {}))

    def keep(self, source, cell, labels):
        self.added.append((source, cell))
        self.kept.setdefault(source, {}).setdefault(cell, labels)


def contents(store, evaluators, data=IMAGES, noise=NOISE):
    """Every kept label, as bytes."""
    sources = [source_of(evaluator, data, noise) for evaluator in evaluators]
    return {
        (source, cell): labels.tobytes()
        for source in sources
        for cell, labels in store.cells(source, data.info.classes).items()
    }


class Telling(ScriptedEvaluator):
    """Asks leave on standard input for 25 images, once it has said which on standard output."""

    def __call__(self, images):
        return np.concatenate([self.told(images[i : i + 25]) for i in range(0, len(images), 25)])

    def told(self, images):
        steps, numbers, _ = self.decode(images)
        os.write(1, f"{self.info.parameters} {steps[0]} {numbers[0]}\n".encode())
        os.read(0, 1)
        return super().__call__(images)


def interrupting(after):
    """A progress that raises KeyboardInterrupt once it was told more than `after` times."""
    told = []

    def tell(done, _total):
        told.append(done)
        if len(told) > after:
            raise KeyboardInterrupt

    return tell
