/**
 * Makes one file of the bell's modules: `node bundle.mjs static/eventide-bell.js target.js` also writes target.js.map,
 * and the file compressed. hatch_build.py runs it, where what package.json names has been installed.
 */

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const [source, target] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: [source],
  outfile: target,
  bundle: true,
  format: "esm",
  minify: true,
  charset: "utf8",
  target: ["es2022"],
  sourcemap: "linked",
  legalComments: "none",
  banner: { js: `/* ${basename(source)} of Eventide Notify, MIT licence */` },
  write: false,
});
for (const { path, contents } of outputFiles) {
  writeFileSync(path, contents);
  if (path.endsWith(".map")) continue; // only who looks for faults asks for it
  writeFileSync(`${path}.gz`, gzipSync(contents, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(contents));
}
