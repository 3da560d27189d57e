"""The Helm chart: Helm renders it, kubeconform holds that to Kubernetes' own schemas, and the program takes what is in it.

No cluster is there to run it on. What it says of a pod is done by hand here, and by test_container.py for the image.
"""

import json
import re
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hostile.homeserver import SERVER_NAME, Homeserver, as_token_of
from support.documents import commands
from system.gateway import BINARY as AFTERWORD
from system.matrix import Server, User
from system.processes import Process, free_port, tail

from .conftest import TOP

CHART = TOP / "deploy/helm/afterword"
VERSIONS = ["1.30.0", "1.37.0"]
KUBERNETES = ("--kube-version", VERSIONS[0])  # a Helm that is built here believes in a much older one

ALONE = {"configuration": {"homeserver": {"url": "http://synapse:8008", "server_name": SERVER_NAME}}}
SEVERAL = {
    "replicas": 2,
    "persistence": {"enabled": False},
    "configuration": {
        "homeserver": {"url": "http://synapse:8008", "server_name": SERVER_NAME},
        "database": "postgresql://afterword@postgres/afterword",
        "retention": {"max_per_user": 2000000},
        "ops": {"token": "file:/run/secrets/afterword/ops-token"},
    },
    "serviceMonitor": {"enabled": True},
}


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([TOP / "scripts/helm", *arguments], capture_output=True, text=True, timeout=1500)
    if done.returncode == 3:
        pytest.skip("no Helm: " + done.stderr)
    return done


class Values:
    def __init__(self, folder: Path):
        self._file = folder / "values.yaml"

    def lint(self, values: dict) -> subprocess.CompletedProcess[str]:
        self._file.write_text(json.dumps(values))
        return helm("lint", "--strict", *KUBERNETES, "--values", self._file, CHART)

    def template(self, values: dict) -> str:
        self._file.write_text(json.dumps(values))
        done = helm("template", "matrix", CHART, *KUBERNETES, "--values", self._file)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def values(tmp_path: Path) -> Values:
    return Values(tmp_path)


def of_kind(manifests: str, kind: str) -> list[dict]:
    return [manifest for manifest in yaml.safe_load_all(manifests) if manifest["kind"] == kind]


def pod_of(manifests: str) -> dict:
    (deployment,) = of_kind(manifests, "Deployment")
    return deployment["spec"]["template"]["spec"]


def configuration_of(manifests: str) -> str:
    (kept,) = of_kind(manifests, "ConfigMap")
    return kept["data"]["afterword.yaml"]


def test_it_has_the_version_of_the_program() -> None:
    (version,) = re.findall(r"project\(afterword VERSION ([\d.]+)", (TOP / "CMakeLists.txt").read_text())
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


@pytest.mark.parametrize("given", [{}, ALONE, SEVERAL], ids=["as it comes", "alone", "several"])
def test_what_it_renders_is_what_kubernetes_takes(values: Values, given: dict) -> None:
    linted = values.lint(given)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    manifests = values.template(given)
    for version in VERSIONS:
        # Prometheus' operator brings ServiceMonitor, and its schema with it.
        command = [TOP / "scripts/kubeconform", "-strict", "-summary", "-output", "json", "-skip", "ServiceMonitor"]
        done = subprocess.run(
            [*command, "-kubernetes-version", version], input=manifests, capture_output=True, text=True, timeout=600
        )
        if done.returncode == 3:
            pytest.skip("no kubeconform: " + done.stderr)
        said = json.loads(done.stdout)
        assert done.returncode == 0, said
        assert said["summary"]["valid"] >= 5
        assert said["summary"]["skipped"] == len(of_kind(manifests, "ServiceMonitor"))


def test_kubeconform_finds_what_kubernetes_would_not_take(values: Values) -> None:
    wrong = values.template(ALONE).replace("readOnlyRootFilesystem", "readOnlyRoot")
    done = subprocess.run(
        [TOP / "scripts/kubeconform", "-strict", "-kubernetes-version", VERSIONS[0]],
        input=wrong, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 1 and "readOnlyRoot" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": 2},
        {"persistence": {"enabled": False}},
        {"configuration": {"database": "postgresql://afterword@postgres/afterword"}},
        {"configuration": {"listen": "0.0.0.0:80"}},
        {"configuration": {"ops": {"token": "a-secret-that-everybody-reads"}}},
        {"configuration": {"homeserver": {"admin_token": "a-secret-that-everybody-reads"}}},
        {"configuration": {"ops.token": "a-secret-that-everybody-reads"}},
        {"configuration": {"homeserver": {**ALONE["configuration"]["homeserver"], "admin.token": "everybody-reads"}}},
        {**SEVERAL, "configuration": {"database": "postgresql://afterword:password@postgres/afterword"}},
        {**SEVERAL, "configuration": {"database": "postgresql://postgres/afterword?password=word"}},
        {"replica": 1},
    ],
    ids=lambda wrong: re.sub(r"\W+", "_", json.dumps(wrong))[:60],
)
def test_what_would_not_work_is_refused_before_it_is_installed(values: Values, wrong: dict) -> None:
    linted = values.lint(wrong)
    assert linted.returncode == 1
    assert "values don't meet the specifications of the schema" in linted.stdout + linted.stderr


def test_a_log_is_off_without_quotes(values: Values) -> None:
    """YAML takes the word for false."""
    for level in ["off", False]:
        configuration = {**ALONE["configuration"], "log": {"level": level, "format": "json"}}
        rendered = configuration_of(values.template({"configuration": configuration}))
        assert yaml.safe_load(rendered)["log"] == {"level": "off", "format": "json"}


def test_it_is_installed_as_the_document_says() -> None:
    """Rendered in place of installed, and without a cluster that would keep the Secret."""
    (written,) = commands("deploy/README.md", "test_it_is_installed_as_the_document_says")
    secret, install = (shlex.split(line) for line in written.replace("\\\n", "").splitlines())
    assert secret[:4] == ["kubectl", "create", "secret", "generic"] and install[:2] == ["helm", "install"]
    rendered = subprocess.run(
        [TOP / "scripts/helm", "template", *install[2:], *KUBERNETES], cwd=TOP, capture_output=True, text=True
    )
    if rendered.returncode == 3:
        pytest.skip("no Helm: " + rendered.stderr)
    assert rendered.returncode == 0, rendered.stderr
    mounted = {volume["name"]: volume for volume in pod_of(rendered.stdout)["volumes"]}
    assert mounted["secrets"]["secret"]["secretName"] == secret[4]
    registration = yaml.safe_load(configuration_of(rendered.stdout))["registration"]
    assert secret[5] == f"--from-file={Path(registration).name}"
    assert "matrix-operations" in [service["metadata"]["name"] for service in of_kind(rendered.stdout, "Service")]


@pytest.mark.parametrize("given", [ALONE, SEVERAL], ids=["alone", "several"])
def test_it_runs_as_nobody_in_particular_and_writes_nothing_but_its_data(values: Values, given: dict) -> None:
    pod = pod_of(values.template(given))
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert written == (["/var/lib/afterword"] if given is ALONE else [])


def test_several_stop_one_after_the_other(values: Values) -> None:
    manifests = values.template(SEVERAL)
    (deployment,) = of_kind(manifests, "Deployment")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    (container,) = pod_of(manifests)["containers"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > 0
    (budget,) = of_kind(manifests, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_prometheus_finds_the_operations_listener_and_clients_do_not(values: Values) -> None:
    manifests = values.template(SEVERAL)
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [service for service in of_kind(manifests, "Service") if wanted <= service["metadata"]["labels"].items()]
    assert [service["metadata"]["name"] for service in found] == ["matrix-operations"]
    assert [port["name"] for port in found[0]["spec"]["ports"]] == [endpoint["port"]]
    ports = {port["name"]: port["containerPort"] for port in pod_of(manifests)["containers"][0]["ports"]}
    (for_clients,) = [service for service in of_kind(manifests, "Service") if service not in found]
    assert [ports[port["targetPort"]] for port in for_clients["spec"]["ports"]] == [ports["client"]]
    for service in (for_clients, found[0]):
        (deployment,) = of_kind(manifests, "Deployment")
        pod_labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= pod_labels.items()


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Path]:
    """As the Secret is mounted."""
    folder = tmp_path / "secrets"
    made = subprocess.run(
        [AFTERWORD, "init", "--server-name", SERVER_NAME, "--homeserver", "http://127.0.0.1:1", "--dir", folder],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (folder / "ops-token").write_text("a-token-of-the-operators\n")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("given", [ALONE, SEVERAL], ids=["alone", "several"])
def test_the_program_takes_its_configuration_and_answers_its_probes(
    values: Values, given: dict, secrets: Path, homeserver: Homeserver, tmp_path: Path
) -> None:
    manifests = values.template(given)
    written = configuration_of(manifests)
    assert yaml.safe_load(written)["homeserver"] == given["configuration"]["homeserver"]
    port, operations = free_port(), free_port()
    # What the cluster gives: addresses, the Secret's files, and the database.
    for there, here in {
        "0.0.0.0:8009": f"127.0.0.1:{port}",
        "0.0.0.0:9009": f"127.0.0.1:{operations}",
        "http://synapse:8008": homeserver.url,
        "/run/secrets/afterword": str(secrets),
        r"(?<=database: )\S+": f"sqlite:{tmp_path}/afterword.db",
    }.items():
        written, times = re.subn(there, here, written)
        assert times >= 1, there
    (tmp_path / "afterword.yaml").write_text(written)
    (container,) = pod_of(manifests)["containers"]
    command = [str(tmp_path / word.removeprefix("/etc/afterword/")) if "/" in word else word for word in container["args"]]

    homeserver.as_token = as_token_of(secrets / "afterword-registration.yaml")
    log = tmp_path / "log"
    server = Server(f"http://127.0.0.1:{port}")
    afterword = Process([str(AFTERWORD), *command], log, tmp_path)
    try:
        afterword.wait_until(server.is_ready)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == "operations"
            with urllib.request.urlopen(f"http://127.0.0.1:{operations}{asked['path']}", timeout=30) as answer:
                assert answer.status == 200
        alice = User(server, "@alice:example.org", "alices-token", "ALICES_PHONE")
        assert alice.outcome(alice.delayed("!room:example.org", "org.example.later", {}, 200))["event_id"]
    finally:
        assert afterword.stop() == 0, tail(log)
