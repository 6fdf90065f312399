//! Equality and order: CEL's for the language, structural for the program.

use super::Value;
use std::cmp::Ordering;

/// Why two values cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomparable {
    /// One holds a secret: what is in it must not be found out by comparing.
    Secret,
    /// There is no order between values of these types.
    Types,
}

/// Structural equality: `1` and `1.0` differ, NaN equals itself, the order of keys does not count. For tests and change detection;
/// the language's `==` is [`equals`].
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Value::String(a), Value::String(b)) | (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::File(a), Value::File(b)) => a == b,
            (Value::Secret(a), Value::Secret(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// The language's `==`: numbers by what they are worth, NaN equal to nothing, values of different types unequal.
///
/// # Errors
/// Where a secret would have to be looked into.
pub fn equals(a: &Value, b: &Value) -> Result<bool, Incomparable> {
    equals_counted(a, b, &mut 0)
}

/// [`equals`], adding to `work` about how much was looked at.
///
/// # Errors
/// Where a secret would have to be looked into.
pub fn equals_counted(a: &Value, b: &Value, work: &mut u64) -> Result<bool, Incomparable> {
    *work += 1;
    Ok(match (a, b) {
        (Value::Secret(_), Value::Null) | (Value::Null, Value::Secret(_)) => false,
        (Value::Secret(_), _) | (_, Value::Secret(_)) => return Err(Incomparable::Secret),
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => {
            int_float(*a, *b) == Some(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => {
            *work += if a.len() == b.len() { a.len() as u64 / 16 } else { 0 };
            a == b
        }
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equals_counted(a, b, work)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.iter() {
                match b.get(key) {
                    Some(b) if equals_counted(a, b, work)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        _ => a == b,
    })
}

/// The language's order; `None` where one is NaN.
///
/// # Errors
/// Where there is no order between the two.
pub fn compare(a: &Value, b: &Value) -> Result<Option<Ordering>, Incomparable> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => int_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => int_float(*b, *a).map(Ordering::reverse),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Secret(_), _) | (_, Value::Secret(_)) => return Err(Incomparable::Secret),
        _ => return Err(Incomparable::Types),
    })
}

/// CEL rounds the int to a float.
fn int_float(int: i64, float: f64) -> Option<Ordering> {
    (int as f64).partial_cmp(&float)
}

/// [`compare`] without rounding, so that it is transitive: for sorting.
///
/// # Errors
/// Where there is no order between the two.
pub(crate) fn compare_exactly(a: &Value, b: &Value) -> Result<Option<Ordering>, Incomparable> {
    match (a, b) {
        (Value::Int(a), Value::Float(b)) => Ok(int_float_exactly(*a, *b)),
        (Value::Float(a), Value::Int(b)) => Ok(int_float_exactly(*b, *a).map(Ordering::reverse)),
        _ => compare(a, b),
    }
}

fn int_float_exactly(int: i64, float: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= LIMIT {
        return Some(Ordering::Less);
    }
    if float < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    let fraction = 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal);
    Some(int.cmp(&(whole as i64)).then(fraction))
}

#[cfg(test)]
mod tests {
    use super::super::SecretPart;
    use super::*;

    #[test]
    fn ints_and_floats_compare_by_worth() {
        let eq = |a: i64, b: f64| equals(&Value::Int(a), &Value::Float(b)).unwrap();
        assert!(eq(1, 1.0));
        assert!(!eq(1, 1.5));
        assert!(eq(i64::MIN, -9_223_372_036_854_775_808.0));
        let order = |a: Value, b: Value| compare(&a, &b).unwrap();
        assert_eq!(order(Value::Int(1), Value::Float(1.5)), Some(Ordering::Less));
        assert_eq!(order(Value::Int(-1), Value::Float(-1.5)), Some(Ordering::Greater));
        assert_eq!(order(Value::Float(-1.5), Value::Int(-1)), Some(Ordering::Less));
        assert_eq!(order(Value::Int(1), Value::Float(f64::NAN)), None);
    }

    #[test]
    fn sorting_does_not_round() {
        let order = |a: i64, b: f64| compare_exactly(&Value::Int(a), &Value::Float(b)).unwrap();
        assert_eq!(order(9_007_199_254_740_993, 9_007_199_254_740_992.0), Some(Ordering::Greater));
        assert_eq!(order(i64::MAX, 9_223_372_036_854_775_808.0), Some(Ordering::Less));
        assert_eq!(order(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(order(2, 2.0), Some(Ordering::Equal));
    }

    #[test]
    fn secrets_are_not_compared() {
        let secret = Value::Secret([SecretPart::Name("K".into())].into());
        assert_eq!(equals(&secret, &secret), Err(Incomparable::Secret));
        assert_eq!(
            equals(&Value::list(vec![secret.clone()]), &Value::list(vec!["a".into()])),
            Err(Incomparable::Secret)
        );
        assert_eq!(equals(&secret, &Value::Null), Ok(false));
    }

    #[test]
    fn maps_do_not_care_for_order() {
        let a = Value::from_json(&serde_json::json!({"a": 1, "b": 2}));
        let b = Value::from_json(&serde_json::json!({"b": 2.0, "a": 1}));
        assert_eq!(equals(&a, &b), Ok(true));
        assert_ne!(a, b);
    }
}
