//! Files and items.

use super::super::ir::{Grammar, Node, Rule, When, all, any, opt, repeat, seq, text};
use super::super::tokens;
use super::{Brackets, Cx, Surface};

/// No indentation.
const EDGE: Cx = Cx::Tall(0);

impl<'a> Surface<'a> {
    /// A file of any items, at least one.
    pub(in super::super) fn file(mut self) -> Grammar {
        self.start();
        let lead = self.lead(EDGE);
        let items = vec![self.type_item(), self.skill_item(), self.plan_item(), self.test_item()];
        let bare = self.use_item();
        let use_ = seq([lead.clone(), bare.clone()]);
        let item = seq([lead, any(items)]);
        let max = self.limits.stmts;
        // One with comments above it stands apart.
        let next = any(vec![seq([text("\n"), bare]), seq([text("\n\n"), use_.clone()])]);
        let uses = seq([use_, repeat(next, 0, max)]);
        let more = repeat(seq([text("\n\n"), item.clone()]), 0, max);
        let rest = any(vec![seq([uses, more.clone()]), seq([item, more])]);
        let whole = seq([rest, text("\n")]);
        self.end(whole)
    }

    /// A file of one plan.
    pub(in super::super) fn one_plan(mut self) -> Grammar {
        self.start();
        let lead = self.lead(EDGE);
        let plan = self.plan_item();
        self.end(seq([lead, plan, text("\n")]))
    }

    fn start(&mut self) {
        let rule = Rule { alternatives: Vec::new(), token: false, parametric: false };
        self.grammar.rules.insert("start".into(), rule);
    }

    fn end(mut self, node: Node) -> Grammar {
        if let Some(rule) = self.grammar.rules.get_mut("start") {
            rule.alternatives = vec![(node, When::default())];
        }
        self.grammar.reachable()
    }

    fn use_item(&mut self) -> Node {
        seq([text("use "), self.plain_string(), opt(seq([text(" as "), self.name()]))])
    }

    fn type_item(&mut self) -> Node {
        let name = self.name();
        seq([text("type "), name, text(" = "), opt(text("opaque ")), self.ty(EDGE)])
    }

    /// `(params) -> T`
    fn signature(&mut self) -> Node {
        seq([self.params(EDGE), opt(seq([text(" -> "), self.ty(EDGE)]))])
    }

    fn skill_item(&mut self) -> Node {
        let cx = Cx::Tall(1);
        let generics = opt(self.list(EDGE, Brackets::Angle, 1, &mut |s, _| s.name()));
        let path = self.token("path", tokens::path);
        let resource = opt(seq([text(" "), self.string(cx)]));
        let effects = ["reads", "appends", "writes", "irreversible"].map(text);
        let effect = any(vec![text("pure"), seq([any(effects.into()), resource])]);
        let int = self.token("int", tokens::int);
        let unit = any(["/min", "/s", "/h"].map(text).into());
        let clauses = [
            repeat(self.clause_line(cx, effect), 0, Some(self.limits.list)),
            opt(self.clause_line(cx, any(vec![text("idempotent"), text("idempotent by key")]))),
            {
                let throws = self.throws(cx);
                opt(self.clause_line(cx, throws))
            },
            {
                let e = self.expr(cx);
                opt(self.clause_line(cx, seq([text("cost "), e, text(" usd")])))
            },
            {
                let e = self.expr(cx);
                opt(self.clause_line(cx, seq([text("tokens "), e])))
            },
            {
                let e = self.expr(cx);
                opt(self.clause_line(cx, seq([text("time "), e])))
            },
            opt(self.clause_line(cx, seq([text("rate "), int, unit]))),
            {
                let t = self.plain_string();
                opt(self.clause_line(cx, seq([text("wire "), t])))
            },
            {
                let t = self.plain_string();
                opt(self.clause_line(cx, seq([text("deprecated "), t])))
            },
        ];
        seq([text("skill "), path, generics, self.signature(), all(clauses.into())])
    }

    /// A clause on its line, perhaps below comments.
    fn clause_line(&mut self, cx: Cx, clause: Node) -> Node {
        let lead = self.lead(cx);
        seq([Self::newline(cx), lead, clause])
    }

    fn plan_item(&mut self) -> Node {
        let cx = Cx::Tall(1);
        let name = self.name();
        let goal = seq([text("goal "), self.expr(cx)]);
        let budget = self.budget(cx);
        let throws = self.throws(cx);
        let concurrency = seq([text("concurrency "), self.amount(cx)]);
        let planner = seq([text("planner "), self.plain_string()]);
        let version = seq([text("planner_version "), self.plain_string()]);
        let meta = seq([text("meta "), self.record(cx)]);
        let clauses = [goal, budget, throws, concurrency, planner, version, meta];
        // With a clause, the brace stands on a line of its own.
        let mut rest = Node::Never;
        let mut more = text("");
        for clause in clauses.into_iter().rev() {
            let line = self.clause_line(cx, clause);
            rest = any(vec![seq([line.clone(), more.clone()]), rest]);
            more = seq([opt(line), more]);
        }
        let header = any(vec![seq([rest, text("\n")]), text(" ")]);
        let regions = self.limits.regions;
        seq([text("plan "), name, self.signature(), header, self.body(EDGE, regions)])
    }

    fn budget(&mut self, cx: Cx) -> Node {
        self.group(cx, &mut |s, cx| seq([text("budget "), s.limits_of(cx, 0b1111)]))
    }

    /// What a budget names, each at most once: those of the bits that are left.
    fn limits_of(&mut self, cx: Cx, left: u8) -> Node {
        self.rule(&format!("budget{left}x"), cx, |s, cx| {
            let inner = s.inner(cx);
            let amount = s.amount(inner);
            let mut ways = Vec::new();
            for (bit, (word, unit)) in
                [("cost ", " usd"), ("tokens ", ""), ("time ", ""), ("calls ", "")].into_iter().enumerate()
            {
                if left & (1 << bit) == 0 {
                    continue;
                }
                let one = seq([text(word), amount.clone(), text(unit)]);
                let rest = left & !(1 << bit);
                let more = match rest {
                    0 => text(""),
                    rest => opt(seq([text(","), Self::line(inner), s.limits_of(cx, rest)])),
                };
                ways.push(seq([one, more]));
            }
            any(ways)
        })
    }

    fn test_item(&mut self) -> Node {
        let name = self.plain_string();
        let path = self.token("path", tokens::path);
        let max = self.limits.stmts;
        let stmts = self.block(EDGE, max, &mut |s, cx| {
            let lead = s.lead(cx);
            seq([lead, s.test_stmt(cx)])
        });
        seq([text("test "), name, text(" for "), path, text(" "), stmts])
    }

    fn test_stmt(&mut self, cx: Cx) -> Node {
        self.rule("teststmt", cx, |s, cx| {
            let step = s.name();
            let path = s.token("path", tokens::path);
            let signal = s.plain_string();
            let mock = s.group(cx, &mut |s, cx| {
                let inner = s.inner(cx);
                let reply = s.reply(inner);
                let more =
                    repeat(seq([Self::line(inner), text("then "), reply.clone()]), 0, Some(s.limits.list));
                seq([text("mock "), path.clone(), text(" => "), reply, more])
            });
            any(vec![
                seq([text("input "), s.record(cx)]),
                mock,
                seq([text("approve "), step.clone()]),
                seq([text("deny "), step]),
                seq([text("signal "), signal, text(" => "), s.expr(cx)]),
                seq([text("expect "), s.expr(cx)]),
            ])
        })
    }

    fn reply(&mut self, cx: Cx) -> Node {
        self.rule("reply", cx, |s, cx| {
            let details = opt(seq([text(" "), s.record(cx)]));
            let throw = seq([text("throw "), s.kind(), details]);
            seq([any(vec![throw, s.expr(cx)]), opt(seq([text(" times "), s.amount(cx)]))])
        })
    }
}
