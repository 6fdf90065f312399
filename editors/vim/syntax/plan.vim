" AOS plans. The keywords are those of grammar/plan.pest; a test holds the two together.
if exists("b:current_syntax") | finish | endif

syn match planNumber "\v<[0-9][0-9_]*(\.[0-9_]+)?([eE][+-]?[0-9]+)?>"
syn match planNumber "\v<0[xX][0-9a-fA-F_]+>"
syn match planDuration "\v<([0-9][0-9_]*(ms|d|h|m|s))+>"
syn match planSize "\v<[0-9][0-9_]*(KiB|MiB|GiB|TiB)>"
syn match planPercent "\v<[0-9]+\%"

syn keyword planStatement step let return require fail
syn keyword planControl if else match for loop race do in as throw
syn keyword planLiteral true false null
syn match planItem "\v^\s*<(plan|skill|type|test|use)>"
syn match planItem "\v<opaque>"
syn match planClause "\v(^|[)\]}]|\s)@<=(depends_on|when|key|cache|approve|timeout|deadline|on_error|compensate|unless|until|where)>(\s*[:.(|=])@!"
syn match planClause "\v(^|[)\]}]|\s)@<=(max|first|parallel|tolerate|every|within|quorum|backoff|times|by|key|last)>(\s*[:.(|=])@!"
syn match planClause "\v(^\s*|,\s)@<=(goal|budget|throws|concurrency|planner|planner_version|meta|cost|tokens|time|calls)>(\s*[:.(|=])@!"
syn match planEffect "\v^\s*\zs<(pure|reads|appends|writes|irreversible|idempotent|rate|wire|deprecated)>(\s*[:.(|=])@!"
syn match planTest "\v^\s*\zs<(input|mock|approve|deny|signal|expect)>(\s*[:.(|=])@!"
syn match planReaction "\v(\=\>\s*|on_error\s+|then\s+)@<=(retry|abort|continue|use|fallback)>"
syn match planReaction "\v<then>"
syn match planUnit "\v<usd>"
syn match planLabel "\v([:|(<>]\s*)@<=(trusted|untrusted|public|private|secret)>"
syn match planType "\v([:|<>]\s*|(trusted|public|private|secret)\s+|<as\s+)@<=(bool|int|float|string|bytes|timestamp|duration|json|file|list|map)>"
syn match planType "\v<[A-Z][A-Za-z0-9_]*>"
syn match planName "\v(\?)?[A-Za-z_][A-Za-z0-9_]*\ze\??:" contains=NONE
syn match planFunction "\v<[A-Za-z_][A-Za-z0-9_.]*\ze\("
syn match planOperator "\v\=\>|-\>|\?\?|\?\.|\.\.|\&\&|\|\||[=!<>]\=|[-+*/%<>!?|=]"

syn match planEscape "\v\\(u\x{4}|U\x{8}|[xX]\x{2}|[0-3][0-7]{2}|.)" contained
syn region planInterpolation matchgroup=planDelimiter start="\${" end="}" contained contains=TOP
syn region planString start=+"+ end=+"\|$+ contains=planEscape,planInterpolation
syn region planString start=+'+ end=+'\|$+ contains=planEscape,planInterpolation
syn region planString start=+"""+ end=+"""+ contains=planEscape,planInterpolation
syn region planString start=+'''+ end=+'''+ contains=planEscape,planInterpolation
syn region planRaw start=+\<[rR]"+ end=+"\|$+
syn region planRaw start=+\<[rR]'+ end=+'\|$+
syn region planRaw start=+\<[rR]"""+ end=+"""+
syn region planBytes start=+\<[bB][rR]\?"+ skip=+\\.+ end=+"\|$+ contains=planEscape
syn region planBytes start=+\<[bB][rR]\?'+ skip=+\\.+ end=+'\|$+ contains=planEscape

syn match planComment "//.*$" contains=planTodo,@Spell
syn match planDoc "///.*$" contains=@Spell
syn keyword planTodo TODO FIXME contained

hi def link planNumber Number
hi def link planDuration Number
hi def link planSize Number
hi def link planPercent Number
hi def link planStatement Statement
hi def link planControl Conditional
hi def link planLiteral Boolean
hi def link planItem Structure
hi def link planClause Keyword
hi def link planEffect StorageClass
hi def link planTest Keyword
hi def link planReaction Exception
hi def link planUnit Special
hi def link planLabel StorageClass
hi def link planType Type
hi def link planName Identifier
hi def link planFunction Function
hi def link planOperator Operator
hi def link planEscape SpecialChar
hi def link planDelimiter Delimiter
hi def link planString String
hi def link planRaw String
hi def link planBytes String
hi def link planComment Comment
hi def link planDoc SpecialComment
hi def link planTodo Todo

let b:current_syntax = "plan"
