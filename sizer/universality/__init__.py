"""Whether ladders belong to one class: the same shape of the fall, the same exponents."""
