//! What a model answered, before it is a plan: cut out of what stands around it, and refused where it can hold none.

/// A longer answer is no plan, and is not looked at.
pub const MAX_ANSWER: usize = 256 * 1024;
/// How much of an answer without a plan is told.
const EXCERPT: usize = 160;
/// An end that repeats itself over so many bytes, at least [`TIMES`] times, goes on for ever.
const WINDOW: usize = 4096;
const TIMES: usize = 16;

/// Why an answer holds no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    #[error("it is empty")]
    Empty,
    #[error("it has {0} bytes, and a plan has at most {MAX_ANSWER}")]
    TooLong(usize),
    #[error("it repeats itself without end: `{0}`")]
    Endless(String),
    /// A refusal, a question, prose.
    #[error("it says: “{0}”")]
    Prose(String),
}

/// The part of an answer that is to be read as a plan. What stands around it in one fence, or before it, is the parser's business; here
/// the right one of several fences is chosen, and what a model thinks aloud in `<think>` is left out.
///
/// # Errors
/// There is nothing in it that could be a plan.
pub fn plan_text(answer: &str) -> Result<&str, NoPlan> {
    if answer.trim().is_empty() {
        return Err(NoPlan::Empty);
    }
    if answer.len() > MAX_ANSWER {
        return Err(NoPlan::TooLong(answer.len()));
    }
    if let Some(piece) = endless(answer) {
        return Err(NoPlan::Endless(one_line(piece, 60)));
    }
    let said = answer.rsplit_once("</think>").map_or(answer, |(_, rest)| rest);
    let fences = fences(said);
    let text = match fences.iter().rev().find(|f| holds_plan(f)) {
        // One fence is left to the parser, which tells where it stood.
        Some(last) if fences.len() > 1 => last,
        Some(_) | None => said,
    };
    // Even a plan that went wrong has one of these.
    if holds_plan(text) || text.contains('{') {
        Ok(text)
    } else {
        Err(NoPlan::Prose(one_line(said, EXCERPT)))
    }
}

/// Whether a line begins with the word `plan`.
fn holds_plan(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim_start().strip_prefix("plan").is_some_and(|r| r.starts_with([' ', '\t'])))
}

/// The contents of the fences.
fn fences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut at, mut open) = (0, None);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            match open.take() {
                None => open = Some(at + line.len()),
                Some(start) => found.extend(text.get(start..at)),
            }
        }
        at += line.len();
    }
    found.extend(open.and_then(|start| text.get(start..)));
    found
}

/// The piece that the end of a text repeats, where it does so over the whole window.
fn endless(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let window = bytes.get(bytes.len().checked_sub(WINDOW)?..)?;
    // The borders of the window: the longest proper prefix that is also its end, by Knuth, Morris and Pratt.
    let mut borders = vec![0_usize; window.len()];
    let mut length = 0;
    for at in 1..window.len() {
        while length > 0 && window.get(at) != window.get(length) {
            length = borders.get(length - 1).copied().unwrap_or(0);
        }
        if window.get(at) == window.get(length) {
            length += 1;
        }
        if let Some(slot) = borders.get_mut(at) {
            *slot = length;
        }
    }
    let period = window.len() - length;
    if period * TIMES > window.len() {
        return None;
    }
    let mut start = bytes.len() - period;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    text.get(start..)
}

/// A text on one line and cut, for messages.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }).take(most + 1));
        if out.chars().count() > most {
            return out.chars().take(most).chain(['…']).collect();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_found_among_other_fences() {
        let text = "I think:\n```json\n{\"a\": 1}\n```\nso\n```plan\nplan p() {\n}\n```\nDone.";
        assert_eq!(plan_text(text), Ok("plan p() {\n}\n"));
        let text = "<think>```plan\nplan wrong() {}\n```</think>\nplan p() { }";
        assert_eq!(plan_text(text), Ok("\nplan p() { }"));
        // Corrected by itself: the last one counts.
        let text = "```plan\nplan a() {}\n```\nNo, better:\n```plan\nplan b() {}\n";
        assert_eq!(plan_text(text), Ok("plan b() {}\n"));
    }

    #[test]
    fn what_holds_no_plan_is_told() {
        assert_eq!(plan_text(" \n"), Err(NoPlan::Empty));
        assert_eq!(plan_text(&"x".repeat(10 << 20)), Err(NoPlan::TooLong(10 << 20)));
        let sorry = plan_text("I'm sorry,\nI can't help\u{7} with that.").unwrap_err();
        assert_eq!(sorry.to_string(), "it says: “I'm sorry, I can't help? with that.”");
        let endless = format!("plan p() {{\n{}", "  step a = http.get(url: \"x\")\n".repeat(1000));
        assert!(matches!(plan_text(&endless), Err(NoPlan::Endless(piece)) if piece.contains("http.get")));
        assert!(matches!(plan_text(&"ä".repeat(9000)), Err(NoPlan::Endless(_))));
    }

    #[test]
    fn a_long_plan_is_no_endless_one() {
        let steps: String =
            (0..900).map(|n| format!("  step s{n} = http.get(url: \"https://e/{n}\")\n")).collect();
        assert!(plan_text(&format!("plan p() {{\n{steps}}}")).is_ok());
    }
}
