/** Warnings of several instances that say the same. It knows no page. */

/** @import { Warning } from "./types.d.ts" */

const TOGETHER = 10_000; // milliseconds within which instances say the same of the same event

/**
 * What instances have said at about the same time, each once: the newest of it, and by which instances.
 *
 * @param {Warning[]} warnings newest first
 */
export function grouped(warnings) {
  /** @type {{ at: number, level: string, text: string, of: string[] }[]} */
  const groups = [];
  for (const { at: when, level, message: text, instance } of warnings) {
    const at = Date.parse(when);
    const same = groups.findLast((group) => group.text === text && group.level === level);
    if (same && same.at - at < TOGETHER && !same.of.includes(instance)) same.of.push(instance);
    else groups.push({ at, level, text, of: [instance] });
  }
  return groups;
}
