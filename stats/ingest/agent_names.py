"""Names of browsers, systems and devices: what ua-parser calls them → what the event contract (2.7) calls them."""

import re

MOBILE, TABLET, DESKTOP = "Mobile", "Tablet", "Desktop"
MOBILE_APP = "Mobile App"

# ---- Clients ---------------------------------------------------------------------------------------------------------

BROWSERS = {
    "Amazon Silk": "Mobile Silk",
    "Android": "Android Browser",
    "BlackBerry WebKit": "BlackBerry Browser",
    "Brave Mobile": "Brave",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Coc Coc": "Coc Coc",
    "DuckDuckGo": "DuckDuckGo Privacy Browser",
    "DuckDuckGo Mobile": "DuckDuckGo Privacy Browser",
    "Edge": "Microsoft Edge",
    "Edge Mobile": "Microsoft Edge",
    "Epiphany": "GNOME Web",
    "Firefox iOS": "Firefox",
    "Firefox Mobile": "Firefox",
    "Huawei Browser": "Huawei Browser Mobile",
    "IE": "Internet Explorer",
    "IE Mobile": "IE Mobile",
    "MiuiBrowser": "Mi Browser",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mini": "Opera",
    "Opera Mobile": "Opera",
    "Opera Tablet": "Opera",
    "QQ Browser Mobile": "QQ Browser",
    "Samsung Internet": "Samsung Browser",
    "VivoBrowser": "vivo Browser",
    "Whale": "Whale Browser",
    "Yandex Browser Lite": "Yandex Browser",
}

# Clients whose product text tells no version of theirs.
VERSIONLESS = frozenset({"Android", "BlackBerry WebKit", "Mobile Safari UI/WKWebView"})

# Clients that are apps with a page inside; stored under one name and without a version.
APPS = frozenset(
    {
        "AppleNews",
        "Apple News",
        "BaiduBoxApp",
        "Baidu Box App",
        "Electron",
        "Facebook",
        "Facebook Messenger",
        "Flipboard",
        "Google",
        "GSA",
        "Instagram",
        "KAKAOTALK",
        "Line",
        "LINE",
        "LinkedIn",
        "LinkedInApp",
        "Microsoft Teams",
        "Pinterest",
        "QQ",
        "Reddit",
        "Slack",
        "Slack Desktop Client",
        "Snapchat",
        "Spotify",
        "Threads",
        "TikTok",
        "Twitter",
        "WeChat",
        "WeChat Browser",
        "WhatsApp",
        "WindowsPowerShell",
    }
)
APP_TOKENS = (
    r"\bFB(?:AN|AV|_IAB)\b",
    r"LinkedInApp",
    r"BytedanceWebview|musical_ly",
    r"\bTwitter for ",
    r"(?:Instagram|Barcelona|\bLine/) ?\d",
    r"MicroMessenger/",
    r"KAKAOTALK",
    r"Pinterest/(?:iOS|Android)",
)

# Clients that do not introduce themselves as Mozilla and are still known programs.
OTHER_CLIENTS = frozenset({"Lynx", "Links", "ELinks", "w3m", "Thunderbird", "NetNewsWire", "Outlook", "Apple Mail"})

# What crawlerdetect takes for crawlers and is a person's program: text browsers, feed readers, a chat window.
HARMLESS_PATTERNS = (
    r"^Lynx/\S+ libwww-FM/\S+",
    r"^(?:ELinks|Links|w3m)\b",
    r"^NetNewsWire\b.*",
    r" Slack/\S+(?= Chrome/)",
)

# Leading products of HTTP libraries and tools, in lower case.
LIBRARIES = {
    "aiohttp": "aiohttp",
    "apache-httpclient": "Apache HTTP Client",
    "axios": "Axios",
    "curl": "curl",
    "dart": "Dart",
    "deno": "Deno",
    "bun": "Bun",
    "faraday": "Faraday",
    "go-http-client": "Go-http-client",
    "got": "got",
    "guzzlehttp": "Guzzle (PHP HTTP Client)",
    "httpie": "HTTPie",
    "insomnia": "Insomnia REST Client",
    "java": "Java",
    "java-http-client": "Java HTTP Client",
    "ktor-client": "Ktor Client",
    "libcurl": "libcurl",
    "libwww-perl": "Perl",
    "lwp": "Perl",
    "lwp-request": "Perl",
    "node": "node",
    "node-fetch": "Node Fetch",
    "node.js": "node",
    "okhttp": "OkHttp",
    "php": "PHP",
    "postmanruntime": "Postman Desktop",
    "python": "Python",
    "python-httpx": "HTTPX",
    "python-requests": "Python Requests",
    "python-urllib": "Python urllib",
    "reactornetty": "ReactorNetty",
    "req": "req",
    "reqwest": "Reqwest",
    "ruby": "ruby",
    "symfony": "Symfony",
    "undici": "undici",
    "ureq": "ureq",
    "wget": "Wget",
}

# ---- Systems ---------------------------------------------------------------------------------------------------------

SYSTEMS = {
    "Linux": "GNU/Linux",
    "Mac OS X": "Mac",
    "macOS": "Mac",
    "Web0S": "webOS",
    "WebTV": "webOS",
}
AMAZON_DEVICE = re.compile(r"\bSilk/|;\s(?:AFT[A-Z0-9]+|KF[A-Z]+)\b")
FIRE_OS_VERSIONS = {"11": "8", "10": "8", "9": "7", "7": "6", "5": "5", "4": "4"}  # by the Android it is built on

DESKTOP_SYSTEMS = frozenset(
    {
        "Arch Linux", "CentOS", "Chrome OS", "Debian", "Fedora", "FreeBSD", "Gentoo", "Haiku", "Kubuntu", "Linux",
        "Linux Mint", "Lubuntu", "Mac OS", "Mac OS X", "Mageia", "Mandriva", "NetBSD", "OpenBSD", "PCLinuxOS",
        "Puppy", "Red Hat", "Slackware", "Solaris", "SUSE", "Ubuntu", "VRE", "Windows", "Xubuntu", "macOS",
    }
)  # fmt: skip
MOBILE_SYSTEMS = frozenset(
    {
        "Bada", "BlackBerry OS", "BlackBerry Tablet OS", "Brew MP", "Firefox OS", "KaiOS", "MeeGo", "Nokia Series 40",
        "Symbian OS", "Symbian^3", "Tizen", "Windows CE", "Windows Mobile", "Windows Phone", "iOS", "webOS",
    }
)  # fmt: skip

# ---- Devices ---------------------------------------------------------------------------------------------------------

GAME_CONSOLE = re.compile(r"\b(PlayStation|Nintendo) (\w{1,10})")
CONSOLE_BROWSERS = {"PlayStation": "NetFront", "Nintendo": "Nintendo Browser"}
HANDHELD_APPLE = frozenset({"iPhone", "iPod", "iOS-Device", "iPod touch"})

# What the text tells of the device beyond its system; the first pattern that is found counts.
CAR, HEADSET, WATCH, TELEVISION, HARMONY, TABLET_MODEL = "car", "headset", "watch", "television", "harmony", "tablet"
TRAITS = (
    (r"\bTesla/|QtCarBrowser|Android Automotive", CAR),
    (r"OculusBrowser/", HEADSET),
    (r"Apple ?Watch|Watch ?OS", WATCH),
    (
        r"(?i)smart-?\s?tv|netcast|google ?tv|apple ?tv|android tv|hbbtv|vidaa|philips ?tv|aquos-?tv|\btv safari",
        TELEVISION,
    ),
    (r"Web0S|webOS\.TV|BRAVIA|\bCrKey\b|\bRoku|\bDTV\b|\bMiTV|;\sAFT[A-Z0-9]+\b", TELEVISION),
    (r"HarmonyOS", HARMONY),
    (r"\bTablet\b|;\s(?:SAMSUNG )?(?:SM-[TPX]\d|GT-P\d)|;\sKF[A-Z]+", TABLET_MODEL),
    (r"\bNexus (?:7|9|10)\b|MediaPad|MatePad|\biPlay|\bLenovo (?:TB|YT)|\bPad \d|Xoom|Transformer", TABLET_MODEL),
)
# A tablet model counts under Android only: old Windows says "Tablet PC" on any desktop.
SIZE_OF_TRAIT = {CAR: TABLET, HEADSET: MOBILE, WATCH: MOBILE, TELEVISION: DESKTOP}
SYSTEM_OF_TRAIT = {HEADSET: "Meta Horizon", HARMONY: "HarmonyOS"}
