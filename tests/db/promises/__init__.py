"""What the store promises, against kills, clocks, power cuts and many hands."""
