// The VS Code client: the language server does the work, this starts it and shows what it says.
"use strict";
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { GraphPanel } = require("./graph");
const people = require("./people");

let client;
let graph;

function program() {
  return vscode.workspace.getConfiguration("aos").get("path", "aos");
}

async function start(context) {
  client = new LanguageClient(
    "aos",
    "AOS",
    { command: program(), args: ["lsp"] },
    {
      documentSelector: [{ language: "aos-plan" }],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/{*.plan,aos.toml}") },
    },
  );
  try {
    await client.start();
  } catch (error) {
    const choice = await vscode.window.showErrorMessage(
      `\`${program()}\` could not be started: ${error.message}`,
      "Set its path",
    );
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "aos.path");
  }
}

/** What a lens of the server names: menus give their commands other arguments of their own. */
function named(argument) {
  return typeof argument === "string" ? argument : undefined;
}

/** The document a command is about: the one it was given, else the one that is open. A lens gives its URI as text, a menu the URI. */
async function target(uri, plan) {
  const document = uri
    ? await vscode.workspace.openTextDocument(typeof uri === "string" ? vscode.Uri.parse(uri) : uri)
    : vscode.window.activeTextEditor?.document;
  if (!document || document.languageId !== "aos-plan") return undefined;
  const position = vscode.window.activeTextEditor?.selection.active;
  return { document, plan: named(plan) ?? planAt(document, position) };
}

/** The name of the plan that holds a place: the last one that begins above it. */
function planAt(document, position) {
  if (!position) return undefined;
  const above = document.getText(new vscode.Range(0, 0, position.line + 1, 0));
  return [...above.matchAll(/^plan\s+([A-Za-z_]\w*)/gm)].pop()?.[1];
}

function quote(text) {
  return process.platform === "win32" ? `"${text.replaceAll('"', '""')}"` : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A command of the program in a terminal of its own, where it can be read, answered and interrupted. */
function inTerminal(name, folder, args) {
  const terminal = vscode.window.createTerminal({ name, cwd: folder });
  terminal.show(true);
  terminal.sendText([program(), ...args].map(quote).join(" "));
}

function folderOf(document) {
  return vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath;
}

async function run(uri, plan) {
  const found = await target(uri, plan);
  if (!found) return;
  await found.document.save();
  const file = found.document.uri.fsPath;
  inTerminal(`run ${found.plan ?? ""}`, folderOf(found.document), ["run", found.plan ? `${file}#${found.plan}` : file]);
}

async function test(uri, name) {
  const found = await target(uri);
  if (!found) return;
  await found.document.save();
  const filter = named(name) ? ["--filter", name] : [];
  inTerminal("test", folderOf(found.document), ["test", found.document.uri.fsPath, ...filter]);
}

async function checkAll() {
  const files = await vscode.workspace.findFiles("**/*.plan", "**/node_modules/**", 2000);
  if (files.length > 0) inTerminal("check", undefined, ["check", ...files.map((f) => f.fsPath)]);
}

async function showGraph(uri, plan) {
  const found = await target(uri, plan);
  if (!found) return;
  graph ??= new GraphPanel((document, name) =>
    client.sendRequest("workspace/executeCommand", {
      command: "aos.server.graph",
      arguments: [document.uri.toString(), name ?? null, "svg"],
    }),
  );
  await graph.show(found.document, found.plan);
}

async function activate(context) {
  const command = (name, action) => context.subscriptions.push(vscode.commands.registerCommand(name, action));
  command("aos.run", run);
  command("aos.test", test);
  command("aos.check", checkAll);
  command("aos.showGraph", showGraph);
  command("aos.approve", () => people.decide(program()));
  command("aos.restart", async () => {
    await client?.dispose();
    await start(context);
  });
  const follow = (editor) => {
    if (editor?.document.languageId === "aos-plan") graph?.follow(editor.document, planAt(editor.document, editor.selection.active));
  };
  context.subscriptions.push(
    vscode.window.onDidChangeTextEditorSelection((event) => follow(event.textEditor)),
    vscode.workspace.onDidChangeTextDocument((event) => {
      const editor = vscode.window.activeTextEditor;
      if (editor?.document === event.document) follow(editor);
    }),
  );
  await start(context);
}

async function deactivate() {
  graph?.dispose();
  await client?.stop();
}

module.exports = { activate, deactivate };
