//! CEL's `encoders` extension.

use super::{Form, Outcome, Row, Ty, no_overload, on};
use crate::expr::eval::Cx;
use crate::value::Value;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Writes padding, reads with and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "base64.encode",
        form: Form::Global,
        overloads: &[on(&[Ty::Bytes], Ty::String)],
        doc: "Bytes as base64: `base64.encode(b\"hello\") == \"aGVsbG8=\"`.",
        run: encode,
    },
    Row {
        name: "base64.decode",
        form: Form::Global,
        overloads: &[on(&[Ty::String], Ty::Bytes)],
        doc: "The bytes of a base64 text: `base64.decode(\"aGVsbG8=\") == b\"hello\"`.",
        run: decode,
    },
];

fn encode(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::Bytes(bytes)] = args else { return no_overload("base64.encode", args) };
    cx.make(bytes.len().saturating_mul(4) / 3)?;
    Ok(BASE64.encode(bytes).into())
}

fn decode(args: &[Value], cx: &Cx) -> Outcome {
    let [Value::String(text)] = args else { return no_overload("base64.decode", args) };
    cx.make(text.len())?;
    match BASE64.decode(text.as_bytes()) {
        Ok(bytes) => Ok(Value::Bytes(bytes.into())),
        Err(_) => Err("the text is not base64".to_owned()),
    }
}
