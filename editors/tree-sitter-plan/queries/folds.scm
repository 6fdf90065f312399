[(plan) (skill) (test) (body) (match) (race) (on_error) (record) (list) (record_type) (arguments) (string)] @fold
