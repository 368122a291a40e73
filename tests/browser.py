"""The report in a real browser: make browser opens the newest run's page in Chromium, wide and as on a telephone.

By day and by night, the page must ask nobody for anything, log no error, show every chart with a size, have no text
under eleven pixels, never be wider than the screen, have no violation that axe finds, and print on six pages.
Keeps the figures in tests/measured.json and a picture of each width in build/browser/.
"""

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measured import record
from selenium import webdriver

ROOT = Path(__file__).parent.parent
NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver"}
WIDTHS = {"wide": 1200, "telephone": 390}
SMALLEST, MOST_PAGES = 11, 6  # pixels of a text; sheets of paper of the real year
FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
]
FINDINGS = """
const shown = [...document.querySelectorAll('img, svg')].map(item => item.getBoundingClientRect());
const sizes = [...document.querySelectorAll('body *')].filter(item =>
    [...item.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()) && item.getClientRects().length
    && !['SCRIPT', 'STYLE', 'TITLE', 'DESC', 'title', 'desc'].includes(item.tagName)).map(item =>
    parseFloat(getComputedStyle(item).fontSize) * (item.getScreenCTM ? item.getScreenCTM().a : 1));
return {
    smallest: Math.min(...sizes),
    title: document.title,
    headings: [...document.querySelectorAll('h1, h2')].map(item => item.textContent.trim()),
    tables: document.querySelectorAll('table').length,
    charts: shown.length,
    empty_charts: shown.filter(box => box.width < 50 || box.height < 50).length,
    asked: performance.getEntriesByType('resource').map(entry => entry.name)
        .filter(name => !name.startsWith('data:') && !name.startsWith('blob:')),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
};
"""


PACKAGE = ROOT / "tests/workflows"
AXE = PACKAGE / "node_modules/axe-core/axe.min.js"
MARKER = "a script of the data ran"
HOSTILE = [
    f"<script>document.title='{MARKER}'</script>",
    f"<img src=x onerror=\"document.title='{MARKER}'\">",
    f"<svg/onload=\"document.title='{MARKER}'\">",
    f"</td></table><iframe srcdoc=\"<script>parent.document.title='{MARKER}'</script>\"></iframe>",
    f"<a href=\"javascript:document.title='{MARKER}'\">x</a>",
]


def main() -> int:
    """Open the page at each width and say what is wrong with it; then pages of hostile data, which must run nothing."""
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    pages = sorted((ROOT / "runs").glob("*/report.html"))
    if missing or not pages:
        what = f"apt-get install {' '.join(missing)}" if missing else "a run: make run"
        print(f"make browser needs {what}", file=sys.stderr)
        return 1
    looks = {f"{name}{look}": width for name, width in WIDTHS.items() for look in ("", "-dark")}
    found = {name: opened(pages[-1], name, width) for name, width in looks.items()}
    wrong = [f"{name}: {complaint}" for name, page in found.items() for complaint in complaints(page)]
    wrong += hostile()
    print(
        *(wrong or [f"{pages[-1]} is whole: {found['wide']['charts']} charts at {list(WIDTHS.values())} pixels"]),
        sep="\n",
    )
    figures = {name: {key: page[key] for key in ("charts", "tables", "overflow")} for name, page in found.items()}
    record("browser", "make browser", complaints=len(wrong), **figures)
    return int(bool(wrong))


def hostile() -> list[str]:
    """What is wrong with a page whose every name is markup, with its policy and without: escaping alone must hold."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "report.html")
        made = [str(ROOT / ".venv/bin/python"), str(ROOT / "tests/hostile_page.py"), str(target), *HOSTILE]
        subprocess.run(made, check=True)
        whole = target.read_text()
        bare = re.sub(r"<meta http-equiv[^>]*>", "", whole)
        wrong = [] if bare != whole else ["the page has no policy"]
        for name, html in {"hostile": whole, "hostile-without-policy": bare}.items():
            target.write_text(html)
            page = opened(target, name, WIDTHS["wide"])
            ran = [f"{name}: a script ran"] * (page["title"] == MARKER)
            wrong += ran + [f"{name}: {c}" for c in complaints(page, made_for_reading=False)]
        page = opened(target.with_name("results.html"), "hostile-results", WIDTHS["telephone"])
        wrong += ["hostile results: a script ran"] * (page["title"] == MARKER)
        wrong += [f"hostile results: {complaint}" for complaint in complaints(page)]
    return wrong


def opened(page: Path, name: str, width: int) -> dict[str, Any]:
    """What the browser finds on the page at a width; its picture goes to build/browser/."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--window-size={width},1000", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            driver.get(page.as_uri())
            driver.set_window_size(width, 1000)
            dark = [{"name": "prefers-color-scheme", "value": "dark" if "dark" in name else "light"}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
            found: dict[str, Any] = driver.execute_script(FINDINGS)
            driver.execute_script(AXE.read_text("utf-8"))
            violations = driver.execute_async_script("axe.run().then(r => arguments[0](r.violations))")
            found["axe"] = [f"{v['id']}: {v['nodes'][0]['target']}" for v in violations]
            found["pages"] = len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(driver.print_page())))
            found["log"] = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
            driver.set_window_size(width, min(driver.execute_script("return document.body.scrollHeight"), 15000))
            folder = ROOT / "build" / "browser"
            folder.mkdir(parents=True, exist_ok=True)
            driver.save_screenshot(str(folder / f"{name}.png"))
        finally:
            driver.quit()
    return found


def complaints(page: dict[str, Any], made_for_reading: bool = True) -> list[str]:
    """What is wrong with a page; the executed notebooks are not asked for all that the results are."""
    checks = {
        "it has no title": not page["title"],
        "it has no headings": len(page["headings"]) < 2,
        "it has no charts": not page["charts"],
        f"{page['empty_charts']} charts have no size": page["empty_charts"],
        f"it asks for {page['asked']}": page["asked"],
        f"it logs {page['log']}": page["log"],
        f"it is {page['overflow']} pixels wider than the screen": page["overflow"] > 0,
        f"a text is {page['smallest']:.1f} pixels high": page["smallest"] < SMALLEST and made_for_reading,
        f"axe finds {page['axe']}": page["axe"] and made_for_reading,
        f"it prints on {page['pages']} pages": page["pages"] > MOST_PAGES and made_for_reading,
    }
    return [text for text, wrong in checks.items() if wrong]


if __name__ == "__main__":
    sys.exit(main())
