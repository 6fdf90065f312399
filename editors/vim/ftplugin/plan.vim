if exists("b:did_ftplugin") | finish | endif
let b:did_ftplugin = 1
setlocal commentstring=//\ %s comments=:///,:// expandtab shiftwidth=2 softtabstop=2
setlocal formatprg=aos\ fmt\ --stdin
setlocal errorformat=%*[^=]\ file=%f\\,line=%l\\,endLine=%e\\,col=%c\\,%m
setlocal makeprg=aos\ check\ --format\ github\ %:S
let b:undo_ftplugin = "setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< formatprg< errorformat< makeprg<"
