import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { beforeEach, test } from "node:test";

import { languages } from "../../static/eventide-bell.js";
import { forms } from "../../static/bell/forms.js";
import { stringsOf } from "../../static/bell/languages.js";
import { STRINGS } from "../../static/bell/strings.js";
import { readable } from "../../static/bell/text.js";
import { start } from "./browser.mjs";

const FILES = new URL("../../static/bell/strings/", import.meta.url);
const SERVICE = new URL("service/", import.meta.url).href;
const names = readdirSync(FILES).map((file) => file.replace(".js", ""));
const load = async (name) => (await import(new URL(`${name}.js`, FILES).href)).strings({ forms, readable });

beforeEach(() => start());

test("there is a file for each language, and each language has its file", () => {
  assert.deepEqual([...names, "en"].sort(), Object.keys(languages).sort());
});

for (const name of names) {
  test(`${name} has every text, of the same kind`, async () => {
    const strings = await load(name);
    assert.deepEqual(Object.keys(strings), Object.keys(STRINGS));
    assert.equal(strings.locale, name);
    for (const [key, english] of Object.entries(STRINGS)) {
      assert.equal(typeof strings[key], typeof english, key);
      if (typeof english === "function") assert.equal(strings[key].length, english.length, key);
      else assert.notEqual(strings[key].trim(), "", key);
    }
  });

  test(`${name} says what each text speaks of`, async () => {
    const strings = await load(name);
    const number = (count) => new Intl.NumberFormat(name).format(count);
    for (const key of ["rowAction", "arrived", "offline"]) {
      const values = ["FIRST", "SECOND"].slice(0, strings[key].length);
      for (const value of values) assert.ok(strings[key](...values).includes(value), key);
    }
    for (const count of [3, 11, 100, 1_234]) {
      for (const key of ["label", "moreToasts"]) assert.ok(strings[key](count).includes(number(count)), `${key} ${count}`);
    }
    for (const count of [0, 1, 2, null]) assert.ok(!/#|undefined|null/.test(strings.label(count)), count);
    assert.ok(strings.emptyTab("ORDER").includes(strings.tab("ORDER")));
    for (const tab of ["all", "unread", "archived"]) assert.notEqual(strings.tab(tab), STRINGS.tab("X"));
    assert.notEqual(strings.reason({ code: "unreachable" }), strings.reason({ code: "anything" }));
    for (const code of ["token_missing", "token_expired", "token_revoked", "token_invalid", "unavailable"]) {
      assert.notEqual(strings.refusedHint(code), strings.refusedHint("anything"));
    }
  });
}

test("plural forms are the language's", async () => {
  const { label } = await load("ar");
  assert.equal(new Set([1, 2, 3, 11, 100].map((count) => label(count).replace(/\d+/, ""))).size, 5);
  const french = await load("fr");
  assert.deepEqual([french.label(1), french.label(2)], ["Notifications, 1 non lue", "Notifications, 2 non lues"]);
});

test("the nearest language there is, with the times and numbers of the one that was asked for", async () => {
  languages.de = { title: "Mitteilungen" };
  languages["pt-BR"] = async (service) => ({ title: service });
  assert.deepEqual([(await stringsOf("DE-at", SERVICE)).title, (await stringsOf("DE-at", SERVICE)).locale],
    ["Mitteilungen", "de-AT"]);
  assert.equal((await stringsOf("de", SERVICE)).undo, "Undo", "what it does not have is in English");
  assert.equal((await stringsOf("pt-BR", SERVICE)).title, SERVICE);
  for (const lang of ["pt", "", "x y", "constructor"]) assert.equal(await stringsOf(lang, SERVICE), STRINGS);
  assert.equal((await stringsOf("en-GB", SERVICE)).locale, "en-GB");
});
