"""The predictive distribution of accuracy over size and noise, and what follows from it.

Nothing is imported here, so that a question loads only what it needs.
"""
