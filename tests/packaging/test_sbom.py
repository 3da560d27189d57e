"""The SBOM of the package: whole, right for SPDX's own checker, and of nothing that ARCHITECTURE.md does not permit."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from .conftest import TOP


@pytest.fixture(scope="module")
def document(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sbom")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return folder / "usr/share/doc/afterword/afterword.spdx.json"


def test_it_is_spdx_and_has_all_that_is_compiled_in_or_loaded(document: Path):
    assert validate_full_spdx_document(parse_file(str(document))) == []
    content = json.loads(document.read_text())
    related = {
        kind: {other["relatedSpdxElement"] for other in content["relationships"] if other["relationshipType"] == kind}
        for kind in ("DYNAMIC_LINK", "STATIC_LINK", "DEPENDS_ON")
    }
    # Of headers alone, of a library as well, and of a library whose headers are C.
    assert "SPDXRef-cli11" in related["STATIC_LINK"] - related["DYNAMIC_LINK"]
    assert "SPDXRef-boost1.81" in related["STATIC_LINK"] & related["DYNAMIC_LINK"]
    assert "SPDXRef-sqlite3" in related["DYNAMIC_LINK"]
    # What libpq loads in turn, which the image has too.
    assert {"SPDXRef-krb5", "SPDXRef-openldap", "SPDXRef-gnutls28", "SPDXRef-libffi"} <= related["DEPENDS_ON"]
    assert not related["DEPENDS_ON"] & (related["DYNAMIC_LINK"] | related["STATIC_LINK"])
    for package in content["packages"]:
        assert package["versionInfo"]
        assert package["licenseConcluded"] != "NOASSERTION"


def test_debian_says_the_same_of_the_licences(document: Path):
    # What its copyright file calls it, or says.
    words = {
        "BSL-1.0": "Boost Software License",
        "BSD-3-Clause": "Redistribution and use in source and binary forms",
        "MIT": "Permission is hereby granted, free of charge",
        "Apache-2.0": "Apache-2.0",
        "PostgreSQL": "Permission to use, copy, modify, and distribute this",
        "blessing": "public-domain",
        "Zlib": "This software is provided 'as-is'",
        "GPL-3.0-or-later WITH GCC-exception-3.1": "GCC Runtime Library Exception",
        "LGPL-2.1-or-later": "GNU Lesser General Public",
        "GPL-2.0-only WITH Linux-syscall-note": "GPL-2",
        "BSD-4-Clause": "License: BSD-4-clause",
        "LGPL-2.0-or-later": "License: LGPL-2+",
        "LGPL-3.0-or-later OR GPL-2.0-or-later": "LGPL-3+",
        "OLDAP-2.8": "OpenLDAP Public License",
    }
    # Of e2fsprogs libcom_err alone is loaded, whose licence its package says in no such words.
    words_of = {"libcom-err2": "Massachusetts Institute of Technology"}
    for package in json.loads(document.read_text())["packages"][1:]:
        name = package["comment"].removeprefix("Debian's package ").split(":")[0]
        text = " ".join(Path(f"/usr/share/doc/{name}/copyright").read_text().split())
        wanted = words_of.get(name, words[package["licenseConcluded"]])
        assert wanted.lower() in text.lower(), name


def test_what_is_not_permitted_fails_the_build(monkeypatch: pytest.MonkeyPatch):
    specification = importlib.util.spec_from_file_location("sbom", TOP / "packaging/sbom.py")
    sbom = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(sbom)
    assert sbom.licence("zlib") == "Zlib"
    with pytest.raises(SystemExit, match="gtk4: ARCHITECTURE.md does not name it"):
        sbom.licence("gtk4")
    monkeypatch.setattr(sbom, "permitted", lambda: {"zlib": "AGPL-3.0"})
    with pytest.raises(SystemExit, match="zlib: ARCHITECTURE.md does not say that it is Zlib"):
        sbom.licence("zlib")
