"""A manifest is checked whole before anything of it is used."""

import json

import pytest

from sizer.errors import ModelError
from sizer.io import shipped
from sizer.networks.manifest import read_manifest

SOUND = (shipped("models") / "builtin" / "manifest.json").read_text()


def spoilt(*way, value):
    tree = json.loads(SOUND)
    holder = tree
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = value
    return json.dumps(tree)


FAULTS = {
    "a file elsewhere": (spoilt("models", 0, "file", value="../a.onnx"), "models.0.file"),
    "a file twice": (spoilt("models", 0, "file", value="small-4-seed1.onnx"), "is there twice"),
    "a hash of another kind": (spoilt("models", 0, "sha256", value="0" * 40), "models.0.sha256"),
    "no parameters": (spoilt("models", 0, "parameters", value=0), "models.0.parameters"),
    "uncountable": (spoilt("models", 0, "macs", value=10**16), "models.0.macs"),
    "more than all": (spoilt("models", 0, "clean_accuracy", value=1.01), "clean_accuracy"),
    "a loss below nothing": (spoilt("models", 0, "curve", 0, "loss", value=-1), "curve.0.loss"),
    "no epochs": (spoilt("recipe", "epochs", value=0), "the recipe of its ladder"),
    "noise backwards": (spoilt("recipe", "noise_steps", value=[9, 1]), "the recipe of its ladder"),
    "noise without end": (spoilt("recipe", "noise_steps", value=[0, 9**9]), "the recipe"),
    "one class": (spoilt("dataset", "classes", value=1), "is no data set of 1 classes"),
    "a flat picture": (spoilt("dataset", "shape", value=[16, 0, 3]), "is no data set"),
    "an open quote": (spoilt("command", value="sizer 'train"), "No closing quotation"),
    "a number that is none": (SOUND.replace('"width": 0.25', '"width": NaN', 1), "width"),
    "no object": ("[" * 5000, "content"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_makes_no_sense_is_named(fault, tmp_path):
    text, words = FAULTS[fault]
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ModelError) as raised:
        read_manifest(tmp_path)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_those_that_are_shipped_make_sense():
    folders = [folder for folder in shipped("models").iterdir() if folder.is_dir()]
    assert all(read_manifest(folder) for folder in folders)
