//! What is remembered between runs.

mod evaluation;
mod fixture;
