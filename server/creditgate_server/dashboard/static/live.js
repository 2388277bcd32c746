// Keeps a page up to date without reloading it. Everything is said by attributes:
//
//   <body data-live-src="URL">             the stream of events that tells of changes
//   <div data-section="NAME" data-src="URL">   filled from the URL; with data-loaded it is already
//                                          with data-live it is fetched again on every change
//   <form data-into="NAME">                fills that section on submit and on change; data-page
//                                          is the page's own URL, which then carries the filters
//   <a data-into="NAME" href="URL">        fills that section when it is followed
//
// The body's data-live-state is live, waiting or ended.
"use strict";

(() => {
  const MINUTE_MS = 60000;
  const REFRESH_PAUSE_MS = 1000;
  const REFRESH_PAUSE_MS_MAX = 15000;
  const RETRY_MS_MIN = 2000;
  const RETRY_MS_MAX = 60000;
  const STATES = {
    live: "",
    waiting: "Not live at the moment; trying again.",
    ended: "This page is no longer live. Reload it to go on.",
  };

  const shown = new WeakMap();
  const loads = new WeakMap();

  const sections = () => [...document.querySelectorAll("[data-section]")];
  const sectionOf = (name) => sections().find((each) => each.dataset.section === name);

  function setState(state) {
    if (document.body.dataset.liveState === state) return;
    document.body.dataset.liveState = state;
    const told = document.getElementById("live-state");
    if (told) told.textContent = STATES[state];
  }

  // Puts a fragment in place of the last one; what had the focus, was open or was scrolled is so
  // again, by its id.
  function replace(section, html) {
    if (shown.get(section) === html) return;
    shown.set(section, html);
    const focused = section.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...section.querySelectorAll("details[id]")].map((each) => [each.id, each.open]);
    const scrolled = [...section.querySelectorAll("[id]")]
      .filter((each) => each.scrollTop || each.scrollLeft)
      .map((each) => [each.id, each.scrollTop, each.scrollLeft]);
    const fragment = new DOMParser().parseFromString(html, "text/html");
    section.replaceChildren(...fragment.body.childNodes);
    const inside = (id) => section.querySelector("#" + CSS.escape(id));
    for (const [id, isOpen] of open) if (inside(id)) inside(id).open = isOpen;
    for (const [id, top, left] of scrolled) if (inside(id)) inside(id).scrollTo(left, top);
    if (focused) inside(focused)?.focus({ preventScroll: true });
  }

  async function load(section, { byHand = false } = {}) {
    loads.get(section)?.abort();
    const control = new AbortController();
    loads.set(section, control);
    section.setAttribute("aria-busy", "true");
    let fresh = false;
    try {
      const headers = byHand ? { "x-by-hand": "1" } : {};
      const response = await fetch(section.dataset.src, { headers, signal: control.signal });
      const html = await response.text();
      // A stale figure is better than none, if it is marked so; but who asked is told.
      if (response.ok || byHand || !shown.has(section)) replace(section, html);
      if (!response.ok && !byHand) shown.delete(section);
      if (response.status === 401 || response.status === 403) end();
      fresh = response.ok;
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    if (loads.get(section) !== control) return;
    section.classList.toggle("stale", !fresh);
    section.removeAttribute("aria-busy");
  }

  let refreshed = Date.now();
  let pauseMs = REFRESH_PAUSE_MS;
  let refreshing = 0;

  // Once a second at most, however much happens; less often when the server is slow to answer.
  function refresh() {
    if (refreshing || ended) return;
    const wait = Math.max(0, refreshed + pauseMs - Date.now());
    refreshing = setTimeout(async () => {
      const begun = Date.now();
      await Promise.all(sections().filter((each) => "live" in each.dataset).map((s) => load(s)));
      refreshed = Date.now();
      pauseMs = Math.min(Math.max(REFRESH_PAUSE_MS, 2 * (refreshed - begun)), REFRESH_PAUSE_MS_MAX);
      refreshing = 0;
      if (again) {
        again = false;
        refresh();
      }
    }, wait);
  }

  let source = null;
  let known = null;
  let again = false;
  let ended = false;
  let retry = 0;
  let retryMs = RETRY_MS_MIN;

  function end() {
    ended = true;
    disconnect();
    setState("ended");
  }

  function disconnect() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function connect() {
    const url = document.body.dataset.liveSrc;
    if (!url || source || ended || document.hidden) return;
    clearTimeout(retry);
    source = new EventSource(url);
    source.addEventListener("changed", (event) => {
      setState("live");
      retryMs = RETRY_MS_MIN;
      const changed = known !== null && known !== event.data;
      known = event.data;
      if (!changed) return;
      if (refreshing) again = true;
      refresh();
    });
    source.addEventListener("ended", end);
    source.addEventListener("error", () => {
      setState("waiting");
      // The browser comes again by itself, unless it was turned away.
      if (!source || source.readyState !== EventSource.CLOSED) return;
      disconnect();
      retry = setTimeout(connect, retryMs * (0.5 + Math.random()));
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
      refresh();
    });
  }

  function filledBy(form) {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") query.append(name, value);
    return query;
  }

  function withQuery(url, query) {
    const whole = new URL(url, location.href);
    for (const name of new Set(query.keys())) whole.searchParams.delete(name);
    for (const [name, value] of query) whole.searchParams.append(name, value);
    return whole.pathname + whole.search;
  }

  function submit(form) {
    const section = sectionOf(form.dataset.into);
    if (!section) return;
    const query = filledBy(form);
    section.dataset.src = withQuery(form.getAttribute("action"), query);
    if (form.dataset.page) history.replaceState(null, "", withQuery(form.dataset.page, query));
    load(section, { byHand: true });
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-into]");
    if (!form) return;
    event.preventDefault();
    submit(form);
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-into]");
    if (form && form.checkValidity()) submit(form);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-into]");
    const section = link && sectionOf(link.dataset.into);
    if (!section || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    section.dataset.src = link.getAttribute("href");
    load(section, { byHand: true });
  });

  // A page that nobody sees keeps no connection: browsers have few for each host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      disconnect();
      return;
    }
    connect();
    if (Date.now() - refreshed > MINUTE_MS) refresh();
  });

  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);

  for (const section of sections()) if (!("loaded" in section.dataset)) load(section);
  // Days pass and forecasts move also when nothing happens.
  setInterval(() => document.hidden || refresh(), MINUTE_MS);
  connect();
})();
