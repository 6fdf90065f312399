//! Asking again, for those that have no machine that does: what may pass is tried again, after the wait that the provider asks for.

use super::link::may_pass;
use super::{ModelAnswer, ModelProvider, ModelRequest};
use crate::engine::Failure;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is asked again: as the providers' own clients do.
const RETRIES: u32 = 2;
/// The first wait where the provider says none; it doubles.
const FIRST: Duration = Duration::from_millis(500);
/// The longest of them.
const LONGEST: Duration = Duration::from_secs(8);

/// Asks, and asks again after `rate_limited` and `unavailable`, as long as `timeout` leaves time for it.
///
/// Text that was given to `on_text` by a try that failed is given again by the next.
///
/// # Errors
/// Those of the last try.
pub async fn ask(
    provider: &dyn ModelProvider,
    request: &ModelRequest,
    on_text: &(dyn Fn(&str) + Send + Sync),
    timeout: Duration,
) -> Result<ModelAnswer, Failure> {
    let end = Instant::now() + timeout;
    let mut tries = 0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let failure = match provider.ask(request, on_text, left).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let wait = wait(tries, &failure);
        if tries == RETRIES || !may_pass(&failure) || Instant::now() + wait >= end {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        tries += 1;
    }
}

/// What the provider asks for, else a wait that doubles, a quarter of it left to chance.
fn wait(tries: u32, failure: &Failure) -> Duration {
    if let Some(asked) = failure.retry_after_ms {
        return Duration::from_millis(u64::try_from(asked).unwrap_or(0));
    }
    let whole = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    let chance = RandomState::new().hash_one(tries) % 251;
    whole.mul_f64(1.0 - chance as f64 / 1_000.0)
}
