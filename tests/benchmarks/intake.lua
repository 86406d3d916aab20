-- Events of many visitors, made before the clock starts. PAUSE_MS in the environment spaces each connection's requests.
local agents = {
  "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
}
local referrers = {
  "", "https://www.google.com/", "https://t.co/x", "https://news.ycombinator.com/item?id=1",
  "https://www.bing.com/search?q=a", "https://blog.other.example/post/1", "https://duckduckgo.com/",
}
local visitors = tonumber(os.getenv("VISITORS") or "40000")
local pause_ms = tonumber(os.getenv("PAUSE_MS") or "0")
local requests, next_request = {}, 0

local function body()
  local page, name, props = "/page/" .. math.random(1, 2000), "pageview", ""
  if math.random() < 0.2 then page = page .. "?utm_source=newsletter&utm_campaign=c" .. math.random(1, 40) end
  if math.random() < 0.15 then name, props = "Signup", ',"p":{"plan":"pro","seats":' .. math.random(1, 9) .. "}" end
  return string.format('{"n":"%s","v":36,"u":"https://bench.example%s","d":"bench.example","r":"%s"%s}',
    name, page, referrers[math.random(#referrers)], props)
end

function init()
  math.randomseed(7)
  for number = 1, visitors do
    local address = string.format("%d.%d.%d.%d", math.random(1, 223), math.random(0, 255), math.random(0, 255), math.random(1, 254))
    requests[number] = wrk.format("POST", "/api/event", {
      ["User-Agent"] = agents[math.random(#agents)], ["X-Forwarded-For"] = address, ["Content-Type"] = "text/plain",
      ["Accept"] = "*/*", ["Accept-Language"] = "en", ["Accept-Encoding"] = "gzip, deflate, br",
      ["Origin"] = "https://bench.example", ["Referer"] = "https://bench.example/",
    }, body())
  end
end

function request()
  next_request = next_request % visitors + 1
  return requests[next_request]
end

if pause_ms > 0 then
  function delay() return pause_ms end
end
