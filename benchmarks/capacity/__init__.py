"""How many workers a load needs, how long its questions wait, and what that costs: a simulation."""
