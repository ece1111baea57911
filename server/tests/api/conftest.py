import os

import pytest


@pytest.fixture(scope="session")
def url() -> str:
    """Where the demo is: scripts/test-api starts one."""
    return os.environ["YUYUE_URL"]
