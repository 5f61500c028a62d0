/** JSON Schema as OpenAPI 3.1 has it: put into words, and made into examples. */

const DEEPEST = 4;

/** What an example says, by the name of the property: schemas know shapes, not what makes sense. */
const SAMPLES = {
  id: "01a1f8aa-bba5-7edf-8448-471855b91142",
  ids: ["01a1f8aa-bba5-7edf-8448-471855b91142"],
  notificationId: "01a1f8aa-bba5-7edf-8448-471855b91142",
  userIds: ["alice"],
  title: "Your order has shipped",
  message: "It arrives on Tuesday.",
  type: "ORDER",
  link: "/client/",
  event: "price_changed",
  payload: { price: 12.5 },
};

export class Schemas {
  #named;

  constructor(named = {}) {
    this.#named = named;
  }

  /** The schema itself, where this is a reference; without "or null", which every optional field has. */
  resolve(schema) {
    if (schema?.$ref) return this.resolve(this.#named[this.name(schema)]);
    const choices = schema?.anyOf?.filter((choice) => choice.type !== "null");
    if (choices?.length !== 1) return schema ?? {};
    const { anyOf, ...rest } = schema;
    return { ...this.resolve(choices[0]), ...rest };
  }

  name(schema) {
    return schema?.$ref?.split("/").at(-1) ?? "";
  }

  /** A value that fits: the schema's own example, else what is required and what `SAMPLES` knows. */
  example(schema, name = "") {
    const { type, examples, enum: values, const: only, default: preset, properties, required = [], items } = this.resolve(schema);
    if (examples?.length) return examples[0];
    if (only !== undefined) return only;
    if (name in SAMPLES) return SAMPLES[name];
    if (properties) {
      const named = Object.entries(properties).filter(([key]) => required.includes(key) || key in SAMPLES);
      return Object.fromEntries(named.map(([key, value]) => [key, this.example(value, key)]));
    }
    const byType = { string: "text", integer: 1, number: 1, boolean: true, object: {}, array: items ? [this.example(items)] : [] };
    return preset ?? values?.[0] ?? byType[type] ?? null;
  }

  /** "string (1 to 255 characters)", "array (at most 10 items) of Created", … */
  words(schema) {
    const found = this.resolve(schema);
    const { type, format, enum: values, const: only, anyOf, items } = found;
    if (only !== undefined) return JSON.stringify(only);
    if (values) return values.map((value) => JSON.stringify(value)).join(" or ");
    if (anyOf) return anyOf.filter((choice) => choice.type !== "null").map((choice) => this.words(choice)).join(" or ");
    if (type === "array") return `array${range(found.minItems, found.maxItems, "items")} of ${this.words(items)}`;
    if (type === "object") return (found.properties && this.name(schema)) || "object";
    if (format === "date-time") return "date and time (ISO 8601)";
    return (type ?? "anything") + range(found.minLength, found.maxLength, "characters") + range(found.minimum, found.maximum, "");
  }

  /** All fields, those of objects within after their own: `{path, words, required, preset, about}`. */
  fields(schema, prefix = "", depth = 0) {
    const { properties = {}, required = [] } = this.resolve(schema);
    return Object.entries(properties).flatMap(([name, value]) => {
      const found = this.resolve(value);
      const path = prefix + name;
      const row = { path, words: this.words(value), required: required.includes(name), preset: found.default, about: found.description };
      const within = found.type === "array" ? found.items : value;
      const suffix = found.type === "array" ? "[]." : ".";
      return depth < DEEPEST ? [row, ...this.fields(within, path + suffix, depth + 1)] : [row];
    });
  }
}

function range(least, most, unit) {
  const bounds = [least, most].filter((bound) => bound !== undefined).map((bound) => bound.toLocaleString("en"));
  if (!bounds.length) return "";
  const said = bounds.length === 2 ? bounds.join(" to ") : `${least === undefined ? "at most" : "at least"} ${bounds[0]}`;
  return ` (${said}${unit && ` ${unit}`})`;
}
