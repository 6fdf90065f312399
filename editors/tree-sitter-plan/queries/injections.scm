((comment) @injection.content (#set! injection.language "comment"))

; jq programs
((call
   callee: (path) @_skill
   arguments: (arguments (argument name: (identifier) @_name value: (string (string_content) @injection.content))))
 (#eq? @_skill "json.query")
 (#eq? @_name "program")
 (#set! injection.language "jq"))

; CSS selectors, SQL and JSON Schema, by the names that such arguments have
((argument name: (identifier) @_name value: (string (string_content) @injection.content))
 (#any-of? @_name "selector" "css")
 (#set! injection.language "css"))
((argument name: (identifier) @_name value: (string (string_content) @injection.content))
 (#eq? @_name "sql")
 (#set! injection.language "sql"))
((argument name: (identifier) @_name value: (string (string_content) @injection.content))
 (#any-of? @_name "schema" "json_schema")
 (#set! injection.language "json"))
((argument name: (identifier) @_name value: (string (raw_string (string_content) @injection.content)))
 (#any-of? @_name "schema" "json_schema")
 (#set! injection.language "json"))

; `matches(x, r"…")`
((function_call arguments: (arguments (argument value: (string (raw_string (string_content) @injection.content)))))
 (#set! injection.language "regex"))
