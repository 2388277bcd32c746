from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.waiting import Stories, stories_of
from tests.conformance.world import Service, World


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "the service that tests/conformance asks")
    group.addoption(
        "--target",
        metavar="HOST:PORT",
        help="its servers, with commas between them (default: one that the tests start)",
    )
    group.addoption("--api-key", metavar="KEY", help="a key that may do everything")
    group.addoption(
        "--other-api-key", metavar="KEY", default="", help="such a key of another tenant"
    )
    group.addoption(
        "--metrics-url", metavar="URL", default="", help="the Prometheus page of a server"
    )
    group.addoption("--tls", action="store_true", default=False, help="connect by TLS")


@pytest.fixture(scope="package")
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """What is tested: the service that the options name, else a server of this repository's."""
    given = request.config.getoption
    if given("target", None):
        if not given("api_key"):
            raise pytest.UsageError("--target needs --api-key")
        yield Service(
            targets=given("target").split(","),
            key=given("api_key"),
            other_key=given("other_api_key"),
            metrics_url=given("metrics_url"),
            tls=given("tls"),
        )
        return
    from tests.conformance.own_server import own_service

    cluster = request.getfixturevalue("cluster")
    with own_service(cluster, tmp_path_factory.mktemp("conformance")) as own:
        yield own


@pytest.fixture(scope="package")
def stories(service: Service) -> Iterator[Stories]:
    """The tests that wait."""
    stories = Stories(service)
    yield stories
    stories.close()


@pytest.fixture(scope="module", autouse=True)
def _begun(request: pytest.FixtureRequest, stories: Stories) -> None:
    """Begins all that wait before the first of the others; of a file's, where files are shared."""
    shared = hasattr(request.config, "workerinput")
    chosen = [it for it in request.session.items if not shared or it.path == request.path]
    stories.begin(stories_of(chosen))


@pytest.fixture
def world(service: Service) -> Iterator[World]:
    """Where a test finds its accounts."""
    world = World(service)
    yield world
    world.close()
