"""The sensor's signs and faults, pocket mode and the chart."""

from typing import Any

import pytest

from tests.ingest.phone_page.page_modules import NodeModules

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
CHROME_ON_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/130.0 Mobile Safari"
)
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
CHECK = "const { checkSignsFlat } = await import('/phone/sensing/motion-frame.js'); return checkSignsFlat(args[0])"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("platform", "agent", "touch_points", "reversed_signs"),
    [
        ("iPhone", IPHONE, 5, True),
        ("iPhone", CHROME_ON_IPHONE, 5, True),
        ("iPad", IPHONE.replace("iPhone;", "iPad;"), 5, True),
        ("MacIntel", MAC, 5, True),
        ("MacIntel", MAC, 0, False),
        ("Linux armv81", ANDROID, 5, False),
        ("Win32", WINDOWS, 10, False),
    ],
    ids=["iPhone", "Chrome on an iPhone", "iPad", "iPad that claims to be a Mac", "Mac", "Android", "touch laptop"],
)
def test_only_ios_and_ipados_report_reversed_signs(
    modules: NodeModules, platform: str, agent: str, touch_points: int, reversed_signs: bool
) -> None:
    is_reversed = modules.run(
        "return (await import('/phone/sensing/motion-frame.js')).isReversedPlatform(args[0])",
        {"platform": platform, "userAgent": agent, "maxTouchPoints": touch_points},
    )
    assert is_reversed is reversed_signs


@pytest.mark.parametrize(
    ("reading", "result"),
    [
        ([0.1, -0.2, 9.7], "correct"),
        ([0.1, -0.2, -9.7], "reversed"),
        ([0.0, 9.8, 0.3], "not_flat"),
        ([0.0, 0.0, 1.0], "moving"),
    ],
)
def test_the_signs_are_checked_on_a_table(modules: NodeModules, reading: list[float], result: str) -> None:
    assert modules.run(CHECK, [reading] * 60) == result
    shaken = [[x + 4 * (at % 2), y, z] for at, (x, y, z) in enumerate([reading] * 60)]
    assert modules.run(CHECK, shaken) == "moving"
    assert modules.run(CHECK, []) == "moving"


def test_an_iphone_sends_androids_signs_and_the_wearer_can_correct_them(phone: Any, page_gateway: Any) -> None:
    phone.browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": IPHONE, "platform": "iPhone"})
    phone.accelerate(1.0, 2.0, -9.5)
    phone.enrol()
    phone.start()
    phone.wait(lambda: len(page_gateway.batches) >= 2)
    assert page_gateway.batches[-1].axes[-1].tolist() == pytest.approx([-1.0, -2.0, 9.5])
    # An iPhone with Android's signs: z is negative although the screen is up.
    phone.accelerate(0.1, 0.2, 9.8)
    phone.wait(lambda: phone.recorded()[-1][4] == pytest.approx(-9.8))
    phone.wait(lambda: sum(reading[4] < -9 for reading in phone.recorded()[-70:]) == 70)
    before = phone.state()["session"]
    phone.click("signs")
    phone.wait_for_text("signs-text", "were reversed and are now corrected")
    phone.wait(lambda: phone.recorded()[-1][4] == pytest.approx(9.8))
    assert phone.state()["session"] != before, "a session has one kind of signs only"
    sessions = {session for session, *_, z in phone.recorded()[-200:] if z > 0}
    assert all(z > 0 for session, *_, z in phone.recorded() if session in sessions - {before})
    phone.open()
    phone.start()
    phone.accelerate(0.1, 0.2, 9.6)
    phone.wait(lambda: abs(phone.recorded()[-1][4]) == pytest.approx(9.6))
    assert phone.recorded()[-1][4] == pytest.approx(9.6), "the correction outlives a reload"


@pytest.mark.parametrize(
    ("script", "notice"),
    [
        ("DeviceMotionEvent.requestPermission = async () => 'denied'", "Access to motion was denied"),
        (
            "DeviceMotionEvent.requestPermission = async () => { throw new DOMException('no tap', 'NotAllowedError') }",
            "Access to motion was denied",
        ),
        ("delete window.DeviceMotionEvent", "no motion sensor interface"),
        ("Object.defineProperty(window, 'isSecureContext', { value: false })", "begins with https://"),
    ],
    ids=["denied", "asked outside of a tap", "absent", "insecure"],
)
def test_faults_of_the_sensor_are_shown(phone: Any, script: str, notice: str) -> None:
    phone.before_each_page(script)
    phone.enrol()
    phone.click("start")
    phone.wait_for_text("notices", notice)
    assert not phone.state()["isRecording"]
    assert phone.text("start") == "Start"


def test_permission_is_requested_in_the_tap(phone: Any) -> None:
    note = """
        window.asked = [];
        const ask = DeviceMotionEvent.requestPermission;
        DeviceMotionEvent.requestPermission = () => {
          window.asked.push(navigator.userActivation.isActive);
          return ask.call(DeviceMotionEvent);
        }"""
    phone.before_each_page(note)
    phone.enrol()
    assert phone.evaluate("asked") == []
    phone.start()
    assert phone.evaluate("asked") == [True]


def test_a_missing_accelerometer_is_shown(phone: Any) -> None:
    for kind in ("accelerometer", "linear-acceleration", "gyroscope"):
        phone.browser.execute_cdp_cmd("Emulation.setSensorOverrideEnabled", {"enabled": False, "type": kind})
    phone.enrol()
    phone.click("start")
    phone.wait(lambda: "no accelerometer" in phone.text("notices"))
    phone.browser.execute_script("dispatchEvent(new DeviceMotionEvent('devicemotion'))")
    phone.wait_for_text("notices", "reports motion without values")
    phone.add_sensor()


def test_a_hidden_page_stores_its_pending_readings(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    page_gateway.batch_milliseconds = 60_000
    phone.enrol()
    phone.start()
    phone.wait(lambda: len(phone.recorded()) > 60)
    assert page_gateway.batches == []
    phone.open_tab()
    phone.wait(lambda: len(page_gateway.batches) == 1)
    assert len(page_gateway.batches[0]) > 60


def test_only_a_long_press_ends_pocket_mode(phone: Any) -> None:
    phone.enrol()
    phone.start()
    assert phone.state()["screen"] in {"on", "rejected"}
    phone.click("pocket-button")
    phone.wait(lambda: phone.evaluate("document.getElementById('pocket').open"))
    assert phone.evaluate("getComputedStyle(document.getElementById('pocket')).backgroundColor") == "rgb(0, 0, 0)"
    touch(phone, "touchStart")
    touch(phone, "touchEnd")
    phone.browser.switch_to.active_element.send_keys("\ue00c")  # Escape
    phone.asynchronously("await new Promise((resolve) => setTimeout(resolve, 2_300))")
    assert phone.evaluate("document.getElementById('pocket').open")
    recorded = len(phone.recorded())
    phone.wait(lambda: len(phone.recorded()) > recorded)
    phone.browser.execute_script("""
        const pocket = document.getElementById('pocket');
        const note = (event) => { window[`${event.type}At`] = performance.now(); };
        pocket.addEventListener('pointerdown', note);
        pocket.addEventListener('close', note);""")
    touch(phone, "touchStart")
    phone.wait(lambda: phone.evaluate("window.closeAt > window.pointerdownAt"))
    assert 2_000 <= phone.evaluate("window.closeAt - window.pointerdownAt") < 4_000
    assert not phone.evaluate("document.getElementById('pocket').open")
    touch(phone, "touchEnd")
    assert phone.state()["isRecording"]


def touch(phone: Any, kind: str) -> None:
    points = [{"x": 200, "y": 420}] if kind == "touchStart" else []
    phone.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_the_chart_is_drawn_only_while_it_is_visible(phone: Any) -> None:
    count = """
        window.framesAsked = 0;
        window.nextFrame = requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (draw) => { framesAsked += 1; return nextFrame(draw); };"""
    phone.before_each_page(count)
    asked_in_frames = """
        const before = framesAsked;
        for (let frame = 0; frame < 30; frame += 1) await new Promise(nextFrame);
        return framesAsked - before"""
    phone.prefer_motion()
    phone.enrol()
    assert phone.asynchronously(asked_in_frames) == 0
    phone.start()
    drawn = "[...document.querySelectorAll('#trace canvas')].some((canvas) => canvas.width > 0)"
    phone.wait(lambda: phone.evaluate(f"framesAsked > 5 && {drawn}"))
    phone.browser.execute_script("document.body.style.paddingTop = '5000px'; scrollTo(0, 0)")
    phone.wait(lambda: phone.asynchronously(asked_in_frames) == 0)
    phone.browser.execute_script("document.body.style.paddingTop = ''")
    phone.wait(lambda: phone.asynchronously(asked_in_frames) > 0)
    phone.click("start")
    phone.wait(lambda: phone.asynchronously(asked_in_frames) == 0)
