//! Numbers of bounds: exact, and "no bound" instead of an overflow.

use std::cmp::Ordering;

/// A quantity at the worst; `None` is no bound. Costs are in pico-dollars, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Option<u128>);

impl Amount {
    pub(super) const ZERO: Amount = Amount(Some(0));
    pub(super) const NONE: Amount = Amount(None);

    pub(super) fn of(n: u128) -> Amount {
        Amount(Some(n))
    }

    pub(super) fn plus(self, other: Amount) -> Amount {
        Amount(self.0.zip(other.0).and_then(|(a, b)| a.checked_add(b)))
    }

    /// Zero times no bound is zero: what never happens costs nothing.
    pub(super) fn times(self, other: Amount) -> Amount {
        match (self.0, other.0) {
            (Some(0), _) | (_, Some(0)) => Amount::ZERO,
            (a, b) => Amount(a.zip(b).and_then(|(a, b)| a.checked_mul(b))),
        }
    }

    /// Rounded up; by nothing it is itself.
    pub(super) fn over(self, n: u128) -> Amount {
        Amount(self.0.map(|a| a.div_ceil(n.max(1))))
    }

    pub(super) fn most(self, other: Amount) -> Amount {
        Amount(self.0.zip(other.0).map(|(a, b)| a.max(b)))
    }

    pub(super) fn least(self, other: Amount) -> Amount {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Amount(Some(a.min(b))),
            (a, b) => Amount(a.or(b)),
        }
    }

    /// No bound is more than any.
    pub(super) fn cmp(self, other: Amount) -> Ordering {
        match (self.0, other.0) {
            (Some(a), Some(b)) => a.cmp(&b),
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (None, None) => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflows_has_no_bound() {
        let big = Amount::of(u128::MAX);
        assert_eq!(big.plus(Amount::of(1)), Amount::NONE);
        assert_eq!(big.times(Amount::of(2)), Amount::NONE);
        assert_eq!(Amount::NONE.times(Amount::ZERO), Amount::ZERO);
        assert_eq!(Amount::NONE.least(Amount::of(3)), Amount::of(3));
        assert_eq!(Amount::NONE.most(Amount::of(3)), Amount::NONE);
        assert_eq!(Amount::of(7).over(2), Amount::of(4));
    }
}
