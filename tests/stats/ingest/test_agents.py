import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.ingest import agents
from stats.ingest.agents import describe_agent, warm
from stats.types import Agent

GECKO = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT}"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT}"
WEBVIEW = (
    f"Mozilla/5.0 (Linux; Android 13; SM-A536B Build/TP1A; wv) {WEBKIT} "
    "Version/4.0 Chrome/121.0.6167.178 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "browser", "system", "device"),
    [
        (GECKO, "Firefox 128.0", "GNU/Linux ", "Desktop"),
        (f"{IPHONE} Version/17.4.1 Mobile/15E148 Safari/604.1", "Safari 17.4", "iOS 17.4", "Mobile"),
        (f"{IPAD} CriOS/120.0.6099.119 Mobile/15E148 Safari/604.1", "Chrome 120.0", "iPadOS 16.6", "Tablet"),
        (WEBVIEW, "Mobile App 121.0", "Android 13", "Mobile"),
        (f"{IPHONE} Mobile/15E148 Instagram 327.1.3.26.90 (iPhone14,5)", "Mobile App ", "iOS 17.4", "Mobile"),
        (f"{WINDOWS} Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0", "Microsoft Edge 124.0", "Windows 10", "Desktop"),
        (
            f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 5.0) {WEBKIT} SamsungBrowser/3.0 Chrome/63.0 TV Safari/537.36",
            "Samsung Browser 3.0",
            "Tizen 5.0",
            "Desktop",
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36",
            "Chrome 131.0",
            "GNU/Linux ",
            "Desktop",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
            "Firefox 133.0",
            "Ubuntu ",
            "Desktop",
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36",
            "Chrome 131.0",
            "Chrome OS 14541.0",
            "Desktop",
        ),
        (f"{WINDOWS} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0", "Opera 115.0", "Windows 10", "Desktop"),
        (
            f"{WINDOWS} Chrome/128.0.0.0 YaBrowser/24.10.0.0 Safari/537.36",
            "Yandex Browser 24.10",
            "Windows 10",
            "Desktop",
        ),
        (
            "Mozilla/5.0 (Windows NT 6.3; WOW64; Trident/7.0; rv:11.0) like Gecko",
            "Internet Explorer 11.0",
            "Windows 8.1",
            "Desktop",
        ),
        (
            f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
            "Safari 17.4",
            "Mac 10.15",
            "Desktop",
        ),
        (
            f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 Ddg/17.4",
            "DuckDuckGo Privacy Browser 17.4",
            "Mac 10.15",
            "Desktop",
        ),
        (f"{IPHONE} FxiOS/125.0 Mobile/15E148 Safari/605.1.15", "Firefox 125.0", "iOS 17.4", "Mobile"),
        (
            f"{IPHONE} EdgiOS/124.0.2478.50 Version/17.0 Mobile/15E148 Safari/604.1",
            "Microsoft Edge 124.0",
            "iOS 17.4",
            "Mobile",
        ),
        (f"{IPHONE} Mobile/15E148 [LinkedInApp]/9.29.6542", "Mobile App ", "iOS 17.4", "Mobile"),
        (
            f"{IPHONE} Mobile/21E236 [FBAN/FBIOS;FBAV/459.0.0.35.107;FBDV/iPhone14,5]",
            "Mobile App ",
            "iOS 17.4",
            "Mobile",
        ),
        (f"{IPHONE} Mobile/15E148", "Safari ", "iOS 17.4", "Mobile"),
        (
            f"{IPAD.replace('16_6', '12_5_7')} Version/12.1.2 Mobile/15E148 Safari/604.1",
            "Safari 12.1",
            "iOS 12.5",
            "Tablet",
        ),
        (f"{ANDROID} Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome 131.0", "Android 10", "Mobile"),
        (f"{ANDROID} Chrome/131.0.0.0 Safari/537.36", "Chrome 131.0", "Android 10", "Tablet"),
        (
            f"{ANDROID} SamsungBrowser/24.0 Chrome/117.0.0.0 Mobile Safari/537.36",
            "Samsung Browser 24.0",
            "Android 10",
            "Mobile",
        ),
        (
            "Mozilla/5.0 (Android 13; Tablet; rv:109.0) Gecko/115.0 Firefox/115.0",
            "Firefox 115.0",
            "Android 13",
            "Tablet",
        ),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0",
            "Firefox 125.0",
            "Android 14",
            "Mobile",
        ),
        (
            "Opera/9.80 (Android; Opera Mini/75.0.2254/191.303; U; en) Presto/2.12.423 Version/12.16",
            "Opera 75.0",
            "Android ",
            "Mobile",
        ),
        (f"{WEBVIEW} [FB_IAB/FB4A;FBAV/450.0.0.37.109;]", "Mobile App ", "Android 13", "Mobile"),
        (
            f"Mozilla/5.0 (PlayStation; PlayStation 5/6.00) {WEBKIT} Version/15.4 Safari/605.1.15",
            "NetFront ",
            "PlayStation 5",
            "Desktop",
        ),
        (
            f"Mozilla/5.0 (X11; GNU/Linux) {WEBKIT} Chrome/109.0.5414.117 Safari/537.36 Tesla/2023.44.30.5.1",
            "Chrome 109.0",
            "GNU/Linux ",
            "Tablet",
        ),
        (
            f"{WINDOWS} Slack/4.36.140 Chrome/120.0.6099.109 Electron/28.1.1 Safari/537.36",
            "Mobile App ",
            "Windows 10",
            "Desktop",
        ),
        (
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
            "Internet Explorer 8.0",
            "Windows 7",
            "Desktop",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 9; SM-T510) {WEBKIT} Chrome/91.0.4472.114 Mobile Safari/537.36",
            "Chrome 91.0",
            "Android 9",
            "Tablet",
        ),
        ("curl/8.5.0", "curl 8.5", " ", ""),
        ("python-requests/2.31.0", "Python Requests 2.31", " ", ""),
        ("Python/3.11 aiohttp/3.9.1", "aiohttp 3.9", " ", ""),
        ("okhttp/4.12.0", "OkHttp 4.12", " ", ""),
        ("axios/1.6.8", "Axios 1.6", " ", ""),
        ("Go-http-client/2.0", "Go-http-client 2.0", " ", ""),
        ("node", "node ", " ", ""),
        ("MyShop/1.0 (com.example.shop; build:1; iOS 17.4.0) Alamofire/5.9.0", " ", "iOS 17.4", ""),
        ("complete nonsense", " ", " ", ""),
        ("\ud800 \udfff", " ", " ", ""),
    ],
)
def test_agents_are_described(user_agent: str, browser: str, system: str, device: str) -> None:
    agent = describe_agent(user_agent)

    assert not agent.is_bot
    assert f"{agent.browser} {agent.browser_version}" == browser
    assert f"{agent.os} {agent.os_version}" == system
    assert agent.device == device


@pytest.mark.parametrize(
    "user_agent",
    [
        "Googlebot/2.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120.0.0.0 Safari/537.36",
        "HeadlessChrome/120",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        f"Mozilla/5.0 {WEBKIT[:-1]}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    ],
)
def test_bots_are_told(user_agent: str) -> None:
    assert describe_agent(user_agent) == Agent(is_bot=True)


@pytest.mark.parametrize("user_agent", ["", "   "])
def test_no_agent_is_no_bot_and_says_nothing(user_agent: str) -> None:
    assert describe_agent(user_agent) == Agent()


@given(st.text(max_size=300))
def test_any_text_is_taken(user_agent: str) -> None:
    assert isinstance(describe_agent(user_agent), Agent)


@pytest.mark.parametrize(
    "piece", ["a", " ", "(", "; ", "0", ".", "Mozilla/5.0 ", "Opera Mini/", "é", "\0", "Android ", "x."]
)
def test_hostile_agents_are_quick(piece: str) -> None:
    warm()
    started = time.perf_counter()
    for turn in range(4):
        describe_agent(piece * 100_000 + str(turn))
        describe_agent(piece * 300 + str(turn))

    assert (time.perf_counter() - started) / 8 < 0.05


def test_random_text_is_quick() -> None:
    warm()
    texts = ["".join(random.Random(seed).choices(string.printable, k=2000)) for seed in range(20)]
    started = time.perf_counter()
    for text in texts:
        describe_agent(text)

    assert (time.perf_counter() - started) / 20 < 0.05


def test_what_is_remembered_of_a_user_agent_is_short() -> None:
    before = agents._describe.cache_info().misses
    for length in range(2_000, 2_010):
        describe_agent("Remembered/1.0 " + "x" * length)
    assert agents._describe.cache_info().misses <= before + 1
