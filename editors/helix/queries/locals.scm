(plan) @local.scope
(skill) @local.scope
(body) @local.scope
(for) @local.scope
(loop) @local.scope
(error_arm) @local.scope

(parameter name: (identifier) @local.definition.variable.parameter)
(step name: (identifier) @local.definition.variable)
(let name: (identifier) @local.definition.variable)
(for variable: (identifier) @local.definition.variable)
(loop variable: (identifier) @local.definition.variable)
(error_arm name: (identifier) @local.definition.variable)
(plan name: (identifier) @local.definition.function)
(type_declaration name: (identifier) @local.definition.type)

(variable (identifier) @local.reference)
(count (identifier) @local.reference)
(depends_on (identifier) @local.reference)
