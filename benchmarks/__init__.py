"""Speed of the program, in parts and as a whole, and compared with other programs."""
