from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from mock_servers import platforms

ROOT = Path(__file__).parents[2]


def run(tmp_path, text):
    (tmp_path / "test_it.py").write_text(textwrap.dedent(text))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "understudy.pytest_plugin",
        "-p",
        "no:cacheprovider",
        "--strict-markers",
        str(tmp_path),
    ]
    path = [str(ROOT), str(ROOT / "generated" / "python")]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


def test_fixtures_and_their_marker(tmp_path):
    result = run(
        tmp_path,
        """
        import json
        import urllib.error
        import urllib.request

        import pytest

        pytestmark = pytest.mark.understudy(seed=3)


        def start(platform):
            request = urllib.request.Request(
                platform.urls["base"] + "/v1/session/start",
                data=json.dumps({"avatarId": platform.credentials["avatar_id"]}).encode(),
                headers={"Authorization": "Bearer " + platform.credentials["api_key"]},
            )
            with urllib.request.urlopen(request) as reply:
                return json.load(reply)


        def test_both(avatarkit_platform, liveavatar_platform):
            assert avatarkit_platform.describe()["seed"] == 3
            assert avatarkit_platform.describe()["pace"] is False
            assert start(liveavatar_platform)["code"] == 0
            assert [record.name for record in liveavatar_platform.records] == ["session_start"] * 2


        @pytest.mark.understudy(quota=0, seed=4)
        def test_options(liveavatar_platform):
            assert liveavatar_platform.describe()["seed"] == 4
            assert start(liveavatar_platform)["code"] == 40006
        """,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout


def test_the_plugin_loads_nothing_heavy():
    command = "import sys, understudy.pytest_plugin; print('aiohttp' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout == "False\n"


def test_every_platform_has_a_fixture(tmp_path):
    names = [f"{protocol}_platform" for protocol in platforms()]
    result = run(
        tmp_path,
        f"""
        def test_all({", ".join(names)}):
            for platform in ({", ".join(names)}):
                assert platform.urls
        """,
    )
    assert result.returncode == 0, result.stdout
