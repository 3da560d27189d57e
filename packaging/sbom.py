#!/usr/bin/python3
"""What the program is made of, as SPDX 2.3: the Debian packages whose headers were compiled in, as the build itself
recorded it, those whose libraries it loads, and those that these load in turn.

Usage: sbom.py BUILD_FOLDER VERSION OUTPUT. Fails if something is there that ARCHITECTURE.md does not know, or knows by
another licence: its table of dependencies says what may be.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

_TOP = Path(__file__).resolve().parents[1]
_PROGRAM = "src/main/afterword"

# By Debian's source package: the row of ARCHITECTURE.md, and the name of its licence in SPDX.
_KNOWN = {
    "boost1.81": ("Boost", "BSL-1.0"),
    "cli11": ("CLI11", "BSD-3-Clause"),
    "fmtlib": ("spdlog, fmt", "MIT"),
    "gcc-12": ("GNU C and C++ libraries", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    "glibc": ("GNU C and C++ libraries", "LGPL-2.1-or-later"),
    "linux": ("GNU C and C++ libraries", "GPL-2.0-only WITH Linux-syscall-note"),
    "openssl": ("OpenSSL 3", "Apache-2.0"),
    "postgresql-15": ("libpq 15", "PostgreSQL"),
    "prometheus-cpp": ("prometheus-cpp", "MIT"),
    "spdlog": ("spdlog, fmt", "MIT"),
    "sqlite3": ("SQLite", "blessing"),
    "yaml-cpp": ("yaml-cpp", "MIT"),
    "zlib": ("zlib", "Zlib"),
}
# Of what is loaded in turn, all of it by libpq, and by its parts for Kerberos and LDAP.
_IN_TURN = "what libpq loads"
_KNOWN |= {
    source: (_IN_TURN, name)
    for source, name in {
        "cyrus-sasl2": "BSD-4-Clause",
        "e2fsprogs": "MIT",
        "gmp": "LGPL-3.0-or-later OR GPL-2.0-or-later",
        "gnutls28": "LGPL-2.1-or-later",
        "keyutils": "LGPL-2.0-or-later",
        "krb5": "MIT",
        "libffi": "MIT",
        "libidn2": "LGPL-3.0-or-later OR GPL-2.0-or-later",
        "libtasn1-6": "LGPL-2.1-or-later",
        "libunistring": "LGPL-3.0-or-later OR GPL-2.0-or-later",
        "nettle": "LGPL-3.0-or-later OR GPL-2.0-or-later",
        "openldap": "OLDAP-2.8",
        "p11-kit": "BSD-3-Clause",
    }.items()
}
_IN_WORDS = {"blessing": "public domain"}


def _output(*command: str, folder: Path | None = None) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def headers(build: Path) -> set[str]:
    """Outside of the source, of all that is compiled into the program."""
    inputs = _output("ninja", "-t", "inputs", _PROGRAM, folder=build).split()
    objects = [name for name in inputs if name.endswith((".o", ".gch"))]
    found = re.findall(r"^ +(/usr/\S+)$", _output("ninja", "-t", "deps", *objects, folder=build), re.MULTILINE)
    return {os.path.normpath(path) for path in found}


def libraries(build: Path) -> tuple[set[str], set[str]]:
    """Those that the program itself names, and those that these load."""
    named = re.findall(r"NEEDED +(\S+)", _output("objdump", "-p", _PROGRAM, folder=build))
    loaded = dict(re.findall(r"(\S+) => (/\S+)", _output("ldd", _PROGRAM, folder=build)))
    own = {os.path.realpath(path) for name, path in loaded.items() if name in named}
    return own, {os.path.realpath(path) for path in loaded.values()} - own


def packages(paths: set[str]) -> dict[str, tuple[str, str]]:
    """Of what these files belong to: the source package, its version, and one of its packages here."""
    # Where /lib is a link to /usr/lib, Debian may know a file by either name.
    names = sorted(paths | {path.removeprefix("/usr") for path in paths if path.startswith("/usr/lib/")})
    searched = subprocess.run(["dpkg-query", "--search", *names], capture_output=True, text=True)
    owned = dict(reversed(line.split(": ", 1)) for line in searched.stdout.splitlines())
    strangers = {path for path in paths if path not in owned and path.removeprefix("/usr") not in owned}
    if strangers:
        raise SystemExit(f"of no Debian package: {', '.join(sorted(strangers))}")
    form = "${source:Package} ${source:Version} ${binary:Package}\n"
    shown = _output("dpkg-query", "--show", f"--showformat={form}", *sorted(set(owned.values())))
    return {source: (version, name) for source, version, name in map(str.split, shown.splitlines())}


def permitted() -> dict[str, str]:
    """ARCHITECTURE.md: library → licence."""
    table = (_TOP / "ARCHITECTURE.md").read_text().split("\n## Dependencies\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    return {row[0]: row[2] for row in rows[2:]}


def licence(source: str) -> str:
    if source not in _KNOWN:
        raise SystemExit(f"{source}: ARCHITECTURE.md does not name it as a dependency")
    library, name = _KNOWN[source]
    rows = [words for row, words in permitted().items() if row.startswith(library)]
    if len(rows) != 1 or _IN_WORDS.get(name, name) not in rows[0].split(", "):
        raise SystemExit(f"{source}: ARCHITECTURE.md does not say that it is {name}")
    return name


def document(build: Path, version: str) -> dict:
    compiled_in = packages(headers(build))
    loaded, in_turn = (packages(paths) for paths in libraries(build))
    program = (build / _PROGRAM).read_bytes()
    digest = hashlib.sha256(program).hexdigest()
    made = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", datetime.now().timestamp())), timezone.utc)
    own = {
        "SPDXID": "SPDXRef-afterword",
        "name": "afterword",
        "versionInfo": version,
        "primaryPackagePurpose": "APPLICATION",
        "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
    }
    others, relations = [], [("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    for source, (its_version, name) in sorted({**in_turn, **compiled_in, **loaded}.items()):
        identifier = f"SPDXRef-{re.sub('[^A-Za-z0-9.-]', '-', source)}"
        its_licence = licence(source)
        others.append(
            {
                "SPDXID": identifier,
                "name": source,
                "versionInfo": its_version,
                "primaryPackagePurpose": "LIBRARY",
                "supplier": "Organization: Debian",
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "licenseConcluded": its_licence,
                "licenseDeclared": its_licence,
                "copyrightText": "NOASSERTION",
                "comment": f"Debian's package {name}",
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": f"pkg:deb/debian/{source}@{its_version}?arch=source&distro=debian-12",
                    }
                ],
            }
        )
        if source in loaded:
            relations.append((own["SPDXID"], "DYNAMIC_LINK", identifier))
        if source in compiled_in:
            relations.append((own["SPDXID"], "STATIC_LINK", identifier))
        if source not in loaded and source not in compiled_in:
            relations.append(("SPDXRef-postgresql-15", "DEPENDS_ON", identifier))
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"afterword-{version}",
        "documentNamespace": f"urn:sha256:{digest}",
        "creationInfo": {"created": made.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: afterword-packaging-sbom"]},
        "packages": [own, *others],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} for one, kind, other in relations
        ],
    }


if __name__ == "__main__":
    build_folder, of_version, output = sys.argv[1:]
    Path(output).write_text(json.dumps(document(Path(build_folder), of_version), indent=2) + "\n")
