/** AsyncAPI's own parser: reads an array of documents on stdin, and prints what is wrong with each, as an array. */

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const parser = new Parser();
const WARNING = 1; // what is more than this is advice

async function faults(document) {
  const { diagnostics } = await parser.parse(document);
  const found = diagnostics.filter(({ severity }) => severity <= WARNING);
  return found.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const documents = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await Promise.all(documents.map(faults))));
