"""Values of the command line that say which file, folder or place: never an empty one."""

from __future__ import annotations

import argparse
from pathlib import Path


def named(text: str) -> str:
    """A value that says which file, folder or place; nothing is none of them, and would mean the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty (a variable that is not set?). Give a value, or leave it out.")
    return text


def path(text: str) -> Path:
    """A path that says where."""
    return Path(named(text))


class Named(argparse.Action):
    """Stores a text as `named` takes it. argparse would put a default of "" through a `type`, too."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, _option: str | None = None
    ) -> None:
        try:
            setattr(namespace, self.dest, named(str(values)))
        except argparse.ArgumentTypeError as error:
            parser.error(str(argparse.ArgumentError(self, str(error))))
