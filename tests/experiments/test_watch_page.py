"""The replay page: traces survive the disk, pages hold all they need, and a real browser shows what was recorded."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.watch.checks import TraceError
from experiments.watch.encode import MISSING, Packer, encode
from experiments.watch.page import PAGE, SCRIPTS, render, write_page
from experiments.watch.trace import Edge, Geom, Meta, Node, Trace
from tests.experiments.browser import Browser
from tests.experiments.synthetic_trace import synthetic_trace


@pytest.fixture(scope="module")
def trace() -> Trace:
    return synthetic_trace(20.0, episodes=2)


def same(a: Trace, b: Trace) -> None:
    assert a.header() == b.header()
    for name in ("time", "episode", "poses", "rgba", "retina", "eyes", "value", "recalls", "distant", "plans"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for table in ("rewards", "ports", "spikes", "signals", "traces"):
        assert list(getattr(a, table)) == list(getattr(b, table))
        for key, value in getattr(a, table).items():
            np.testing.assert_array_equal(value, getattr(b, table)[key])


def bare(**changes: object) -> Trace:
    """The least that is a trace: one sphere at rest for three decisions."""
    pose = np.tile([0.0, 0, 0.5, 1, 0, 0, 0], (3, 1, 1))
    least = {
        "meta": Meta(), "time": np.arange(3) * 0.1, "episode": np.zeros(3), "geoms": (Geom("ball", "sphere", (0.1,)),),
        "poses": pose, "rgba": np.ones((3, 1, 4)),
    }  # fmt: skip
    return Trace(**{**least, **changes})  # type: ignore[arg-type]


def test_a_saved_trace_comes_back_whole(trace: Trace, tmp_path: Path) -> None:
    same(trace, Trace.load(trace.save(tmp_path / "sub" / "trace.npz")))
    same(bare(), Trace.load(bare().save(tmp_path / "bare.npz")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare.npz", "sub"], "no half-written files stay behind"


def test_a_trace_holds_no_pickles(trace: Trace, tmp_path: Path) -> None:
    with np.load(trace.save(tmp_path / "trace.npz"), allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_trace_is_named(trace: Trace, tmp_path: Path, share: float) -> None:
    whole = trace.save(tmp_path / "trace.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(TraceError, match=r"cut\.npz cannot be read as a trace: it is truncated .* `scrubjay watch`"):
        Trace.load(tmp_path / "cut.npz")


def test_foreign_files_are_named(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"no trace at .*nothing"):
        Trace.load(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(TraceError, match="text cannot be read as a trace"):
        Trace.load(tmp_path / "text")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(TraceError, match=r"other\.npz is an .npz file, but not a Scrubjay trace"):
        Trace.load(tmp_path / "other.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(TraceError, match=r"array\.npy cannot be read as a trace"):
        Trace.load(tmp_path / "array.npy")
    with np.load(trace.save(tmp_path / "trace.npz")) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    arrays["header"] = np.frombuffer(json.dumps({**header, "version": 99}).encode(), np.uint8)
    np.savez(tmp_path / "newer.npz", **arrays)
    with pytest.raises(TraceError, match="has trace format 99, this version reads 1"):
        Trace.load(tmp_path / "newer.npz")
    arrays["header"] = np.frombuffer(json.dumps({**header, "geoms": [{"shape": "box"}]}).encode(), np.uint8)
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(TraceError, match=r"odd\.npz is a damaged trace"):
        Trace.load(tmp_path / "odd.npz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": np.zeros(0)}, "at least one decision"),
        ({"time": [0.0, 0.1, 0.0]}, "trace.time does not rise at decision 2"),
        ({"meta": Meta(dt=0)}, "trace.meta.dt is 0"),
        ({"poses": np.zeros((3, 2, 7))}, r"poses has shape \(3, 2, 7\), expected \(3, 1, 7\), that is \[T, G, 7\]"),
        ({"rewards": {"food": np.zeros(4)}}, r"trace.rewards\['food'\] has shape \(4,\), expected \(3,\)"),
        ({"spikes": {"v1.spikes": np.zeros((3, 5))}}, r"expected \[T=3, ticks, N\]"),
        ({"traces": {"v1.v": np.zeros(3)}}, r"trace.traces\['v1.v'\] has shape \(3,\), expected \[T=3, N\]"),
        ({"strides": {"v1.w": 2}, "traces": {"v1.v": np.zeros((3, 1))}}, "no trace 'v1.w'. Did you mean 'v1.v'?"),
        ({"strides": {"v1.v": 0}, "traces": {"v1.v": np.zeros((3, 1))}}, "is 0; every n-th unit needs"),
        ({"geoms": (Geom("x", "cylindre", (1, 1)),)}, "geom 'x': no shape 'cylindre'. Did you mean 'cylinder'?"),  # pyright: ignore[reportArgumentType]
        ({"geoms": (Geom("x", "box", (1, 1)),)}, r"geom 'x': size \(1, 1\) of a box needs 3 to 3 numbers"),
        ({"root": 1}, r"trace.root is 1, but there are 1 geoms"),
        ({"nodes": (Node("a", "lif", 0, 0),) * 2}, "trace.nodes has 'a' 2 times"),
        ({"nodes": (Node("eyes", "k", 0, 0),), "edges": (Edge("eye.x", "eyes.y"),)}, "no node 'eye'. Did you mean"),
        ({"nodes": (Node("eyes", "k", 0, 0),), "edges": (Edge("eyes", "eyes.y"),)}, "'eyes' names no port"),
        ({"retina": np.zeros((3, 1, 1, 4)), "row_heights": (0.1,), "ray_angles": (0.0,)}, "given without trace.eyes"),
        ({"recalls": np.zeros((2, 2))}, r"expected \[R, 3\]"),
        ({"distant": np.zeros((2, 3))}, r"expected \[R, 4\]"),
        ({"plans": np.zeros((3, 5))}, r"expected \[T=3, H \+ 1, 3\]"),
        ({"labels": {"a.b": ("x", "y")}, "signals": {"a.c": np.zeros(3)}}, "no trace 'a.b'. Did you mean 'a.c'?"),
        ({"labels": {"a.b": ("x", "y")}, "traces": {"a.b": np.zeros((3, 3))}}, "has 2 names for 3 numbers"),
        ({"events": ((float("nan"), "x"),)}, "trace.events: 'x' is at nan s"),
    ],
)  # fmt: skip
def test_a_wrong_trace_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(TraceError, match=words):
        bare(**changes)


def test_quantised_arrays_come_back_within_half_a_step() -> None:
    rng, packer = np.random.default_rng(0), Packer()
    array = rng.normal(size=(40, 7)).astype(np.float32)
    array[3, 2], array[5, 1] = np.nan, np.inf
    bits = rng.random((5, 3, 7)) < 0.3
    packer.add_bits("bits", bits)
    packer.add("array", array)
    packer.add("still", np.full(4, 2.5))
    raw = zlib.decompress(base64.b64decode(packer.blob()))
    spec = packer.table["array"]
    codes = np.frombuffer(raw, "<u2", array.size, spec["start"]).reshape(array.shape)
    finite = np.isfinite(array)
    assert ((codes == MISSING) == ~finite).all()
    step = float(np.ptp(array[finite])) / (MISSING - 1)
    np.testing.assert_allclose((spec["offset"] + codes * spec["scale"])[finite], array[finite], atol=0.501 * step)
    packer.add_coarse("coarse", array)
    raw, spec = zlib.decompress(base64.b64decode(packer.blob())), packer.table["coarse"]
    codes = np.frombuffer(raw, np.uint8, array.size, spec["start"]).reshape(array.shape)
    assert ((codes == spec["missing"]) == ~finite).all()
    step = float(np.ptp(array[finite])) / 254
    np.testing.assert_allclose((spec["offset"] + codes * spec["scale"])[finite], array[finite], atol=0.501 * step)
    np.testing.assert_array_equal(
        np.unpackbits(np.frombuffer(raw, np.uint8, 14), count=bits.size).reshape(bits.shape), bits
    )
    still = packer.table["still"]
    assert still["offset"] + np.frombuffer(raw, "<u2", 4, still["start"])[0] * still["scale"] == 2.5


def test_a_page_is_one_small_file(trace: Trace, tmp_path: Path) -> None:
    page = write_page(trace, tmp_path / "new" / "watch.html")
    text = page.read_text()
    assert page.stat().st_size < 400_000
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)|@import|https?://(?!www\.w3\.org)""", text)
    assert "<!--TRACE-->" not in text
    assert [path.name for path in page.parent.iterdir()] == ["watch.html"], "nothing half-written stays behind"
    assert write_page(trace, page).read_text() == text, "the same trace makes the same page"


def test_every_script_is_in_the_page() -> None:
    assert {path.stem for path in PAGE.glob("*.js")} == set(SCRIPTS)


def test_words_of_a_trace_stay_words(trace: Trace) -> None:
    evil = "</script><script>alert(1)</script><!--STYLE-->"
    text = render(replace(trace, meta=replace(trace.meta, title=evil), events=((0.0, evil),)))
    assert "<script>alert" not in text
    assert text.count("--gutter:") == render(trace).count("--gutter:")


def test_numbers_that_are_missing_do_not_stop_a_page(trace: Trace) -> None:
    value, poses = np.array(trace.value), trace.poses.copy()
    value[10:20], poses[5, 3] = np.nan, np.nan
    encode(replace(trace, value=value, poses=poses))


# ---------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def page(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(trace, tmp_path_factory.mktemp("page") / "watch.html").as_uri()


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, page: str) -> Iterator[Browser]:
    browser.open(page)
    yield browser
    assert browser.messages == [], "the console stayed silent"
    assert {request.partition("#")[0] for request in browser.requests} == {page}, "nothing else was asked for"


def pixels(browser: Browser, canvas: str) -> str:
    return browser.evaluate(f"document.querySelector({canvas!r}).toDataURL()")


def time_of(browser: Browser) -> float:
    return browser.evaluate("scrubjay.time")


BOX = "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('%s').getBoundingClientRect())"
PANELS = ("#view canvas", "#retina canvas", "#timeline .sheet canvas:last-child", "#scrub canvas")


@pytest.mark.browser
def test_every_panel_moves_when_scrubbed(opened: Browser) -> None:
    assert opened.evaluate("scrubjay.renderer") == "webgl2"
    looks = []
    for t in (2.0, 7.3, 2.0):
        opened.evaluate(f"scrubjay.seek({t})")
        looks.append(
            [pixels(opened, panel) for panel in PANELS]
            + [opened.evaluate("document.querySelector('#brain svg').innerHTML")]
        )
    for name, first, other, again in zip((*PANELS, "brain"), *looks, strict=True):
        assert first != other, f"{name} does not move"
        assert first == again, f"{name} shows something else at the same time"


@pytest.mark.browser
def test_the_page_holds_what_was_recorded(opened: Browser, trace: Trace) -> None:
    assert trace.retina is not None
    i = 57
    geoms, rays = len(trace.geoms), len(trace.row_heights) * len(trace.ray_angles)
    script = f"""(({{position, proximity, spikes, rewards}}) => ({{
        position: [...position.slice({i * geoms * 3}, {(i + 1) * geoms * 3})],
        near: [...proximity.slice({i * rays}, {(i + 1) * rays})],
        spikes: spikes.get("v1.spikes").values.filter((bit) => bit).length,
        food: [...rewards.get("food")],
    }}))(scrubjay.trace)"""
    shown = opened.evaluate(script)
    np.testing.assert_allclose(shown["position"], trace.poses[i, :, :3].ravel(), atol=1e-4)
    np.testing.assert_allclose(shown["near"], trace.retina[i, ..., 3].ravel(), atol=1e-4)
    assert shown["spikes"] == trace.spikes["v1.spikes"].sum()
    np.testing.assert_allclose(shown["food"], trace.rewards["food"], atol=1e-4)


@pytest.mark.browser
def test_what_is_said_stands_in_the_picture(opened: Browser, trace: Trace) -> None:
    """The caption of the moment, whole and within the view; it says what came of it once that is known."""
    for time, text in trace.captions:
        opened.evaluate(f"scrubjay.seek({time + 0.05})")
        assert opened.evaluate("document.getElementById('caption').textContent") == text
        assert not opened.evaluate("document.getElementById('caption').hidden")
        left, top, width, height = opened.evaluate(BOX % "#caption")
        x, y, wide, high = opened.evaluate(BOX % "#view")
        assert x <= left < left + width <= x + wide
        assert y <= top < top + height <= y + high
        assert opened.evaluate("document.getElementById('caption').scrollWidth") <= width + 1


@pytest.mark.browser
def test_without_a_sentence_there_is_no_caption(browser: Browser, trace: Trace, tmp_path: Path) -> None:
    page = write_page(replace(trace, captions=()), tmp_path / "silent.html")
    browser.open(page.as_uri())
    assert browser.evaluate("document.getElementById('caption').hidden")
    assert browser.evaluate(BOX % "#caption") == [0, 0, 0, 0]


@pytest.mark.browser
def test_keys(opened: Browser) -> None:
    steps: list[tuple[str, bool, float]] = [
        ("ArrowRight", False, 0.1), ("ArrowRight", True, 1.1), ("ArrowLeft", False, 1.0), ("]", False, 10.0),
        ("ArrowLeft", True, 9.0), ("End", False, 20.0), ("Home", False, 0.0),
    ]  # fmt: skip
    for key, shift, time in steps:
        opened.press(key, shift)
        assert time_of(opened) == pytest.approx(time, abs=0.01), (key, shift)
    for key, speed in (("+", 2), ("+", 4), ("+", 4), ("-", 2), ("-", 1), ("-", 0.5), ("-", 0.25), ("-", 0.25)):
        opened.press(key)
        assert opened.evaluate("scrubjay.speed") == speed
        assert opened.evaluate("Number(document.getElementById('speed').value)") == speed
    opened.press("?")
    assert opened.evaluate("document.getElementById('help').open")
    opened.evaluate("document.getElementById('help').close()")
    opened.press("f")
    assert opened.evaluate("document.getElementById('follow').getAttribute('aria-pressed')") == "true"


@pytest.mark.browser
def test_space_plays_and_pauses_and_the_address_follows(opened: Browser) -> None:
    opened.press(" ")
    opened.wait("scrubjay.playing && scrubjay.time > 0.3")
    assert opened.evaluate("document.getElementById('play').getAttribute('aria-label')") == "Pause"
    opened.press(" ")
    stopped = time_of(opened)
    opened.wait("location.hash.startsWith('#t=')")
    assert not opened.evaluate("scrubjay.playing")
    assert float(opened.evaluate("location.hash.slice(3)")) == pytest.approx(stopped, abs=0.01)
    assert time_of(opened) == stopped


@pytest.mark.browser
def test_links_to_a_moment(opened: Browser, page: str) -> None:
    opened.open(f"{page}#t=12.3")
    assert time_of(opened) == pytest.approx(12.3, abs=1e-3)
    assert not opened.evaluate("scrubjay.playing")
    opened.evaluate("location.hash = '#t=4.5'")
    opened.wait("Math.abs(scrubjay.time - 4.5) < 0.001")
    opened.open(f"{page}#t=5&play")
    opened.wait("scrubjay.playing && scrubjay.time > 5.2")
    opened.open(f"{page}#t=999")
    assert time_of(opened) == pytest.approx(20.0, abs=1e-3)


@pytest.mark.browser
def test_pointer(opened: Browser, trace: Trace) -> None:
    left, top, width, height = opened.evaluate(BOX % "#scrub")
    opened.click(left + (width - 14) / 2, top + height / 2)
    assert time_of(opened) == pytest.approx(10.0, abs=0.05)
    opened.mouse("Moved", left + (width - 14) * 0.75, top + height / 2)
    assert opened.evaluate("document.getElementById('tip').textContent").startswith("15.0 s · episode 1")
    opened.evaluate("document.querySelectorAll('#log button')[3].click()")
    assert time_of(opened) == pytest.approx(trace.events[3][0], abs=0.01)
    before = pixels(opened, "#view canvas")
    left, top, width, height = opened.evaluate(BOX % "#view canvas")
    opened.mouse("Wheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-240)
    opened.wait(f"document.querySelector('#view canvas').toDataURL() !== {before!r}")
    left, top, width, height = opened.evaluate(BOX % "#brain .node[aria-label^=cortex] .box")
    opened.click(left + width / 2, top + height / 2)
    card = opened.evaluate("document.getElementById('card').textContent")
    for words in ("gru", "hippocampus.recall → cortex.input", "cortex.state → v1.current @ delay=1"):
        assert words in card


STRIPS = "document.querySelector('#timeline .sheet canvas').getAttribute('aria-label')"
STILL = "#timeline .sheet canvas"


@pytest.mark.browser
def test_a_module_is_looked_into(opened: Browser, trace: Trace) -> None:
    """Its mean rate, its units as heat and as lines; a click or a key chooses units, a second click takes one away."""
    assert opened.evaluate(STRIPS).startswith("Over time: v1.spikes, mean rate, reward")
    usual = pixels(opened, STILL)
    opened.evaluate("scrubjay.select('v1')")
    assert opened.evaluate(STRIPS) == "Over time: v1.spikes, mean rate, v1.membrane, membrane, reward, value"
    moved = np.abs(np.diff(trace.traces["v1.membrane"], axis=0)).sum(axis=0)
    liveliest = opened.evaluate("scrubjay.choice.units")
    assert liveliest == sorted(np.argsort(-moved)[:3])
    aim = next(n for n in range(10, 90, 10) if min(abs(n - other) for other in liveliest) > 3)
    left, top, width, _ = opened.evaluate(BOX % "#timeline .sheet")
    strips = opened.evaluate("scrubjay.strips")
    box = next(strip for strip in strips if strip["name"] == "v1.membrane")
    looks = [pixels(opened, STILL)]
    middle = (left + width / 2, top + box["y"] + 3 + (box["h"] - 6) * (1 - (aim + 0.5) / 96))
    opened.click(*middle)
    chosen = opened.evaluate("scrubjay.choice.units.at(-1)")
    assert abs(chosen - aim) <= 1, "rows are thinner than pixels"
    assert opened.evaluate("scrubjay.choice.units.length") == 3
    for key, unit in (("ArrowUp", chosen + 1), ("ArrowDown", chosen), ("ArrowDown", chosen - 1)):
        opened.press(key)
        assert opened.evaluate("scrubjay.choice.units.at(-1)") == unit
        looks.append(pixels(opened, STILL))
    assert len(set(looks)) == 4
    opened.press("ArrowUp")
    opened.click(*middle)
    assert chosen not in opened.evaluate("scrubjay.choice.units")
    opened.mouse("Moved", *middle)
    assert f"v1.membrane\nunit {chosen}: " in opened.evaluate("document.getElementById('tip').textContent")
    opened.evaluate("scrubjay.select('fusion')")
    assert opened.evaluate(STRIPS).endswith("recall"), "a module with nothing to show leaves the strips as they are"
    opened.evaluate("scrubjay.select(null)")
    assert pixels(opened, STILL) == usual


@pytest.mark.browser
def test_of_a_large_population_every_nth_unit_is_shown(opened: Browser) -> None:
    opened.evaluate("scrubjay.select('hippocampus')")
    assert "hippocampus.weights, weights, reward" in opened.evaluate(STRIPS)
    assert opened.evaluate("scrubjay.choice.units.every((n) => n % 3 === 0)")
    before = opened.evaluate("scrubjay.choice.units.at(-1)")
    opened.press("ArrowDown")
    assert before - opened.evaluate("scrubjay.choice.units.at(-1)") >= 3


@pytest.mark.browser
def test_rates_and_membranes_are_those_recorded(opened: Browser, trace: Trace) -> None:
    rates = opened.evaluate("[...scrubjay.strips[1].rates]")
    np.testing.assert_allclose(rates, trace.spikes["v1.spikes"].sum(axis=(1, 2)) / 96 / 0.1, rtol=1e-5)
    shown = opened.evaluate("[...scrubjay.trace.traces.get('v1.membrane').values]")
    array = trace.traces["v1.membrane"]
    np.testing.assert_allclose(shown, array.ravel(), atol=0.501 * np.ptp(array) / 254)


@pytest.mark.browser
def test_thoughts_are_drawn_where_they_are_had(browser: Browser, trace: Trace, tmp_path: Path) -> None:
    """At 6.0 s it plans and remembers; what it remembers at 8.0 s is older than the replay, and said in words."""
    looks = {}
    for name, less in {"all": {}, "no plans": {"plans": None}, "no recalls": {"recalls": None}}.items():
        browser.open(write_page(replace(trace, **less), tmp_path / f"{name}.html").as_uri())
        browser.evaluate("scrubjay.seek(6.0)")
        looks[name] = pixels(browser, "#view canvas")
    strips = browser.evaluate(STRIPS)
    assert strips.endswith("value, prefrontal, modulators, memory confidence, planner.planned")
    assert len(set(looks.values())) == 3
    assert browser.messages == []
    hud = "document.getElementById('hud').textContent"
    assert "remembers" not in browser.evaluate(hud)
    browser.evaluate("scrubjay.seek(8.0)")
    assert "remembers 3.4 s of 12 episodes before this replay" in browser.evaluate(hud)


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1000, 600), (1200, 700), (1600, 900), (2400, 1300)])
def test_no_size_hides_or_covers_anything(opened: Browser, size: tuple[int, int]) -> None:
    opened.resize(*size, ratio=2)
    try:
        assert opened.evaluate(
            "document.documentElement.scrollWidth <= innerWidth && document.body.scrollHeight <= innerHeight"
        )
        assert opened.evaluate(
            "document.querySelector('#scrub canvas').width === 2 * document.querySelector('#scrub canvas').clientWidth"
        )
        cards = opened.evaluate(
            "[...document.querySelectorAll('#brain .box')].map((b) => b.getBoundingClientRect().toJSON())"
        )
        outside = opened.evaluate("document.querySelector('#brain').getBoundingClientRect().toJSON()")
        for k, a in enumerate(cards):
            assert outside["left"] <= a["left"] < a["right"] <= outside["right"]
            assert outside["top"] <= a["top"] < a["bottom"] <= outside["bottom"]
            for b in cards[:k]:
                apart = (
                    a["left"] >= b["right"]
                    or b["left"] >= a["right"]
                    or a["top"] >= b["bottom"]
                    or b["top"] >= a["bottom"]
                )
                assert apart, "two modules overlap"
    finally:
        opened.resize(1280, 800)


@pytest.mark.browser
def test_a_bare_trace_is_shown_too(browser: Browser, tmp_path: Path) -> None:
    browser.open(write_page(bare(), tmp_path / "bare.html").as_uri())
    browser.evaluate("scrubjay.seek(0.15)")
    assert browser.messages == []
    assert not browser.evaluate("document.getElementById('retina').checkVisibility()")


@pytest.mark.browser
def test_without_webgl_the_world_is_drawn_from_above(chromium: str, page: str, tmp_path: Path) -> None:
    with Browser(chromium, tmp_path, flags=("--disable-3d-apis", "--disable-gpu")) as browser:
        browser.open(page)
        assert browser.evaluate("scrubjay.renderer") == "canvas"
        assert "shown from above" in browser.evaluate("document.getElementById('note').innerText")
        looks = []
        for t in (2.0, 7.3):
            browser.evaluate(f"scrubjay.seek({t})")
            looks.append(pixels(browser, "#view canvas"))
        assert looks[0] != looks[1]
        assert browser.messages == []
