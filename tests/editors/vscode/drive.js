// The extension in VS Code itself: a plan is coloured, checked, mended, completed, renamed, drawn, run and approved, as a person would do it.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { install, start } = require("./server");

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** How long anything may take, milliseconds: the machine may be busy. */
const PATIENCE = 120_000;
const SETTINGS = {
  "aos.path": process.env.AOS,
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "telemetry.telemetryLevel": "off",
  "git.enabled": false,
  "editor.minimap.enabled": false,
  // Drawn as text, so that it can be read here.
  "terminal.integrated.gpuAcceleration": "off",
};

/** A plan that asks somebody. */
const ASKS = `plan ask() -> string {
  step seen = human.review<string>(value: "three invoices", question: "Pay these?")

  return seen
}
`;

/** Something that a program printed may be broken anywhere by the width of its window. */
const flat = (text) => text.replaceAll(/\s+/g, " ");

class Page {
  constructor(page, pictures) {
    this.page = page;
    this.pictures = pictures;
    this.keys = page.keyboard;
  }

  /** Waits until something holds; says what was not seen where it never does. */
  async until(what, holds) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const seen = await holds().catch((error) => error.message);
      if (seen === true) return;
      if (Date.now() > end) {
        await this.picture("failed");
        throw new Error(`not seen: ${what}\n${typeof seen === "string" ? seen : ""}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async picture(name) {
    if (this.pictures) await this.page.screenshot({ path: path.join(this.pictures, `${name}.png`) });
  }

  shows(selector, text) {
    return this.until(`${selector} with ${text ?? "anything"}`, async () => {
      const found = this.page.locator(selector, text === undefined ? {} : { hasText: text });
      return (await found.count()) > 0 && (await found.first().isVisible());
    });
  }

  async click(selector, text) {
    await this.shows(selector, text);
    await this.page.locator(selector, text === undefined ? {} : { hasText: text }).first().click();
  }

  /** The text of the open editor, as it is drawn. */
  async text() {
    const lines = await this.page.locator(".editor-group-container.active .view-line").evaluateAll((found) =>
      found
        .map((line) => [parseFloat(line.style.top), line.textContent])
        .sort((a, b) => a[0] - b[0])
        .map(([, text]) => text.replaceAll("\u00a0", " ")),
    );
    return lines.join("\n");
  }

  has(wanted) {
    return this.until(`the text ${wanted}`, async () => (await this.text()).includes(wanted) || (await this.text()));
  }

  async command(title) {
    await this.keys.press("F1");
    await this.shows(".quick-input-widget input");
    await this.keys.type(title);
    await this.click(".quick-input-list .monaco-list-row", title);
  }

  async open(file) {
    await this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: file }).first().dblclick();
    await this.shows(".tab.active", file);
    await this.shows(".editor-group-container.active .view-line");
  }

  /** Puts the cursor at a line and column. */
  async cursor(line, column) {
    await this.keys.press("Control+g");
    await this.shows(".quick-input-widget input");
    await this.keys.type(`${line}:${column}`);
    await this.keys.press("Enter");
    await this.shows(".statusbar-item", `Ln ${line}, Col ${column}`);
  }

  /** What the terminal shows, without its line breaks. */
  terminal(wanted) {
    return this.until(`in the terminal: ${wanted}`, async () => {
      const rows = await this.page.locator(".terminal-wrapper.active .xterm-rows > div, .xterm-rows > div").allTextContents();
      const text = rows.join("").replaceAll("\u00a0", " ");
      return flat(text).includes(wanted) || text;
    });
  }

  /** The page inside of the graph's panel. */
  graph(what, holds) {
    return this.until(`in the graph: ${what}`, async () => {
      for (const frame of this.page.frames()) {
        const text = await frame.locator("svg").first().textContent({ timeout: 200 }).catch(() => undefined);
        if (text !== undefined && frame !== this.page.mainFrame()) return holds(text) || text;
      }
      return "no picture";
    });
  }
}

async function untrusted(vs) {
  await vs.click(".monaco-dialog-box .monaco-button", "No, I don't trust");
  await vs.open("main.plan");
  await coloured(vs);
  await vs.shows(".squiggly-error");
  // Nothing is run in a folder that is not trusted.
  await vs.click(".codelens-decoration a", "run");
  await vs.click(".notification-toast .monaco-button", "Manage trust");
  await vs.picture("untrusted");
  await vs.click(".workspace-trust-editor .monaco-button", "Trust");
  await vs.until("a trusted folder", async () => (await vs.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).count()) === 0);
  await vs.keys.press("Control+F4");
}

/** Words of one kind have a colour of their own. */
async function coloured(vs) {
  const colour = async (word) => {
    const found = vs.page.locator(".view-line span span").filter({ hasText: new RegExp(`^${word}$`) });
    return found.first().evaluate((span) => getComputedStyle(span).color);
  };
  await vs.until("colours", async () => {
    const [keyword, type, name, text] = [await colour("plan"), await colour("int"), await colour("main"), await colour('"lib.plan"')];
    const other = await colour("answer");
    return new Set([keyword, type, name, text, other]).size === 5 || JSON.stringify([keyword, type, name, text, other]);
  });
}

async function diagnosticsAndFix(vs) {
  await vs.open("main.plan");
  await vs.shows(".squiggly-error");
  await vs.command("Problems: Focus on Problems View");
  await vs.shows(".markers-panel .monaco-list-row", "`anser` is not declared");
  await vs.shows(".markers-panel .monaco-list-row", "did you mean `answer`?");
  await vs.picture("problems");
  await vs.open("main.plan");
  await vs.cursor(6, 17);
  await vs.keys.press("Control+.");
  await vs.shows(".action-widget .monaco-list-row", "rename it to `answer`");
  await vs.picture("fix");
  await vs.keys.press("Enter");
  await vs.has("= answer");
  await vs.until("no squiggle", async () => (await vs.page.locator(".squiggly-error").count()) === 0);
}

async function hoverAndCompletion(vs) {
  await vs.cursor(5, 19);
  await vs.keys.press("Control+k");
  await vs.keys.press("Control+i");
  await vs.shows(".monaco-hover", "Twice.");
  await vs.picture("hover");
  await vs.keys.press("Escape");
  await vs.cursor(6, 1);
  await vs.keys.press("Control+Shift+Enter");
  await vs.keys.type("  step page = http.");
  await vs.shows(".suggest-widget .monaco-list-row", "get");
  await vs.keys.type("ge");
  await vs.shows(".suggest-widget .monaco-list-row.focused", "get");
  await vs.picture("completion");
  await vs.keys.press("Enter");
  await vs.has("http.get(url: ");
  await vs.shows(".parameter-hints-widget", "url");
  await vs.picture("signature");
  await vs.keys.press("Escape");
  await vs.keys.press("Escape");
  await vs.keys.press("Control+Shift+k");
  await vs.until("no rest of it", async () => !(await vs.text()).includes("http.get"));
}

async function renameAndFormat(vs, project) {
  await vs.cursor(5, 19);
  await vs.keys.press("F2");
  await vs.shows(".rename-box input");
  await vs.page.locator(".rename-box input").fill("double");
  await vs.keys.press("Enter");
  await vs.has("double(id: id)");
  await vs.command("File: Save All Files");
  const saved = (file, wanted) => vs.until(`${file} with ${wanted}`, async () => fs.readFileSync(path.join(project, file), "utf8").includes(wanted));
  await saved("lib.plan", "plan double(id: int)");
  // Formatted as it is saved.
  await saved("main.plan", "\n  let text = answer\n");
}

async function lenses(vs) {
  await vs.open("main.plan");
  for (const title of ["run", "check", "graph", "test"]) await vs.shows(".codelens-decoration a", title);
  await vs.click(".codelens-decoration a", "check");
  await vs.shows(".notification-toast", "main is sound");
  await vs.picture("lenses");
  await vs.command("Notifications: Clear All Notifications");
  await vs.click(".codelens-decoration a", "graph");
  await vs.graph("the step", (text) => text.includes("answer"));
  await vs.picture("graph");
  await vs.cursor(5, 1);
  await vs.keys.press("Control+Shift+Enter");
  await vs.keys.type("  step second = double(id: 3)");
  await vs.keys.press("Escape");
  await vs.graph("the step that was written", (text) => text.includes("second"));
  await vs.picture("graph-after-edit");
  await vs.keys.press("Control+Shift+k");
  await vs.graph("without what was taken away", (text) => !text.includes("second"));
  await vs.keys.press("Control+s");
}

async function run(vs) {
  await vs.click(".codelens-decoration a", "▶ run");
  await vs.shows(".quick-input-widget", "id: int");
  await vs.picture("inputs");
  await vs.keys.type("21");
  await vs.keys.press("Enter");
  await vs.terminal("42");
  await vs.picture("run");
  await vs.click(".codelens-decoration a", "▶ test");
  await vs.terminal("1 test passed");
  await vs.picture("test");
  await vs.command("AOS: Check all plans");
  await vs.terminal("no problems in 3 plans");
}

async function approve(vs) {
  await vs.open("asks.plan");
  await vs.click(".codelens-decoration a", "▶ run");
  await vs.terminal("aos approve");
  await vs.command("AOS: Decide or answer what runs wait for");
  await vs.shows(".quick-input-list .monaco-list-row", "Pay these?");
  await vs.picture("waiting");
  await vs.keys.press("Enter");
  await vs.shows(".view-line", "three invoices");
  await vs.shows(".quick-input-list .monaco-list-row", "Approve");
  await vs.picture("approve");
  await vs.click(".quick-input-list .monaco-list-row", "Approve");
  await vs.shows(".notification-toast", "seen: approved; the run succeeded");
  await vs.picture("approved");
}

async function drive() {
  assert.ok(fs.existsSync(CHROMIUM), `${CHROMIUM} is not there: install Debian's chromium, or set CHROMIUM`);
  install();
  const { chromium } = require("playwright-core");
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "aos-vscode-"));
  const project = process.env.PROJECT;
  fs.writeFileSync(path.join(project, "asks.plan"), ASKS);
  const server = await start(scratch, project, SETTINGS);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    page.setDefaultTimeout(PATIENCE);
    await page.goto(server.address);
    const vs = new Page(page, process.env.PICTURES);
    for (const part of [untrusted, diagnosticsAndFix, hoverAndCompletion, (v) => renameAndFormat(v, project), lenses, run, approve]) {
      try {
        await part(vs);
      } catch (error) {
        await vs.picture("failed");
        throw error;
      }
    }
  } finally {
    await browser.close();
    server.stop();
    fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
  console.log("VS Code: all is well");
}

drive().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
