// The TextMate grammar through the tokenizer that VS Code uses.
//
//   node highlight.js scopes FILE            a plan with marks: `//  ^^^ scope` (or `// 0-3 scope`, columns) under a line says the scope above
//   node highlight.js keywords GRAMMAR FILE  every keyword of the compiler's grammar has a mark in FILE
//   node highlight.js balance FILE…          after each item of a file the grammar is back at its root: nothing runs on
"use strict";
const fs = require("fs");
const path = require("path");
const tm = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");

const GRAMMAR = path.join(__dirname, "../../editors/vscode/syntaxes/plan.tmLanguage.json");

async function load() {
  const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer;
  await oniguruma.loadWASM(wasm);
  const onigLib = Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  });
  const registry = new tm.Registry({
    onigLib,
    loadGrammar: async () => tm.parseRawGrammar(fs.readFileSync(GRAMMAR, "utf8"), GRAMMAR),
  });
  return registry.loadGrammar("source.plan");
}

const MARK = /^\/\/\s*(?:(\^+)|(\d+)-(\d+))\s+(\S+)$/;

/** The tokens of every line that is no mark, with the marks under it. */
function* lines(grammar, file) {
  let stack = tm.INITIAL;
  let last = null;
  for (const [index, text] of fs.readFileSync(file, "utf8").split("\n").entries()) {
    const mark = MARK.exec(text);
    if (mark && last) {
      const from = mark[1] ? text.indexOf("^") : Number(mark[2]);
      const to = mark[1] ? from + mark[1].length : Number(mark[3]);
      last.marks.push({ from, to, scope: mark[4], line: index + 1 });
      continue;
    }
    if (last) yield last;
    const { tokens, ruleStack } = grammar.tokenizeLine(text, stack);
    stack = ruleStack;
    last = { number: index + 1, text, tokens, stack, marks: [] };
  }
  if (last) yield last;
}

function wrong(file) {
  return (line, message) => `${file}:${line}: ${message}`;
}

async function scopes(file) {
  const grammar = await load();
  const tell = wrong(file);
  const found = [];
  let marks = 0;
  for (const { text, tokens, marks: expected } of lines(grammar, file)) {
    for (const mark of expected) {
      marks += 1;
      for (const token of tokens) {
        if (token.endIndex <= mark.from || token.startIndex >= mark.to) continue;
        if (!token.scopes.some((s) => s === mark.scope || s.startsWith(mark.scope + "."))) {
          const what = text.slice(token.startIndex, token.endIndex);
          found.push(tell(mark.line, `\`${what}\` is ${token.scopes.slice(1).join(" ") || "plain"}, not ${mark.scope}`));
        }
      }
    }
  }
  console.log(`${marks} marks`);
  return found;
}

async function keywords(grammarFile, file) {
  const grammar = await load();
  const words = [...fs.readFileSync(grammarFile, "utf8").matchAll(/^kw_(\w+)/gm)].map((m) => m[1]);
  const seen = new Set();
  for (const { text, tokens, marks } of lines(grammar, file)) {
    for (const mark of marks) {
      const word = text.slice(mark.from, mark.to);
      const token = tokens.find((t) => t.startIndex <= mark.from && t.endIndex >= mark.to);
      if (token && /^(keyword|storage|support)/.test(mark.scope)) seen.add(word);
    }
  }
  console.log(`${words.length} keywords`);
  return words.filter((w) => !seen.has(w)).map((w) => `${file}: the keyword \`${w}\` of the grammar has no mark`);
}

async function balance(files) {
  const grammar = await load();
  const found = [];
  for (const file of files) {
    let before = null;
    for (const line of lines(grammar, file)) {
      if (before && /^(plan|skill|type|test|use|\/\/\/) /.test(line.text) && before.stack.depth > 1) {
        found.push(wrong(file)(line.number, "what stands before this item runs on"));
      }
      before = line;
    }
    if (before && before.stack.depth > 1) found.push(wrong(file)(before.number, "something runs on to the end"));
  }
  console.log(`${files.length} files`);
  return found;
}

const [what, ...args] = process.argv.slice(2);
const checks = { scopes: () => scopes(args[0]), keywords: () => keywords(args[0], args[1]), balance: () => balance(args) };
checks[what]().then((found) => {
  found.forEach((line) => console.error(line));
  process.exitCode = found.length > 0 ? 1 : 0;
});
