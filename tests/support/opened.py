"""A model file opened in this process, without a child: for files of the tests' own."""

from sizer.inference import model
from sizer.inference.model_file import read_model_file


def open_model(path, *arguments, **named):
    return model.open_model(read_model_file(path), *arguments, **named)
