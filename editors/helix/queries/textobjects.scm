(plan (body) @function.inside) @function.around
(skill) @function.around
(type_declaration) @class.around
(test) @test.around
(comment) @comment.inside
(comment)+ @comment.around
(doc_comment) @comment.inside
(doc_comment)+ @comment.around
(parameters (parameter) @parameter.inside @parameter.around)
(arguments (argument) @parameter.inside @parameter.around)
(entry value: (_) @entry.inside) @entry.around
