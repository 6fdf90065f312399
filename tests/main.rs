//! The integration tests: one binary, so that they link once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking, and its modules are no library"
)]

#[cfg(feature = "cli")]
mod agentdojo;
#[cfg(feature = "cli")]
mod care;
#[cfg(feature = "cli")]
mod commands;
#[cfg(feature = "cli")]
mod conformance;
mod corpus;
#[cfg(feature = "cli")]
mod docs;
#[cfg(feature = "cli")]
mod editors;
mod engine;
#[cfg(feature = "cli")]
mod examples;
mod expressions;
mod flow;
mod format;
#[cfg(feature = "cli")]
mod grammar;
#[cfg(feature = "cli")]
mod hostile;
#[cfg(feature = "cli")]
mod imports;
#[cfg(feature = "cli")]
mod json_form;
#[cfg(all(feature = "cli", feature = "lsp"))]
mod lsp;
#[cfg(feature = "cli")]
mod memory;
#[cfg(feature = "cli")]
mod models;
#[cfg(feature = "cli")]
mod mutation;
#[cfg(feature = "cli")]
mod nestful;
#[cfg(feature = "otel")]
mod otel;
mod pages;
#[cfg(feature = "cli")]
mod partial;
#[cfg(feature = "cli")]
mod people;
#[cfg(feature = "cli")]
mod pictures;
#[cfg(feature = "cli")]
mod planner;
#[cfg(feature = "cli")]
mod projects;
#[cfg(feature = "cli")]
mod readme;
#[cfg(feature = "cli")]
mod rendered;
#[cfg(feature = "runtime")]
mod runs;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "cli")]
mod skills;
#[cfg(feature = "runtime")]
mod store;
#[cfg(feature = "cli")]
mod support;
#[cfg(feature = "cli")]
mod testing;
mod tidy;
mod totality;
#[cfg(feature = "cli")]
mod wf;
