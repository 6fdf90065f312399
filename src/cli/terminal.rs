//! Colours, and lines for people.

use super::args::{Color, Global};
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Takes the global options over, once, before anything is printed.
pub(crate) fn set_up(global: &Global) {
    QUIET.store(global.quiet, Ordering::Relaxed);
    match global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    watch();
}

/// Sets up logs, where AOS_LOG says which, and traces, where the environment names a collector.
fn watch() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    use tracing_subscriber::{EnvFilter, Layer as _};
    let logs = EnvFilter::try_from_env("AOS_LOG")
        .ok()
        .map(|filter| tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter));
    #[cfg(feature = "otel")]
    let traces = super::otel::layer().unwrap_or_else(|why| {
        error(&format!("no traces: {why}"));
        None
    });
    #[cfg(feature = "otel")]
    let traces = traces.map(|layer| layer.with_filter(EnvFilter::new("aos=info")));
    #[cfg(not(feature = "otel"))]
    let traces: Option<tracing_subscriber::layer::Identity> = None;
    if logs.is_some() || traces.is_some() {
        let _ = tracing_subscriber::registry().with(traces).with(logs).try_init();
    }
}

/// Whether stderr is a terminal that a live view may draw on.
pub(crate) fn is_live() -> bool {
    std::io::stderr().is_terminal() && !is_quiet() && std::env::var("TERM").is_ok_and(|t| t != "dumb")
}

/// Whether text for people on stderr has colours.
pub(crate) fn has_colour() -> bool {
    matches!(
        anstream::AutoStream::choice(&std::io::stderr()),
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi
    )
}

/// Width of the terminal in columns, 100 where there is none.
pub(crate) fn width() -> usize {
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()) {
        return columns;
    }
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(100, |w| usize::from(w.ws_col).max(40))
}

/// Whether stdout is a terminal that may be sent more than plain text.
pub(crate) fn is_rich() -> bool {
    let stdout = std::io::stdout();
    stdout.is_terminal() && anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never
}

/// A text from outside on one line: control characters are shown as `?`, so that none moves the cursor or sets a title.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => out.push(' '),
            c if c.is_control() || is_bidi(c) => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of text: what is shown would not be what is there.
pub(crate) fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says something to people, unless they asked for quiet.
pub(crate) fn say(text: &str) {
    if !is_quiet() {
        anstream::eprintln!("{text}");
    }
}

/// Says what went wrong.
pub(crate) fn error(text: &str) {
    anstream::eprintln!("\x1b[31merror:\x1b[0m {text}");
}

/// Prints a result as it is. A reader that went away is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a result with colours, where the reader is a terminal.
pub(crate) fn print_coloured(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(anstream::stdout().lock(), "{text}");
}
