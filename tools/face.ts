/** That the bell's modules are what eventide-bell.d.ts says: `tsc` reads this, and nobody runs it. */

import type * as face from "../static/eventide-bell.js";
import { mustAcknowledge } from "../static/bell/acknowledging.js";
import { EventideBell } from "../static/bell/element.js";
import { glyph } from "../static/bell/icons.js";
import { Inbox } from "../static/bell/inbox.js";
import { languages } from "../static/bell/languages.js";
import { Problem } from "../static/bell/rest.js";
import { STRINGS } from "../static/bell/strings.js";
import { ago, readable, safeUrl } from "../static/bell/text.js";
import { WindowedList } from "../static/bell/windowed-list.js";

export const exported: typeof face = {
  EventideBell, Inbox, Problem, ago, glyph, languages, mustAcknowledge, readable, safeUrl, WindowedList,
};
export const strings: face.Strings = STRINGS;
