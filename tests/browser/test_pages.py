"""The pages in a real browser with no network: every plot is drawn, nothing is fetched, nothing complains."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: the pages were NOT looked at"
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
STUDY = "submissions/ncdb-2016/report/mudgway2020.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Seen:
    """What a page asked of the network, and what it complained of."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.complaints: list[str] = []


@pytest.fixture
def page(browser: Browser) -> Iterator[tuple[Page, Seen]]:
    context = browser.new_context(viewport={"width": 1050, "height": 900}, offline=True)
    page, seen = context.new_page(), Seen()

    def only_files(route: Route) -> None:
        if route.request.url.startswith("file://"):
            route.continue_()
        else:
            seen.fetched.append(route.request.url)
            route.abort()

    page.route("**/*", only_files)
    page.on(
        "console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    yield page, seen
    context.close()


def drawn_plots(page: Page) -> int:
    """Figures whose SVG has marks in it and takes room on the page."""
    return int(
        page.evaluate(
            """() => [...document.querySelectorAll('figure svg')].filter(svg =>
                 svg.getBoundingClientRect().height > 50 && svg.querySelectorAll('path, text').length > 5).length"""
        )
    )


def test_a_study_page_draws_every_plot_without_a_network(
    page: tuple[Page, Seen], published_home: Path
) -> None:
    tab, seen = page
    tab.goto((published_home / STUDY).as_uri())
    assert tab.title().startswith("Surgery of the primary")
    tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for plot in ("#forest", "#attrition", ".km", "#love", "#overlap"):
        assert tab.locator(f"{plot} svg").first.is_visible(), plot
    assert drawn_plots(tab) == tab.locator("figure svg").count()
    assert tab.locator("#comparison tbody tr").count() >= 15
    assert seen.fetched == []
    assert seen.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_study_page_can_be_read_on_a_desk_and_on_a_telephone(
    page: tuple[Page, Seen], published_home: Path, width: int
) -> None:
    """No word leaves the page; a plot that has no room keeps its size and is scrolled."""
    tab, _ = page
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto((published_home / STUDY).as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    box = tab.locator("#forest svg").bounding_box()
    assert box is not None
    assert box["width"] >= 600
    if width == 1280:
        box_of_table = "document.querySelector('#comparison').parentElement"
        cut = tab.evaluate(f"{box_of_table}.scrollWidth - {box_of_table}.clientWidth")
        assert cut <= 0, "the notes beside the published numbers are whole"


def test_the_gate_stands_first_and_the_estimates_are_folded(
    page: tuple[Page, Seen], published_home: Path
) -> None:
    tab, _ = page
    tab.goto((published_home / STUDY).as_uri())
    assert tab.locator("h2").first.inner_text() == "The gate"
    table = tab.locator("details.estimates table").first
    assert not table.is_visible()
    tab.locator("details.estimates summary").first.click()
    assert table.is_visible()


@pytest.mark.parametrize(
    "name",
    [
        "report/index.html",
        "submissions/ncdb-2016/report/index.html",
        "submissions/ncdb-2016/quality/index.html",
    ],
)
def test_every_other_page_opens_without_a_network(
    page: tuple[Page, Seen], published_home: Path, name: str
) -> None:
    tab, seen = page
    tab.goto((published_home / name).as_uri())
    assert tab.locator("h1").count() == 1
    assert seen.fetched == []
    assert seen.complaints == []


def test_links_lead_from_the_front_page_to_a_study(page: tuple[Page, Seen], published_home: Path) -> None:
    tab, seen = page
    tab.goto((published_home / "report/index.html").as_uri())
    tab.get_by_role("link", name="ncdb-2016", exact=True).click()
    tab.get_by_role("link", name="Surgery of the primary").first.click()
    assert tab.locator("#forest svg").count() == 1
    tab.goto((published_home / "report/index.html").as_uri())
    tab.get_by_role("link", name="mudgway2020 on ncdb-2016").click()
    assert tab.locator("#forest svg").count() == 1
    assert seen.complaints == []


@pytest.fixture(scope="module")
def evidence_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without a submission, in which published evidence was pooled."""
    from pipelines import steps
    from pipelines.store import Home

    home = Home(tmp_path_factory.mktemp("evidence"))
    steps.run_evidence(home, "pooled_evidence")
    return home.root


@pytest.mark.parametrize(("width", "side_by_side"), [(1280, True), (390, False)])
def test_two_forests_stand_side_by_side_where_there_is_room(
    page: tuple[Page, Seen], evidence_home: Path, width: int, side_by_side: bool
) -> None:
    tab, seen = page
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto((evidence_home / "report" / "pooled_evidence.html").as_uri())
    figures = tab.locator("figure.evidence")
    boxes = [figures.nth(position).bounding_box() for position in range(2)]
    assert all(box is not None for box in boxes)
    left, right = (box for box in boxes if box is not None)
    assert (right["x"] >= left["x"] + left["width"]) == side_by_side
    assert (right["y"] >= left["y"] + left["height"]) != side_by_side
    assert drawn_plots(tab) == 4, "two forests, two funnels"
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert (seen.fetched, seen.complaints) == ([], [])
