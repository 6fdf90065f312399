// The graph of the plan under the cursor, beside the text; it follows edits.
"use strict";
const vscode = require("vscode");
const { page } = require("./page");

/** How long the text rests before the picture is drawn again, milliseconds. */
const REST = 150;

class GraphPanel {
  /** @param draw asks for the picture of a plan of a document, as SVG */
  constructor(draw) {
    this.draw = draw;
    this.panel = undefined;
    this.shown = undefined;
    this.timer = undefined;
  }

  async show(document, plan) {
    if (!this.panel) {
      this.panel = vscode.window.createWebviewPanel("aos.graph", "Graph", { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true }, {
        enableScripts: false,
        localResourceRoots: [],
      });
      this.panel.onDidDispose(() => {
        this.panel = undefined;
      });
    }
    this.panel.reveal(undefined, true);
    await this.redraw(document, plan);
  }

  /** The cursor or the text moved: draws again, once both rest. */
  follow(document, plan) {
    if (!this.panel) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.redraw(document, plan), REST);
  }

  async redraw(document, plan) {
    let note = "";
    try {
      const svg = await this.draw(document, plan);
      if (svg) this.shown = svg;
    } catch (error) {
      // The last picture stays: a plan that is being written has errors most of the time.
      note = error.message;
    }
    if (!this.panel) return;
    this.panel.title = plan ? `Graph: ${plan}` : "Graph";
    this.panel.webview.html = page(this.shown, note);
  }

  dispose() {
    clearTimeout(this.timer);
    this.panel?.dispose();
  }
}

module.exports = { GraphPanel };
