//! Results in JUnit's XML, which every CI system reads.

use super::Done;
use std::fmt::Write as _;

/// A suite for each file.
pub(super) fn report(done: &[Done<'_>]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let failed = |done: &[Done<'_>]| done.iter().filter(|d| !d.run.passed()).count();
    let seconds = |done: &[Done<'_>]| done.iter().map(|d| d.real.as_secs_f64()).sum::<f64>();
    let _ = writeln!(
        text,
        "<testsuites name=\"aos\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        done.len(),
        failed(done),
        seconds(done)
    );
    for suite in done.chunk_by(|a, b| a.file == b.file) {
        let Some(first) = suite.first() else { continue };
        let file = escaped(&first.file.display().to_string());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{:.3}\">",
            suite.len(),
            failed(suite),
            seconds(suite)
        );
        for case in suite {
            one(&mut text, &file, case);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn one(text: &mut String, file: &str, case: &Done<'_>) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{file}\" line=\"{}\" time=\"{:.3}\"",
        escaped(&case.run.plan),
        escaped(&case.run.name),
        case.line,
        case.real.as_secs_f64()
    );
    if case.run.passed() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    for problem in &case.run.problems {
        let d = &problem.diagnostic;
        let place = case.sources.get(d.span.source).map_or_else(String::new, |f| {
            let at = f.position(d.span.start);
            format!("{}:{}:{}", f.path, at.line, at.column)
        });
        let lines = [place, d.label.clone(), d.help.clone().unwrap_or_default()];
        let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|l| !l.is_empty()).collect();
        let _ = writeln!(
            text,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            d.code,
            escaped(&d.message),
            escaped(&lines.join("\n"))
        );
    }
    text.push_str("    </testcase>\n");
}

/// XML has no way to write most control characters, so they are shown as `?`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
