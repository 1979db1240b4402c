"""What the site of the documents has beside docs/: README first, the files linked to, the API."""

import inspect
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

import sizer

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
}
LINKED = InclusionLevel.NOT_IN_NAV
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")  # a link of docs/ to a file that lies outside


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files that lie outside docs/, and the reference."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "reference.md", content=reference()))
    texts = [file.content_string for file in files.documentation_pages()]
    for name in {name for text in texts for name in OUTSIDE.findall(text)} - PAGES.keys():
        place = str(ROOT / name)
        files.append(File.generated(config, name, abs_src_path=place, inclusion=LINKED))
    return files


def on_page_markdown(markdown: str, **_kwargs: object) -> str:
    """On the site, all lies below its first page."""
    return OUTSIDE.sub(r"](\1", markdown)


def reference() -> str:
    """Every public function, what it returns, and the errors, as mkdocstrings takes them."""
    public = [getattr(sizer, name) for name in sizer.__all__ if name != "errors"]
    functions = [value for value in public if inspect.isfunction(value)]
    records = {inspect.signature(function).return_annotation for function in functions}
    records |= set(public) - set(functions)
    parts = {
        "Functions": functions,
        "Records": sorted(records, key=lambda record: str(record.__name__)),
        "Errors": [value for value in vars(sizer.errors).values() if _is_error(value)],
    }
    return "# Reference\n\n" + "\n".join(_part(title, values) for title, values in parts.items())


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, sizer.errors.SizerError)


def _part(title: str, values: list) -> str:
    return "\n".join([f"## {title}\n", *map(_entry, values)])


def _entry(value: type) -> str:
    """Under the name that a user writes."""
    name, home = value.__name__, value.__module__
    place = "sizer" if name in sizer.__all__ else home
    options = f"      heading: {place}.{name}\n      toc_label: {name}\n"
    return f"::: {home}.{name}\n    options:\n{options}"
