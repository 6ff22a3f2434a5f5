"""Ways to run sweeps beside the program that asks for them."""
