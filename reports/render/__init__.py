"""Renders a run folder: HTML for people, JUnit and CTRF for machines, one screen for the terminal."""
