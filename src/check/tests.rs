//! Whole texts through the checker.

use super::{Analysis, check};
use crate::catalog::Catalog;
use crate::source::Sources;
use crate::syntax::parse;

const SLACK: &str = "skill slack.post(channel: trusted string, text: untrusted string) -> { ok: bool }\n  irreversible \"slack\"\n  throws rate_limited\n";

pub(super) fn analyse(text: &str) -> Analysis {
    let mut sources = Sources::default();
    let id = sources.add("t.plan", text);
    check(id, &parse(id, text), &sources, &Catalog::stdlib())
}

/// `code` or `code@place` of everything found.
fn codes(text: &str) -> Vec<String> {
    let found = analyse(text).diagnostics;
    found.iter().map(|d| format!("{}@{}", d.code, &text[d.span.range()])).collect()
}

fn body(text: &str) -> Vec<String> {
    codes(&format!("plan p() {{\n{text}\n}}"))
}

#[track_caller]
fn clean(text: &str) {
    assert_eq!(codes(text), Vec::<String>::new(), "{text}");
}

#[track_caller]
fn bad(text: &str, wanted: &[&str]) {
    assert_eq!(codes(text), wanted, "{text}");
}

const SAMPLE: &str = r####"
type Digest = { headline: string, bullets: list<string> }

/// Summarises the week's open issues of one repository and posts the summary.
plan weekly_digest(repo: string, channel: string = "#dev") -> Digest?
  goal "Tell the team what happened in ${repo} this week"
  budget cost 0.50 usd, tokens 200_000, time 10m
{
  step issues = http.get(url: "https://api.example.com/repos/${repo}/issues")
    timeout 10s
    on_error {
      rate_limited                                  => retry 3 backoff 500ms..10s then abort
      status when error.details.status >= 500       => retry 2
      status                                        => abort
    }

  step bodies = for issue in issues.json max 50 parallel 8 {
    step page = http.get(url: string(issue.url))
      on_error continue
    return truncate(page?.body ?? "", 4_000)
  }

  step digest = llm.extract<Digest>(
      prompt: """
        Summarise these issues for the team.
        ${bodies.join("\n---\n")}
        """,
      max_tokens: 800,
    )
    when size(bodies) > 0

  step post = slack.post(channel: channel, text: digest.headline)
    approve "Post this to ${channel}?" by "ops" within 24h
    on_error continue

  return digest
}
"####;

#[test]
fn the_sample_of_the_language_is_clean() {
    let text = format!("{SLACK}{SAMPLE}");
    clean(&text);
    let plan = analyse(&text).into_checked("weekly_digest").unwrap().into_program();
    assert_eq!(
        plan.skills.keys().map(|k| &**k).collect::<Vec<_>>(),
        ["http.get", "llm.extract", "slack.post"]
    );
    let effects = analyse(&text).summaries()[0].effects.clone();
    assert_eq!(
        effects,
        [
            "reads \"http:https://api.example.com/repos/${repo}/issues\"",
            "reads *",
            "reads \"model\"",
            "irreversible \"slack\""
        ]
    );
    let not_yet: Vec<_> =
        super::not_yet(&plan).into_iter().map(|d| text[d.span.range()].to_owned()).collect();
    assert_eq!(not_yet.len(), 2, "{not_yet:?}");
}

#[test]
fn every_standard_signature_is_clean() {
    for row in crate::catalog::STDLIB {
        // A standard skill cannot be declared again, so the files are read under another name.
        let text = row.text.replace(&format!("skill {}.", row.namespace), "skill x.");
        clean(&text);
    }
}
