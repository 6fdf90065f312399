((comment) @injection.content (#set! injection.language "comment"))

; jq programs
((call
   callee: (path) @_skill
   arguments: (arguments (argument name: (identifier) @_name value: (string) @injection.content)))
 (#eq? @_skill "json.query")
 (#eq? @_name "program")
 (#offset! @injection.content 0 1 0 -1)
 (#set! injection.language "jq"))

; CSS selectors, SQL and JSON Schema, by the names that such arguments have
((argument name: (identifier) @_name value: (string) @injection.content)
 (#any-of? @_name "selector" "css")
 (#offset! @injection.content 0 1 0 -1)
 (#set! injection.language "css"))
((argument name: (identifier) @_name value: (string) @injection.content)
 (#eq? @_name "sql")
 (#offset! @injection.content 0 1 0 -1)
 (#set! injection.language "sql"))
((argument name: (identifier) @_name value: (string) @injection.content)
 (#any-of? @_name "schema" "json_schema")
 (#offset! @injection.content 0 1 0 -1)
 (#set! injection.language "json"))

; `matches(x, r"…")`
((function_call arguments: (arguments (argument value: (string (raw_string) @injection.content))))
 (#offset! @injection.content 0 2 0 -1)
 (#set! injection.language "regex"))
