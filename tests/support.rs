//! What the tests share.

pub mod http;
