"""What once went wrong with a file: each is kept, beside what must come of it."""

import shutil
import tomllib
from pathlib import Path

import forked
import pytest
from tiny import save_images, save_ladder

CORPUS = Path(__file__).parent / "corpus"
CASES = tomllib.loads((CORPUS / "cases.toml").read_text(encoding="utf-8"))["cases"]


def test_every_file_has_a_case():
    there = {file.name for file in CORPUS.iterdir()} - {"cases.toml"}
    assert there == {case["file"] for case in CASES}


@pytest.fixture
def place(tmp_path):
    save_ladder(tmp_path / "ladder", (2, 4))
    save_images(tmp_path / "images.npz", 60)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_it_ends_as_it_should(case, place):
    target = place / case.get("to", case["file"])
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CORPUS / case["file"], target)
    ending = forked.run(case["line"].split(), place, XDG_CACHE_HOME=str(place / "cache"))
    assert not ending.faults(), ending
    assert ending.code == case["code"], ending
    assert case.get("says", "").encode() in ending.out + ending.error
