; Later patterns win, and in Helix a node wins over the one that it stands in: what is named is the innermost.
(identifier) @variable

(comment) @comment.line
(doc_comment) @comment.line.documentation

; Keywords
["plan" "skill" "type" "test" "step" "let"] @keyword
["use" "as"] @keyword.control.import
["if" "else" "match" "do" "race" "for" "loop" "in" "return" "require" "fail" "until"] @keyword.control
["retry" "abort" "continue" "fallback" "then" "throw" "last"] @keyword.control.exception
[
  "depends_on" "when" "key" "cache" "approve" "timeout" "deadline" "on_error" "compensate" "unless" "by" "within" "quorum"
  "max" "first" "parallel" "tolerate" "every" "backoff" "goal" "budget" "throws" "concurrency" "planner" "planner_version"
  "meta" "cost" "tokens" "time" "calls" "rate" "wire" "deprecated" "where" "input" "mock" "times" "deny" "signal" "expect" "usd"
] @keyword.directive
["pure" "reads" "appends" "writes" "irreversible" "idempotent" "opaque"] @keyword.storage.modifier
(label) @keyword.storage.modifier
(use_value "use" @keyword.control.exception)
(rate unit: _ @constant.builtin)

; Types
(type_name (identifier) @type)
((type_name . (identifier) @type.builtin .)
  (#any-of? @type.builtin "bool" "int" "float" "string" "bytes" "timestamp" "duration" "json" "file"))
["list" "map"] @type.builtin
(type_declaration name: (identifier) @type)
(type_parameters (identifier) @type)

; Names
(plan name: (identifier) @function)
(skill name: (path (identifier) @function))
(test plan: (path (identifier) @function))
(call callee: (path (identifier) @function))
(mock skill: (path (identifier) @function))
(function_call function: (variable (identifier) @function))
(function_call function: (member property: (property) @function.method))
((function_call function: (member property: (property) @function.macro))
  (#any-of? @function.macro "all" "exists" "exists_one" "map" "filter" "sortBy"))
((function_call function: (variable (identifier) @function.builtin))
  (#any-of? @function.builtin
    "has" "succeeded" "failed" "skipped" "recovered" "error" "failures" "calls" "endorse" "declassify" "secret" "dyn" "size"))
(member property: (property) @variable.other.member)
(parameter name: (identifier) @variable.parameter)
(argument name: (identifier) @variable.parameter)
(entry key: (identifier) @variable.other.member)
(step name: (identifier) @variable)
(let name: (identifier) @variable)
(error_kind (identifier) @constant)
(error_declaration kind: (identifier) @constant)
((variable (identifier) @variable.builtin) (#any-of? @variable.builtin "it" "run"))
(wildcard) @comment.unused

; Literals
(string) @string
(raw_string) @string.regexp
(bytes) @string.special
(escape) @constant.character.escape
(interpolation ["${" "}"] @punctuation.special)
[(integer) (hexadecimal) (size) (percent)] @constant.numeric
(float) @constant.numeric.float
(duration) @constant.numeric
[(true) (false)] @constant.builtin.boolean
(null) @constant.builtin

; Operators
["=" "==" "!=" "<" "<=" ">" ">=" "&&" "||" "!" "+" "-" "*" "/" "%" "??" "?" "?." ".." "|" "->" "=>"] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ":" "."] @punctuation.delimiter
