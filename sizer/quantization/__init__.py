"""Networks at a lower precision, and what each loses by it."""
