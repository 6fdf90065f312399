//! The asking: one model, within bounds of money, tokens and time.

use super::prompt::tokens;
use super::rounds::{Next, Planned, Round, Rounds, Spent, Stop};
use crate::catalog::prices::Price;
use crate::engine::Failure;
use crate::runtime::model::{GrammarSyntax, Message, Meter, ModelCall, ModelProvider, ModelRequest, Shape};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A call that may pass is made again so often.
const RETRIES: u32 = 2;
/// The first wait before that, where the provider names none; then four times as long.
const WAIT: Duration = Duration::from_secs(1);

/// The model that plans.
#[derive(Clone)]
pub struct Model {
    pub provider: Arc<dyn ModelProvider>,
    pub name: Arc<str>,
    pub temperature: Option<f64>,
    /// What it costs; `None`: not known, which is not nothing.
    pub price: Option<Price>,
    /// A grammar that its answers are held to, where it takes one. What comes back is checked all the same.
    pub shape: Shape,
}

/// What planning may use in all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nano-dollars.
    pub cost: Option<u64>,
    pub tokens: i64,
    pub time: Duration,
    /// Tokens of one answer.
    pub answer: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { cost: None, tokens: 400_000, time: Duration::from_secs(600), answer: 8_000 }
    }
}

/// What is going on, for whoever looks on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'p> {
    /// The model is asked; tokens of the question, as estimated.
    Asking { round: usize, tokens: usize },
    /// So many bytes of the answer have come.
    Writing { round: usize, bytes: usize },
    /// It failed and is asked again after a wait.
    Again { failure: &'p Failure, wait: Duration },
    /// An answer was taken in.
    Answered { round: usize, done: &'p Round },
}

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoPlan {
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The provider failed.
    #[error("{}: {}", .0.kind, .0.message)]
    Failed(Failure),
    /// A bound of [`Limits`].
    #[error("{0}")]
    Limit(String),
}

/// What asking has used, for the books.
#[derive(Debug)]
pub struct Book {
    /// By requests that came to nothing.
    pub lost: Spent,
    /// Every request.
    pub calls: Vec<ModelCall>,
}

impl Default for Book {
    fn default() -> Self {
        Book { lost: Spent::none(), calls: Vec::new() }
    }
}

/// What the shape of the answer adds to the input: a grammar in Lark is sent as part of a tool, one in GBNF goes to the engine alone.
fn shape_tokens(shape: &Shape) -> usize {
    match shape {
        Shape::Text | Shape::Grammar { syntax: GrammarSyntax::Gbnf, .. } => 0,
        Shape::Json(schema) => tokens(&schema.to_string()),
        Shape::Grammar { syntax: GrammarSyntax::Lark, text } => tokens(text),
    }
}

/// Asks until there is a plan, or why there is none.
///
/// # Errors
/// There is no plan.
pub async fn plan(
    rounds: &mut Rounds<'_>,
    model: &Model,
    limits: &Limits,
    book: &mut Book,
    tell: &(dyn Fn(Progress<'_>) + Send + Sync),
) -> Result<Box<Planned>, NoPlan> {
    let end = Instant::now() + limits.time;
    loop {
        let round = rounds.rounds().len() + 1;
        let question = rounds.question();
        let input = tokens(rounds.system()) + tokens(&question) + shape_tokens(&model.shape);
        let spent = rounds.spent().plus(book.lost);
        room(limits, model, &spent, input)?;
        tell(Progress::Asking { round, tokens: input });
        let request = ModelRequest {
            model: Arc::clone(&model.name),
            system: Some(Arc::clone(rounds.system())),
            messages: vec![Message::user(question)],
            max_tokens: limits.answer,
            // Our estimate may be short of the provider's count.
            max_input: i64::try_from(input).unwrap_or(i64::MAX).saturating_mul(2),
            temperature: model.temperature,
            shape: model.shape.clone(),
            meter: Meter::default(),
        };
        let asked = ask(model, &request, round, end, book, tell).await?;
        let next = rounds.take(&asked.0, asked.1);
        if let Some(done) = rounds.rounds().last() {
            tell(Progress::Answered { round, done });
        }
        match next {
            Next::Ask => {}
            Next::Plan(planned) => return Ok(planned),
            Next::Stop(stop) => return Err(stop.into()),
        }
    }
}

/// Whether one more answer surely fits what is left.
fn room(limits: &Limits, model: &Model, spent: &Spent, input: usize) -> Result<(), NoPlan> {
    let input = i64::try_from(input).unwrap_or(i64::MAX);
    let next = input.saturating_add(limits.answer);
    if spent.tokens().saturating_add(next) > limits.tokens {
        return Err(NoPlan::Limit(format!(
            "planning has used {} tokens, and the next answer may take {next}: more than the {} of `--max-tokens`",
            spent.tokens(),
            limits.tokens
        )));
    }
    let Some(most) = limits.cost else { return Ok(()) };
    let (Some(price), Some(cost)) = (&model.price, spent.cost) else {
        let message = format!("what `{}` costs is not known, so `--max-cost` cannot be held", model.name);
        return Err(NoPlan::Limit(message));
    };
    let next = price.worst(input, limits.answer);
    if cost.saturating_add(next) > most {
        return Err(NoPlan::Limit(format!(
            "planning has cost {}, and the next answer may cost {}: more than the {} of `--max-cost`",
            super::usd(cost),
            super::usd(next),
            super::usd(most)
        )));
    }
    Ok(())
}

/// Asks once, and again where that may help.
async fn ask(
    model: &Model,
    request: &ModelRequest,
    round: usize,
    end: Instant,
    book: &mut Book,
    tell: &(dyn Fn(Progress<'_>) + Send + Sync),
) -> Result<(String, Spent), NoPlan> {
    let mut wait = WAIT;
    let mut tries = 0;
    loop {
        let start = Instant::now();
        let left = end.saturating_duration_since(start);
        if left.is_zero() {
            return Err(NoPlan::Limit("planning takes longer than it may (`--timeout`)".to_owned()));
        }
        let bytes = AtomicUsize::new(0);
        let on_text = |piece: &str| {
            let bytes = bytes.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
            tell(Progress::Writing { round, bytes });
        };
        let asked = model.provider.ask(request, &on_text, left).await;
        let calls = request.meter.take();
        let spent = booked(&calls, start.elapsed());
        book.calls.extend(calls);
        let failure = match asked {
            Ok(answer) => {
                let text = match answer.value {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                return Ok((text, spent));
            }
            Err(failure) => failure,
        };
        book.lost = book.lost.plus(spent);
        let passes = matches!(&*failure.kind, "rate_limited" | "unavailable");
        let pause = failure.retry_after_ms.map_or(wait, |ms| Duration::from_millis(ms.unsigned_abs()));
        if !passes || tries == RETRIES || Instant::now() + pause >= end {
            return Err(NoPlan::Failed(failure));
        }
        tries += 1;
        wait *= 4;
        tell(Progress::Again { failure: &failure, wait: pause });
        tokio::time::sleep(pause).await;
    }
}

/// What the requests used.
fn booked(calls: &[ModelCall], took: Duration) -> Spent {
    let one = |call: &ModelCall| Spent {
        input: call.tokens().saturating_sub(call.output),
        cached: call.cache_read,
        output: call.output,
        cost: call.cost,
        ms: 0,
    };
    let sum = calls.iter().map(one).fold(Spent::none(), Spent::plus);
    Spent { ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX), ..sum }
}
