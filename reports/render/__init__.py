"""Renders a run folder: HTML for people, JUnit and CTRF for machines, one screen for the terminal."""

from reports.render.all import render_all
from reports.render.html import render_html

__all__ = ["render_all", "render_html"]
