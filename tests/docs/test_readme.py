"""The README as a newcomer follows it: its first service, and its walk through the shop, line by line."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from atoll.system import running
from shop.demo.run import until_quiet
from tests.docs.blocks import blocks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def shell_block(containing: str) -> str:
    found = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if containing in block]
    assert len(found) == 1
    return str(found[0])


async def run(script: str, directory: Path, **environ: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script,
        cwd=directory, env={**os.environ, **environ, "PATH": path}, stdout=-1, stderr=-2,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_first_service_answers_as_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hello.py").write_text(next(each.code for each in blocks(README) if each.file == "hello.py"))
    monkeypatch.syspath_prepend(str(tmp_path))
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    script = shell_block("/greetings/ada")
    async with running("hello:hello", directory=tmp_path / "state", environ=environ) as system:
        output = await run(script, tmp_path, GATEWAY=system.gateway_url)
    assert re.findall(r"\{.*?\}", output) == re.findall(r"# (\{.*?\})", script)


async def test_the_walk_through_the_shop_works_line_by_line(tmp_path: Path) -> None:
    async with running("shop.system:shop", directory=tmp_path / ".atoll") as shop:
        await until_quiet(shop)  # a person takes longer to type than the catalogue to spread
        output = await run(shell_block("my-first-order"), tmp_path, SHOP=shop.gateway_url)
        assert output.count('"status":"confirmed"') == 3
        assert '"code":"order_not_found"' in output
        behind = await run(shell_block("atoll ps"), tmp_path)
        await shop.wait_healthy("order")
    assert "KIT-018" in behind
