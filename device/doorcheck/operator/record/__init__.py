"""Who did what: signed entries in a chain, and the lists that they vouch for."""
