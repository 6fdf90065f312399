if exists("b:did_ftplugin") | finish | endif
let b:did_ftplugin = 1
setlocal commentstring=//\ %s comments=:///,:// expandtab shiftwidth=2 softtabstop=2
setlocal formatoptions-=t formatoptions+=croql
setlocal formatprg=aos\ fmt\ --stdin
setlocal errorformat=::%t%*[a-z]\ file=%f\\,line=%l\\,col=%c\\,endLine=%e\\,endColumn=%k\\,title=%*[^:]::%m
setlocal makeprg=aos\ check\ --format\ github\ %:S
let b:undo_ftplugin = "setlocal commentstring< comments< formatoptions< expandtab< shiftwidth< softtabstop< formatprg< errorformat< makeprg<"
