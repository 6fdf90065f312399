// Drives every request of the protocol that the server offers, with the library that VS Code's client is made of.
"use strict";
const assert = require("node:assert/strict");
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const rpc = require("vscode-jsonrpc/node");
const lsp = require("vscode-languageserver-protocol");

const root = process.env.PROJECT;
const file = (name) => path.join(root, name);
const uri = (name) => pathToFileURL(file(name)).href;
const main = uri("main.plan");
const lib = uri("lib.plan");

const child = spawn(process.env.AOS, ["lsp"], { stdio: ["pipe", "pipe", "inherit"] });
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(child.stdout),
  new rpc.StreamMessageWriter(child.stdin),
);
const asked = [];
const told = new Map();
const waiting = [];
connection.onRequest((method, params) => {
  asked.push(method);
  return null;
});
connection.onNotification(lsp.PublishDiagnosticsNotification.type, (params) => {
  told.set(params.uri, params);
  for (const check of waiting.splice(0)) check();
});
connection.onError(([error]) => { throw error; });
connection.listen();

const until = (holds) => new Promise((resolve) => {
  const check = () => (holds() ? resolve() : waiting.push(check));
  check();
});
let text = fs.readFileSync(file("main.plan"), "utf8");
let version = 1;
const document = { uri: main };
const place = (needle, inside = 0) => {
  const at = text.indexOf(needle);
  assert.notEqual(at, -1, needle);
  const before = text.slice(0, at + inside);
  const line = before.split("\n").length - 1;
  return { line, character: before.length - (before.lastIndexOf("\n") + 1) };
};
const offset = (p) => text.split("\n").slice(0, p.line).reduce((n, l) => n + l.length + 1, 0) + p.character;
const apply = (edits) => {
  for (const e of [...edits].sort((a, b) => offset(b.range.start) - offset(a.range.start))) {
    text = text.slice(0, offset(e.range.start)) + e.newText + text.slice(offset(e.range.end));
  }
};
const seen = new Set();
const ask = async (type, params) => {
  seen.add(type.method);
  const answer = await connection.sendRequest(type, params);
  return answer;
};
const changed = async () => {
  version += 1;
  await connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, {
    textDocument: { uri: main, version }, contentChanges: [{ text }],
  });
  await until(() => told.get(main)?.version === version);
  return told.get(main).diagnostics;
};
const at = (needle, inside) => ({ textDocument: document, position: place(needle, inside) });
const whole = () => ({ start: { line: 0, character: 0 }, end: { line: text.split("\n").length, character: 0 } });

/** The problem matcher of the package reads what the program prints in a task. */
function matchesProblems() {
  const { contributes } = JSON.parse(fs.readFileSync(path.join(__dirname, "../../editors/vscode/package.json"), "utf8"));
  const { pattern } = contributes.problemMatchers[0];
  const printed = spawnSync(process.env.AOS, ["check", "--format", "github", "main.plan"], { cwd: root, encoding: "utf8" });
  const lines = printed.stdout.split("\n").filter((line) => line.startsWith("::"));
  assert.equal(lines.length, 1, printed.stdout + printed.stderr);
  const found = new RegExp(pattern.regexp).exec(lines[0]);
  assert.ok(found, lines[0]);
  const part = (name) => found[pattern[name]];
  assert.deepEqual(
    ["severity", "file", "line", "column", "endLine", "endColumn", "code", "message"].map(part),
    ["error", "main.plan", "6", "16", "6", "21", "unknown-name", "`anser` is not declared"],
  );
}

async function drive() {
  matchesProblems();
  const { capabilities } = await ask(lsp.InitializeRequest.type, {
    processId: process.pid, rootUri: pathToFileURL(root).href, locale: "en",
    workspaceFolders: [{ uri: pathToFileURL(root).href, name: "project" }],
    capabilities: {
      general: { positionEncodings: ["utf-16"] },
      workspace: { didChangeWatchedFiles: { dynamicRegistration: true }, workspaceFolders: true, applyEdit: true },
      textDocument: {
        synchronization: { didSave: true },
        completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } },
        hover: { contentFormat: ["markdown", "plaintext"] },
        documentSymbol: { hierarchicalDocumentSymbolSupport: true },
        codeAction: { codeActionLiteralSupport: { codeActionKind: { valueSet: ["quickfix", "refactor"] } } },
        publishDiagnostics: { relatedInformation: true, tagSupport: { valueSet: [1, 2] }, versionSupport: true },
        rename: { prepareSupport: true },
        semanticTokens: { requests: { full: true, range: true }, tokenTypes: [], tokenModifiers: [], formats: ["relative"] },
      },
    },
  });
  assert.equal(capabilities.positionEncoding, "utf-16");
  await connection.sendNotification(lsp.InitializedNotification.type, {});
  await connection.sendNotification(lsp.SetTraceNotification.type, { value: "off" });
  await connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, {
    textDocument: { uri: main, languageId: "aos", version, text },
  });
  await until(() => told.get(main)?.version === 1);
  const [fault] = told.get(main).diagnostics;
  assert.equal(fault.code, "unknown-name");
  assert.equal(fault.severity, lsp.DiagnosticSeverity.Error);
  assert.ok(asked.includes("client/registerCapability"));

  // A fix, then a clean file.
  const fixes = await ask(lsp.CodeActionRequest.type, {
    textDocument: document, range: fault.range, context: { diagnostics: [fault], only: ["quickfix"] },
  });
  assert.equal(fixes[0].title, "rename it to `answer`");
  apply(fixes[0].edit.changes[main]);
  assert.deepEqual(await changed(), []);

  // Typed text is completed.
  const before = text;
  text = text.replace("  return text", "  step more = htt\n  return text");
  assert.notEqual((await changed()).length, 0);
  const list = await ask(lsp.CompletionRequest.type, { ...at("htt", 3), context: { triggerKind: 1 } });
  const get = list.items.find((i) => i.label === "http.get");
  assert.equal(get.insertTextFormat, lsp.InsertTextFormat.Snippet);
  assert.match(get.textEdit.newText, /^http\.get\(url: \$\{1:url\}\)/);
  text = before;
  await changed();

  const hover = await ask(lsp.HoverRequest.type, at("twice(id", 2));
  assert.match(hover.contents.value, /plan twice\(id: int\) -> string/);
  const help = await ask(lsp.SignatureHelpRequest.type, at("twice(id", 6));
  assert.equal(help.signatures[0].label, "twice(id: int) -> string");
  const definition = await ask(lsp.DefinitionRequest.type, at("twice(id", 2));
  assert.equal(definition[0].uri, lib);
  assert.equal((await ask(lsp.DeclarationRequest.type, at("twice(id", 2)))[0].uri, lib);
  assert.deepEqual(await ask(lsp.TypeDefinitionRequest.type, at("twice(id", 2)), []);
  const references = await ask(lsp.ReferencesRequest.type, { ...at("twice(id", 2), context: { includeDeclaration: true } });
  assert.deepEqual([...new Set(references.map((r) => r.uri))].sort(), [lib, main]);
  const highlights = await ask(lsp.DocumentHighlightRequest.type, at("answer", 2));
  assert.equal(highlights.length, 3);
  const symbols = await ask(lsp.DocumentSymbolRequest.type, { textDocument: document });
  assert.deepEqual(symbols.map((s) => s.name), ["main", "twice"]);
  assert.ok(lsp.DocumentSymbol.is(symbols[0]));
  const found = await ask(lsp.WorkspaceSymbolRequest.type, { query: "twi" });
  assert.ok(found.some((s) => s.location.uri === lib));
  const lenses = await ask(lsp.CodeLensRequest.type, { textDocument: document });
  assert.ok(lenses.every((l) => lsp.CodeLens.is(l)) && lenses.some((l) => l.command.command === "aos.run"));
  const links = await ask(lsp.DocumentLinkRequest.type, { textDocument: document });
  assert.equal(links[0].target, lib);
  const folds = await ask(lsp.FoldingRangeRequest.type, { textDocument: document });
  assert.ok(folds.length >= 2 && folds.every((f) => lsp.FoldingRange.is(f)));
  const [selection] = await ask(lsp.SelectionRangeRequest.type, { textDocument: document, positions: [place("answer", 2)] });
  assert.ok(lsp.SelectionRange.is(selection) && selection.parent);
  const { tokenTypes } = capabilities.semanticTokensProvider.legend;
  const tokens = await ask(lsp.SemanticTokensRequest.type, { textDocument: document });
  assert.ok(lsp.SemanticTokens.is(tokens) && tokens.data.length % 5 === 0 && tokens.data.length > 50);
  assert.ok(tokens.data.filter((_, i) => i % 5 === 3).every((t) => tokenTypes[t]));
  const some = await ask(lsp.SemanticTokensRangeRequest.type, { textDocument: document, range: { start: { line: 4, character: 0 }, end: { line: 5, character: 0 } } });
  assert.ok(some.data.length > 0 && some.data.length < tokens.data.length);
  const hints = await ask(lsp.InlayHintRequest.type, { textDocument: document, range: whole() });
  assert.ok(hints.every((h) => lsp.InlayHint.is(h)) && hints.some((h) => h.label === ": string"));
  const [item] = await ask(lsp.CallHierarchyPrepareRequest.type, at("twice(id", 2));
  assert.equal(item.uri, lib);
  assert.equal((await ask(lsp.CallHierarchyIncomingCallsRequest.type, { item }))[0].from.name, "main");
  const [own] = await ask(lsp.CallHierarchyPrepareRequest.type, at("main(id", 1));
  assert.equal((await ask(lsp.CallHierarchyOutgoingCallsRequest.type, { item: own }))[0].to.name, "twice");

  const options = { tabSize: 2, insertSpaces: true };
  const range = { start: place("  let"), end: place("  let", 4) };
  const part = await ask(lsp.DocumentRangeFormattingRequest.type, { textDocument: document, range, options });
  assert.equal(part.length, 1);
  apply(await ask(lsp.DocumentFormattingRequest.type, { textDocument: document, options }));
  assert.match(text, /\n {2}let text = answer\n/);
  assert.deepEqual(await changed(), []);

  const prepared = await ask(lsp.PrepareRenameRequest.type, at("twice(id", 2));
  assert.equal(prepared.placeholder, "twice");
  const edit = await ask(lsp.RenameRequest.type, { ...at("twice(id", 2), newName: "double" });
  assert.deepEqual(Object.keys(edit.changes).sort(), [lib, main]);
  await assert.rejects(ask(lsp.RenameRequest.type, { ...at("twice(id", 2), newName: "step" }), /reserved word/);
  const refactors = await ask(lsp.CodeActionRequest.type, {
    textDocument: document, range: { start: place("answer", 1), end: place("answer", 1) }, context: { diagnostics: [], only: ["refactor"] },
  });
  assert.ok(refactors.some((a) => a.kind === "refactor.extract"), JSON.stringify(refactors));
  const checked = await ask(lsp.ExecuteCommandRequest.type, { command: "aos.server.check", arguments: [main, "main"] });
  assert.equal(checked.errors, 0);
  const graph = await ask(lsp.ExecuteCommandRequest.type, { command: "aos.server.graph", arguments: [main, "main", "svg"] });
  assert.match(graph, /<svg/);

  // A cancelled request is answered too.
  const source = new rpc.CancellationTokenSource();
  const cancelled = connection.sendRequest(lsp.DocumentSymbolRequest.type, { textDocument: document }, source.token);
  source.cancel();
  await cancelled.then(() => {}, (error) => assert.equal(error.code, lsp.LSPErrorCodes.RequestCancelled));

  // Every request that the server offers was made.
  const offers = {
    completionProvider: "textDocument/completion", hoverProvider: "textDocument/hover",
    signatureHelpProvider: "textDocument/signatureHelp", definitionProvider: "textDocument/definition",
    declarationProvider: "textDocument/declaration", typeDefinitionProvider: "textDocument/typeDefinition",
    referencesProvider: "textDocument/references", documentHighlightProvider: "textDocument/documentHighlight",
    documentSymbolProvider: "textDocument/documentSymbol", workspaceSymbolProvider: "workspace/symbol",
    codeActionProvider: "textDocument/codeAction", codeLensProvider: "textDocument/codeLens",
    documentLinkProvider: "textDocument/documentLink", documentFormattingProvider: "textDocument/formatting",
    documentRangeFormattingProvider: "textDocument/rangeFormatting", renameProvider: "textDocument/rename",
    foldingRangeProvider: "textDocument/foldingRange", selectionRangeProvider: "textDocument/selectionRange",
    semanticTokensProvider: "textDocument/semanticTokens/full", inlayHintProvider: "textDocument/inlayHint",
    callHierarchyProvider: "textDocument/prepareCallHierarchy", executeCommandProvider: "workspace/executeCommand",
  };
  for (const name of Object.keys(capabilities).filter((n) => n.endsWith("Provider"))) {
    assert.ok(seen.has(offers[name]), `${name} is offered and not tested`);
  }
  await connection.sendNotification(lsp.DidCloseTextDocumentNotification.type, { textDocument: document });
  await ask(lsp.ShutdownRequest.type, undefined);
  await connection.sendNotification(lsp.ExitNotification.type);
  const code = await new Promise((resolve) => child.on("exit", resolve));
  assert.equal(code, 0);
  console.log(`${seen.size} requests: all is well`);
  process.exit(0);
}

drive().catch((error) => {
  console.error(error);
  process.exit(1);
});
