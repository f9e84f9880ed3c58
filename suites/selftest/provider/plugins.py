"""Plugins of OpenTofu, built from their Go modules: what the shipped modules are tested with where no registry is.

Go's module proxy has no newer ones of the clouds (two of them as others forked them, replacing the module). The
modules are written for what registries give today, so a few words of a copy are changed to what the plugin knows.

Build them all, or those named (an hour on two processors, once): python -m suites.selftest.provider.plugins [NAME ...]
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.clusters.tofu.order import SHIPPED
from fixtures.toolchain.cache import Cache
from fixtures.toolchain.progress import ScreenProgress
from fixtures.toolchain.provide import provide
from reports.model import Component, EnvironmentUnfit, Source
from suites.selftest.provider.clouds import built


@dataclass(frozen=True)
class Plugin:
    """address: as modules name it. version: of the plugin itself, which its module's says nothing of.

    earlier: what the shipped module says and this version does not know (a regular expression), and what stands for it.
    """

    address: str
    version: str
    source: Source
    earlier: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> str:
        return next(iter(self.source.packages.values()))

    @property
    def component(self) -> Component:
        return Component(self.file, self.version, (self.source,))


def _source(module: str, version: str, declared: str = "", fork: str = "", **stamps: str) -> Source:
    return Source(
        "go-module", module=module, version=version, sum=declared, packages={module: module.rpartition("/")[2]},
        replace={module: fork} if fork else {}, stamps={f"{module}/{name}": text for name, text in stamps.items()},
    )  # fmt: skip


#: The shipped module -> the plugin that it needs.
PLUGINS: Mapping[str, Plugin] = {
    "tinkerbell": Plugin(
        "gavinbunney/kubectl", "1.19.0",
        _source(
            "github.com/gavinbunney/terraform-provider-kubectl", "v1.19.0",
            "h1:uqqh4oSPHS9+0zCyQlGCyCjMHHrvNz6Bfz3GfdzwB74=",
        ),
    ),
    "gke": Plugin(
        "hashicorp/google", "3.36.0",
        _source(
            "github.com/hashicorp/terraform-provider-google", "v1.20.1-0.20200824213103-e32ba28ec398",
            "h1:/fCSEuassZZUH8eWgNJqfwMnEwANwc9rj+ExoBrfVpM=",
        ),
        ((r"\n  deletion_protection  .*", ""), (r"\n    resource_labels .*", "")),
    ),
    "aks": Plugin(
        "hashicorp/azurerm", "3.20.0",
        _source(
            "github.com/hashicorp/terraform-provider-azurerm", "v1.44.0",
            "h1:lflM86+8zWWTwh5TZGjcLKLsRES/bd6s9DbL8rlQcgc=",
            fork="github.com/cycloidio/terraform-provider-azurerm v1.44.1-0.20230517144901-90a36c6b8ed4",
        ),
        (
            (
                r'(?s)\n  dynamic "api_server_access_profile" \{.*?\n  \}\n',
                "\n  api_server_authorized_ip_ranges = var.public_from\n",
            ),
            (r"api_server_access_profile\[0\].authorized_ip_ranges", "api_server_authorized_ip_ranges"),
        ),
    ),
    "eks": Plugin(
        "hashicorp/aws", "4.9.0",
        _source(
            "github.com/hashicorp/terraform-provider-aws", "v1.60.0",
            "h1:/yefCDiFNpVNNEmIepgIh07YUNlDN69fzlMHNdhVo5w=",
            fork="github.com/cycloidio/terraform-provider-aws v1.60.1-0.20220513132327-e2dbdf90e533",
        ),
        ((r'(\nresource "aws_eip" "nat" \{\n)', r"\1  vpc = true\n"),),
    ),
}  # fmt: skip


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def mirror(module: str, folder: Path) -> Path:
    """A CLI configuration by which `tofu init` takes the plugin of a shipped module from here. Skips if it is not
    built."""
    plugin = PLUGINS[module]
    binary = built(plugin.component)
    if binary is None:
        pytest.skip(f"{plugin.file} is not built here: python -m suites.selftest.provider.plugins {module}")
    platform = f"linux_{_ARCHITECTURES[os.uname().machine]}"
    place = folder / "mirror" / "registry.opentofu.org" / plugin.address / plugin.version / platform
    place.mkdir(parents=True)
    (place / plugin.file).symlink_to(binary)
    configuration = folder / "tofu.rc"
    configuration.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{folder / "mirror"}" }}\n}}\n')
    return configuration


def copy(module: str, folder: Path) -> Path:
    """A copy of a shipped module in which its plugin's version is ours and unknown words are the earlier ones."""
    plugin, target = PLUGINS[module], folder / module
    shutil.copytree(SHIPPED / module, target)
    for pattern, instead in ((r'version = ">= [\d.]+"', f'version = "{plugin.version}"'), *plugin.earlier):
        found = 0
        for path in (target / "main.tf", *target.glob("tests/*.hcl")):
            text, count = re.subn(pattern, instead, path.read_text())
            path.write_text(text)
            found += count
        assert found == 1, f"{module}: {pattern} stands {found} times"
    return target


def main(names: Sequence[str]) -> None:
    """Build them into the cache."""
    wanted = [plugin.component for module, plugin in PLUGINS.items() if module in names or not names]
    for part in provide(wanted, Cache(), ScreenProgress()):
        print(*part.files.values())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EnvironmentUnfit as error:
        sys.exit(str(error))
