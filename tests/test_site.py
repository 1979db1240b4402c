"""The site of the documents: whole, and nothing in it is fetched from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sizer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
NOWHERE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built without a network and without a warning."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install '.[docs]'")
    place = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    built = subprocess.run(
        line, cwd=ROOT, env=os.environ | NOWHERE, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return place


def test_every_document_is_a_page(site):
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert documents < {path.stem for path in site.glob("*.html")}


def test_the_reference_has_every_public_name(site):
    page = (site / "reference.html").read_text()
    shown = set(re.findall(r"<h3[^>]*>\s*sizer\.(\w+)\s", page))
    assert shown == set(sizer.__all__) - {"errors"}


def test_a_reader_fetches_nothing(site):
    fetched = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//")
    assert [page.name for page in site.glob("*.html") if fetched.search(page.read_text())] == []
