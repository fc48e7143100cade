"""How fast the program is, in parts and as a whole, beside other programs."""
