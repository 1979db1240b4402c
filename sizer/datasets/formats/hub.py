"""Data sets of the Hugging Face hub; the only ones that may use the network."""

import hashlib
import re
from functools import partial

from sizer.datasets.format import Format
from sizer.datasets.opening import open_pictures
from sizer.datasets.picture_set import PictureDataset
from sizer.datasets.splits import Split
from sizer.datasets.survey import Reading
from sizer.datasets.table import TableSource, filling_cache, quiet
from sizer.errors import DataError
from sizer.io import cache_folder

# Without an owner, `datasets` may take a name for a format, and look for its files right here.
PREFIX = "hf:"
NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def open_hub(spec: str, split: Split, reading: Reading) -> PictureDataset:
    """The data set `hf:NAME`, downloaded once into the caches of the hub and of sizer.

    Its fingerprint is that of the revision, since the hub identifies content by it. Without a
    network, the copy in the cache is used. Raises DataError where there is neither.
    """
    import datasets

    name = spec.removeprefix(PREFIX)
    if not NAME.fullmatch(name):
        raise DataError(
            f"{spec}: not a name on the hub; write its owner too, as in hf:uoft-cs/cifar100"
        )
    with quiet(), filling_cache(spec, "check the name and the network"):
        # The prefix hf:// keeps a folder of the same name here from being read instead.
        builder = datasets.load_dataset_builder(
            f"hf://datasets/{name}", cache_dir=str(cache_folder() / "hub")
        )
        builder.download_and_prepare()
    revision = str(builder.hash)

    def source(name_of_split: str) -> TableSource:
        parts = (name, revision, name_of_split)
        identity = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        table = builder.as_dataset(split=name_of_split)
        return TableSource(table, spec, identity, reading.tell, linked=True)

    sources = {
        name_of_split: partial(source, name_of_split) for name_of_split in builder.info.splits
    }
    return open_pictures(spec, sources, split, reading, divide=False)


FORMAT = Format(
    "hf:NAME for a data set of the Hugging Face hub",
    lambda spec: spec.startswith(PREFIX),
    open_hub,
)
