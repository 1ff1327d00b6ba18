from __future__ import annotations

import ast

import pytest

from avatar_protocols.registry import resolve
from mock_servers import mock, mock_sync, platforms
from mock_servers.server import Server
from understudy.snippets import snippets


@pytest.mark.parametrize("protocol", platforms())
def test_every_vendor_s_sdk_has_code_that_names_the_platform(protocol):
    with mock_sync(protocol) as platform:
        found = platform.run(snippets)
        address = platform.run(lambda each: each.addresses[0])
    assert found
    packages = resolve(protocol, None).packages
    for name, text in found.items():
        tree = ast.parse(text)
        imported = {
            (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(
                "."
            )[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        assert any(
            package.startswith(name.partition("_")[0]) for package in packages for name in imported
        )
        assert address in text, name
        assert "{{" not in text
        assert text.startswith("# pip install ")


def test_a_revision_that_no_package_speaks_has_none():
    with mock_sync("akool", "0.1.8-documented") as platform:
        assert platform.run(snippets) == {}


async def test_values_are_literals():
    async with mock("avatarkit", api_key='a"b\\') as platform:
        text = snippets(platform)["avatarkit"]
    assert 'a"b\\' in {
        node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)
    }


async def test_where_the_control_api_wants_a_token_the_snippet_says_so():
    for token in ("", "t0ken"):
        server = Server(control_token=token)
        platform = mock("liveavatar")
        server.mount(platform)
        await server.start()
        text = snippets(platform)["liveavatar-channel-sdk"]
        await server.stop()
        assert ("$UNDERSTUDY_CONTROL_TOKEN" in text) is bool(token)
        assert "t0ken" not in text
