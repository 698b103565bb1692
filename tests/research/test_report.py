"""The page: complete in itself, well-formed, readable on dark and light, and the same every time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from bot.research.plots import explanation_chart
from bot.research.report import page
from bot.research.validity import assess
from bot.research.worth import Questions
from bot.types import NS_PER_S
from tests.research.planted import market, planted

ASKED = Questions((NS_PER_S, 5 * NS_PER_S), (0, NS_PER_S // 4), taker_fee_bps=5.0, maker_fee_bps=-0.5)
EMPTY_TAGS = {"meta", "br", "img", "hr", "use", "path", "rect"}


class Balance(HTMLParser):
    """Counts what is opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.broken: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in EMPTY_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY_TAGS and (not self.open or self.open.pop() != tag):
            self.broken.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]


@pytest.fixture(scope="module")
def html() -> str:
    return page(assess(*planted(1, count=150), ASKED))


def test_the_page_needs_nothing_but_itself(html: str) -> None:
    assert re.search(r"<script|javascript:|https?:|//[a-z]|<link|@import|\ssrc=", html) is None
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', html))


def test_the_page_is_well_formed(html: str) -> None:
    reader = Balance()
    reader.feed(html)

    assert (reader.open, reader.broken) == ([], [])
    assert len(set(reader.ids)) == len(reader.ids)
    for target in re.findall(r'(?:href="#|url\(#)([^")]*)', html):
        assert target in reader.ids


def test_pictures_take_the_colour_of_the_page(html: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", html, re.DOTALL)

    assert len(pictures) == 5  # explanation, ranking, one a signal that speaks
    for picture in pictures:
        ElementTree.fromstring(picture)
        assert "currentColor" in picture
        assert "#000000" not in picture
        assert "#ffffff" not in picture
    assert "prefers-color-scheme: dark" in html


def test_every_signal_has_its_verdict_on_the_page(html: str) -> None:
    for words in ("use for quoting, not crossing", "explains the present", "never had a value on this tape"):
        assert words in html
    assert "12 questions were asked" in html
    for words in ("nobody can trade it", "the honest one", "break-even taker fee"):
        assert words in html


def test_the_same_report_is_the_same_text() -> None:
    found = assess(*planted(2, count=150), ASKED)

    assert page(found) == page(found)


def test_names_cannot_break_the_page() -> None:
    moves = np.arange(150, dtype=np.int64) % 7 - 3
    report = assess(*market(moves, {'<b>&"x $_': np.sin(np.arange(150.0))}), ASKED)

    assert "<b>&" not in page(report)
    assert "&lt;b&gt;&amp;" in page(report)


def test_a_report_without_any_values_is_still_a_page() -> None:
    nothing = assess(*market(np.zeros(20, np.int64), {"silent": np.full(20, np.nan)}), ASKED)

    assert "never had a value" in page(nothing)
    assert "<svg" not in page(nothing)


def test_the_bars_of_what_comes_after_a_signal_are_out_of_sample() -> None:
    found = assess(*planted(1, count=150), ASKED)
    spoke = next(worth for worth in found.signals if worth.rows)

    def drawn(r2: float, out_r2: float) -> str:
        ahead = tuple(replace(cell, line=replace(cell.line, r2=r2), out_r2=out_r2) for cell in spoke.ahead)
        return explanation_chart(replace(found, signals=(replace(spoke, ahead=ahead),)))

    assert drawn(0.9, 0.1) == drawn(0.2, 0.1)
    assert drawn(0.9, 0.1) != drawn(0.9, 0.2)
    assert drawn(0.9, -400.0) == drawn(0.9, 0.0)


def test_a_legend_stands_above_the_panels(html: str) -> None:
    picture = ElementTree.fromstring(re.findall(r"<svg.*?</svg>", html, re.DOTALL)[0])
    identified = {part.get("id"): part for part in picture.iter() if part.get("id")}

    assert "explanation-legend_1" in identified
    assert not any("legend" in (part.get("id") or "") for part in identified["explanation-axes_2"].iter())
