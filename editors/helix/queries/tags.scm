(plan name: (identifier) @name) @definition.function
(skill name: (path) @name) @definition.function
(type_declaration name: (identifier) @name) @definition.type
(test name: (string (string_content) @name)) @definition.function
(call callee: (path) @name) @reference.call
