"use strict";
(() => {
  const EVERY = 5000;
  const $ = (id) => document.getElementById(id);
  let token = "";

  function cell(text, kind) {
    const td = document.createElement("td");
    td.textContent = text ?? "";
    if (kind) td.className = kind;
    return td;
  }

  function row(...cells) {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  }

  const clock = (text) => (text ? new Date(text).toLocaleTimeString() : "–");

  // Prometheus text format: name{label="value",…} number
  function samples(text, name) {
    const found = [];
    for (const line of text.split("\n")) {
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match || match[1] !== name) continue;
      const labels = {};
      for (const [, label, value] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[label] = value;
      found.push({ labels, value: Number(match[3]) });
    }
    return found;
  }

  const sum = (items) => items.reduce((total, item) => total + item.value, 0);

  function tile(label, value) {
    const li = document.createElement("li");
    const b = document.createElement("b");
    b.textContent = value.toLocaleString();
    li.append(b, label);
    return li;
  }

  function showCounts(text) {
    $("counts").replaceChildren(
      tile("orders polled", sum(samples(text, "notifier_orders"))),
      tile("looks", sum(samples(text, "notifier_looks_total"))),
      tile("delivered", sum(samples(text, "notifier_deliveries_total").filter((it) => it.labels.outcome === "delivered"))),
      tile("waiting to be sent", sum(samples(text, "notifier_deliveries_pending"))),
      tile("given up", sum(samples(text, "notifier_deliveries_total").filter((it) => it.labels.outcome === "dead"))),
      tile("shards", sum(samples(text, "notifier_shards_owned"))),
    );
    const build = samples(text, "notifier_build_info")[0];
    $("release").textContent = build ? `release ${build.labels.version}` : "";
  }

  function showPhases(text) {
    const orders = samples(text, "notifier_orders").filter((it) => it.value > 0);
    const sources = [...new Set(orders.map((it) => it.labels.source))].sort();
    const phases = [...new Set(orders.map((it) => it.labels.phase))];
    const head = document.createElement("tr");
    for (const name of ["Phase", ...sources]) {
      const th = document.createElement("th");
      th.textContent = name;
      head.append(th);
    }
    $("phases-head").replaceChildren(head);
    $("phases").replaceChildren(
      ...phases.map((phase) =>
        row(
          cell(phase),
          ...sources.map((source) =>
            cell(sum(orders.filter((it) => it.labels.phase === phase && it.labels.source === source)) || "")),
        )),
    );
    $("phases-none").hidden = orders.length > 0;
  }

  function showReadiness(ready) {
    $("state").textContent = ready.ready ? "ready" : "not ready";
    $("state").className = `pill ${ready.ready ? "good" : "bad"}`;
    $("reasons").textContent = ready.reasons.join("; ");
    $("reasons").hidden = ready.ready;
  }

  function ask(path) {
    return fetch(path, { headers: token ? { Authorization: `Bearer ${token}` } : {}, cache: "no-store" });
  }

  async function showInside() {
    const phase = $("phase").value;
    const answers = await Promise.all([
      ask(`/v1/orders?limit=200${phase ? `&phase=${phase}` : ""}`),
      ask("/v1/deliveries?limit=50"),
    ]);
    const refused = answers.find((answer) => !answer.ok);
    if (refused) {
      $("inside").hidden = true;
      const needed = refused.status === 401 && !token;
      $("access-state").textContent = needed ? "Enter a token to see orders." : (await refused.json()).detail;
      return;
    }
    const [orders, deliveries] = await Promise.all(answers.map((answer) => answer.json()));
    $("access-state").textContent = "";
    $("inside").hidden = false;
    $("orders").replaceChildren(
      ...orders.items.map((it) =>
        row(
          cell(it.key, "key"),
          cell(it.status),
          cell(it.phase + (it.phase_certain || it.status === null ? "" : " ?")),
          cell(clock(it.last_ok_at)),
          cell(it.retired ?? clock(it.next_poll_at)),
          cell(it.last_error, "bad"),
        )),
    );
    $("orders-more").textContent = `The first ${orders.items.length} are shown.`;
    $("orders-more").hidden = orders.next === null;
    $("deliveries").replaceChildren(
      ...deliveries.items.map((it) =>
        row(
          cell(clock(it.created_at)),
          cell(it.key, "key"),
          cell(it.type.replace("notifier.order.", "").replace(".v1", "")),
          cell(it.sink),
          cell(it.to),
          cell(it.state, it.state === "delivered" ? "good" : it.state === "dead" ? "bad" : ""),
          cell(it.reason),
        )),
    );
  }

  function showChoices(text) {
    const known = [...$("phase").options].map((option) => option.value);
    for (const { labels } of samples(text, "notifier_orders"))
      if (!known.includes(labels.phase)) {
        known.push(labels.phase);
        $("phase").add(new Option(labels.phase, labels.phase));
      }
  }

  async function refresh() {
    try {
      const [ready, metrics] = await Promise.all([ask("/readyz"), ask("/metrics")]);
      showReadiness(await ready.json());
      const text = await metrics.text();
      showCounts(text);
      showPhases(text);
      showChoices(text);
      await showInside();
    } catch {
      showReadiness({ ready: false, reasons: ["The service does not answer."] });
    }
  }

  async function loop() {
    if (!document.hidden) await refresh();
    setTimeout(loop, EVERY);
  }

  $("access").addEventListener("submit", (event) => {
    event.preventDefault();
    token = $("token").value.trim();
    refresh();
  });
  $("phase").addEventListener("change", refresh);
  loop();
})();
