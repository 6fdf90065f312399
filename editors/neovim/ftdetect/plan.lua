vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
  pattern = "*.plan",
  callback = function()
    vim.bo.filetype = "plan"
    vim.bo.commentstring = "// %s"
  end,
})
