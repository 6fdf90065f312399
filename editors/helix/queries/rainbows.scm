[(body) (match) (race) (on_error) (test) (record) (list) (record_type) (arguments) (parameters) (parenthesized)] @rainbow.scope
["(" ")" "[" "]" "{" "}"] @rainbow.bracket
