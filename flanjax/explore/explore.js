const at = id => document.getElementById(id);
const index = JSON.parse(at("index").textContent), tasks = index.tasks;
const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value; else if (name === "style") made.style.cssText = value; else made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
};
const percent = (share, digits = 1) => share === undefined ? "–" : `${(100 * share).toFixed(digits)}%`;
const shareText = share => percent(share, share >= .1 ? 1 : share >= .001 ? 2 : 3);
const whole = number => number === undefined ? "–" : Math.round(number).toLocaleString("en");
const bar = share => make("span", { class: "bar" }, make("i", { style: `width:${Math.min(100, 100 * share)}%` }));
const options = (id, values) => at(id).append(...values.map(value => make("option", {}, value)));

// A task's own data are read when they are first needed; a search reads them as text, without the names of JSON's keys.
const read = new Map(), texts = new Map();
const detail = i => { if (!read.has(i)) read.set(i, JSON.parse(at(`t${i}`).textContent)); return read.get(i); };
const text = i => {
  if (!texts.has(i)) texts.set(i, `${tasks[i].name} ${tasks[i].cluster} ${tasks[i].licence} ${at(`t${i}`).textContent.replace(/"\w+":/g, " ")}`.toLowerCase());
  return texts.get(i);
};

const sizes = new Map();
tasks.forEach(t => sizes.set(t.cluster, (sizes.get(t.cluster) || 0) + (t.realised || 0)));
const clusters = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a));  // so that neighbours on the map differ in colour
options("cluster", [...clusters].sort());
options("style", [...new Set(tasks.flatMap(t => t.styles))].sort());
options("licence", [...new Set(tasks.map(t => t.licence))].sort());

// What is shown: the tasks that pass the filters, in the order of the table.
let chosen = null, paint = "cluster", order = { key: "realised", down: true };
let shown = new Set(tasks.keys());
const words = () => at("search").value.toLowerCase().split(/\s+/).filter(Boolean).map(word => JSON.stringify(word).slice(1, -1).replace(/</g, "\\u003c"));
const filter = () => {
  const [cluster, style, licence] = ["cluster", "style", "licence"].map(id => at(id).value), wanted = words();
  shown = new Set([...tasks.keys()].filter(i => (!cluster || tasks[i].cluster === cluster) && (!style || tasks[i].styles.includes(style))
    && (!licence || tasks[i].licence === licence) && wanted.every(word => text(i).includes(word))));
  const share = [...shown].reduce((sum, i) => sum + (tasks[i].realised || 0), 0);
  at("count").textContent = shown.size === tasks.length ? `${tasks.length.toLocaleString("en")} tasks` : `${shown.size} of ${tasks.length} tasks, ${percent(share)} of the examples`;
  tiles.forEach((tile, i) => tile.classList.toggle("faint", !shown.has(i)));
  fill();
};

// The map.
const tiles = new Map();
const largest = Math.max(1, ...tasks.map(t => t.lengths ? t.lengths[0] : 0));
const values = {
  inputs: t => t.lengths && (t.lengths[0] / largest) ** 2,
  cut: t => t.cut,
  lost: t => t.lost,
  distinct: t => t.distinct && t.distinct[2] / t.distinct[0],
  licence: t => t.licence === "unknown" ? 1 : 0,
};
const colour = (t, inCluster) => {
  if (paint === "cluster") return `color-mix(in srgb,var(--c${clusters.indexOf(t.cluster) % 6 + 1}) ${inCluster % 2 ? 30 : 40}%,var(--bg))`;
  const value = values[paint](t);
  return value === undefined ? "var(--track)" : `color-mix(in srgb,var(--c2) ${6 + 69 * Math.sqrt(value)}%,var(--panel))`;
};
const draw = () => {
  const box = at("map"), size = { x: 0, y: 0, w: box.clientWidth, h: box.clientHeight };
  const there = [...tasks.keys()].filter(i => tasks[i].realised !== undefined);
  const groups = clusters.map(name => ({ name, members: there.filter(i => tasks[i].cluster === name) })).filter(g => g.members.length);
  groups.forEach(g => { g.size = sizes.get(g.name); });
  tiles.clear();
  const parts = [];
  squarify(groups, size).forEach((place, g) => {
    const named = place.h > 44 && place.w > 50, top = named ? 18 : 0;
    const style = `left:${place.x}px;top:${place.y}px;width:${Math.max(0, place.w - 3)}px;height:${Math.max(0, place.h - 3)}px`;
    const group = make("div", { class: "group", style }, named ? make("span", {}, groups[g].name) : null);
    const inner = { x: 0, y: top, w: Math.max(1, place.w - 3), h: Math.max(1, place.h - 3 - top) };
    const members = groups[g].members;
    squarify(members.map(i => ({ size: tasks[i].realised })), inner).forEach((p, n) => {
      const t = tasks[members[n]], tile = make("div", { class: "tile", "data-task": members[n], style: `left:${p.x}px;top:${p.y}px;width:${p.w}px;height:${p.h}px` });
      if (p.w < 14 || p.h < 14) tile.style.padding = 0;
      if (p.w > 44 && p.h > 20) tile.append(...t.name.split(/(?<=[_.-])/).flatMap(part => [part, make("wbr")]));
      if (p.w > 60 && p.h > 48) tile.append(make("small", {}, shareText(t.realised)));
      tile.style.setProperty("--fill", colour(t, n));
      tile.dataset.n = n;
      tiles.set(members[n], tile);
      group.append(tile);
    });
    parts.push(group);
  });
  box.replaceChildren(...parts);
  if (!there.length) box.replaceChildren(make("p", { class: "missing" }, "No task's data could be opened, so there are no shares. The templates are below."));
  tiles.forEach((tile, i) => { tile.classList.toggle("faint", !shown.has(i)); tile.classList.toggle("chosen", i === chosen); });
};
const asked = t => {
  const most = Math.max(t.asked, t.realised) || 1;
  return make("div", { class: "ask" },
    make("span", {}, "realised"), make("span", {}, make("i", { style: `width:${100 * t.realised / most}%` })), make("span", {}, shareText(t.realised)),
    make("span", {}, "asked"), make("span", {}, make("i", { class: "asked", style: `width:${100 * t.asked / most}%` })), make("span", {}, shareText(t.asked)));
};
const tip = event => {
  const tile = event.target.closest?.(".tile"), box = at("tip");
  box.hidden = !tile;
  if (!tile) return;
  const t = tasks[tile.dataset.task];
  const lines = [["rows", whole(t.rows)], ["epochs", t.epochs.toFixed(2)], ["input tokens", t.lengths ? `${whole(t.lengths[0])}, 95% under ${whole(t.lengths[1])}` : "–"], ["truncated", percent(t.cut)]];
  box.replaceChildren(make("b", {}, t.name), make("span", { class: "quiet" }, `${t.cluster}, ${t.licence}`), asked(t),
    make("table", {}, make("tbody", {}, ...lines.map(([name, value]) => make("tr", {}, make("td", { class: "t quiet" }, name), make("td", {}, value))))));
  const right = event.clientX + 16 + box.offsetWidth > innerWidth;
  box.style.left = `${right ? Math.max(4, event.clientX - 16 - box.offsetWidth) : event.clientX + 16}px`;
  box.style.top = `${Math.min(event.clientY + 16, innerHeight - box.offsetHeight - 6)}px`;
};

// The table: rows are made as far as they are looked at.
const AT_ONCE = 60;
const columns = [
  ["task", "t", t => t.name, t => t.name],
  ["cluster", "t quiet", t => t.cluster, t => t.cluster],
  ["rows", "", t => t.rows, t => whole(t.rows)],
  ["asked", "", t => t.asked, t => t.asked === undefined ? "–" : shareText(t.asked)],
  ["realised", "", t => t.realised, t => t.realised === undefined ? "–" : shareText(t.realised)],
  ["epochs", "", t => t.epochs, t => t.epochs === undefined ? "–" : t.epochs.toFixed(2)],
  ["input mean / 95%", "", t => t.lengths?.[0], t => t.lengths ? [bar(t.lengths[1] / index.inputs), make("span", {}, `${whole(t.lengths[0])} / ${whole(t.lengths[1])}`)] : "–"],
  ["target", "", t => t.lengths?.[2], t => t.lengths ? whole(t.lengths[2]) : "–"],
  ["cut", "", t => t.cut, t => percent(t.cut)],
  ["no example", "", t => t.lost, t => percent(t.lost)],
  ["distinct", "", t => t.distinct?.[2], t => t.distinct ? `${t.distinct[2]} of ${t.distinct[0]}` : "–"],
  ["templates", "", t => t.templates, t => t.templates],
  ["licence", "t quiet", t => t.licence, t => t.licence],
];
let sorted = [], made = 0;
const fill = () => {
  const value = columns.find(column => column[0] === order.key)[2];
  sorted = [...shown].sort((a, b) => {
    const x = value(tasks[a]), y = value(tasks[b]);
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    const by = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
    return order.down ? -by : by;
  });
  made = 0;
  at("table").tBodies[0].replaceChildren();
  more();
};
const more = () => {
  const rows = sorted.slice(made, made + AT_ONCE).map(i => {
    const t = tasks[i], row = make("tr", { tabindex: 0, "data-task": i, class: i === chosen ? "chosen" : "" });
    if (t.missing) row.append(make("td", { class: "t" }, t.name), make("td", { class: "t quiet" }, t.cluster), make("td", { class: "missing", colspan: columns.length - 3 }, `data cannot be opened: ${t.missing}`), make("td", { class: "t quiet" }, t.licence));
    else row.append(...columns.map(([, kind, , show]) => make("td", { class: kind, ...(kind ? { title: show(t) } : {}) }, ...[show(t)].flat())));
    return row;
  });
  at("table").tBodies[0].append(...rows);
  made += rows.length;
  at("more").hidden = made >= sorted.length;
};
const heads = columns.map(([name, kind]) => make("th", { class: kind.includes("t") ? "t" : "", tabindex: 0 }, name));
const sort = name => {
  order = { key: name, down: order.key === name ? !order.down : typeof columns.find(c => c[0] === name)[2](tasks[0]) === "number" };
  heads.forEach((head, i) => { if (columns[i][0] === name) head.setAttribute("aria-sort", order.down ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
  fill();
};

// One task: its templates in words beside rendered examples.
const highlighted = (whole, wanted) => {
  if (!wanted.length) return [whole];
  const pattern = new RegExp(`(${wanted.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  return whole.split(pattern).map((part, n) => n % 2 ? make("mark", {}, part) : part);
};
const inWords = (source, wanted) => source.split(/(\{\{[^]*?\}\}|\{%[^]*?%\})/).flatMap((part, n) => n % 2 ? [make("span", { class: part[1] === "%" ? "logic" : "field" }, part)] : highlighted(part, wanted));
const wordsOf = (template, wanted) => {
  const names = { target: "target", when: "only where", cue: "cue at the end", preamble: "above everything" };
  const block = make("div", { class: "words" }, make("h3", {}, `Template ${template.name}`, make("span", {}, [template.kind === "inverted" ? "inverted" : "", template.options === "style" ? "" : `options ${template.options}`].filter(Boolean).join(", "))));
  block.append(make("pre", {}, ...inWords(template.input, wanted)));
  for (const [part, source] of Object.entries(template.parts)) block.append(make("p", { class: "where" }, names[part]), make("pre", {}, ...inWords(source, wanted)));
  const words = Object.entries(template.words);
  if (words.length) block.append(make("p", { class: "where" }, "answers in other words"), make("pre", {}, words.map(([from, to]) => `${from} → ${to}`).join("\n")));
  return block;
};
const example = (sample, wanted) => {
  const [input, target, cut] = sample.tokens;
  const facts = `${sample.shots ? ` · ${sample.shots} exemplar${sample.shots > 1 ? "s" : ""}` : ""} · ${whole(input)} → ${whole(target)} tokens${cut ? `, ${whole(cut)} cut` : ""}`;
  return make("div", { class: "shown" }, make("p", { class: "where", title: sample.where }, make("b", {}, sample.style.replaceAll("/", " · ")), facts),
    make("pre", {}, ...highlighted(sample.input, wanted)), make("pre", { class: "target" }, ...highlighted(sample.target, wanted)));
};
const fact = (name, ...value) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value));
const open = (i, scroll = true) => {
  const t = tasks[i], d = detail(i), style = at("style").value;
  const wanted = at("search").value.split(/\s+/).filter(Boolean);
  chosen = i;
  tiles.forEach((tile, n) => tile.classList.toggle("chosen", n === i));
  document.querySelectorAll("#table tbody tr").forEach(row => row.classList.toggle("chosen", Number(row.dataset.task) === i));
  const rows = d.splits[0] ? `${whole(t.rows)} (${d.splits[0]})` : "none";
  const safe = /^https?:/.test(d.link);
  const facts = make("dl", { class: "facts" },
    t.realised === undefined ? null : fact("share of the examples", asked(t)),
    fact("training rows", t.missing ? "–" : `${rows}, ${t.epochs.toFixed(2)} epochs`, d.splits[1] ? `; evaluated on ${d.splits[1]}` : ""),
    t.lengths ? fact("tokens, mean and 95%", `input ${whole(t.lengths[0])}, ${whole(t.lengths[1])}; target ${whole(t.lengths[2])}, ${whole(t.lengths[3])}; ${percent(t.cut)} truncated`) : null,
    t.distinct ? fact("distinct prompts of one row", `${t.distinct[0]} wordings, ${t.distinct[1]} different as text, ${t.distinct[2]} once tokenised`) : null,
    fact("source", d.source), fact("lineage", d.lineage.join(", ")), fact("metrics", d.metrics.join(", ")),
    fact("licence", t.licence, ...(d.link ? [" · ", safe ? make("a", { href: d.link, rel: "noreferrer" }, d.link.replace(/^https?:\/\//, "")) : d.link] : [])));
  const parts = [make("header", {}, make("h2", {}, t.name), make("span", { class: "quiet" }, t.cluster)), facts];
  if (t.missing) parts.push(make("p", { class: "none" }, `Its data cannot be opened: ${t.missing}`));
  for (const [kind, count, why, where] of d.reasons) parts.push(make("p", { class: "where" }, `${count} of ${d.sampled} sampled rows ${kind === "left out" ? "are left out" : `are ${kind}`}: ${why} (${where})`));
  for (const template of d.templates) {
    const all = d.samples.filter(sample => sample.template === template.name), some = all.filter(sample => !style || sample.style === style);
    const none = t.missing ? "" : all.length ? "no example in this style; choose all styles to see others" : "no example: it applies to none of the rows that were tried, or nothing fits";
    parts.push(make("div", { class: "wording" }, wordsOf(template, wanted), make("div", {}, ...some.map(sample => example(sample, wanted)), some.length || !none ? null : make("p", { class: "where" }, none))));
  }
  at("task").replaceChildren(...parts);
  history.replaceState(null, "", `#task=${encodeURIComponent(t.name)}`);
  if (scroll) at("task").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
};

// Shares of styles and licences.
const inParts = name => name.split("/").flatMap((part, n) => [n ? " · " : "", make("span", { class: "part" }, part)]);
const gauge = (name, share, id) => {
  const line = make("div", { tabindex: 0, role: "button" }, make("span", {}, ...inParts(name)), bar(share), make("span", {}, percent(share)));
  const choose = () => { at(id).value = name; refilter(); at("map-section").scrollIntoView(); };
  line.addEventListener("click", choose);
  line.addEventListener("keydown", event => { if (event.key === "Enter") choose(); });
  return line;
};
const byLicence = new Map();
tasks.forEach(t => byLicence.set(t.licence, (byLicence.get(t.licence) || 0) + (t.realised || 0)));
at("licences").querySelector(".gauges").append(...[...byLicence].sort((a, b) => b[1] - a[1]).map(([name, share]) => gauge(name, share, "licence")));
at("styles").querySelector(".gauges").append(...Object.entries(index.styles).map(([name, share]) => gauge(name, share, "style")));

at("table").tHead.rows[0].append(...heads);
heads.forEach((head, i) => {
  head.addEventListener("click", () => sort(columns[i][0]));
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(columns[i][0]); });
});
heads[columns.findIndex(column => column[0] === order.key)].setAttribute("aria-sort", "descending");
const chooseRow = event => { const row = event.target.closest("[data-task]"); if (row && (event.type === "click" || event.key === "Enter")) open(Number(row.dataset.task)); };
["click", "keydown"].forEach(kind => at("table").tBodies[0].addEventListener(kind, chooseRow));
at("map").addEventListener("click", chooseRow);
at("map").addEventListener("pointermove", tip);
at("map").addEventListener("pointerleave", () => { at("tip").hidden = true; });
at("more").addEventListener("click", more);
document.querySelectorAll("[data-paint]").forEach(button => button.addEventListener("click", () => {
  paint = button.dataset.paint;
  document.querySelectorAll("[data-paint]").forEach(b => b.setAttribute("aria-pressed", b === button));
  tiles.forEach((tile, i) => tile.style.setProperty("--fill", colour(tasks[i], Number(tile.dataset.n))));
}));
const refilter = () => { filter(); if (chosen !== null) open(chosen, false); };
let waiting = 0;
at("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(refilter, 150); });
["cluster", "style", "licence"].forEach(id => at(id).addEventListener("input", refilter));
let width = 0;
new ResizeObserver(() => { if (at("map").clientWidth !== width) { width = at("map").clientWidth; draw(); } }).observe(at("map"));
filter();
const named = decodeURIComponent((location.hash.match(/^#task=(.*)$/) || [])[1] || "");
const first = tasks.findIndex(t => t.name === named);
if (first >= 0) open(first);
