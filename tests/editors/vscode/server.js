// VS Code's own server, as code-server ships it on npm: put together, given the extension, started.
"use strict";
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const modules = path.join(__dirname, "node_modules");
const server = path.join(modules, "code-server/lib/vscode");
const extension = path.join(__dirname, "../../../editors/vscode");
/** Parts of the server that are compiled where they run: terminals, its log, its watch over the page's process. */
const NATIVE = ["node-pty", "@vscode/spdlog", "native-watchdog"];

/** Runs a program to its end; what it said is told where it fails. */
function run(what, program, args, folder, env = {}) {
  const done = spawnSync(program, args, { cwd: folder, encoding: "utf8", env: { ...process.env, ...env } });
  if (done.status === 0) return;
  const said = [done.error?.message, done.stdout, done.stderr].filter(Boolean).join("\n").slice(-4000);
  throw new Error(`${what}: \`${program} ${args.join(" ")}\` failed in ${folder}; it needs the network the first time\n${said}`);
}

function packages(verb, folder) {
  run("packages from npm", "npm", [verb, "--ignore-scripts", "--no-audit", "--no-fund"], folder);
}

/** Where Node's headers lie, if they are beside it: else node-gyp looks for them on the net. */
function headers() {
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  return fs.existsSync(path.join(prefix, "include/node/node.h")) ? [`--nodedir=${prefix}`] : [];
}

/** Puts code-server's VS Code together, once: what is there already is left alone. */
function install() {
  if (Number(process.versions.node.split(".")[0]) < 20) throw new Error(`Node ${process.version} is too old: VS Code's server needs 20`);
  const done = path.join(modules, `.put-together-for-${process.version}`);
  if (fs.existsSync(done)) return;
  packages("ci", __dirname);
  // code-server's own script, which does not run here, does the same; its list of versions is npm's older kind, which `ci` refuses.
  packages("install", server);
  fs.symlinkSync("node_modules", path.join(server, "node_modules.asar"));
  const gyp = path.join(modules, "node-gyp/bin/node-gyp.js");
  for (const name of NATIVE) {
    run(`compiling ${name}`, process.execPath, [gyp, "rebuild", ...headers()], path.join(server, "node_modules", name));
  }
  // The server finds files with ripgrep, which its package would download from elsewhere.
  const { rgPath } = require("@vscode/ripgrep");
  const bin = path.join(server, "node_modules/@vscode/ripgrep/bin");
  fs.mkdirSync(bin, { recursive: true });
  fs.symlinkSync(rgPath, path.join(bin, "rg"));
  fs.writeFileSync(done, "");
}

/** Packages the extension as its page says, from a copy without what lies around. */
function vsix(scratch) {
  const copy = path.join(scratch, "extension");
  fs.cpSync(extension, copy, { recursive: true, filter: (from) => !from.includes("node_modules") && !from.endsWith(".vsix") });
  packages("ci", copy);
  run("packaging the extension", "npm", ["run", "package"], copy);
  return path.join(copy, "aos-plan.vsix");
}

/** Starts the server on a folder, with the packaged extension and settings; gives its address and how to end it. */
async function start(scratch, folder, settings) {
  const data = path.join(scratch, "data");
  // A path on the server's machine is the machine's setting, all others are the user's.
  for (const of of ["Machine", "User"]) {
    fs.mkdirSync(path.join(data, "data", of), { recursive: true });
    fs.writeFileSync(path.join(data, "data", of, "settings.json"), JSON.stringify(settings));
  }
  const own = [path.join(server, "out/server-main.js"), "--accept-server-license-terms", "--server-data-dir", data];
  run("installing the extension", process.execPath, [...own, "--install-extension", vsix(scratch)], scratch);
  const child = spawn(
    process.execPath,
    [...own, "--host", "127.0.0.1", "--port", "0", "--without-connection-token", "--telemetry-level", "off"],
    { cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  const address = await new Promise((resolve, reject) => {
    const read = (bytes) => {
      said += bytes;
      const port = /Server bound to 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", () => reject(new Error(`VS Code's server ended:\n${said}`)));
  });
  return { address, stop: () => child.kill() };
}

module.exports = { install, start };
