"""Fetch the Plotly bundle that the dashboard serves, and write it beside this file.

Usage: ``python -m app.live.vendor.renew [VERSION]`` (default: the newest release). Needs ``npm``, which also checks the
tarball against the registry's own digest. ``plotly.json`` records what came, for the reader and for the URL.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "plotly.js-basic-dist-min"
BUNDLE = "plotly-basic.min.js"
FOLDER = Path(__file__).parent


def renew(version: str = "latest") -> dict[str, str]:
    """Download one version of the bundle and replace the vendored files.

    Args:
        version: A version or tag of the npm package, such as ``4.1.1`` or ``latest``.

    Returns:
        What was written to ``plotly.json``: name, version, licence, file and sha256.

    Raises:
        FileNotFoundError: ``npm`` is not installed.
        subprocess.CalledProcessError: npm knows no such version, or cannot reach the registry.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", f"{PACKAGE}@{version}", "--pack-destination", scratch]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as tarball:
            manifest = json.loads(_member(tarball, "package.json"))
            bundle = _member(tarball, BUNDLE)
            licence = _member(tarball, "LICENSE")
    record = {
        "name": manifest["name"],
        "version": manifest["version"],
        "licence": manifest["license"],
        "file": BUNDLE,
        "sha256": hashlib.sha256(bundle).hexdigest(),
    }
    (FOLDER / BUNDLE).write_bytes(bundle)
    (FOLDER / "LICENSE-plotly.txt").write_bytes(licence)
    (FOLDER / "plotly.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _member(tarball: tarfile.TarFile, name: str) -> bytes:
    """Read one file of an npm tarball, whose files all lie under ``package/``."""
    member = tarball.extractfile(f"package/{name}")
    if member is None:
        raise KeyError(f"{PACKAGE} has no file {name}: the package has changed, so adapt renew.py.")
    return member.read()


def main() -> int:
    """Run from the command line; 0 when the files were renewed."""
    try:
        record = renew(*sys.argv[1:2])
    except FileNotFoundError as error:
        print(f"npm is needed to renew Plotly: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print(f"npm could not fetch {PACKAGE}: check the version and the network.", file=sys.stderr)
        return 1
    print(f"{record['name']} {record['version']}, sha256 {record['sha256']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
