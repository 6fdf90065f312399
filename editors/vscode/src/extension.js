// The VS Code client: the language server does the work, this starts it and shows what it says.
"use strict";
const path = require("node:path");
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
      middleware: { executeCommand: carryOut, provideCompletionItem: withHelp },
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

/** The commands of the server's lenses give figures and pictures: here they are shown. */
async function carryOut(command, args, next) {
  if (command === "aos.server.graph") return showGraph(...args);
  const found = await next(command, args);
  if (command === "aos.server.check" && found) showChecked(found, args[1]);
  return found;
}

/** A completed call opens the help for its arguments, as if its parenthesis had been typed. */
async function withHelp(document, position, context, token, next) {
  const found = await next(document, position, context, token);
  for (const item of (Array.isArray(found) ? found : found?.items) ?? []) {
    const text = item.insertText instanceof vscode.SnippetString ? item.insertText.value : "";
    if (/^[\w.]+(<.*>)?\(.*\$/s.test(text)) item.command = { command: "editor.action.triggerParameterHints", title: "" };
  }
  return found;
}

function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}

/** What a check found, in a line; the findings themselves stand in the list of problems. */
function showChecked(found, plan) {
  const of = found.plans.find((p) => p.name === plan);
  const others = found.others > 0 ? `, ${count(found.others, "remark")}` : "";
  if (found.errors > 0) {
    vscode.commands.executeCommand("workbench.actions.view.problems");
    vscode.window.showErrorMessage(`${plan ?? "The file"}: ${count(found.errors, "error")}${others}.`);
    return;
  }
  const size = of ? ` (${count(of.steps, "step")})` : "";
  vscode.window.showInformationMessage(`${plan ?? "The file"} is sound${size}${others}.`);
}

/** Whether programs may be started: not for a folder that is not trusted. */
function mayRun() {
  if (vscode.workspace.isTrusted) return true;
  vscode.window.showWarningMessage("Plans are run once this folder is trusted.", "Manage trust").then((choice) => {
    if (choice) vscode.commands.executeCommand("workbench.trust.manage");
  });
  return false;
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

/** A command of the program as a task: its terminal can be read, answered and interrupted, and no shell reads its arguments. */
async function asTask(name, folder, args) {
  const scope = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder)) ?? vscode.TaskScope.Workspace;
  const task = new vscode.Task({ type: "aos", command: args[0] }, scope, name, "AOS", new vscode.ProcessExecution(program(), args, { cwd: folder }));
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated, clear: true, showReuseMessage: false };
  await vscode.tasks.executeTask(task);
}

/** The folder of the project a document belongs to. */
function folderOf(document) {
  return vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath ?? path.dirname(document.uri.fsPath);
}

/** Asks for the inputs that a plan needs; none where somebody pressed Escape. */
async function inputsOf(document, plan) {
  const checked = await client.sendRequest("workspace/executeCommand", {
    command: "aos.server.check",
    arguments: [document.uri.toString(), plan ?? null],
  });
  // Without a name the program takes the file's one plan.
  const found = checked?.plans.length === 1 ? checked.plans[0] : undefined;
  const args = [];
  for (const input of (found?.inputs ?? []).filter((i) => i.needed)) {
    const value = await vscode.window.showInputBox({
      title: `Run ${found.name}: ${input.name}`,
      prompt: [input.docs, `${input.name}: ${input.type}`].filter(Boolean).join(" · "),
      placeHolder: "a string as it is, anything else as JSON",
      ignoreFocusOut: true,
    });
    if (value === undefined) return undefined;
    args.push("--input", `${input.name}=${value}`);
  }
  return args;
}

async function run(uri, plan) {
  const found = await target(uri, plan);
  if (!found || !mayRun()) return;
  await found.document.save();
  const inputs = await inputsOf(found.document, found.plan);
  if (!inputs) return;
  const folder = folderOf(found.document);
  const file = path.relative(folder, found.document.uri.fsPath);
  const what = found.plan ? `${file}#${found.plan}` : file;
  await asTask(`run ${found.plan ?? file}`, folder, ["run", what, ...inputs]);
}

async function test(uri, name) {
  const found = await target(uri);
  if (!found || !mayRun()) return;
  await found.document.save();
  const filter = named(name) ? ["--filter", name] : [];
  const folder = folderOf(found.document);
  const file = path.relative(folder, found.document.uri.fsPath);
  await asTask(`test ${named(name) ?? file}`, folder, ["test", file, ...filter]);
}

async function checkAll() {
  if (!mayRun()) return;
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    const files = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, "**/*.plan"), "**/node_modules/**", 2000);
    const names = files.map((file) => path.relative(folder.uri.fsPath, file.fsPath)).sort();
    if (names.length > 0) await asTask(`check ${folder.name}`, folder.uri.fsPath, ["check", ...names]);
  }
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
  context.subscriptions.push(vscode.workspace.registerTextDocumentContentProvider(people.SCHEME, people.shown));
  command("aos.approve", () => mayRun() && people.decide(program()));
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
