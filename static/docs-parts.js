/** What both halves of the page about the API are made of. */

export const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** The text, with what is between backticks as code. */
export function prose(text) {
  return text.split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

export function definition(term, text) {
  const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
  dt.textContent = term;
  dd.append(...prose(text));
  return [dt, dd];
}

/** The fields of a schema. `asked`: of the reader, who wants to know what is required; else what can be absent. */
export function schemaOf(schemas, title, schema, { asked = false, about = schemas.resolve(schema).description } = {}) {
  const fields = schemas.fields(schema);
  const details = clone("schema");
  details.querySelector("summary").textContent = schema ? `${title} · ${schemas.name(schema) || schemas.words(schema)}` : `${title} · no body`;
  details.querySelector("p").append(...prose(about ?? ""));
  details.querySelector("dl").replaceChildren(...fields.flatMap(({ path, words, required, preset, about }) => {
    const said = [words, required === asked && (asked ? "required" : "optional"), preset !== undefined && preset !== null && preset !== "" && `default ${JSON.stringify(preset)}`];
    return definition(path, [said.filter(Boolean).join(" · "), about].filter(Boolean).join(". "));
  }));
  return details;
}

/** The button copies what the element says. */
export function copyable(button, element) {
  button.hidden = !navigator.clipboard; // only over https, and on this machine
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(element.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}
