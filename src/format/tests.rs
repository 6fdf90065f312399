use super::*;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Path, TextForm, Type, TypeKind, UnaryOp};

fn node(kind: ExprKind) -> Expr {
    Expr { kind: Box::new(kind), span: Span::default() }
}

fn name(name: &str) -> Expr {
    node(ExprKind::Name(name.into()))
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    node(ExprKind::Binary { op, op_span: Span::default(), left, right })
}

fn string(value: &str, form: TextForm) -> String {
    expr(&node(ExprKind::Text { value: value.into(), form }))
}

#[test]
fn a_made_up_tree_gets_its_parentheses() {
    let sum = || binary(BinaryOp::Add, name("a"), name("b"));
    assert_eq!(expr(&binary(BinaryOp::Mul, sum(), sum())), "(a + b) * (a + b)");
    assert_eq!(expr(&binary(BinaryOp::Sub, sum(), sum())), "a + b - (a + b)");
    assert_eq!(
        expr(&binary(BinaryOp::Coalesce, name("a"), binary(BinaryOp::Or, name("b"), name("c")))),
        "a ?? (b || c)"
    );
    assert_eq!(expr(&node(ExprKind::Unary { op: UnaryOp::Neg, operand: sum() })), "-(a + b)");
    let less = binary(BinaryOp::Lt, name("a"), name("b"));
    assert_eq!(expr(&binary(BinaryOp::Eq, less, name("c"))), "(a < b) == c");
}

#[test]
fn numbers_without_a_text_are_canonical() {
    assert_eq!(expr(&node(ExprKind::DurationMs(5_400_250))), "1h30m250ms");
    assert_eq!(expr(&node(ExprKind::DurationMs(0))), "0s");
    assert_eq!(expr(&node(ExprKind::Float(2.0))), "2.0");
    assert_eq!(expr(&node(ExprKind::Int(i64::MIN))), "-9223372036854775808");
}

#[test]
fn strings_show_what_cannot_be_seen() {
    assert_eq!(string("a\"b\\c\n${d} $e", TextForm::Plain), r#""a\"b\\c\n\${d} $e""#);
    assert_eq!(string("\u{202e}\u{0}é", TextForm::Plain), "\"\\u202e\\u0000é\"");
    assert_eq!(string("a\\d", TextForm::Raw), r#"r"a\d""#);
    assert_eq!(string("a\nb", TextForm::Block), "\"a\\nb\"");
}

#[test]
fn types_get_their_parentheses() {
    let ty_of = |kind| Type { kind, span: Span::default() };
    let named =
        |n: &str| ty_of(TypeKind::Name(Path { name: n.into(), segments: vec![], span: Span::default() }));
    let union = ty_of(TypeKind::Union(vec![named("a"), ty_of(TypeKind::Null)]));
    assert_eq!(ty(&ty_of(TypeKind::Optional(Box::new(union.clone())))), "(a | null)?");
    assert_eq!(ty(&ty_of(TypeKind::List(Box::new(union)))), "list<a | null>");
}

#[test]
fn a_long_chain_does_not_exhaust_the_stack() {
    let mut sum = name("a");
    for _ in 0..2_000 {
        sum = binary(BinaryOp::Add, sum, name("a"));
    }
    assert_eq!(expr(&sum).len(), 1 + 2_000 * 4);
}

#[test]
fn blocks_keep_blanks_and_indentation() {
    for value in ["a\n", "\n", "  a\n  b", "\ta\n\tb", "a \n  \nb\t", "\"\"\"\n\"\"", "${\n", "a\n\n"] {
        let block = node(ExprKind::Text { value: value.into(), form: TextForm::Block });
        let text = Printer::of_tree().expr(&block).render(WIDTH);
        let (read, diagnostics) = syntax::parse_expr(SourceId::default(), text.trim_end());
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        assert!(
            matches!(&*read.kind, ExprKind::Text { value: v, .. } if **v == *value),
            "{value:?}\n{text}\n{read:?}"
        );
    }
}

#[test]
fn a_file_without_its_text_keeps_its_documentation() {
    let text =
        "/// Says hello.\nplan p(\n  /// Whom.\n  a: string,\n) {\n  /// Says it.\n  step b = f(a: a)\n}\n";
    let parse = syntax::parse(SourceId::default(), text);
    assert_eq!(file(&parse.file), text);
}
