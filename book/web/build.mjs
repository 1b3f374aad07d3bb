// Bundles the scripts of the pages and of the live figures: `make web`. What it writes is committed,
// so that who builds the book needs no npm.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "..", "_static");
const SETTINGS = {
  bundle: true,
  minify: true,
  write: false,
  target: "es2022",
  charset: "utf8",
  alias: { "d3-interpolate": join(HERE, "figures", "lib", "interpolate.js") }, // says why
};

/** Write a file whole or not at all. */
async function put(path, text) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}

/** Bundle a script with all that it imports: a classic script, which also runs from a disk. */
async function bundle(from, to) {
  const { outputFiles } = await build({ ...SETTINGS, entryPoints: [from], format: "iife" });
  await put(to, outputFiles[0].text);
}

/** The page that holds one live figure: its still picture, and the script that makes it answer. */
async function figurePage(name, template) {
  const still = await readFile(join(HERE, "figures", "stills", `${name}.html`), "utf8").catch(() => "");
  const source = await readFile(join(HERE, "figures", `${name}.js`), "utf8");
  const title = source.match(/^export const title = "(.+)";$/m);
  if (!title) throw new Error(`figures/${name}.js: a line \`export const title = "…";\` was expected.`);
  const needs = [...source.matchAll(/\bload\("([a-z-]+)"\)/g)].map((found) => found[1]);
  const filled = { NAME: name, TITLE: title[1], STILL: still.trim(), NEEDS: [...new Set(needs)].join(" ") };
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, key) => filled[key]);
}

await bundle(join(HERE, "page.js"), join(OUT, "page.js"));
await bundle(join(HERE, "search", "main.js"), join(OUT, "search.js"));
await bundle(join(HERE, "parts", "beside.js"), join(OUT, "beside.js"));
await bundle(join(HERE, "figures", "lib", "loader.js"), join(OUT, "figures", "loader.js"));
const css = await build({ ...SETTINGS, entryPoints: [join(HERE, "figures", "lib", "figure.css")] });
await put(join(OUT, "figures", "figure.css"), css.outputFiles[0].text);

const template = await readFile(join(HERE, "figures", "lib", "page.html"), "utf8");
for (const file of (await readdir(join(HERE, "figures"))).filter((f) => f.endsWith(".js")).sort()) {
  const name = basename(file, ".js");
  await bundle(join(HERE, "figures", file), join(OUT, "figures", `${name}.js`));
  await put(join(OUT, "figures", `${name}.html`), await figurePage(name, template));
}

/** The text files below a folder, or the file itself, as paths from here; node_modules apart. */
async function below(path) {
  const there = await readdir(join(HERE, path), { withFileTypes: true }).catch(() => null);
  if (there === null) return [path];
  const found = there.filter((entry) => entry.name !== "node_modules" && entry.name !== "__pycache__");
  return (await Promise.all(found.map((entry) => below(posix.join(path, entry.name))))).flat().sort();
}

/** What was made of what: a test compares, and so notices a bundle that is older than its source. */
const SOURCES = ["build.mjs", "figures", "package-lock.json", "package.json", "page.js", "parts", "search"];
const MADE = ["../_static/styles/live-heights.css", "../_static/page.js", "../_static/search.js", "../_static/beside.js", "../_static/figures"];
const digests = {};
for (const path of (await Promise.all([...SOURCES, ...MADE].map(below))).flat()) {
  if (path.endsWith(".data.js")) continue; // these come from book/web/data
  digests[path] = createHash("sha256").update(await readFile(join(HERE, path))).digest("hex").slice(0, 16);
}
await put(join(HERE, "made.json"), `${JSON.stringify(digests, null, 1)}\n`);
