"""The demo page's snippets for frameworks, pasted into applications that their own tools build."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.async_api import expect

from ..browser.bell import Bell
from ..browser.demo import copied
from ..browser.device import Device
from ..service import Service
from .building import EXAMPLES, install, run
from .site import Site

REACT = """import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import App from "./App";

createRoot(document.getElementById("root")!).render(<StrictMode><App /></StrictMode>);
"""
ANGULAR = """import { bootstrapApplication } from "@angular/platform-browser";
import { App } from "./app/app";

bootstrapApplication(App).catch(console.error);
"""
SOURCES = {
    "React": ("react", {"main.tsx": REACT}, "App.tsx"),
    "Angular": ("angular", {"main.ts": ANGULAR}, "app/app.ts"),
}
"""The example whose tools are used, the files that such an application begins with, and where the snippet goes."""


@pytest.mark.parametrize("framework", SOURCES)
async def test_a_snippet_works_as_pasted(
    framework: str, device: Device, tmp_path: Path, toolchain: dict[str, str]
) -> None:
    example, files, target = SOURCES[framework]
    site_folder = tmp_path / "site"
    site_folder.mkdir()
    with Site(site_folder) as site, Service({"EVENTIDE_CORS_ORIGINS": site.origin}, command=("demo",)) as demo:
        demo.start()
        page = await device.open(f"{demo.base_url}/client/#bob-phone")
        await page.get_by_role("tab", name=framework).click()
        snippet = await copied(page.get_by_role("button", name=f"Copy: {framework}"))
        build(tmp_path / "application", example, {**files, target: snippet}, site_folder, toolchain)
        bell = Bell(await device.open(site.origin))
        await bell.state("live")
        await page.locator("#compose [name=message]").fill("For the pasted snippet")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(bell.toasts).to_contain_text("For the pasted snippet")
        for each in device.context.pages:
            await each.close()  # before the demo ends


def build(folder: Path, example: str, sources: Mapping[str, str], target: Path, env: Mapping[str, str]) -> None:
    """Build an application with the configuration of an example, but these sources; what comes out is in `target`."""
    origin = EXAMPLES / example
    install(origin, env)
    shutil.copytree(origin, folder, ignore=shutil.ignore_patterns("node_modules", "src", "dist", ".angular"))
    (folder / "node_modules").symlink_to(origin / "node_modules")
    for name, text in {"styles.css": "", **sources}.items():
        path = folder / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if (origin / "src" / "index.html").exists():
        shutil.copy(origin / "src" / "index.html", folder / "src")
    run(folder, ["npm", "run", "build"], env)
    shutil.copytree(folder / "dist", target, dirs_exist_ok=True)
