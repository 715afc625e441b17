"""Write the bill of materials from the locks, as CycloneDX in `build/sbom`: `make sbom`.

`layer` is what runs in AWS, `nodes` what runs on each Cassandra node, `development` what builds,
deploys and tests, which ships nowhere.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools import cdk, mermaid, places
from tools.releases import NODE_JARS, NODE_JAVA

OUT = places.BUILD / "sbom"
_PINNED = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.M)


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, components in parts().items():
        target = OUT / f"{name}.cdx.json"
        target.write_text(document(name, components))
        print(f"{target} {len(components)} components")
    return 0


def parts() -> dict[str, list[Component]]:
    """The components of each part, by its name."""
    root = places.ROOT
    nodes = [jar for name in NODE_JARS for jar in _jars(root / "tools" / "jars", name)]
    javas = [wheel for name in NODE_JAVA.values() for wheel in _wheels(places.java_list(name))]
    return {
        "layer": [*_wheels(root / "layers" / "hintferry" / "requirements.txt")],
        # The lists share jars; the tar has each once.
        "nodes": [*dict.fromkeys(nodes), *javas],
        "development": [*_wheels(root / "requirements.txt"), _cdk(), _mermaid()],
    }


def document(name: str, components: list[Component]) -> str:
    """The JSON of one part."""
    bom = Bom(components=components)
    whole = Component(name=f"hintferry-{name}", type=ComponentType.APPLICATION)
    bom.metadata.component = whole
    bom.register_dependency(whole, components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _wheels(lock: Path) -> Iterator[Component]:
    """A package has a file for each kind of machine, so no one hash is its own."""
    for name, version in _PINNED.findall(lock.read_text()):
        yield _component(PackageURL("pypi", None, name, version))


def _jars(folder: Path, name: str) -> Iterator[Component]:
    for jar in tomllib.loads((folder / f"{name}.lock.toml").read_text())["dependencies"]:
        url = PackageURL("maven", jar["groupId"], jar["artifactId"], jar["version"])
        yield _component(url, jar["sha256"])


def _cdk() -> Component:
    return _component(PackageURL("npm", None, "aws-cdk", cdk.version()))


def _mermaid() -> Component:
    return _component(PackageURL("npm", None, "mermaid", mermaid.VERSION))


def _component(url: PackageURL, sha256: str = "") -> Component:
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else []
    return Component(
        name=url.name, group=url.namespace, version=url.version, purl=url, hashes=hashes,
        type=ComponentType.LIBRARY,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
