//! What is remembered between runs.

mod commands;
mod context;
mod evaluation;
mod fixture;
