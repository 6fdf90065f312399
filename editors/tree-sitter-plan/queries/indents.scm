[(body) (match) (race) (test) (on_error) (record) (list) (record_type) (arguments) (parameters)] @indent.begin
["}" "]" ")"] @indent.branch @indent.end
(step) @indent.begin
(comment) @indent.auto
(string) @indent.auto
