(plan "plan" @context name: (identifier) @name) @item
(skill "skill" @context name: (path) @name) @item
(type_declaration "type" @context name: (identifier) @name) @item
(test "test" @context name: (string) @name) @item
(step "step" @context name: (identifier) @name) @item
(doc_comment) @annotation
