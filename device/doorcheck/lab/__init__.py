"""Ships too: a test authority, the catalogue of named flaws, and the simulated door."""
