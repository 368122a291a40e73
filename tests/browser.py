"""The report in a real browser: make browser opens the newest run's page in Chromium, wide and as on a telephone.

The page must ask nobody for anything, log no error, show every chart with a size, and never be wider than the screen.
Keeps the figures in tests/measured.json and a picture of each width in build/browser/.
"""

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
WIDTHS = {"wide": 1280, "telephone": 400}
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
return {
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
    found = {name: opened(pages[-1], name, width) for name, width in WIDTHS.items()}
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
            wrong += [f"{name}: a script ran"] * (page["title"] == MARKER) + [f"{name}: {c}" for c in complaints(page)]
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
            found: dict[str, Any] = driver.execute_script(FINDINGS)
            found["log"] = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
            driver.set_window_size(width, min(driver.execute_script("return document.body.scrollHeight"), 15000))
            folder = ROOT / "build" / "browser"
            folder.mkdir(parents=True, exist_ok=True)
            driver.save_screenshot(str(folder / f"{name}.png"))
        finally:
            driver.quit()
    return found


def complaints(page: dict[str, Any]) -> list[str]:
    """What is wrong with a page."""
    checks = {
        "it has no title": not page["title"],
        "it has no headings": len(page["headings"]) < 2,
        "it has no charts": not page["charts"],
        f"{page['empty_charts']} charts have no size": page["empty_charts"],
        f"it asks for {page['asked']}": page["asked"],
        f"it logs {page['log']}": page["log"],
        f"it is {page['overflow']} pixels wider than the screen": page["overflow"] > 0,
    }
    return [text for text, wrong in checks.items() if wrong]


if __name__ == "__main__":
    sys.exit(main())
