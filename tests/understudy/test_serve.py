from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress

import pytest

from mock_servers import platforms
from mock_servers.hosts import reachable
from protocol_core.errors import ConfigurationError
from understudy.serve import TOKEN_VARIABLE, ServeOptions, _build, _load, _merge, serve


@pytest.fixture
def start(tmp_path):
    """Start the command in a process of its own and wait until it is ready."""
    started = []

    def start(*arguments, ready=None):
        file = tmp_path / "ports.json"
        command = [
            sys.executable,
            "-m",
            "understudy",
            "serve",
            *arguments,
            "--port-file",
            str(file),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("control") or len(lines) == ready:
                break
        return process, lines, file

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def free_range(size):
    """Find free ports in a row, below those that others are given when they ask for any."""
    for first in random.sample(range(20_000, 32_000, size), 20):
        with ExitStack() as taken, suppress(OSError):
            for port in range(first, first + size):
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("no free ports in a row")


def get(url):
    with urllib.request.urlopen(url) as reply:
        return json.load(reply)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(start, number):
    process, lines, file = start("avatarkit", "liveavatar@0.2", "--seed", "7", "--no-pace")
    document = json.loads(file.read_text())
    assert set(document) == {"avatarkit", "liveavatar"}
    for name, platform in document.items():
        assert platform["seed"] == 7
        assert platform["pace"] is False
        assert get(platform["control"] + "/clock")["now"] > 0
        assert all(value in "".join(lines) for value in platform["urls"].values()), name
        assert platform["credentials"]["api_key"] in "".join(lines)
    assert "seed 7" in lines[0]
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(timeout=10) == 0
    assert rest == "stopping\n"
    assert not file.exists()


def test_all_platforms(start):
    _, lines, file = start("--all")
    document = json.loads(file.read_text())
    assert list(document) == platforms()
    for name in document:
        assert any(line.startswith("# ----") and f" {name} " in line for line in lines), name


def test_one_range_of_ports(start):
    port = free_range(16)
    _, _, file = start("akool", "avatarkit", "--port", str(port))
    document = json.loads(file.read_text())
    assert document["akool"]["urls"]["discovery"] == f"http://127.0.0.1:{port}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/streamingAvatar/service_status?group_name=WEBSOCKET_GROUP_TEST",
        headers={"api_key": document["akool"]["credentials"]["api_key"]},
    )
    instances = get(request)["data"]["instances"]
    ports = [instance["port"] for instance in instances]
    assert ports == list(range(port, port + len(ports)))


def test_what_clients_get_wrong_is_said(start):
    process, _, file = start("aiavatar")
    server = json.loads(file.read_text())["aiavatar"]
    request = urllib.request.Request(
        f"{server['urls']['http']}/chat",
        data=b'{"type": 1, "session_id": "s"}',
        headers={"Authorization": f"Bearer {server['credentials']['api_key']}"},
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request)
    line = process.stdout.readline()
    assert line.startswith("aiavatar #")
    assert 'chat: type: 1 is not of type "string"' in line


def test_json(start):
    process, lines, file = start("avatarkit", "--json", ready=1)
    assert json.loads(lines[0]) == json.loads(file.read_text())
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == ""


@pytest.mark.parametrize("arguments", [(), ("--no-snippets",)])
def test_code_to_paste(start, arguments):
    _, lines, _ = start("avatarkit", *arguments)
    assert ("import asyncio\n" in lines) is not bool(arguments)


def test_listening_everywhere(start):
    arguments = ("--host", "0.0.0.0", "--control-token", "t0ken", "--no-snippets")
    _, lines, _ = start("avatarkit", *arguments)
    assert f"understudy on http://{reachable('0.0.0.0')}:" in lines[0]
    assert "0.0.0.0" not in "".join(lines)
    assert "Authorization: Bearer" in lines[-1]
    assert "t0ken" not in "".join(lines)


def test_another_name_for_clients(start):
    _, lines, file = start("avatarkit", "--advertise", "mocks.test")
    document = json.loads(file.read_text())["avatarkit"]
    assert document["urls"]["console"].startswith("http://mocks.test:")
    assert 'console_endpoint_url="http://mocks.test:' in "".join(lines)


def test_a_configuration_file(start, tmp_path):
    config = tmp_path / "understudy.toml"
    config.write_text(
        'protocols = ["avatarkit"]\nseed = 5\n'
        "[platforms.avatarkit]\ncredits = 3\n"
        "plan = [{on = 'upgrade', do = [{error = 'no_credits'}]}]\n"
    )
    _, _, file = start("--config", str(config), "--seed", "6")
    document = json.loads(file.read_text())["avatarkit"]
    assert document["seed"] == 6
    assert get(document["control"] + "/accounts")[0]["credits"] == 3
    assert get(document["control"] + "/plan")[0]["on"] == "upgrade"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "name at least one protocol"),
        ({"protocols": ("nobody",)}, "no mock platform"),
        ({"protocols": ("avatarkit@9",)}, "unknown revision '9'"),
        ({"protocols": ("akool", "akool@0.1.9")}, "one revision of a protocol"),
        ({"protocols": ("avatarkit",), "host": "0.0.0.0"}, "control token"),
        ({"protocols": ("avatarkit",), "platforms": {"avatarkit": {"colour": 1}}}, "does not have"),
        ({"protocols": ("avatarkit",), "platforms": {"avatarkit": {"credits": "x"}}}, "credits"),
        ({"protocols": ("avatarkit",), "platforms": {"avatarkit": {"pace": "no"}}}, "pace"),
        ({"protocols": ("avatarkit",), "platforms": {"liveavatar": {}}}, "is not served"),
        ({"protocols": ("avatarkit",), "platforms": {"avatarkit": {"plan": [{}]}}}, r"plan\[0\]"),
    ],
)
def test_mistakes_are_told_before_anything_starts(options, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        _build(ServeOptions(**options))


def test_the_control_token_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "t0ken")
    server, _ = _build(ServeOptions(protocols=("avatarkit",), host="0.0.0.0"))
    assert server.control_token == "t0ken"


def test_without_a_seed_one_is_drawn():
    seeds = {_build(ServeOptions(protocols=("avatarkit",)))[1] for _ in range(3)}
    assert len(seeds) == 3


def test_the_command_line_wins_over_the_file(tmp_path):
    file = tmp_path / "understudy.yaml"
    file.write_text("port: 5\nseed: 1\n")
    merged = _merge(ServeOptions(protocols=("avatarkit",), seed=0), _load(file))
    assert (merged.port, merged.seed, merged.protocols) == (5, 0, ("avatarkit",))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "["),
        ("a.yaml", "port: ["),
        ("a.yaml", "colour: 1"),
        ("a.yaml", "port: 1\nport: 2"),
        ("a.yaml", "port: \udcff"),
        ("a.json", '{"port": "x"}'),
        ("a.json", '{"port": 1,}'),
        ("a.json", '{"port": 65536}'),
        ("a.ini", "port: 1"),
    ],
)
def test_files_that_do_not_fit(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigurationError, match=name) as caught:
        serve(ServeOptions(), config=file)
    assert "\n" not in str(caught.value)


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{port}.*another port"):
            serve(ServeOptions(protocols=("avatarkit",), port=port))


@pytest.mark.parametrize("name", [".", "absent/ports.json", ""])
def test_a_port_file_that_cannot_be_written(tmp_path, monkeypatch, name):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    with pytest.raises(ConfigurationError, match="--port-file: cannot be written"):
        serve(ServeOptions(protocols=("avatarkit",), port_file=name))
    assert list(tmp_path.iterdir()) == [home]
    assert list(home.iterdir()) == []
