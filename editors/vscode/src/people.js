// What runs wait for, from the editor: shows what is asked, whole, and gives the answer by the program.
"use strict";
const { execFile } = require("node:child_process");
const vscode = require("vscode");

/** Texts of this scheme show what is asked: nobody can write in them. */
const SCHEME = "aos-asked";
const texts = new Map();
const shown = { provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? "" };

function ask(program, args, folder) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: folder, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      // A run that goes on and is suspended again ends with 3: that is an answer too.
      if (error && error.code !== 3) reject(new Error(stderr.trim().replace(/^error: /, "") || error.message));
      else resolve(stdout);
    });
  });
}

/** What is asked of people and of the world outside, each with its run and plan. */
async function waiting(program, folder) {
  const lines = (await ask(program, ["runs", "--json"], folder)).split("\n").filter(Boolean);
  const runs = lines.map((line) => JSON.parse(line)).filter((run) => run.waiting?.length > 0);
  const found = [];
  for (const run of runs) {
    const told = JSON.parse(await ask(program, ["show", run.run, "--json"], folder));
    for (const asked of told.waiting ?? []) found.push({ ...asked, run: run.run, plan: run.plan });
  }
  return found;
}

/** The whole of what is asked, beside the plan: nobody decides on what they have not seen. */
async function show(asked) {
  const value = asked.value ?? asked.arguments ?? null;
  const lines = [
    `// ${asked.step} of ${asked.plan} waits: ${asked.for.replace("_", " ")}${asked.by?.length ? ` by ${asked.by.join(", ")}` : ""}`,
    ...(asked.question ?? "").split("\n").filter(Boolean).map((line) => `// ${line}`),
    ...(asked.until ? [`// until ${asked.until}`] : []),
    ...(asked.digest ? [`// digest ${asked.digest.slice(0, 16)}`] : []),
    ...(asked.skill ? [`// ${asked.skill}`] : []),
    value === null ? "" : JSON.stringify(value, null, 2),
  ];
  const name = asked.step.replaceAll(/[^\w.-]/g, "_");
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}.jsonc`, query: `${asked.run}/${asked.step}` });
  texts.set(uri.toString(), `${lines.join("\n")}\n`);
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
}

/** Yes or no to a call or a value, only to the one that was shown. */
async function approve(asked) {
  const answer = await vscode.window.showQuickPick(["Approve", "Deny"], {
    title: asked.question || `${asked.step} of ${asked.plan}`,
    placeHolder: "What is asked stands beside the plan",
    ignoreFocusOut: true,
  });
  if (!answer) return undefined;
  const digest = asked.digest ? ["--digest", asked.digest] : [];
  const args = ["approve", asked.run, asked.step, ...digest, ...(answer === "Deny" ? ["--deny"] : [])];
  return { args, said: answer === "Deny" ? "denied" : "approved" };
}

/** The value that a step asks for, or that a signal brings. */
async function give(asked) {
  const value = await vscode.window.showInputBox({
    title: asked.question || `${asked.step} of ${asked.plan}`,
    prompt: asked.type ? `a ${asked.type}` : undefined,
    placeHolder: "a string as it is, anything else as JSON",
    ignoreFocusOut: true,
  });
  if (value === undefined) return undefined;
  const signal = asked.for === "signal";
  const args = signal ? ["signal", asked.run, asked.question, value] : ["answer", asked.run, asked.step, value];
  return { args, said: signal ? "sent" : "answered" };
}

/** A call of which nobody knows whether it happened. */
async function settle(asked) {
  const again = "Call it again";
  const answer = await vscode.window.showQuickPick([again, "Skip it"], {
    title: `${asked.step} of ${asked.plan}: nobody knows whether this call happened`,
    ignoreFocusOut: true,
  });
  if (!answer) return undefined;
  const retry = answer === again;
  return { args: ["resume", asked.run, retry ? "--retry" : "--skip", asked.step], said: retry ? "called again" : "skipped" };
}

/** How each kind of question is answered. */
const ANSWERS = { approval: approve, review: approve, answer: give, signal: give, in_doubt: settle };

async function decide(program) {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  try {
    const found = await waiting(program, folder);
    if (found.length === 0) {
      vscode.window.showInformationMessage("No run waits for anybody.");
      return;
    }
    const items = found.map((asked) => ({
      label: asked.step,
      description: `${asked.plan} · ${asked.for.replace("_", " ")}${asked.by?.length ? ` by ${asked.by.join(", ")}` : ""}`,
      detail: asked.question,
      asked,
    }));
    const chosen = await vscode.window.showQuickPick(items, { title: "What runs wait for", matchOnDescription: true, matchOnDetail: true });
    if (!chosen) return;
    await show(chosen.asked);
    const answer = await ANSWERS[chosen.asked.for](chosen.asked);
    if (!answer) return;
    const end = await ask(program, [...answer.args, "--json"], folder);
    vscode.window.showInformationMessage(`${chosen.asked.step}: ${answer.said}${outcome(end)}.`);
  } catch (error) {
    vscode.window.showErrorMessage(error.message);
  }
}

/** How the run went on, from the events that the program printed. */
function outcome(events) {
  const last = events.trim().split("\n").pop();
  try {
    const { status } = JSON.parse(last);
    return status ? `; the run ${status === "suspended" ? "waits again" : status}` : "";
  } catch {
    return "";
  }
}

module.exports = { SCHEME, decide, shown, waiting };
