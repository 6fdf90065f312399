//! Reading the body of an answer, within bounds, and as text.

use crate::engine::Failure;
use crate::runtime::skill::wire;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// Why a body could not be read.
pub(in crate::runtime) enum BodyError {
    /// It is longer than so many bytes.
    TooLong,
    /// The connection failed.
    Broken(reqwest::Error),
}

/// Reads a body of at most `max` bytes.
pub(in crate::runtime) async fn read(mut response: Response, max: usize) -> Result<Vec<u8>, BodyError> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(BodyError::TooLong);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > max {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The body as text, by the `charset` it claims; what does not fit becomes `U+FFFD`.
pub(super) fn text(headers: &HeaderMap, body: &[u8]) -> String {
    let charset = content_type(headers).and_then(|kind| {
        kind.split(';').find_map(|part| part.trim().strip_prefix("charset=").map(str::to_owned))
    });
    let charset = charset.as_deref().map(|name| name.trim_matches('"'));
    match (body, charset) {
        ([0xef, 0xbb, 0xbf, rest @ ..], _) => String::from_utf8_lossy(rest).into_owned(),
        ([0xff, 0xfe, rest @ ..], _) => utf16(rest, u16::from_le_bytes),
        ([0xfe, 0xff, rest @ ..], _) => utf16(rest, u16::from_be_bytes),
        (_, Some("utf-16le")) => utf16(body, u16::from_le_bytes),
        (_, Some("utf-16" | "utf-16be")) => utf16(body, u16::from_be_bytes),
        (_, Some("iso-8859-1" | "latin1" | "windows-1252")) => body.iter().map(|b| char::from(*b)).collect(),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase())
}

/// The body as JSON, where it claims to be or looks like it, is, and has no more values than are read.
pub(super) fn json(headers: &HeaderMap, text: &str) -> Option<serde_json::Value> {
    let claims = content_type(headers).is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        kind.ends_with("/json") || kind.ends_with("+json")
    });
    if claims || text.trim_start().starts_with(['{', '[']) { wire::parse(text.as_bytes()).ok() } else { None }
}

/// The wait that `Retry-After` asks for, in milliseconds: seconds, or a date; or `Retry-After-Ms`, which some providers of models send
/// besides. At most a day.
pub(in crate::runtime) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<i64> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let ms = headers.get("retry-after-ms").and_then(|v| v.to_str().ok()?.trim().parse::<u32>().ok());
    if let Some(ms) = ms {
        return Some(i64::from(ms).min(DAY));
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds).saturating_mul(1000).min(DAY));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now = i64::try_from(now.as_millis()).ok()?;
    Some(at.as_millisecond().saturating_sub(now).clamp(0, DAY))
}

/// The failure for a body beyond the limit.
pub(in crate::runtime) fn too_long(max: usize, setting: &str) -> Failure {
    Failure::new("invalid_output", format!("the answer is longer than {max} bytes (`{setting}`)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: reqwest::header::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn retry_after_as_seconds_and_as_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(retry_after(&with(RETRY_AFTER, "7"), now), Some(7_000));
        assert_eq!(retry_after(&with(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT"), now), Some(7_000));
        assert_eq!(retry_after(&with(RETRY_AFTER, "Sun, 06 Nov 1993 08:49:37 GMT"), now), None);
        assert_eq!(retry_after(&with(RETRY_AFTER, "Sat, 06 Nov 1993 08:49:37 GMT"), now), Some(0));
        assert_eq!(retry_after(&with(RETRY_AFTER, "soon"), now), None);
        assert_eq!(retry_after(&with("retry-after-ms".parse().unwrap(), "250"), now), Some(250));
        assert_eq!(retry_after(&with(RETRY_AFTER, "4000000000"), now), Some(86_400_000));
    }

    #[test]
    fn charsets() {
        assert_eq!(text(&with(CONTENT_TYPE, "text/plain; charset=ISO-8859-1"), b"caf\xe9"), "café");
        assert_eq!(text(&HeaderMap::new(), b"\xff\xfea\0b\0"), "ab");
        assert_eq!(text(&HeaderMap::new(), b"\xef\xbb\xbfab\xff"), "ab\u{fffd}");
    }

    #[test]
    fn json_only_where_it_is() {
        assert!(json(&with(CONTENT_TYPE, "application/problem+json"), "1").is_some());
        assert!(json(&with(CONTENT_TYPE, "text/plain"), "1").is_none());
        assert!(json(&with(CONTENT_TYPE, "text/plain"), " [1]").is_some());
        assert!(json(&with(CONTENT_TYPE, "application/json"), "{").is_none());
    }
}
