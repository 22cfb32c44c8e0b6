"""How well whole searches do, from the first proposal to the last repeat, on measured tables."""
