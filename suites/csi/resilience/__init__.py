"""Kills, calls side by side, any order of calls."""
