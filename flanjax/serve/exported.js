const shown = document.getElementById("answers"), search = document.getElementById("search"), group = document.getElementById("group");
const differ = document.getElementById("differ"), more = document.getElementById("more"), PAGE = 100;
const texts = data.records.map(r => [r.prompt, r.group, ...r.answers.map(a => a.text)].join("\n").toLowerCase());
let room = PAGE;

const entry = record => {
  const asked = new Asked(record);
  record.answers.forEach((found, i) => {
    const answer = asked.answers[i];
    answer.write(found.text);
    answer.end();
    answer.tell(found.error || `${found.tokens} tokens, ${endings[found.ended] || found.ended}`, found.error);
    if (found.options.length) answer.score(found.options, record.expected);
  });
  return asked.element;
};
const update = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = data.records.filter((record, n) =>
    words.every(word => texts[n].includes(word)) && (!group.value || record.group === group.value) &&
    (!differ || !differ.checked || new Set(record.answers.map(a => a.text)).size > 1));
  shown.replaceChildren(...chosen.slice(0, room).map(entry));
  more.hidden = chosen.length <= room;
  document.getElementById("count").textContent = `${chosen.length} of ${data.records.length} prompts`;
};
const groups = [...new Set(data.records.map(r => r.group).filter(Boolean))];
group.append(...groups.map(name => make("option", "", name)));
group.hidden = groups.length < 2;
for (const control of [search, group, differ].filter(Boolean)) control.addEventListener("input", () => { room = PAGE; update(); });
more.addEventListener("click", () => { room += PAGE; update(); });
update();
