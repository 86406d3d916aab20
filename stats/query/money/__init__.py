"""Money from payments: what came in, was given back, and recurs. Typed values in and out; the text is in `compile`."""
