//! Power cuts: of what a killed writer wrote, only the synced bytes survive. See `tests/support/power.c`.

use super::crash::{Acked, kill};
use crate::support::power::Power;
use aos::runtime::store::disk::BackEnd;
use std::path::Path;

/// More for a nightly run: `AOS_TEST_CUTS=100`.
fn cuts() -> u64 {
    std::env::var("AOS_TEST_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(10)
}

fn cut(back_end: BackEnd, cuts: u64, blind: bool) -> Option<Acked> {
    let probe = tempfile::tempdir().unwrap();
    Power::over(probe.path())?;
    let power = move |root: &Path| {
        let mut power = Power::over(root).expect("a compiler was there a moment ago");
        power.blind = blind;
        power.keep(root);
        power
    };
    Some(kill(back_end, cuts, Some(&power)))
}

#[test]
fn nothing_acknowledged_is_lost_to_a_power_cut() {
    for back_end in super::back_ends() {
        let cuts = cuts();
        let Some(acked) = cut(back_end, cuts, false) else { return };
        println!(
            "{}: {cuts} cuts, {} commits acknowledged, {} lost; {} bytes had not been synced",
            back_end.name(),
            acked.found,
            acked.lost,
            acked.unsynced
        );
        assert!(acked.found > cuts * 5, "only {} commits were made: the test says nothing", acked.found);
        assert_eq!(acked.lost, 0, "{}", back_end.name());
    }
}

/// A writer whose syncs of data do nothing is caught: the model is strict enough.
#[test]
fn a_writer_that_does_not_sync_loses_what_it_acknowledged() {
    let Some(acked) = cut(BackEnd::Sled, 5, true) else { return };
    assert!(acked.found > 0 && acked.lost > 0, "{} acknowledged, {} lost", acked.found, acked.lost);
}
