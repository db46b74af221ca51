"""Run `docs/tutorial.md` on a Prefect server of its own, and write the outputs and pictures that it shows.

`make tutorial` needs chromium, and takes two minutes. Everything comes from the page: files, variables, commands.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from demo import services
from tests.code_blocks import Block, blocks
from tests.commands import commands

PAGE = Path(__file__).resolve().parent / "tutorial.md"
IMAGES = PAGE.parent / "images"
# The folder of the flow, and the one that the page shows: of one length, since columns are as wide as their values.
_SHOP, _SHOWN = Path("/tmp/docs-shop"), "/home/ada/shop"
_DEFAULT_API = "http://127.0.0.1:4200/api"
_ASSEMBLED_WITHIN = 600
# The first of three runs is made before lineage is switched on.
_RUNS_WITH_LINEAGE = 2
# Width and height of the window of each image, and the seconds that the page may take.
_WINDOW, _SECONDS = "1200,1000", 25


def main() -> None:
    """Walk through the page. Raises CalledProcessError where a command of it fails."""
    text = PAGE.read_text(encoding="utf-8")
    page = list(blocks("docs/tutorial.md", text))
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        _SHOP.mkdir()
        stack.callback(shutil.rmtree, _SHOP)
        port = services.free_port()
        api = f"http://127.0.0.1:{port}/api"
        environment = _environment(Path(home), api)
        stack.callback(services.prefect_server(Path(home), port, environment).stop)
        for block in page:
            if block.file:
                (_SHOP / block.file).write_text(block.text, encoding="utf-8")
        _run(["python", "shop.py"], environment)
        switched_on = {**environment, **_exports(page)}
        _run(["python", "shop.py"], switched_on)
        time.sleep(8)  # the server stores events up to five seconds after it received them
        outputs = {block: _output(block, switched_on) for block in page if "show nightly" in block.text}
        stack.callback(services.assembler(Path(home), environment).stop)
        time.sleep(15)  # until it has deployed its automation
        _run(["python", "shop.py"], switched_on)
        artifacts = _artifacts(api)
        asked = [block for block in page if block.language == "console" and block not in outputs]
        outputs |= {block: _output(block, switched_on) for block in asked}
        for name, artifact in (("tutorial-run", "lineage-nightly"), ("tutorial-dataset", "dataset-sales")):
            found = next(one["latest_id"] for key, one in artifacts.items() if key.startswith(artifact))
            _screenshot(IMAGES / f"{name}.png", f"http://127.0.0.1:{port}/v2/artifacts/artifact/{found}", Path(home))
    for block, output in outputs.items():
        command = block.text.partition("\n")[0]
        text = text.replace(block.text, f"{command}\n{output}")
    PAGE.write_text(text, encoding="utf-8")


def _environment(home: Path, api: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OPENLINEAGE"))}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PREFECT_HOME": str(home / "prefect"), "PREFECT_API_URL": api, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    return {**kept, **own, "PATH": programs, "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false", "COLUMNS": "140"}


def _exports(page: list[Block]) -> dict[str, str]:
    """The variables by which the page switches lineage on."""
    exported = [
        words[1:] for block in page if block.language == "bash" for words in commands(block) if words[0] == "export"
    ]
    pairs = [pair.split("=", 1) for words in exported for pair in words]
    assert ["PREFECT_API_URL", _DEFAULT_API] in pairs
    return {name: value for name, value in pairs if name not in ("PREFECT_API_URL", "OPENLINEAGE_URL")}


def _output(block: Block, environment: dict[str, str]) -> str:
    (words,) = commands(block)
    return _run(words, environment).replace(str(_SHOP), _SHOWN)


def _run(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(words, env=environment, cwd=_SHOP, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


def _artifacts(api: str) -> dict[str, Any]:
    """The newest artifacts by their key, when the assembler has written those of both runs."""
    deadline = time.monotonic() + _ASSEMBLED_WITHIN
    while time.monotonic() < deadline:
        found = httpx.post(f"{api}/artifacts/latest/filter", json={}).raise_for_status().json()
        by_key = {one["key"]: one for one in found if one["key"]}
        runs = httpx.post(f"{api}/flow_runs/filter", json={"flows": {"name": {"any_": ["nightly"]}}}).json()
        whole = httpx.post(f"{api}/artifacts/filter", json={}).json()
        pages = [
            one for one in whole if one["type"] == "markdown" and one["flow_run_id"] in {run["id"] for run in runs}
        ]
        if "lineage-nightly" in by_key and len(pages) >= _RUNS_WITH_LINEAGE:
            time.sleep(10)  # until the pages of datasets are written
            return {
                one["key"]: one for one in httpx.post(f"{api}/artifacts/latest/filter", json={}).json() if one["key"]
            }
        time.sleep(2)
    raise TimeoutError("the assembler has not assembled the runs")


def _screenshot(file: Path, url: str, home: Path) -> None:
    browser = shutil.which("chromium") or "chromium-browser"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={_WINDOW}"]
    wait = [f"--user-data-dir={home / 'browser'}", f"--virtual-time-budget={_SECONDS * 1000}", f"--screenshot={file}"]
    subprocess.run([*command, *wait, url], check=True, capture_output=True, timeout=120)
    assert file.stat().st_size < 200_000, f"{file} is too large"


if __name__ == "__main__":
    # The server and the assembler end with this process, and the folder goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
