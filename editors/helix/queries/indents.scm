; What stands in brackets is deeper by one; clauses of a step are too.
[(body) (match) (race) (test) (on_error) (record) (list) (record_type) (arguments) (parameters)] @indent
["}" "]" ")"] @outdent
