//! Plans and what becomes of them: the end, the time it took, the rows of the report.

use super::world::{World, dag, shown};

pub struct Case {
    pub name: &'static str,
    pub plan: &'static str,
    pub end: &'static str,
    pub ms: i128,
    pub rows: &'static str,
    /// Whether the outcome hangs on how long calls take.
    pub timed: bool,
}

macro_rules! cases {
    ($($timed:ident $name:literal $plan:literal => $end:literal, $ms:literal, $rows:literal;)*) => {
        &[$(Case { name: $name, plan: $plan, end: $end, ms: $ms, rows: $rows, timed: stringify!($timed).len() == "timed".len() }),*]
    };
}

pub(super) use cases;

/// Backoffs by chance are written as constants, so that times are known.
pub const CASES: &[Case] = cases! {
    any "chain" "step a = t.echo(v: 1)\nstep b = t.echo(v: a + 1)\nstep c = t.echo(v: b + 1)\nreturn c"
        => "3", 30, "a b c";
    any "fan-out" "step a = t.echo(v: 1)\nstep b = t.echo(v: 2)\nstep c = t.echo(v: 3)\nreturn [a, b, c]"
        => "[1,2,3]", 10, "a b c";
    any "a body without steps" "return 1" => "1", 0, "";
    any "no result" "step a = t.echo(v: 1)" => "null", 10, "a";
    any "a step that nobody reads still runs" "step a = t.echo(v: 1)\nstep b = t.echo(v: 2, ms: 50)\nreturn a"
        => "1", 50, "a b";
    any "let" "step a = t.echo(v: 20)\nlet n = a + 1\nlet m = n * 2\nstep b = t.echo(v: m)\nreturn [n, m, b]"
        => "[21,42,42]", 20, "a b";
    any "a result that reads the last of a chain of lets" "step a = t.echo(v: 20)\nlet n = a + 1\nlet m = n * 2\nlet o = m + n\nreturn o"
        => "63", 10, "a";
    any "a chain of lets without steps" "step f = for x in [1, 2] {\n let y = x + 1\n let z = y * 2\n return z\n}\nreturn f"
        => "[4,6]", 0, "f";
    any "a let that nobody needs is not evaluated" "step z = t.echo(v: 0)\nlet bad = 1 / z\nstep b = t.echo(v: 1)\nreturn b"
        => "1", 10, "z b";
    any "a let that fails fails its reader" "step z = t.echo(v: 0)\nlet bad = 1 / z\nstep b = t.echo(v: bad)\nreturn b"
        => "expression: division by zero at b", 10, "z b=failed!expression";
    any "a let that fails, handled by its reader" "step z = t.echo(v: 0)\nlet bad = 1 / z\nstep b = t.echo(v: bad) on_error use 7\nreturn b"
        => "7", 10, "z b=recovered!expression";
    any "a missing let" "step no = t.echo(v: false)\nstep a = t.echo(v: 1) when no\nlet b = a + 1\nstep c = t.echo(v: b)\nreturn c ?? 9"
        => "9", 10, "no a=skipped<when> c=skipped<a>";
    any "require holds" "step a = t.echo(v: 9)\nrequire a > 5 else \"small\"\nstep b = t.echo(v: 1)\nreturn b"
        => "1", 20, "a b";
    any "require fails" "step a = t.echo(v: 1)\nrequire a > 5 else \"too small: ${a}\"\nstep b = t.echo(v: 1)\nreturn b"
        => "failed: too small: 1 at require@1", 10, "a require@1=failed!failed b=pending";
    any "require with a kind" "step a = t.echo(v: 1)\nrequire a > 5 else invalid \"no\"\nreturn a"
        => "invalid: no at require@1", 10, "a require@1=failed!invalid";
    any "fail waits for all above" "step a = t.echo(v: 1, ms: 30)\nfail oops \"stop\"\n"
        => "oops: stop at fail@1", 30, "a fail@1=failed!oops";
    any "do" "step d = do {\n step a = t.echo(v: 1)\n step b = t.echo(v: a + 1)\n return b\n}\nreturn d"
        => "2", 20, "d d.a d.b";
    any "an inner step waits only for what it mentions" "step a = t.echo(v: 1, ms: 30)\nstep d = do {\n step x = t.echo(v: 2)\n step y = t.echo(v: a + x)\n return y\n}\nreturn d"
        => "3", 40, "a d d.x d.y";
    any "the result of a region waits for what it mentions" "step a = t.echo(v: 5, ms: 30)\nstep d = do {\n step x = t.echo(v: 2)\n return a + x\n}\nreturn d"
        => "7", 30, "a d d.x";
    any "for" "step f = for x in [1, 2, 3] {\n step s = t.echo(v: x * 2)\n return s\n}\nreturn f"
        => "[2,4,6]", 30, "f f[0].s f[1].s f[2].s";
    any "for over nothing" "step l = t.echo<list<int>>(v: [])\nstep f = for x in l max 3 {\n step s = t.echo(v: x)\n return s\n}\nreturn f"
        => "[]", 10, "l f";
    any "for with an index, in parallel" "step f = for i, x in [5, 6, 7] parallel 3 {\n step s = t.echo(v: x * 10 + i, ms: 30 - i * 10)\n return s\n}\nreturn f"
        => "[50,61,72]", 30, "f f[0].s f[1].s f[2].s";
    any "for with a parallel of two" "step f = for x in [1, 2, 3] parallel 2 {\n step s = t.echo(v: x)\n return s\n}\nreturn f"
        => "[1,2,3]", 20, "f f[0].s f[1].s f[2].s";
    any "items that write one resource take turns" "step f = for x in [1, 1, 2, 1] parallel 4 {\n step s = t.write(to: \"r${x}\", v: x)\n return s\n}\nreturn f"
        => "[1,1,2,1]", 30, "f f[0].s f[1].s f[2].s f[3].s";
    any "items that read one resource need not" "step f = for x in [1, 1, 1] parallel 3 {\n step s = t.read(from: \"r${x}\", v: x)\n return s\n}\nreturn f"
        => "[1,1,1]", 10, "f f[0].s f[1].s f[2].s";
    any "one that waits for its turn is stopped with the others" "step f = for x in [1, 1, 0] parallel 3 {\n step w = t.write(to: \"r${x}\", v: x, ms: 30)\n step s = t.flaky(v: x, times: 1 - x, ms: 10)\n return w + s\n} on_error use []\nreturn f"
        => "[]", 30, "f=recovered!busy f[0].w f[0].s f[1].w=cancelled f[1].s f[2].w f[2].s=failed!busy";
    any "more than max" "step l = t.echo<list<int>>(v: [1, 2, 3])\nstep f = for x in l max 2 { return x }\nreturn f"
        => "limit: 3 items, where at most 2 are allowed at f", 10, "l f=failed!limit";
    any "first" "step l = t.echo<list<int>>(v: [1, 2, 3])\nstep f = for x in l first 2 { return x }\nreturn f"
        => "[1,2]", 10, "l f";
    any "the first failure of a for fails it" "step f = for x in [0, 1, 0] {\n step s = t.flaky(v: x, times: x)\n return s\n}\nreturn f"
        => "busy: it was busy at f[1].s", 20, "f=failed!busy f[0].s f[1].s=failed!busy";
    any "a failing item stops the others" "step f = for x in [0, 1, 2] parallel 3 {\n step s = t.flaky(v: x, times: x, ms: 30 - x * 10)\n step n = t.echo(v: s)\n return n\n}\nreturn f"
        => "busy: it was busy at f[2].s", 10,
        "f=failed!busy f[0].s=cancelled f[0].n=pending f[1].s=cancelled f[1].n=pending f[2].s=failed!busy f[2].n=pending";
    any "tolerate" "step f = for x in [0, 1, 2] tolerate 1 {\n step s = t.flaky(v: x, times: x % 2)\n return s\n}\nreturn [f, failures(f).map(e, e.index), failures(f)[0].error.kind]"
        => "[[0,null,2],[1],\"busy\"]", 30, "f f[0].s f[1].s=failed!busy f[2].s";
    any "too many failures" "step f = for x in [1, 1, 0] tolerate 1 {\n step s = t.flaky(v: x, times: x)\n return s\n}\nreturn f"
        => "busy: it was busy at f[1].s", 20, "f=failed!busy f[0].s=failed!busy f[1].s=failed!busy";
    any "tolerate a share" "step f = for x in [1, 0, 1, 0] tolerate 50% {\n step s = t.flaky(v: x, times: x)\n return s\n}\nreturn f"
        => "[null,0,null,0]", 40, "f f[0].s=failed!busy f[1].s f[2].s=failed!busy f[3].s";
    any "a share is rounded down" "step f = for x in [1, 0, 0] tolerate 30% {\n step s = t.flaky(v: x, times: x)\n return s\n}\nreturn f"
        => "busy: it was busy at f[0].s", 10, "f=failed!busy f[0].s=failed!busy";
    any "if" "step a = t.echo(v: 1)\nstep i = if a == 1 {\n step x = t.echo(v: \"one\")\n return x\n} else {\n return \"other\"\n}\nreturn i"
        => "\"one\"", 20, "a i i.then.x";
    any "else if" "step a = t.echo(v: 2)\nstep i = if a == 1 { return \"one\" } else if a == 2 {\n step x = t.echo(v: \"two\")\n return x\n} else { return \"other\" }\nreturn i"
        => "\"two\"", 20, "a i i.else.then.x";
    any "else" "step a = t.echo(v: 3)\nstep i = if a == 1 { return \"one\" } else {\n step x = t.echo(v: \"other\")\n return x\n}\nreturn i"
        => "\"other\"", 20, "a i i.else.x";
    any "if without else" "step a = t.echo(v: 3)\nstep i = if a == 1 { return \"one\" }\nreturn i ?? \"none\""
        => "\"none\"", 10, "a i";
    any "match" "step a = t.echo<\"x\" | \"y\" | \"z\">(v: \"y\")\nstep m = match a {\n \"x\" => { return 1 }\n \"y\" | \"z\" => {\n  step s = t.echo(v: 2)\n  return s\n }\n}\nreturn m"
        => "2", 20, "a m m[\"y\"].s";
    any "match anything" "step a = t.echo(v: \"q\")\nstep m = match a {\n \"x\" => { return 1 }\n _ => {\n  step s = t.echo(v: 2)\n  return s\n }\n}\nreturn m"
        => "2", 20, "a m m[\"_\"].s";
    any "when, and a strict reader" "step no = t.echo(v: false)\nstep a = t.echo(v: 1) when no\nstep b = t.echo(v: a + 1)\nstep c = t.echo(v: b + 1)\nreturn [succeeded(a), skipped(a), skipped(c)]"
        => "[false,true,true]", 10, "no a=skipped<when> b=skipped<a> c=skipped<b>";
    any "tolerant reads" "step no = t.echo(v: false)\nstep a = t.echo({ f: 1 }) when no\nstep b = t.echo(v: a?.f ?? 5)\nreturn b"
        => "5", 20, "no a=skipped<when> b";
    any "a strict read that is not reached" "step no = t.echo(v: false)\nstep a = t.echo(v: 1) when no\nstep b = t.echo(v: succeeded(a) ? a : 4)\nreturn b"
        => "4", 20, "no a=skipped<when> b";
    any "what is missing makes the result null" "step no = t.echo(v: false)\nstep a = t.echo(v: 1) when no\nreturn a"
        => "null", 10, "no a=skipped<when>";
    any "failed and error" "step a = t.boom(kind: \"boom\", code: 7) on_error continue\nstep b = t.echo(v: failed(a))\nreturn [b, error(a)?.kind, error(a)?.details, error(a)?.attempt]"
        => "[true,\"boom\",{\"code\":7},1]", 20, "a=failed!boom b";
    any "depends_on" "step a = t.echo(v: 1, ms: 30)\nstep b = t.echo(v: 2) depends_on [a]\nreturn b"
        => "2", 40, "a b";
    any "depends_on what was skipped" "step no = t.echo(v: false)\nstep a = t.echo(v: 1) when no\nstep b = t.echo(v: 2) depends_on [a]\nreturn b"
        => "2", 20, "no a=skipped<when> b";
    any "abort" "step a = t.boom(kind: \"boom\")\nstep b = t.echo(v: 1, ms: 30)\nstep c = t.echo(v: a)\nreturn c"
        => "boom: it was boom at a", 10, "a=failed!boom b=cancelled c=pending";
    any "continue" "step a = t.boom(kind: \"boom\") on_error continue\nstep b = t.echo(v: a)\nreturn b ?? 3"
        => "3", 10, "a=failed!boom b=skipped<a>";
    any "use" "step a = t.boom(kind: \"boom\") on_error use 5\nreturn [a, succeeded(a), error(a)?.kind]"
        => "[5,true,\"boom\"]", 10, "a=recovered!boom";
    any "a fallback that fails goes on in its own arm" "step a = t.boom(kind: \"boom\") on_error { boom => fallback t.flaky(v: 1, times: 9) then use 5  _ => abort }\nreturn a"
        => "5", 20, "a=recovered*2!busy";
    any "fail with a message" "step a = t.boom(kind: \"boom\", code: 4) on_error { boom as e => fail \"code ${e.details.code}\"  busy => abort }\nreturn a"
        => "failed: code 4 at a", 10, "a=failed!failed";
    any "retry" "step a = t.flaky(v: 1, times: 2) on_error retry 3 backoff 100ms\nreturn a"
        => "1", 230, "a*3!busy";
    any "retry in vain" "step a = t.flaky(v: 1, times: 9) on_error retry 2 backoff 100ms\nreturn a"
        => "busy: it was busy at a", 230, "a=failed*3!busy";
    any "retry, then another" "step a = t.flaky(v: 1, times: 9) on_error retry 1 backoff 100ms then use 2\nreturn a"
        => "2", 120, "a=recovered*2!busy";
    any "retry after what the skill says" "step a = t.flaky(v: 1, times: 1, after: 700) on_error retry 3 backoff 100ms\nreturn a"
        => "1", 720, "a*2!busy";
    any "fallback" "step a = t.boom(kind: \"boom\", code: 3) on_error fallback t.echo(v: 6)\nreturn a"
        => "6", 20, "a=recovered*2!boom";
    any "a fallback reads the error" "step a = t.boom(kind: \"boom\", code: 3) on_error { boom => fallback t.echo(v: error.details.code)  busy => abort }\nreturn a"
        => "3", 20, "a=recovered*2!boom";
    any "a fallback that fails" "step a = t.boom(kind: \"boom\") on_error fallback t.boom(kind: \"busy\") then use 8\nreturn [a, error(a)?.kind]"
        => "[8,\"busy\"]", 20, "a=recovered*2!busy";
    any "retry, fallback, continue" "step a = t.boom(kind: \"busy\") on_error retry 1 backoff 1ms then fallback t.boom(kind: \"boom\") then continue\nreturn a ?? 0"
        => "0", 31, "a=failed*3!boom";
    any "a guard" "step a = t.boom(kind: \"boom\", code: 404) on_error { boom as e when e.details.code == 404 => use 1  boom => use 2  busy => use 3 }\nreturn a"
        => "1", 10, "a=recovered!boom";
    any "a guard that does not hold" "step a = t.boom(kind: \"boom\", code: 500) on_error { boom as e when e.details.code == 404 => use 1  boom => use 2  busy => use 3 }\nreturn a"
        => "2", 10, "a=recovered!boom";
    any "an arm for anything" "step a = t.boom(kind: \"busy\") on_error { boom => use 1  _ => use 9 }\nreturn a"
        => "9", 10, "a=recovered!busy";
    any "an arm that waits for what it mentions" "step x = t.echo(v: 4, ms: 50)\nstep a = t.boom(kind: \"boom\") on_error use x + 1\nreturn a"
        => "5", 50, "x a=recovered!boom";
    timed "timeout" "step a = t.hang() timeout 1s on_error use 3\nreturn a"
        => "3", 1000, "a=recovered!timeout";
    timed "the time of a skill is its timeout" "step a = t.hang() on_error use 3\nreturn a"
        => "3", 5000, "a=recovered!timeout";
    timed "deadline over retries" "step a = t.flaky(v: 1, times: 100, ms: 300) deadline 1s on_error retry 3 backoff 90ms then use 2\nreturn [a, error(a)?.kind]"
        => "[2,\"timeout\"]", 1000, "a=recovered*3!timeout";
    timed "deadline of a call in flight" "step a = t.hang() deadline 1s on_error use 4\nreturn a"
        => "4", 1000, "a=recovered!timeout";
    timed "deadline of a region" "step d = do {\n step a = t.hang()\n step b = t.echo(v: 1)\n return a\n} deadline 1s on_error use 6\nreturn d"
        => "6", 1000, "d=recovered!timeout d.a=cancelled d.b";
    timed "a deadline that is met" "step d = do {\n step a = t.echo(v: 1)\n return a\n} deadline 1s\nreturn d"
        => "1", 10, "d d.a";
    timed "sleep" "step s = time.sleep(duration: 2s)\nstep a = t.echo(v: 1) depends_on [s]\nreturn a"
        => "1", 2010, "s a";
    any "an error inside a do is handled by it" "step d = do {\n step a = t.boom(kind: \"boom\")\n step b = t.echo(v: 1, ms: 50)\n return a\n} on_error use 2\nstep c = t.echo(v: d)\nreturn c"
        => "2", 20, "d=recovered!boom d.a=failed!boom d.b=cancelled c";
    any "an error passes regions that do not handle it" "step d = do {\n step e = do {\n  step a = t.boom(kind: \"boom\")\n  return a\n }\n return e\n} on_error { busy => use 1  boom => continue }\nreturn d ?? 5"
        => "5", 10, "d=failed!boom d.e=failed!boom d.e.a=failed!boom";
    any "effects in flight are awaited" "step w = t.write(to: \"x\", v: 1, ms: 100)\nstep a = t.boom(kind: \"boom\")\nstep r = t.echo(v: 1, ms: 200)\nreturn w"
        => "boom: it was boom at a", 100, "w a=failed!boom r=cancelled";
    timed "effects in flight that do not end are in doubt" "step w = t.stuck_write(to: \"x\")\nstep a = t.boom(kind: \"boom\")\nreturn w"
        => "boom: it was boom at a", 2000, "w=in_doubt!timeout a=failed!boom";
    timed "an effect that fails while awaited" "step w = t.bad_write(to: \"x\", kind: \"busy\", ms: 50)\nstep a = t.boom(kind: \"boom\")\nreturn w"
        => "boom: it was boom at a", 50, "w=failed!busy a=failed!boom";
    any "the fall of a do awaits its effects" "step d = do {\n step w = t.write(to: \"x\", v: 1, ms: 100)\n step a = t.boom(kind: \"boom\")\n return w\n} on_error use 3\nreturn d"
        => "3", 100, "d=recovered!boom d.w d.a=failed!boom";
    any "writers of one thing run in text order" "step a = t.write(to: \"x\", v: 1, ms: 30)\nstep b = t.read(from: \"x\", v: 2)\nstep c = t.write(to: \"x\", v: 3)\nreturn c"
        => "3", 50, "a b c";
    any "writers of other things do not wait" "step a = t.write(to: \"x\", ms: 30)\nstep b = t.write(to: \"y\", ms: 30)\nreturn 1"
        => "1", 30, "a b";
    any "readers and appenders do not wait for their like" "step a = t.read(from: \"x\")\nstep b = t.read(from: \"x\")\nstep c = t.append(to: \"y\")\nstep d = t.append(to: \"y\")\nreturn 1"
        => "1", 10, "a b c d";
    any "a region conflicts as its content does" "step a = t.write(to: \"x\", ms: 30)\nstep d = do {\n step r = t.read(from: \"x\", v: 4)\n return r\n}\nreturn d"
        => "4", 40, "a d d.r";
    any "a plan as a step" "plan q(n: int) -> int {\n step a = t.echo(v: n + 1)\n return a\n}\nplan p() -> json? {\n step s = q(n: 4)\n step b = t.echo(v: s * 2)\n return b\n}"
        => "10", 20, "s s.a b";
    any "an error inside a plan" "plan q() -> int {\n step a = t.boom(kind: \"boom\")\n return a\n}\nplan p() -> json? {\n step s = q() on_error use 1\n return s\n}"
        => "1", 10, "s=recovered!boom s.a=failed!boom";
    any "a plan that is tried again" "plan q() -> int {\n step a = t.boom(kind: \"boom\")\n return a\n}\nplan p() -> json? {\n step s = q() on_error retry 2 backoff 10ms then use 1\n return s\n}"
        => "1", 50, "s=recovered*3!boom s.a=failed!boom";
    any "defaults of a plan" "plan q(n: int, m: int = 2 * 4) -> int { return n + m }\nplan p() -> json? {\n step s = q(n: 4)\n return s\n}"
        => "12", 0, "s";
    any "loop until" "step l = loop x: int = 1 max 10 {\n step s = t.echo(v: x * 2)\n return s until it > 10\n}\nreturn l"
        => "16", 40, "l l[0].s l[1].s l[2].s l[3].s";
    any "loop without until" "step l = loop x: int = 1 max 3 {\n return x + 1\n}\nreturn l" => "4", 0, "l";
    any "loop in vain" "step l = loop x: int = 1 max 3 {\n return x + 1 until it > 10\n}\nreturn l"
        => "exhausted: the condition did not come true in all rounds at l", 0, "l=failed!exhausted";
    any "loop else last" "step l = loop x: int = 1 max 3 else last {\n return x + 1 until it > 10\n}\nreturn l" => "4", 0, "l";
    any "loop else fail" "step l = loop x: int = 1 max 3 else fail \"no luck\" {\n return x + 1 until it > 10\n}\nreturn l"
        => "failed: no luck at l", 0, "l=failed!failed";
    timed "loop every" "step l = loop x: int = 1 max 3 every 1s {\n return x + 1 until it > 2\n}\nreturn l" => "3", 1000, "l";
    timed "race" "step r = race {\n do {\n  step a = t.echo(v: 1, ms: 50)\n  return a\n }\n do {\n  step b = t.echo(v: 2)\n  return b\n }\n}\nreturn r"
        => "2", 10, "r r[0].a=cancelled r[1].b";
    timed "race with a loser that fails" "step r = race {\n do {\n  step a = t.boom(kind: \"boom\")\n  return a\n }\n do {\n  step b = t.echo(v: 2, ms: 30)\n  return b\n }\n}\nreturn r"
        => "2", 30, "r r[0].a=failed!boom r[1].b";
    timed "race that all lose" "step r = race {\n do {\n  step a = t.boom(kind: \"boom\")\n  return a\n }\n do {\n  step b = t.boom(kind: \"busy\", ms: 30)\n  return b\n }\n}\nreturn r"
        => "busy: it was busy at r[1].b", 30, "r=failed!busy r[0].a=failed!boom r[1].b=failed!busy";
    any "the last that acted is undone first" "step a = t.write(to: \"a\", v: 1) compensate t.undo(of: \"a\")\nstep b = t.write(to: \"b\", v: 2, ms: 30) compensate t.undo(of: \"b\", v: b)\nstep c = t.boom(kind: \"boom\") depends_on [a, b]\nreturn c"
        => "boom: it was boom at c", 60, "a a@compensate b b@compensate c=failed!boom";
    any "what is awaited is undone too" "step w = t.write(to: \"x\", v: 1, ms: 100) compensate t.undo(of: \"x\")\nstep a = t.boom(kind: \"boom\")\nreturn w"
        => "boom: it was boom at a", 110, "w w@compensate a=failed!boom";
    any "what did not act is not undone" "step a = t.bad_write(to: \"a\", kind: \"busy\") compensate t.undo(of: \"a\") on_error use 1\nstep b = t.echo(v: 1) when a == 7 compensate t.undo(of: \"b\")\nstep c = t.boom(kind: \"boom\") depends_on [b]\nreturn c"
        => "boom: it was boom at c", 20, "a=recovered!busy b=skipped<when> c=failed!boom";
    any "what a fallback did is undone" "step a = t.bad_write(to: \"a\", kind: \"busy\") on_error fallback t.write(to: \"b\", v: 3) compensate t.undo(of: \"b\", v: a)\nstep c = t.boom(kind: \"boom\") depends_on [a]\nreturn c"
        => "boom: it was boom at c", 40, "a=recovered*2!busy a@compensate c=failed!boom";
    any "a handled do undoes its own" "step o = t.write(to: \"o\") compensate t.undo(of: \"o\")\nstep d = do {\n step w = t.write(to: \"w\") compensate t.undo(of: \"w\")\n step f = t.boom(kind: \"boom\") depends_on [w]\n return f\n} on_error use 3\nreturn d"
        => "3", 30, "o d=recovered!boom d.w d.w@compensate d.f=failed!boom";
    any "a do that is not handled leaves it to the plan" "step d = do {\n step w = t.write(to: \"w\") compensate t.undo(of: \"w\")\n step f = t.boom(kind: \"boom\", ms: 30)\n return f\n}\nstep o = t.write(to: \"o\", ms: 20) compensate t.undo(of: \"o\")\nreturn d"
        => "boom: it was boom at d.f", 50, "d=failed!boom d.w d.w@compensate d.f=failed!boom o o@compensate";
    timed "a branch that loses is undone" "step r = race {\n do {\n  step a = t.write(to: \"a\") compensate t.undo(of: \"a\")\n  step x = t.echo(v: 1, ms: 100)\n  return x\n }\n do {\n  step b = t.echo(v: 2, ms: 30)\n  return b\n }\n}\nreturn r"
        => "2", 40, "r r[0].a r[0].a@compensate r[0].x=cancelled r[1].b";
    timed "a branch that fails is undone" "step r = race {\n do {\n  step a = t.write(to: \"a\") compensate t.undo(of: \"a\")\n  step x = t.boom(kind: \"boom\") depends_on [a]\n  return x\n }\n do {\n  step b = t.boom(kind: \"busy\", ms: 100)\n  return b\n }\n} on_error use 4\nreturn r"
        => "4", 100, "r=recovered!busy r[0].a r[0].a@compensate r[0].x=failed!boom r[1].b=failed!busy";
    any "an item that fails under tolerate is undone" "step f = for x in [0, 1, 2] tolerate 1 {\n step w = t.write(to: \"w${x}\", v: x) compensate t.undo(of: \"w${x}\", v: x)\n step s = t.flaky(v: w, times: x % 2)\n return s\n}\nreturn f"
        => "[0,null,2]", 70, "f f[0].w f[0].s f[1].w f[1].w@compensate f[1].s=failed!busy f[2].w f[2].s";
    any "a for that fails undoes all items" "step f = for x in [0, 1, 2] {\n step w = t.write(to: \"w${x}\", v: x) compensate t.undo(of: \"w${x}\", v: x)\n step s = t.flaky(v: w, times: x % 2)\n return s\n} on_error continue\nreturn f ?? 5"
        => "5", 60, "f=failed!busy f[0].w f[0].w@compensate f[0].s f[1].w f[1].w@compensate f[1].s=failed!busy";
    any "rounds are undone" "step l = loop x: int = 1 max 2 {\n step w = t.write(to: \"w${x}\", v: x + 1) compensate t.undo(of: \"w${x}\")\n return w until it > 9\n}\nreturn l"
        => "exhausted: the condition did not come true in all rounds at l", 40, "l=failed!exhausted l[0].w l[0].w@compensate l[1].w l[1].w@compensate";
    any "each attempt of a plan is undone" "plan q() -> int {\n step w = t.put(to: \"x\", v: 1) compensate t.undo(of: \"x\")\n step b = t.boom(kind: \"boom\") depends_on [w]\n return b\n}\nplan p() -> json? {\n step s = q() on_error retry 1 backoff 10ms then use 1\n return s\n}"
        => "1", 70, "s=recovered*2!boom s.w s.w@compensate s.b=failed!boom";
    any "a plan's steps are undone with its caller" "plan q(n: int) -> int {\n step w = t.put(to: \"x\", v: 1) compensate t.undo(of: \"x\", v: n)\n return w\n}\nplan p() -> json? {\n step s = q(n: 6)\n step b = t.boom(kind: \"boom\") depends_on [s]\n return s\n}"
        => "boom: it was boom at b", 30, "s s.w s.w@compensate b=failed!boom";
    any "a compensation of a plan stands for those inside" "plan q() -> int {\n step w = t.put(to: \"x\", v: 1) compensate t.undo(of: \"x\")\n return w\n}\nplan p() -> json? {\n step s = q() compensate t.undo(of: \"q\", v: s)\n step b = t.boom(kind: \"boom\") depends_on [s]\n return s\n}"
        => "boom: it was boom at b", 30, "s s.w s@compensate b=failed!boom";
    any "a plan that undoes" "plan u(n: int) -> int {\n step a = t.echo(v: n)\n step b = t.undo(of: \"x\", v: a)\n return b\n}\nplan p() -> json? {\n step s = t.put(to: \"x\", v: 4) compensate u(n: s)\n step b = t.boom(kind: \"boom\") depends_on [s]\n return s\n}"
        => "boom: it was boom at b", 40, "s s@compensate s@compensate.a s@compensate.b b=failed!boom";
    any "unless" "step a = t.write(to: \"a\", v: 1) compensate t.undo(of: \"a\") unless a == 1\nstep b = t.write(to: \"b\", v: 2) compensate t.undo(of: \"b\") unless succeeded(c)\nstep c = t.boom(kind: \"boom\") depends_on [a, b]\nreturn c"
        => "boom: it was boom at c", 30, "a a@compensate=skipped<unless> b b@compensate c=failed!boom";
    any "a compensation may read later steps" "step a = t.write(to: \"a\", v: 1) compensate t.undo(of: \"a\", v: (b ?? 4) + n)\nlet n = a + 1\nstep b = t.boom(kind: \"boom\") depends_on [a]\nreturn b"
        => "boom: it was boom at b", 30, "a a@compensate b=failed!boom";
    any "a compensation that reads what has no value" "step a = t.write(to: \"a\", v: 1) compensate t.undo(of: \"a\", v: b)\nstep b = t.boom(kind: \"boom\") depends_on [a]\nreturn b"
        => "boom: it was boom at b", 20, "a a@compensate=failed!expression b=failed!boom";
    any "a compensation is tried again" "step a = t.write(to: \"a\", v: 1) compensate t.undo(of: \"a\", times: 2)\nstep b = t.boom(kind: \"boom\") depends_on [a]\nreturn b"
        => "boom: it was boom at b", 1971, "a a@compensate*3!busy b=failed!boom";
    any "a compensation that may act twice is not" "step a = t.write(to: \"a\", v: 1) compensate t.undo_once(of: \"a\", times: 2)\nstep c = t.write(to: \"c\", v: 1) compensate t.undo_once(of: \"c\")\nstep b = t.boom(kind: \"boom\") depends_on [a, c]\nreturn b"
        => "boom: it was boom at b", 40, "a a@compensate=failed!busy c c@compensate b=failed!boom";
    any "a failing expression" "step z = t.echo(v: 0)\nstep a = t.echo(v: 1 / z)\nreturn a"
        => "expression: division by zero at a", 10, "z a=failed!expression";
    any "an expression is not tried again" "step z = t.echo(v: 0)\nstep a = t.echo(v: 1 / z) on_error retry 5 then use 1\nreturn a"
        => "1", 10, "z a=recovered!expression";
    any "a result that fails" "step z = t.echo(v: 0)\nreturn 1 / z" => "expression: division by zero", 10, "z";
    any "the result of a region that fails" "step z = t.echo(v: 0)\nstep d = do { return 1 / z } on_error use 5\nreturn d"
        => "5", 10, "z d=recovered!expression";
};

/// Those of people too.
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(super::people::CASES)
}

#[test]
fn cases_end_as_they_should() {
    let mut wrong = String::new();
    for case in all() {
        let found = std::panic::catch_unwind(|| {
            let mut world = World::new(dag(case.plan));
            world.start();
            let end = shown(&world.finish());
            (end, world.took_ms(), world.rows())
        });
        let want = (case.end.to_owned(), case.ms, case.rows.to_owned());
        match found {
            Ok(found) if found == want => {}
            Ok(found) => wrong += &format!("{}\n  want {want:?}\n  got  {found:?}\n", case.name),
            Err(_) => wrong += &format!("{}\n  it panicked\n", case.name),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
