const data = JSON.parse(document.getElementById("data").textContent);
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const endings = { eos: "ended by itself", length: "broke off at the limit", stop: "ended at a stop text", repetition: "repeated itself, was ended" };

// Bars of the options' shares, and their log-likelihoods; the options keep the order in which they were given.
const likelihoods = (options, expected) => {
  const box = make("div", "likelihoods"), most = Math.max(...options.map(o => o.log_likelihood));
  const weights = options.map(o => Math.exp(o.log_likelihood - most)), sum = weights.reduce((a, b) => a + b, 0);
  options.forEach((option, i) => {
    const track = make("span", "track"), bar = make("i");
    bar.style.width = `${(100 * weights[i] / sum).toFixed(2)}%`;
    track.append(bar);
    const best = option.log_likelihood === most ? " best" : "", right = expected && option.text === expected ? " right" : "";
    const nats = make("span", "number nats quiet", option.log_likelihood.toFixed(2).replace("-", "−"));
    nats.title = `log-likelihood in nats, of ${option.tokens} tokens`;
    box.append(make("span", `text${best}${right}`, option.text), track, make("span", "number", `${(100 * weights[i] / sum).toFixed(0)}%`), nats);
  });
  return box;
};

// One model's answer, which may still grow.
class Answer {
  constructor(name, number) {
    this.element = make("div", `answer c${number + 1}`);
    this.text = make("pre", "", "");
    this.told = make("p", "told");
    this.element.append(make("h3", "", name), this.text, this.told);
  }
  write(text) { this.text.append(text); }
  tell(text, failed) { this.told.textContent = text; this.told.classList.toggle("failed", Boolean(failed)); }
  end() {
    this.element.classList.remove("writing");
    if (!this.text.textContent) { this.text.textContent = "(nothing)"; this.text.classList.add("none"); }
  }
  score(options, expected) { this.element.append(likelihoods(options, expected)); }
}

// A prompt with room for every model's answer.
class Asked {
  constructor(record) {
    this.element = make("article", "asked");
    if (record.group) {
      const where = make("p", "where");
      where.append(make("b", "", record.group));
      this.element.append(where);
    }
    this.element.append(make("pre", "", record.prompt));
    if (record.expected) this.element.append(make("p", "expected", `expected: ${record.expected}`));
    const pair = make("div", data.models.length > 1 ? "pair" : "pair one");
    this.answers = data.models.map((name, number) => new Answer(name, number));
    pair.append(...this.answers.map(a => a.element));
    this.element.append(pair);
  }
}
