"""What several test files ask for: tiny checkpoints of both methods, loaded, and served as the page.

Every test, and every process that it starts, runs the reference engine unless it names another: numbers to the last
bit are those of one engine, and what "auto" would choose depends on the machine.
"""

import os
from collections.abc import Iterator

import pytest
import torch

from tests.servers.demo_server import serve, tiny_checkpoints
from zsseg.demo import catalog_of
from zsseg.demo.catalog import Predictors
from zsseg.demo.loopback import bypass_proxies
from zsseg.engines import EAGER, VARIABLE

pytest_plugins = ["tests.workers"]

os.environ[VARIABLE] = EAGER
bypass_proxies()  # the tests' clients, and every program that a test starts, reach this machine directly


@pytest.fixture(autouse=True)
def denormals_as_they_were() -> Iterator[None]:
    """Undo `flush_denormals`, which commands of `training` call: hypothesis draws no floats without the smallest."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Method -> path of its tiny checkpoint."""
    return tiny_checkpoints(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def predictors(checkpoints: dict[str, str]) -> Predictors:
    """Both methods, loaded."""
    catalog = catalog_of(checkpoints)
    return catalog.get(catalog.first)


@pytest.fixture(scope="module")
def url(checkpoints: dict[str, str]) -> Iterator[str]:
    """Address of the page with both methods."""
    with serve(checkpoints) as address:
        yield address
