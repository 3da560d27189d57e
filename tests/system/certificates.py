"""Certificates of test servers, signed by themselves."""

import subprocess
from collections.abc import Callable
from pathlib import Path


def make_certificate(
    directory: Path, name: str, run_as: Callable[[list[str]], list[str]] = lambda command: command
) -> Path:
    """Makes server.key and server.crt in the directory, and answers the latter. `name`: whom it is for, as
    "DNS:localhost" or "IP:127.0.0.1". `run_as`: makes a command one that another user runs."""
    common_name = name.partition(":")[2]
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]
    command += ["-subj", f"/CN={common_name}", "-addext", f"subjectAltName={name}"]
    command += ["-keyout", str(directory / "server.key"), "-out", str(directory / "server.crt")]
    subprocess.run(run_as(command), check=True, capture_output=True, cwd="/")
    return directory / "server.crt"
