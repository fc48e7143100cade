"""What the terminal app shows, as plain data and functions: nothing here knows a terminal."""
