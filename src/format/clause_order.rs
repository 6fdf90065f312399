//! The one order of the clauses of skills and plans.

use crate::syntax::ast::{PlanClause, PlanClauseKind, SkillClause, SkillClauseKind};

pub(super) fn plan_rank(clause: &PlanClause) -> usize {
    match clause.kind {
        PlanClauseKind::Goal(_) => 0,
        PlanClauseKind::Budget(_) => 1,
        PlanClauseKind::Throws(_) => 2,
        PlanClauseKind::Concurrency(_) => 3,
        PlanClauseKind::Planner(_) => 4,
        PlanClauseKind::PlannerVersion(_) => 5,
        PlanClauseKind::Meta(_) => 6,
    }
}

pub(super) fn skill_rank(clause: &SkillClause) -> usize {
    match clause.kind {
        SkillClauseKind::Effect { .. } => 0,
        SkillClauseKind::Idempotent { .. } => 1,
        SkillClauseKind::Throws(_) => 2,
        SkillClauseKind::Cost(_) => 3,
        SkillClauseKind::Tokens(_) => 4,
        SkillClauseKind::Time(_) => 5,
        SkillClauseKind::Rate(_) => 6,
        SkillClauseKind::Wire(_) => 7,
        SkillClauseKind::Deprecated(_) => 8,
    }
}
