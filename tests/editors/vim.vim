" Drives Vim with the package: the type of the file, colours, comments, indents, `:make` and `gq`. Runs in Vim 8 and later.
set nocompatible nomore
let &runtimepath = $PACKAGE . ',' . $VIMRUNTIME
let $PATH = fnamemodify($AOS, ':h') . ':' . $PATH
filetype plugin indent on
syntax on

function s:Fail(why)
  call writefile(['failed: ' . a:why], '/dev/stderr')
  cquit
endfunction

" The group of a word in a line.
function s:Group(line, word)
  let column = match(getline(a:line), '\V' . a:word) + 1
  if column == 0
    call s:Fail('no ' . a:word . ' in line ' . a:line)
  endif
  return synIDattr(synID(a:line, column, 1), 'name')
endfunction

function s:Expect(what, found, wanted)
  if a:found !=# a:wanted
    call s:Fail(a:what . ': ' . string(a:found) . ', not ' . string(a:wanted))
  endif
endfunction

function s:Drive()
  execute 'cd' $PROJECT
  edit main.plan
  call s:Expect('type of the file', &filetype, 'plan')
  call s:Expect('comment', &commentstring, '// %s')
  call s:Expect('indent', [&shiftwidth, &expandtab], [2, 1])
  for [line, word, wanted] in [
    \ [1, 'use', 'planItem'], [1, 'lib', 'planString'], [3, 'Says', 'planDoc'],
    \ [4, 'plan', 'planItem'], [4, 'main', 'planFunction'], [4, 'id', 'planName'], [4, 'int', 'planType'],
    \ [5, 'step', 'planStatement'], [5, 'twice', 'planFunction'], [10, 'for', 'planControl'],
    \ [11, 'input', 'planTest'], [11, '2', 'planNumber']]
    call s:Expect('colour of ' . word, s:Group(line, word), wanted)
  endfor

  " A place for a value inside of a text is no text.
  call append(7, '  let said = "it is ${text}" // done')
  for [word, wanted] in [['it is', 'planString'], ['${', 'planDelimiter'], ['text', 'planInterpolation'], ['done', 'planComment']]
    call s:Expect('colour of ' . word, s:Group(8, word), wanted)
  endfor
  undo

  " A comment that is broken goes on as one, and a body is indented.
  execute "normal! 3GA by\<CR>the plan\<Esc>"
  call s:Expect('comment', getline(4), '/// the plan')
  normal! u
  execute "normal! 4Golet x = if y {\<CR>z\<CR>}\<Esc>"
  call s:Expect('indent', getline(5, 7), ['  let x = if y {', '    z', '  }'])

  " Errors in the quickfix list.
  edit!
  silent make!
  let errors = filter(getqflist(), 'v:val.valid')
  call s:Expect('errors', len(errors), 1)
  call s:Expect('place', [bufname(errors[0].bufnr), errors[0].lnum, errors[0].col], ['main.plan', 6, 16])
  if errors[0].text !~# 'anser'
    call s:Fail('message: ' . errors[0].text)
  endif

  " Formatted by `aos fmt`.
  6substitute/anser/answer/
  normal! gggqG
  call s:Expect('formatting', getline(6), '  let text = answer')
  call writefile(['Vim ' . v:version / 100 . '.' . v:version % 100 . ': all is well'], '/dev/stdout')
  qall!
endfunction

try
  call s:Drive()
catch
  call s:Fail(v:exception . ' at ' . v:throwpoint)
endtry
