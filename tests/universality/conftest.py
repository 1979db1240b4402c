"""Tables of planted falls, for all tests of this room."""

import pytest
from planted_falls import falling, falling_table


@pytest.fixture
def tables(tmp_path):
    def make(name, **planted):
        options = {key: planted.pop(key) for key in ("noise", "sizes", "sigmas") if key in planted}
        return falling_table(tmp_path / f"{name}.csv", falling(**planted), **options)

    return make
