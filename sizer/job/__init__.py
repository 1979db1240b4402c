"""From a folder of pictures to a verified model: the loop of `sizer start`, and `sizer verify`."""
