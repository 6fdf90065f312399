//! The one place where HTTP clients are made.

use super::guard::{Blocked, GuardedResolver};
use crate::engine::Failure;
use reqwest::{Client, ClientBuilder};
use std::error::Error as _;
use std::sync::{Arc, Once};
use std::time::Duration;

static PROVIDER: Once = Once::new();

/// Chooses the TLS provider of the process: before the first client is made, also by a library.
pub(in crate::runtime) fn choose_provider() {
    PROVIDER.call_once(|| {
        // Another part of the program may have chosen a provider before; theirs serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A client builder with our TLS provider and user agent: no proxies of the environment (they would resolve
/// names for us, unguarded), no redirects of its own, no `Referer`.
fn builder(connect_timeout: Duration) -> ClientBuilder {
    choose_provider();
    Client::builder()
        .user_agent(concat!("aos/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect_timeout)
}

/// A client that reaches every address: for servers that `aos.toml` itself names.
///
/// # Errors
/// `unavailable` if TLS cannot be set up.
pub(in crate::runtime) fn plain(connect_timeout: Duration) -> Result<Client, Failure> {
    builder(connect_timeout).build().map_err(|error| broken(&error))
}

/// A client that reaches only what the resolver lets through.
///
/// # Errors
/// As [`plain`].
pub(super) fn guarded(resolver: GuardedResolver, connect_timeout: Duration) -> Result<Client, Failure> {
    builder(connect_timeout).dns_resolver(Arc::new(resolver)).build().map_err(|error| broken(&error))
}

fn broken(error: &reqwest::Error) -> Failure {
    Failure::new("unavailable", format!("the HTTP client cannot be set up: {}", chain(error)))
}

/// The failure for a request that got no answer.
pub(in crate::runtime) fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if let Some(blocked) = blocked(&error) {
        return blocked.failure();
    }
    let kind = if error.is_timeout() {
        "timeout"
    } else if error.is_builder() {
        "invalid_input"
    } else {
        "unavailable"
    };
    Failure::new(kind, chain(&error))
}

fn blocked(error: &reqwest::Error) -> Option<&Blocked> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(blocked) = error.downcast_ref::<Blocked>() {
            return Some(blocked);
        }
        cause = error.source();
    }
    None
}

/// The message with all its causes, each once.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
