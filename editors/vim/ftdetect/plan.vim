autocmd BufRead,BufNewFile *.plan setfiletype plan
