" A line stands deeper behind an opening bracket, and a closing one back again; `aos fmt` does the rest.
if exists("b:did_indent") | finish | endif
let b:did_indent = 1
setlocal indentexpr=PlanIndent() indentkeys=0},0],0),o,O
let b:undo_indent = "setlocal indentexpr< indentkeys<"
if exists("*PlanIndent") | finish | endif

" A line without its comment and what follows its last character.
function s:Code(line)
  return substitute(getline(a:line), '\v\s*//.*$|\s+$', '', '')
endfunction

function PlanIndent()
  let before = prevnonblank(v:lnum - 1)
  let depth = indent(before) + (s:Code(before) =~# '[{([]$' ? shiftwidth() : 0)
  return depth - (getline(v:lnum) =~# '^\s*[])}]' ? shiftwidth() : 0)
endfunction
