"""How a candidate is taken from stage to stage: candidate, gate, waivers, promotion, command line."""
