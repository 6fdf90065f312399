; Where brackets and quotes are not closed by themselves.
(string) @string
[(comment) (doc_comment)] @comment
