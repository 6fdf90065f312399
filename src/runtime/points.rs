//! Named points at which a test lets the process die: what is durable then, and what is not, is known.
//!
//! `AOS_DIE_AT=driver-appended:3` ends a debug build when it passes that point for the third time. A release build has no points.

/// Every point, in the order an event passes them.
pub const POINTS: &[&str] = &[
    "call-before",
    "call-after",
    "driver-applied",
    "journal-encoded",
    "log-written",
    "log-synced",
    "writer-synced",
    "checkpoint-before",
    "checkpoint-durable",
    "checkpoint-after",
    "journal-appended",
    "driver-told",
    "driver-obeyed",
    "driver-ended",
    "mark-before",
    "mark-after",
];

/// The process ends here if a test wants it to.
#[cfg(debug_assertions)]
pub(crate) fn pass(point: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, AtomicU32)>> = OnceLock::new();
    debug_assert!(POINTS.contains(&point), "{point} is not in the list");
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("AOS_DIE_AT").ok()?;
        let (name, count) = text.split_once(':')?;
        Some((name.to_owned(), AtomicU32::new(count.parse().ok()?)))
    });
    if let Some((name, left)) = wanted
        && name == point
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}

/// The process ends here if a test wants it to: not in this build.
#[cfg(not(debug_assertions))]
pub(crate) fn pass(_: &'static str) {}

/// How long a test wants the write-ahead log to get, in bytes: `AOS_LOG_LIMIT`, in a debug build.
#[cfg(debug_assertions)]
pub(crate) fn log_limit() -> Option<u64> {
    std::env::var("AOS_LOG_LIMIT").ok()?.parse().ok()
}

/// How long a test wants the write-ahead log to get: not in this build.
#[cfg(not(debug_assertions))]
pub(crate) fn log_limit() -> Option<u64> {
    None
}
