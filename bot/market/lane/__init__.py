"""One account's side of the market as arrays of numbers, so that it can run in compiled code."""
