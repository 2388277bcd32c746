from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from _pytest.terminal import TerminalReporter
from hypothesis import settings

from tests.support import figures as figures_of_tests
from tests.support.database import Database, TestCluster, choose_binaries
from tests.support.pair import Pair, Pairs, open_pairs

# The same examples in every run: what changes the answer of a run is a change of the code.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        metavar="VERSION_OR_FOLDER",
        default=os.environ.get("CREDITGATE_TEST_POSTGRES"),
        help="the PostgreSQL to test with: 15 to 18, or the folder of its programs "
        "(default: CREDITGATE_TEST_POSTGRES, else the best that is installed)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    binaries = choose_binaries(config.getoption("--postgres"))
    return f"PostgreSQL {binaries.major}: {binaries.folder}"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    figures_of_tests.show(terminalreporter)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> figures_of_tests.Figures:
    """Notes what a test has measured, for the end of the run."""

    def note(**values: object) -> None:
        line = (figures_of_tests.KEY, figures_of_tests.written(values))
        request.node.user_properties.append(line)

    return note


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[TestCluster]:
    """The PostgreSQL server of this session."""
    with TestCluster(choose_binaries(pytestconfig.getoption("--postgres"))) as cluster:
        yield cluster


@pytest.fixture
def database(cluster: TestCluster) -> Iterator[Database]:
    """A migrated database of the test's own."""
    database = cluster.create()
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def module_database(cluster: TestCluster) -> Iterator[Database]:
    """A migrated database that the tests of one module share."""
    database = cluster.create()
    yield database
    cluster.drop(database)


@pytest.fixture
def empty_database(cluster: TestCluster) -> Iterator[Database]:
    """A database without anything of ours."""
    database = cluster.create(migrated=False)
    yield database
    cluster.drop(database)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pairs(module_database: Database) -> AsyncIterator[Pairs]:
    """Makes ledgers with an oracle beside them, on a database whose clock stands still."""
    async with open_pairs(module_database) as pairs:
        yield pairs


@pytest_asyncio.fixture(loop_scope="module")
async def pair(pairs: Pairs) -> Pair:
    """An empty ledger with an oracle beside it."""
    return await pairs.new()
