(plan (body) @function.inside) @function.around
(skill) @function.around
(type_declaration) @class.around
(comment)+ @comment.around
(doc_comment)+ @comment.around
