// Approvals from the editor: lists what runs wait for, and answers by the program.
"use strict";
const { execFile } = require("node:child_process");
const vscode = require("vscode");

function ask(program, args, folder) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: folder, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      // A run that goes on and is suspended again ends with 3: that is an answer too.
      if (error && error.code !== 3) reject(new Error(stderr.trim() || error.message));
      else resolve(stdout);
    });
  });
}

/** Runs that wait for somebody, each with the steps it waits at. */
async function waiting(program, folder) {
  const runs = (await ask(program, ["runs", "--json"], folder)).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const found = [];
  for (const run of runs.flat().filter((r) => r.status === "suspended")) {
    const shown = JSON.parse(await ask(program, ["show", run.run, "--json"], folder));
    for (const [step, row] of Object.entries(shown.steps ?? {})) {
      if (row.status === "waiting") found.push({ run: run.run, plan: run.plan, step });
    }
  }
  return found;
}

async function decide(program) {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  try {
    const steps = await waiting(program, folder);
    if (steps.length === 0) {
      await vscode.window.showInformationMessage("No run waits for anybody.");
      return;
    }
    const items = steps.map((s) => ({ label: s.step, description: s.plan, detail: s.run, ...s }));
    const chosen = await vscode.window.showQuickPick(items, { title: "What runs wait for" });
    if (!chosen) return;
    // What is approved is shown as it is, before anything is said.
    const terminal = vscode.window.createTerminal({ name: `approve ${chosen.step}`, cwd: folder });
    terminal.show(true);
    terminal.sendText(`${program} show ${chosen.run}`);
    const answer = await vscode.window.showWarningMessage(`${chosen.step} of ${chosen.plan}: read it in the terminal, then decide.`, { modal: false }, "Approve", "Deny");
    if (!answer) return;
    await ask(program, ["approve", chosen.run, chosen.step, ...(answer === "Deny" ? ["--deny"] : [])], folder);
    await vscode.window.showInformationMessage(`${chosen.step}: ${answer === "Deny" ? "denied" : "approved"}.`);
  } catch (error) {
    await vscode.window.showErrorMessage(error.message);
  }
}

module.exports = { decide, waiting };
