from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LIGHT = {"creditgate", "googleapis-common-protos", "grpcio", "protobuf", "typing-extensions"}


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An interpreter of somebody who did `pip install` of the client and nothing else."""
    home = tmp_path_factory.mktemp("customer")
    wheels = home / "wheels"
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = shutil.copytree(ROOT / "client", home / "client")
    subprocess.run([*build, "--wheel-dir", str(wheels), str(source)], check=True)
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / "bin" / "python"
    (wheel,) = wheels.glob("creditgate-*.whl")
    install = [str(python), "-m", "pip", "install", "--quiet", "--retries=1", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if "new connection" in done.stderr:
        pytest.skip("no package index can be reached; the test of the metadata stands in")
    assert done.returncode == 0, done.stderr
    yield python
    shutil.rmtree(home)


def test_asks_for_little() -> None:
    """The same as the next test, as far as it can be read off what is installed here."""
    wanted, seen = ["creditgate"], set[str]()
    while wanted:
        name = wanted.pop()
        seen.add(name)
        needs = map(Requirement, metadata.requires(name) or [])
        wanted += [
            each.name
            for each in needs
            if each.name not in seen and (not each.marker or each.marker.evaluate({"extra": ""}))
        ]
    assert seen == LIGHT


def test_brings_little_along(customer: Path) -> None:
    listed = subprocess.run(
        [customer, "-m", "pip", "list", "--format=json"], capture_output=True, check=True
    ).stdout
    names = {each["name"].replace("_", "-") for each in json.loads(listed)}
    assert names - {"pip", "setuptools"} == LIGHT


def test_imports_without_warnings_and_without_the_server(customer: Path) -> None:
    program = (
        "import sys, creditgate, creditgate.v1.authorization_service_pb2_grpc;"
        "assert not {'creditgate_server', 'click', 'opentelemetry'} & set(sys.modules)"
    )
    done = subprocess.run(
        [customer, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
