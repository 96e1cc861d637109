"""Draw ``docs/report.png``, the picture of the README: ``python docs/make_screenshot.py <home of the demo>``.

The page of a study of the demo, from its head to the end of the forest plot. It needs a Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

STUDY = "submissions/ncdb-2016/report/mudgway2020.html"
PICTURE = Path(__file__).resolve().parent / "report.png"
WIDTH = 1050


def draw(page: Path, picture: Path) -> None:
    """Write the picture of a study's page."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=next(filter(None, found), None), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": 900})
        tab.goto(page.resolve().as_uri())
        end = tab.locator("#forest").evaluate("one => one.getBoundingClientRect().bottom")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": end + 20}
        tab.screenshot(path=picture, clip=clip, full_page=True)
        browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1]) / STUDY, PICTURE)
