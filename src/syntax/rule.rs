//! The parser that pest makes of `grammar/plan.pest`, and what its rules are called in messages.

#[allow(unreachable_pub, unused_qualifications, missing_docs, reason = "generated")]
mod generated {
    /// The parser made of `grammar/plan.pest`.
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/plan.pest"]
    pub struct PlanParser;
}

pub(super) use generated::{PlanParser, Rule};

impl Rule {
    /// The name in a message: "expected `:` or a type".
    #[must_use]
    pub(super) fn describe(self) -> &'static str {
        match self {
            Rule::EOI => "the end",
            Rule::ws | Rule::lead => "a blank",
            Rule::items | Rule::only_items | Rule::item => "an item",
            // Guards: silent, so no error names them.
            Rule::told
            | Rule::at_clause
            | Rule::at_prefix
            | Rule::at_postfix
            | Rule::at_operator
            | Rule::at_string
            | Rule::at_quote
            | Rule::at_named
            | Rule::at_int => "nothing",
            Rule::only_stmts | Rule::stmt => "a statement",
            Rule::only_tests | Rule::test_stmt => "a line of a test",
            Rule::only_clause | Rule::skill_clause | Rule::plan_clause | Rule::clause => "a clause",
            Rule::only_expr | Rule::expr | Rule::operation | Rule::operand | Rule::primary => "an expression",
            Rule::only_type
            | Rule::type_expr
            | Rule::type_member
            | Rule::type_atom
            | Rule::type_list
            | Rule::type_map
            | Rule::type_name
            | Rule::type_record
            | Rule::type_paren
            | Rule::as_type => "a type",
            Rule::item_use | Rule::re_use | Rule::kw_use => "`use`",
            Rule::item_type | Rule::kw_type => "`type`",
            Rule::item_skill | Rule::kw_skill => "`skill`",
            Rule::type_params => "type parameters",
            Rule::params | Rule::call_args | Rule::paren | Rule::p_lparen => "`(`",
            Rule::param => "a parameter",
            Rule::result | Rule::p_arrow => "`->`",
            Rule::sc_effect => "an effect",
            Rule::sc_idempotent | Rule::kw_idempotent => "`idempotent`",
            Rule::sc_cost | Rule::kw_cost => "`cost`",
            Rule::sc_tokens | Rule::kw_tokens => "`tokens`",
            Rule::sc_time | Rule::kw_time => "`time`",
            Rule::sc_rate | Rule::kw_rate => "`rate`",
            Rule::rate_unit => "`s`, `min` or `h`",
            Rule::sc_wire | Rule::kw_wire => "`wire`",
            Rule::sc_deprecated | Rule::kw_deprecated => "`deprecated`",
            Rule::clause_throws | Rule::kw_throws => "`throws`",
            Rule::error_decl | Rule::error_kind => "an error name",
            Rule::item_plan | Rule::plan_head | Rule::kw_plan => "`plan`",
            Rule::pc_goal | Rule::kw_goal => "`goal`",
            Rule::pc_budget | Rule::kw_budget => "`budget`",
            Rule::budget_item => "`cost`, `tokens`, `time` or `calls`",
            Rule::pc_concurrency | Rule::kw_concurrency => "`concurrency`",
            Rule::pc_planner | Rule::kw_planner => "`planner`",
            Rule::pc_planner_version | Rule::kw_planner_version => "`planner_version`",
            Rule::pc_meta | Rule::kw_meta => "`meta`",
            Rule::label => "a label",
            Rule::body | Rule::p_lbrace => "`{`",
            Rule::step | Rule::kw_step => "`step`",
            Rule::stmt_let | Rule::kw_let => "`let`",
            Rule::stmt_require | Rule::kw_require => "`require`",
            Rule::stmt_fail | Rule::re_fail | Rule::kw_fail => "`fail`",
            Rule::stmt_return | Rule::kw_return => "`return`",
            Rule::message => "a message",
            Rule::action => "an action",
            Rule::call => "a call",
            Rule::type_args => "type arguments",
            Rule::act_do | Rule::kw_do => "`do`",
            Rule::act_for | Rule::kw_for => "`for`",
            Rule::for_option | Rule::loop_option => "an option",
            Rule::for_max | Rule::kw_max => "`max`",
            Rule::for_first | Rule::kw_first => "`first`",
            Rule::for_parallel | Rule::kw_parallel => "`parallel`",
            Rule::for_tolerate | Rule::kw_tolerate => "`tolerate`",
            Rule::act_if | Rule::kw_if => "`if`",
            Rule::else_if => "`else if`",
            Rule::act_match | Rule::kw_match => "`match`",
            Rule::match_arm | Rule::error_arm => "an arm",
            Rule::pattern => "a pattern",
            Rule::act_loop | Rule::kw_loop => "`loop`",
            Rule::loop_every | Rule::kw_every => "`every`",
            Rule::loop_else | Rule::approve_else | Rule::kw_else => "`else`",
            Rule::act_race | Rule::kw_race => "`race`",
            Rule::cl_depends_on | Rule::kw_depends_on => "`depends_on`",
            Rule::cl_when | Rule::kw_when => "`when`",
            Rule::cl_key | Rule::kw_key => "`key`",
            Rule::cl_cache | Rule::kw_cache => "`cache`",
            Rule::cl_timeout | Rule::kw_timeout => "`timeout`",
            Rule::cl_deadline | Rule::kw_deadline => "`deadline`",
            Rule::cl_approve | Rule::t_approve | Rule::kw_approve => "`approve`",
            Rule::stage | Rule::kw_by => "`by`",
            Rule::within | Rule::kw_within => "`within`",
            Rule::cl_compensate | Rule::kw_compensate => "`compensate`",
            Rule::cl_on_error | Rule::kw_on_error => "`on_error`",
            Rule::chain | Rule::reaction => "`abort`, `continue`, `fail`, `fallback`, `retry` or `use`",
            Rule::re_retry | Rule::kw_retry => "`retry`",
            Rule::backoff | Rule::kw_backoff => "`backoff`",
            Rule::re_abort | Rule::kw_abort => "`abort`",
            Rule::re_continue | Rule::kw_continue => "`continue`",
            Rule::re_fallback | Rule::kw_fallback => "`fallback`",
            Rule::item_test | Rule::kw_test => "`test`",
            Rule::t_input | Rule::kw_input => "`input`",
            Rule::t_mock | Rule::kw_mock => "`mock`",
            Rule::mock_reply => "a reply",
            Rule::t_deny | Rule::kw_deny => "`deny`",
            Rule::t_signal | Rule::kw_signal => "`signal`",
            Rule::t_expect | Rule::kw_expect => "`expect`",
            Rule::prefix | Rule::binop => "an operator",
            Rule::op_not => "`!`",
            Rule::op_neg => "`-`",
            Rule::postfix => "a member",
            Rule::member | Rule::p_dot => "`.`",
            Rule::safe_member | Rule::p_safe_dot => "`?.`",
            Rule::index | Rule::safe_index | Rule::computed_key | Rule::p_lbracket => "`[`",
            Rule::arg => "an argument",
            Rule::list => "a list",
            Rule::record => "a record",
            Rule::entry => "an entry",
            Rule::count => "a number, a name or an expression in parentheses",
            Rule::hole => "nothing",
            Rule::number
            | Rule::digits
            | Rule::hex
            | Rule::float
            | Rule::exponent
            | Rule::uint
            | Rule::bad_number => "a number",
            Rule::duration => "a duration",
            Rule::size => "a size",
            Rule::int => "a whole number",
            Rule::percent => "a percentage",
            Rule::string
            | Rule::string_dq
            | Rule::string_sq
            | Rule::string_block_dq
            | Rule::string_block_sq
            | Rule::text_dq
            | Rule::run_dq
            | Rule::text_sq
            | Rule::run_sq
            | Rule::text_block_dq
            | Rule::run_block_dq
            | Rule::text_block_sq
            | Rule::run_block_sq
            | Rule::string_raw
            | Rule::raw_text
            | Rule::quoted => "a string",
            Rule::escape => "an escape",
            Rule::interp => "`${`",
            Rule::bytes | Rule::bytes_text => "bytes",
            Rule::quote => "a quote",
            Rule::head | Rule::idc => "a letter",
            Rule::ident_text | Rule::path_text | Rule::name | Rule::expr_name | Rule::word | Rule::path => {
                "a name"
            }
            Rule::any => "`_`",
            Rule::reserved => "a reserved word",
            Rule::lit_true => "`true`",
            Rule::lit_false => "`false`",
            Rule::lit_null => "`null`",
            Rule::p_eq => "`=`",
            Rule::p_lt => "`<`",
            Rule::p_gt => "`>`",
            Rule::p_comma => "`,`",
            Rule::p_colon => "`:`",
            Rule::p_question => "`?`",
            Rule::p_bar => "`|`",
            Rule::p_slash => "`/`",
            Rule::p_dots => "`..`",
            Rule::p_fat_arrow => "`=>`",
            Rule::p_rparen => "`)`",
            Rule::p_rbracket => "`]`",
            Rule::p_rbrace | Rule::interp_end => "`}`",
            Rule::kw_appends => "`appends`",
            Rule::kw_as => "`as`",
            Rule::kw_calls => "`calls`",
            Rule::kw_in => "`in`",
            Rule::kw_irreversible => "`irreversible`",
            Rule::kw_last => "`last`",
            Rule::kw_list => "`list`",
            Rule::kw_map => "`map`",
            Rule::kw_opaque => "`opaque`",
            Rule::kw_pure => "`pure`",
            Rule::kw_quorum => "`quorum`",
            Rule::kw_reads => "`reads`",
            Rule::kw_then => "`then`",
            Rule::kw_throw => "`throw`",
            Rule::kw_times => "`times`",
            Rule::kw_unless => "`unless`",
            Rule::kw_until => "`until`",
            Rule::kw_usd => "`usd`",
            Rule::kw_where => "`where`",
            Rule::kw_writes => "`writes`",
        }
    }
}
