"""A page measured in Chromium, where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest


def value_in(tmp_path: Path, source: str, width: int, expression: str) -> str:
    """The value of a JavaScript expression over a page, where `doc` is its document, in a frame of that width, as JSON.

    Skips where there is no Chromium.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("could not run: no Chromium here, so the page was not measured in a browser")
    frame = (
        f'<!DOCTYPE html><iframe id="f" width="{width}" height="800" srcdoc="{escape(source)}"></iframe>'
        '<p id="out"></p>'
        f'<script>onload=()=>{{const doc=document.getElementById("f").contentDocument;'
        f'document.getElementById("out").textContent="value "+JSON.stringify({expression})}}</script>'
    )
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}/profile"]
    command = [browser, *flags, "--dump-dom", (tmp_path / "frame.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    found = re.search(r'<p id="out">value (.*?)</p>', done.stdout)
    assert found is not None, done.stdout[-2000:]
    return unescape(found[1])
