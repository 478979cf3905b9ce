# SPDX-License-Identifier: Apache-2.0
"""The documents: generated pages are current, links lead somewhere, code and names that they mention exist."""
import json
import re
import subprocess

import pytest

from conftest import BINARY, ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    to = tmp_path_factory.mktemp("reference")
    subprocess.run([ROOT / "scripts" / "mkreference", to, BINARY], check=True)
    return {p.name: p.read_text() for p in to.iterdir()}


def test_reference_pages_are_current(generated):
    kept = {p.name: p.read_text() for p in (ROOT / "docs" / "reference").iterdir()}
    assert sorted(kept) == sorted(generated)
    for name, text in generated.items():
        assert kept[name] == text, f"docs/reference/{name} is stale: run scripts/mkreference and commit it"


def test_every_route_is_in_the_reference(generated, server):
    paths = server().get("/openapi.json").json["paths"]
    for path, methods in paths.items():
        for method in methods:
            if method in ("get", "post", "put", "patch", "delete"):
                plain = re.sub(r"\*}", "}", generated["rest.md"])
                assert f"### {method.upper()} {path}\n" in plain, (method, path)


def anchors(text):
    """As GitHub makes them."""
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"", text):
        target = target[0] or target[1]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), f"{target} in {page.name}"
        if anchor and to.suffix == ".md":
            assert anchor in anchors(to.read_text()), f"{target} in {page.name}"


@pytest.mark.parametrize("page", [p for p in PAGES if "reference" not in p.parts], ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_are_named_exist(page):
    """`src/…`, `scripts/…` and the like in code quotes."""
    for name in re.findall(r"`((?:src|scripts|tests|web|bench|docs)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists(), f"{name} in {page.name}"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    assert (ROOT / "docs" / "zh-CN" / "README.md").exists()


def test_tree_in_architecture_is_the_tree():
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    for folder in sorted(p.name for p in (ROOT / "src").iterdir() if p.is_dir()):
        assert re.search(rf"^\s+{re.escape(folder)}/", text, re.M), f"src/{folder} is not in docs/ARCHITECTURE.md"


def test_commands_that_are_shown_exist(generated):
    """Every `slipway x` at the start of a line in a code block is a command of the reference page."""
    commands = set(re.findall(r"^## slipway (.+)$", generated["cli.md"], re.M))
    groups = {c.split()[0] for c in commands}
    for page in PAGES:
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", page.read_text(), re.M | re.S):
            for words in re.findall(r"^(?:\$ )?slipway ([a-z]+(?: [a-z]+)?)", block, re.M):
                first = words.split()[0]
                assert words in commands or first in commands or (first in groups and words == first) or any(
                    c.startswith(words + " ") for c in commands), (page.name, words)


def test_every_dependency_is_explained():
    text = (ROOT / "docs" / "DEPENDENCIES.md").read_text()
    names = set()
    setup = (ROOT / "scripts" / "setup").read_text()
    for words in re.findall(r"_packages=\(([^)]+)\)", setup) + re.findall(r"^\s*install_debian ([a-z][^\n$]*)$", setup, re.M):
        names.update(words.split())
    for manifest in ("web/package.json", "tests/browser/package.json"):
        about = json.loads((ROOT / manifest).read_text())
        names.update(about.get("dependencies", {}), about.get("devDependencies", {}))
    for manifest in [*ROOT.glob("tests/requirements*.txt"), ROOT / "bench" / "requirements.txt"]:
        names.update(re.findall(r"^([A-Za-z][\w.-]*)", manifest.read_text(), re.M))
    missing = sorted(n for n in names if f"`{n}`" not in text)
    assert len(names) > 20 and not missing, f"docs/DEPENDENCIES.md does not explain {missing}"


def test_both_readmes_show_the_same_commands():
    blocks = [re.findall(r"^```console.*?^```", p.read_text(), re.M | re.S) for p in (ROOT / "README.md", ROOT / "docs" / "zh-CN" / "README.md")]
    assert blocks[0] == blocks[1] and len(blocks[0]) == 3
