/*
 * Footfall's tracker: counts pageviews, custom events and engagement on the page that carries it.
 *
 * It is served, minified, under every name of the script (script.py). `SITE` stands for the configuration of one site,
 * `{domain, endpoint, fixed}` (`fixed`: options that a page cannot change), or for 0: then the switches come from the
 * script's own file name and from the attributes of its element. What goes over the wire is fixed by the event contract,
 * and so are the names on `window.plausible`, which pages and packages already use. Browsers: those of 2021 and later.
 * `let` throughout, since one keyword packs smaller than two.
 *
 * After a change run the command in the package's docstring; it writes footfall.min.js and footfall.sha256.
 */
(function (site) {
  let stub = window.plausible || {};
  if (stub.l) return;

  let VERSION = 36; // of the wire format
  let VISITOR_KEY = "footfall_visitor";
  let VISITOR_LIFE_MS = 34e9; // 393 days, below 13 months
  let FILE_TYPES =
    "pdf,xlsx,docx,txt,rtf,csv,exe,key,pps,ppt,pptx,7z,pkg,rar,gz,zip,avi,mov,mp4,mpeg,wmv,midi,mp3,wav,wma,dmg";
  let SEARCHED_LEVELS = 4; // a tag counts on the element itself and on three parents
  let LONGEST_HOLD_MS = 5e3;
  let SHORTEST_PING_MS = 3e3;

  let root = document.documentElement;
  let script = document.currentScript || root; // run without an element: no switches, and the page's own origin
  let source = new URL(script.src, location);
  let named = (name) => source.pathname.split("/").pop().split(".").includes(name);
  let attribute = (name) => script.getAttribute(name);
  let listen = addEventListener;
  let compat = named("compat");
  let queue = stub.q || [];

  let options, url, hash, fileTypes;
  let lastPath; // of the last automatic pageview; 0 while the first waits for the page to be seen
  let viewed; // the pageview being read, as it was sent; false when it was not
  let deepestPx, sentPx, heightPx;
  let engagedMs, runningSince;
  let visitorId, visitor;

  // Storage that is blocked throws at the first touch.
  let stored = (use) => {
    try {
      return use(localStorage);
    } catch (blocked) {}
  };

  // ---- Sending ------------------------------------------------------------------------------------------------------

  let persistentVisitor = (storage) => {
    let kept = storage[VISITOR_KEY] || ""; // id, blank, unix milliseconds of its end
    if (!(kept.slice(18) > Date.now())) {
      let id = crypto.getRandomValues(new BigUint64Array(1))[0].toString(16);
      storage[VISITOR_KEY] = kept = `v_${id.padStart(16, 0)} ${Date.now() + VISITOR_LIFE_MS}`;
    }
    return kept.slice(0, 18);
  };

  // Send an event, if there is one; the promise is kept with what a callback gets: {status, visitor_id} or {error}.
  let post = async (payload) => {
    if (!payload) return;
    if (options.persistentVisitor) {
      payload.vid = stored(persistentVisitor);
      payload.uid = stub.u; // whom the page says that this is; kept nowhere else
    }
    let body = JSON.stringify(payload);
    try {
      let response = await (compat
        ? new Promise((resolve, reject) => {
            let request = new XMLHttpRequest();
            request.open("POST", url);
            request.onload = () => resolve(request);
            request.onerror = reject;
            request.text = () => request.response;
            request.send(body); // a text body is text/plain
          })
        : fetch(url, { method: "POST", headers: { "Content-Type": "text/plain" }, keepalive: true, body }));
      return { status: response.status, visitor_id: /v_\w{16}/.exec(await response.text())?.[0] };
    } catch (error) {
      return { error };
    }
  };

  // ---- What is not counted ------------------------------------------------------------------------------------------

  // Tell whether the page is on the list that an attribute holds; `otherwise` without the attribute.
  let listed = (list, otherwise) =>
    list
      ? RegExp(
          `^(${list.replace(
            /\*\*|\s+|[^\w/]/g,
            (token) => token.trim() && ({ "**": ".*", "*": "[^/]*", ",": "|" }[token] || "\\" + token)
          )})/?$`
        ).test(location.pathname + (hash ? location.hash : ""))
      : otherwise;

  let ignored = (name) =>
    (!options.captureOnLocalhost &&
      (/^(file|\w+:..(localhost|127\.[\d.]+|\[::1])[:/])/.test(location) ||
        ((navigator.webdriver || window._phantom || window.__nightmare || window.Cypress) && !window.__plausible))) ||
    stored((storage) => storage.plausible_ignore == "true") ||
    (name == "pageview" && (!listed(attribute("data-include"), 1) || listed(attribute("data-exclude"))));

  // ---- Engagement ---------------------------------------------------------------------------------------------------

  let measure = () => {
    heightPx = Math.max(root.scrollHeight, (document.body || root).scrollHeight);
    deepestPx = Math.max(deepestPx, Math.min(scrollY + innerHeight, heightPx));
  };

  let countTime = () => {
    let now = Date.now();
    if (runningSince) engagedMs += now - runningSince;
    runningSince = !document.hidden && document.hasFocus() && now;
  };

  let ping = () => {
    countTime();
    if (!deepestPx) measure();
    if (viewed && (deepestPx > sentPx || engagedMs >= SHORTEST_PING_MS)) {
      post({
        n: "engagement",
        sd: Math.round((deepestPx / heightPx) * 100),
        d: options.domain,
        u: viewed.u,
        p: viewed.p,
        e: engagedMs,
        v: VERSION,
        h: hash,
      });
      sentPx = deepestPx;
      engagedMs = 0;
    }
  };

  let attentionChanged = () => {
    if (lastPath === 0 && !document.hidden) viewPage();
    countTime();
    if (!runningSince) {
      measure();
      ping();
    }
  };

  // ---- Events -------------------------------------------------------------------------------------------------------

  let track = (name, event) => {
    event ||= {};
    let custom = options.customProperties;
    custom = custom?.call ? custom(name) : custom;
    let payload = !ignored(name) && {
      n: name,
      v: VERSION,
      u: event.u || event.url || location.href,
      d: options.domain,
      r: document.referrer || null,
      m: event.meta && JSON.stringify(event.meta),
      p: custom || event.props ? { ...custom, ...event.props } : undefined,
      i: event.interactive === false ? false : undefined,
      $: event.revenue,
      h: hash,
    };
    payload &&= options.transformRequest ? options.transformRequest(payload) : payload;
    if (name == "pageview") {
      ping();
      viewed = payload;
      deepestPx = engagedMs = 0;
      sentPx = -1;
    }
    let sent = post(payload);
    sent.then(event.callback);
    visitor = sent.then((result) => (visitorId = result?.visitor_id || visitorId));
  };

  let viewPage = () => {
    lastPath = location.pathname;
    track("pageview");
  };

  let pathChanged = () => lastPath == location.pathname || viewPage();

  let watchPages = () => {
    if (hash) listen("hashchange", viewPage);
    else {
      let push = history.pushState;
      history.pushState = (...state) => {
        push.apply(history, state);
        pathChanged();
      };
      listen("popstate", pathChanged);
    }
    listen("pageshow", (event) => event.persisted && viewPage());
    lastPath = 0;
    document.hidden || viewPage();
  };

  // ---- Clicks and forms ---------------------------------------------------------------------------------------------

  // Under the name `compat`, hold the browser on this page until the event is answered.
  let trackFrom = (element, event, found) => {
    let isLink = element.localName == "a";
    if (
      compat &&
      !event.defaultPrevented && !event.button && !event.metaKey && !event.ctrlKey && !event.shiftKey &&
      /^(_self)?$/.test(element.target) &&
      (isLink || element.submit?.call) // an input named "submit" hides the method
    ) {
      event.preventDefault();
      let held = 1;
      let release = () => (held = held && void (isLink ? (location = element.href) : element.submit()));
      setTimeout((found[1].callback = release), LONGEST_HOLD_MS);
    }
    track(...found);
  };

  // The event that an element's classes describe, or nothing: [name, details].
  let taggedEvent = (element) => {
    let parts = { event: {}, revenue: {} };
    for (let text of element.classList) {
      let [, kind, key, , value] = /^plausible-(event|revenue)-(.+?)(=|--)(.+)/.exec(text) || [];
      if (kind) parts[kind][key] = value.replace(/\+/g, " ");
    }
    let { name, ...props } = parts.event;
    return name && [name, { props, revenue: parts.revenue }];
  };

  let clicked = (event) => {
    if (event.button > 1) return;
    let found;
    let element = event.target;
    let link = element.closest("a[href]");
    for (let level = SEARCHED_LEVELS; level-- && element && found !== 0; element = element.parentElement) {
      found = element.localName == "form" ? 0 : taggedEvent(element) || found;
    }
    if (link) {
      let href = link.href + "";
      let [file] = href.split("?");
      if (found) found[1].props.url = href;
      else if (options.outboundLinks && link.host && link.host != location.host)
        found = ["Outbound Link: Click", { props: { url: href } }];
      else if (options.fileDownloads && fileTypes.includes(file.split(".").pop()))
        found = ["File Download", { props: { url: file } }];
    }
    if (found) trackFrom(link || event.target, event, found);
  };

  let submitted = (event) => {
    let form = event.target;
    let found = taggedEvent(form) || (options.formSubmissions && ["Form: Submission", {}]);
    if (found && form.matches(":valid,[novalidate]")) trackFrom(form, event, found);
  };

  // ---- Start --------------------------------------------------------------------------------------------------------

  let start = (given) => {
    if (options) return console.warn("second init");
    options = {
      domain: attribute("data-domain"),
      endpoint: attribute("data-api") || source.origin + "/api/event",
      hashBasedRouting: named("hash"),
      outboundLinks: named("outbound-links"),
      fileDownloads: named("file-downloads"),
      captureOnLocalhost: named("local"),
      autoCapturePageviews: !named("manual"),
      ...site,
      ...given,
      ...site.fixed,
    };
    for (let { name, value } of script.attributes)
      if (/^event-/.test(name)) (options.customProperties ||= {})[name.slice(6)] = value;
    hash = options.hashBasedRouting ? 1 : undefined;
    url = options.endpoint + (options.endpoint.includes("?") ? "&" : "?") + "return=visitor";
    fileTypes =
      options.fileDownloads.fileExtensions ||
      ((attribute("file-types") || FILE_TYPES) + "," + attribute("add-file-types")).split(/\s*,\s*/);
    plausible.s = options.lib || "web";
    countTime();
    if (options.autoCapturePageviews) watchPages();
    listen("scroll", measure);
    listen("blur", attentionChanged);
    listen("focus", attentionChanged);
    listen("visibilitychange", attentionChanged, true);
    listen("click", clicked);
    listen("auxclick", clicked);
    listen("submit", submitted, !compat); // before the page can stop it; holding must know of a refusal
    queue.map((call) => track(...call));
  };

  let plausible = (window.plausible = (...call) => (options ? track(...call) : queue.push(call)));
  plausible.l = true;
  plausible.v = VERSION;
  plausible.init = start;
  plausible.visitor = async () => visitor;
  plausible.identify = (id) => {
    if (stub.u == id) return;
    stub.u = id;
    sentPx = -1; // a ping is due at once
    visitor?.then(ping); // one that overtakes its pageview would have no visit
  };
  plausible.forget = () => {
    stub.u = options && (options.persistentVisitor = 0);
    stored((storage) => delete storage[VISITOR_KEY]);
  };
  if (!site || stub.o) start(stub.o);
})(SITE);
