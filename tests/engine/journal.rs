//! What the journal holds: its events are frozen, and a graph comes back as it was, however deep its expressions.

use super::cases::all;
use super::world::{World, dag, shown, time};
use aos::dag::{BodyId, Dag};
use aos::engine::reuse::{Earlier, EarlierEnd};
use aos::engine::{Decision, Event, EventKind, Failure, Resolution, StepPath, Usage};
use aos::runtime::store::codec;
use aos::value::{Map, Value};
use std::sync::Arc;

fn again(dag: &Dag) -> Arc<Dag> {
    Arc::new(codec::decode(1, &codec::encode(1, dag).unwrap()).unwrap())
}

#[test]
fn a_graph_comes_back_as_it_was() {
    for case in all() {
        let dag = dag(case.plan);
        let back = again(&dag);
        assert_eq!(
            serde_json::to_string(&*dag).unwrap(),
            serde_json::to_string(&*back).unwrap(),
            "{}",
            case.name
        );
        let edges = |dag: &Dag, body: u32| dag.body(BodyId(body)).map(|b| b.edges().collect::<Vec<_>>());
        for body in (0..).take_while(|body| dag.body(BodyId(*body)).is_some()) {
            assert_eq!(edges(&dag, body), edges(&back, body), "{}", case.name);
        }
        let mut world = World::new(back);
        world.start();
        assert_eq!(shown(&world.finish()), case.end, "{}", case.name);
        assert_eq!(world.rows(), case.rows, "{}", case.name);
    }
}

/// A graph as journals of format 1 hold it: with a place for what is empty, and spans as maps.
const FORMAT_1: &str = r#"{"version":1,"entry":"graph","concurrency":64,"plans":{"graph":{"name":"graph","params":[],"output":"null","homes":[{"node":{"body":0,"node":0,"lazy":false}},{"node":{"body":0,"node":1,"lazy":false}}],"body":0,"worst_ms":20000}},"bodies":[{"nodes":[{"name":"a","kind":{"step":{"action":{"call":{"target":{"skill":"json.parse"},"args":[{"name":"text","value":{"kind":{"literal":"7"},"span":{"source":0,"start":43,"end":46}},"ty":"string"}],"output":"json","type_args":[],"span":{"source":0,"start":26,"end":47}}},"when":null,"timeout":null,"deadline":null,"on_error":[]}},"outer":[],"lets":[],"soft":[],"span":{"source":0,"start":17,"end":47},"name_span":{"source":0,"start":22,"end":23}},{"name":"b","kind":{"step":{"action":{"call":{"target":{"skill":"json.parse"},"args":[{"name":"text","value":{"kind":{"literal":"8"},"span":{"source":0,"start":76,"end":79}},"ty":"string"}],"output":"json","type_args":[],"span":{"source":0,"start":59,"end":80}}},"when":null,"timeout":null,"deadline":null,"on_error":[]}},"outer":[],"lets":[],"soft":[],"span":{"source":0,"start":50,"end":99},"name_span":{"source":0,"start":55,"end":56}}],"result":null,"result_outer":[],"result_lets":[],"until":null,"graph":{"nodes":[null,null],"node_holes":[],"edge_property":"directed","edges":[[0,1,"order"]]},"indegree":[0,1],"remaining":[20000,10000]}],"skills":{"json.parse":{"effect":"pure","idempotency":"yes","time":{"kind":{"literal":{"$duration":[10,0]}},"span":{"source":4294966298,"start":170,"end":173}},"params":["text"],"throws":["invalid_json"]}}}"#;

#[test]
fn a_graph_of_the_first_format_is_read() {
    let old: Dag = codec::from_json(FORMAT_1.as_bytes()).unwrap();
    let text = serde_json::to_string(&old).unwrap();
    assert!(text.len() < FORMAT_1.len() * 3 / 4, "{text}");
    for (long, short) in [
        (r#","when":null,"timeout":null,"deadline":null,"on_error":[]"#, ""),
        (r#","outer":[],"lets":[],"soft":[]"#, ""),
        (r#","result":null,"result_outer":[],"result_lets":[],"until":null"#, ""),
        (r#","type_args":[]"#, ""),
        (r#","lazy":false"#, ""),
        (r#"{"source":0,"start":17,"end":47}"#, "[0,17,47]"),
    ] {
        assert!(FORMAT_1.contains(long) && !text.contains(long), "{long}");
        assert!(short.is_empty() || text.contains(short), "{short}");
    }
    assert!(text.contains(r#""edges":[[0,"order",[1]]]"#), "{text}");
    assert_eq!(serde_json::to_string(&*again(&old)).unwrap(), text);
    for edge in [r#"[0,"order",[2]]"#, r#"[2,"order",[1]]"#] {
        let wrong = text.replace(r#"[0,"order",[1]]"#, edge);
        let error = codec::from_json::<Dag>(wrong.as_bytes()).unwrap_err();
        assert!(matches!(error, codec::CodecError::Payload(_)), "{error}");
    }
}

#[test]
fn long_and_deep_expressions_come_back() {
    // As deep as the parser lets them be: operators in brackets in operators.
    let lists = format!("{}a{}", "[".repeat(60), "]".repeat(60));
    for (expr, end) in [
        (vec!["a"; 60].join(" + "), "60".to_owned()),
        (vec!["a"; 125].join(" + "), "125".to_owned()),
        (format!("-1 == 2 ? 0 : {lists}"), lists.replace('a', "1")),
    ] {
        let text =
            format!("step a = t.echo(v: 1)\nlet s = {expr}\nstep b = t.echo<json>(v: s as json)\nreturn b");
        let mut world = World::new(again(&dag(&text)));
        world.start();
        assert_eq!(shown(&world.finish()), end);
    }
}

#[test]
fn an_endless_chain_of_operators_is_refused_everywhere() {
    let mut sources = aos::source::Sources::default();
    for term in ["1 + ", "x.f + ", "!", "a ? 1 : ", "[", "(", "\"${", "x ?? "] {
        let text = format!("plan p() -> json? {{\n  let s = {}1\n  return s\n}}\n", term.repeat(5_000));
        let id = sources.add("t.plan", &text);
        let parse = aos::syntax::parse(id, &text);
        let analysis = aos::check::check(id, &parse, &sources, &aos::catalog::Catalog::stdlib());
        assert!(analysis.has_errors(), "{term}");
    }
}

fn event(kind: EventKind) -> String {
    serde_json::to_string(&Event { at: time(0), actor: "ann".into(), kind }).unwrap()
}

/// Old journals hold these lines: what is written changes only with the format, what is read never stops being read.
#[test]
fn the_events_of_a_journal_are_frozen() {
    let step = || StepPath("pages[3].page".into());
    let usage = Usage { cost_usd: 0.25, tokens: 12, unpriced: 0 };
    let inputs: Map = [("n".into(), Value::Int(4)), ("f".into(), Value::Float(4.0))].into_iter().collect();
    let mut error = Failure::new("rate_limited", "slow down");
    error.skill = Some("http.get".into());
    error.details.insert("status".into(), Value::Int(429));
    error.retry_after_ms = Some(1500);
    let bare = Failure::new("timeout", "too slow");
    let golden = [
        (
            EventKind::Started { run: "r1".into(), inputs },
            r#""started","run":"r1","inputs":{"n":4,"f":4.0}}"#,
        ),
        (
            EventKind::AttemptStarted { step: step(), attempt: 1 },
            r#""attempt_started","step":"pages[3].page","attempt":1}"#,
        ),
        (
            EventKind::AttemptSucceeded {
                step: step(),
                attempt: 2,
                value: Value::text("ok"),
                usage,
                reused: None,
            },
            r#""attempt_succeeded","step":"pages[3].page","attempt":2,"value":"ok","usage":{"cost_usd":0.25,"tokens":12}}"#,
        ),
        (
            EventKind::AttemptFailed { step: step(), attempt: 3, error, usage: Usage::default() },
            r#""attempt_failed","step":"pages[3].page","attempt":3,"error":{"kind":"rate_limited","message":"slow down","skill":"http.get","details":{"status":429},"retry_after_ms":1500}}"#,
        ),
        (
            EventKind::AttemptFailed { step: step(), attempt: 3, error: bare, usage: Usage::default() },
            r#""attempt_failed","step":"pages[3].page","attempt":3,"error":{"kind":"timeout","message":"too slow"}}"#,
        ),
        (EventKind::TimerFired { timer: "retry:a".into() }, r#""timer_fired","timer":"retry:a"}"#),
        (
            EventKind::CancelRequested { reason: Some("late".into()) },
            r#""cancel_requested","reason":"late"}"#,
        ),
        (EventKind::CancelRequested { reason: None }, r#""cancel_requested","reason":null}"#),
        (
            EventKind::Resolved { step: step(), resolution: Resolution::Retry },
            r#""resolved","step":"pages[3].page","resolution":"retry"}"#,
        ),
        (
            EventKind::Resolved { step: step(), resolution: Resolution::Skip },
            r#""resolved","step":"pages[3].page","resolution":"skip"}"#,
        ),
        (
            EventKind::Resolved { step: step(), resolution: Resolution::Use(Value::Int(4)) },
            r#""resolved","step":"pages[3].page","resolution":{"use":4}}"#,
        ),
        (
            EventKind::AttemptSucceeded {
                step: step(),
                attempt: 1,
                value: Value::Int(1),
                usage: Usage::default(),
                reused: Some("cache".into()),
            },
            r#""attempt_succeeded","step":"pages[3].page","attempt":1,"value":1,"reused":"cache"}"#,
        ),
        (
            EventKind::Decided {
                step: step(),
                digest: "ab".into(),
                approved: true,
                comment: Some("fine".into()),
                login: Some("root".into()),
            },
            r#""decided","step":"pages[3].page","digest":"ab","approved":true,"comment":"fine","login":"root"}"#,
        ),
        (
            EventKind::Decided {
                step: step(),
                digest: "ab".into(),
                approved: false,
                comment: None,
                login: None,
            },
            r#""decided","step":"pages[3].page","digest":"ab","approved":false}"#,
        ),
        (
            EventKind::Answered { step: step(), value: Value::Int(3), login: None },
            r#""answered","step":"pages[3].page","value":3}"#,
        ),
        (
            EventKind::Signalled { name: "paid".into(), value: Value::Null, login: None },
            r#""signalled","name":"paid","value":null}"#,
        ),
        (EventKind::Resumed, r#""resumed"}"#),
    ];
    for (kind, want) in golden {
        frozen(kind, want);
    }
}

/// The line of an event, and that it is read back.
#[track_caller]
fn frozen(kind: EventKind, want: &str) {
    let text = event(kind);
    assert_eq!(text, format!(r#"{{"at":"2001-09-09T01:46:40Z","actor":"ann","event":{want}"#));
    let back: Event = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
}

#[test]
fn what_an_earlier_run_leaves_is_frozen_too() {
    let step = || StepPath("pages[3].page".into());
    let earlier = Earlier {
        step: step(),
        skill: "http.get".into(),
        args: [("url".into(), "d1".into())].into_iter().collect(),
        end: EarlierEnd::Value(Value::Int(7)),
        decisions: Vec::new(),
    };
    let decision = Decision { by: "ada".into(), at: time(0), approved: true, comment: None };
    let asked = Earlier { skill: "human.ask".into(), decisions: vec![decision], ..earlier.clone() };
    let failed = Earlier {
        step: StepPath("post".into()),
        skill: "http.post".into(),
        args: Default::default(),
        end: EarlierEnd::Nothing("it failed".into()),
        decisions: Vec::new(),
    };
    frozen(
        EventKind::Reusable { from: "r0".into(), steps: vec![earlier, failed] },
        r#""reusable","from":"r0","steps":[{"step":"pages[3].page","skill":"http.get","args":{"url":"d1"},"end":{"value":7}},{"step":"post","skill":"http.post","args":{},"end":{"nothing":"it failed"}}]}"#,
    );
    frozen(
        EventKind::Reusable { from: "r0".into(), steps: vec![asked] },
        r#""reusable","from":"r0","steps":[{"step":"pages[3].page","skill":"human.ask","args":{"url":"d1"},"end":{"value":7},"decisions":[{"by":"ada","at":"2001-09-09T01:46:40Z","approved":true}]}]}"#,
    );
}
