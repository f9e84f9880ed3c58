"""How a candidate is taken from stage to stage: candidate, gate, waivers, promotion, command line."""

VERSION = "0.1.0"
