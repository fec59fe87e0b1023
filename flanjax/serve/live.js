const $ = id => document.getElementById(id);
const form = $("ask"), shown = $("answers"), end = $("end"), examples = $("examples");
const byGroup = Map.groupBy ? Map.groupBy(data.examples, e => e.group) : data.examples.reduce((m, e) => m.set(e.group, [...(m.get(e.group) || []), e]), new Map());
for (const [name, members] of byGroup) {
  const list = name ? make("optgroup") : examples;
  if (name) { list.label = name; examples.append(list); }
  for (const example of members) {
    const line = example.prompt.replace(/\s+/g, " ");
    const option = make("option", "", line.length > 90 ? `${line.slice(0, 88)} …` : line);
    option.value = data.examples.indexOf(example);
    list.append(option);
  }
}
let chosen = null, stopping = null;
examples.addEventListener("change", () => {
  chosen = data.examples[examples.value] || null;
  if (!chosen) return;
  $("prompt").value = chosen.prompt;
  $("options").value = chosen.options.join("\n");
  $("choices").open = chosen.options.length > 0;
});

const post = async (path, body, signal) => {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  if (response.ok) return response;
  const found = await response.json().catch(() => ({}));
  throw new Error(found.error ? found.error.message : `the server answered ${response.status}`);
};

// The events of a streamed reply, as objects, up to [DONE].
async function* events(response) {
  const reader = response.body.getReader(), decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the server ended the answer");
    rest += decoder.decode(value, { stream: true });
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const text = part.replace(/^data: /, "");
      if (text === "[DONE]") return;
      yield JSON.parse(text);
    }
  }
}

// Settings of the command for which the form has no field, where they ask for something.
const nothing = { min_p: 0, repetition_penalty: 1, beams: 1, length_penalty: 1 };
const unseen = Object.fromEntries(Object.keys(nothing).filter(k => data.settings[k] !== nothing[k]).map(k => [k, data.settings[k]]));
const settings = () => {
  const found = { ...unseen };
  for (const name of ["temperature", "top_p", "top_k", "max_tokens", "seed"]) if ($(name).value !== "") found[name] = Number($(name).value);
  if ($("stop").value) found.stop = [$("stop").value, ...data.settings.stop.slice(1)];
  return found;
};
const follow = async (answer, model, record, asked, signal) => {
  const began = performance.now(), seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  answer.element.classList.add("writing");
  try {
    const body = { model, messages: [{ role: "user", content: record.prompt }], stream: true, stream_options: { include_usage: true }, ...asked };
    let reason = "", tokens = 0;
    for await (const event of events(await post("/v1/chat/completions", body, signal))) {
      if (event.error) throw new Error(event.error.message);
      if (event.usage) tokens = event.usage.completion_tokens;
      for (const choice of event.choices) {
        if (choice.delta.content) answer.write(choice.delta.content);
        reason = choice.finish_reason || reason;
      }
    }
    answer.end();
    answer.tell(`${tokens} tokens, ${reason === "length" ? "broke off at the limit, " : ""}${seconds()}`);
    if (record.options.length) {
      const scored = await (await post("/score", { model, prompt: record.prompt, options: record.options }, signal)).json();
      answer.score(scored.options, record.expected);
    }
  } catch (error) {
    answer.end();
    answer.tell(error.name === "AbortError" ? `stopped after ${seconds()}` : error.message, error.name !== "AbortError");
  }
};

form.addEventListener("submit", async event => {
  event.preventDefault();
  const prompt = $("prompt").value, options = [...new Set($("options").value.split("\n").map(o => o.trim()).filter(Boolean))];
  if (!prompt.trim() || stopping) return;
  const known = chosen && chosen.prompt === prompt;
  const record = { prompt, options, group: known ? chosen.group : "", expected: known ? chosen.expected : "" };
  const asked = new Asked(record);
  shown.prepend(asked.element);
  stopping = new AbortController();
  form.querySelector(".main").disabled = !(end.hidden = false);
  await Promise.all(asked.answers.map((answer, i) => follow(answer, data.models[i], record, settings(), stopping.signal)));
  stopping = null;
  form.querySelector(".main").disabled = !(end.hidden = true);
});
end.addEventListener("click", () => stopping && stopping.abort());
$("prompt").addEventListener("keydown", event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
