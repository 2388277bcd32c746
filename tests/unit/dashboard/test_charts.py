from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from creditgate_server.dashboard.charts.bars import Mark, Stretch, bar, stretches
from creditgate_server.dashboard.charts.columns import Column, columns
from creditgate_server.dashboard.charts.donut import RING, Centre, Slice, donut, shares
from creditgate_server.dashboard.charts.scale import scale

AMOUNTS = st.lists(st.integers(-(10**12), 10**15), min_size=1, max_size=6)
CENTRE = Centre("1,024", "credits left")


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)  # noqa: S314 - it is our own


@given(AMOUNTS)
def test_the_ring_is_divided_whole_and_what_is_there_can_be_seen(amounts: list[int]) -> None:
    lengths = shares(amounts)
    assert sum(lengths) == (RING if any(each > 0 for each in amounts) else 0)
    assert all((length > 0) == (each > 0) for length, each in zip(lengths, amounts, strict=True))


def test_a_ring_says_what_it_shows_and_tells_parts_apart_without_colour() -> None:
    drawn = donut(
        "ring",
        [Slice("used", 60), Slice("held", 5), Slice("remaining", 35)],
        centre=CENTRE,
        title="Credits <used>",
        description="used 60, held 5",
    )
    root = parsed(drawn)
    assert root.attrib["role"] == "img"
    assert root.find("title").text == "Credits <used>"  # type: ignore[union-attr]
    named = {root.attrib[name] for name in ("aria-labelledby", "aria-describedby")}
    assert named <= {each.get("id") for each in root.iter()}
    drawn_as = {each.get("class"): each.get("stroke") for each in root.iter("circle")}
    assert drawn_as["donut-slice held"] == "url(#ring-held)"
    assert "1,024" in {each.text for each in root.iter("text")}


def test_a_ring_of_nothing_is_empty() -> None:
    root = parsed(
        donut("ring", [Slice("used", 0)], centre=CENTRE, title="Credits", description="none")
    )
    assert [each.get("class") for each in root.iter("circle")] == ["donut-track"]


@given(st.integers(0, 10**16))
def test_scales_are_round_and_reach_as_far_as_needed(highest: int) -> None:
    fits = scale(highest)
    assert highest <= fits.top <= max(3, 2 * highest)
    assert 1 <= len(fits.lines) <= 3
    assert re.fullmatch(r"(1|2|25|5)0*", str(fits.step))


@given(st.lists(st.tuples(st.integers(-9, 10**9), st.integers(0, 10**9)), min_size=1, max_size=99))
def test_columns_stand_on_the_ground_and_below_the_top(given_: list[tuple[int, int]]) -> None:
    drawn = columns(
        "days",
        [Column(tip=f"<{place}>", amount=a, ahead=b) for place, (a, b) in enumerate(given_)],
        average=None,
        title="Days",
        description="Days",
        label=str,
    )
    root = parsed(drawn.plot)
    ground = max(float(each.attrib["y1"]) for each in root.iter("line"))
    groups = [each for each in root.iter("g") if each.get("class") == "column"]
    assert [each.find("title").text for each in groups] == [  # type: ignore[union-attr]
        f"<{place}>" for place in range(len(given_))
    ]
    for group, (amount, ahead) in zip(groups, given_, strict=True):
        bars = [each for each in group.iter("rect") if each.get("class", "").startswith("bar")]
        assert len(bars) == (amount > 0) + (ahead > 0)
        foot = int(ground)
        for each in bars:
            top, high = int(each.attrib["y"]), int(each.attrib["height"])
            # Together they may be a few pixels higher, as the least of each can be seen.
            assert (top + high, high > 0, top >= 8) == (foot, True, True)
            foot = top


def test_columns_lie_beside_each_other() -> None:
    given_ = [Column(tip="", amount=5) for _ in range(31)]
    drawn = columns("d", given_, average=5, title="", description="", label=str)
    bars = [
        (float(each.attrib["x"][:-1]), float(each.attrib["width"][:-1]))
        for each in parsed(drawn.plot).iter("rect")
        if each.get("class") == "bar past"
    ]
    ends = [x + width for x, width in bars]
    assert all(end < x for end, (x, _) in zip(ends, bars[1:], strict=False))
    assert bars[0][0] >= 0
    assert ends[-1] <= 100


def test_a_bar_is_as_long_as_its_part() -> None:
    def lengths(part: int, whole: int) -> str:
        return parsed(bar(part, whole)).findall("rect")[1].attrib["width"]

    assert lengths(1, 4) == "25.00%"
    assert lengths(5, 4) == "100.00%"
    assert lengths(0, 4) == lengths(3, 0) == lengths(-1, 4) == "0.00%"
    assert lengths(1, 10**9) != "0.00%"


def test_stretches_follow_each_other() -> None:
    root = parsed(
        stretches(
            "a",
            [Stretch("used", 10), Stretch("held", 5), Stretch("over", 0)],
            40,
            marks=[Mark("limit", 30)],
            title="a",
            description="b",
        )
    )
    drawn = {each.get("class"): (each.get("x"), each.get("width")) for each in root.iter("rect")}
    assert drawn["stretch used"] == ("0.00%", "25.00%")
    assert drawn["stretch held"] == ("25.00%", "12.50%")
    assert "stretch over" not in drawn
    assert [each.get("x1") for each in root.iter("line")] == ["75.00%"]
