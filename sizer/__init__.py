"""sizer: how many parameters an image classifier needs under noise, answered from small models."""

__version__ = "0.1.0"
