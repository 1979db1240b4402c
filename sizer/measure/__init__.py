"""Which (model, step, image range) cells to run, and running them, each kept as soon as it is done.

Every model and step sees the same images under the same noise. A cell is one block of images: a
range of positions in one fixed order of the whole set, so that a longer measurement starts with
the cells of a shorter one.
"""
