"""The science: noise curves, their crossings and widths, and the laws by which they scale.

Nothing is imported here, so that the options of the command line cost nothing.
"""
